"""The command line, and the engine behind it, on the small data set."""

import dataclasses
import json
import sys
from functools import partial

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from reproductions import __main__ as command
from reproductions import engine, figures
from reproductions import experiment as experiments
from reproductions.data import catalogue, rotated_mnist
from reproductions.data.places import Places
from reproductions.progress import ProgressDisplay
from reproductions.training import Run
from tests.reproductions.conftest import only_once, small_config


@pytest.fixture
def run(data_dir, tmp_path, monkeypatch):
    """Runs `python -m reproductions run` with the small data set in place of mnist_10k."""
    loaders = {**catalogue.LOADERS}
    loaders["rotated_mnist/mnist_10k"] = partial(rotated_mnist.load, small_config())
    monkeypatch.setattr(catalogue, "LOADERS", loaders)

    def run(*arguments):
        places = ["--data-dir", str(data_dir), "--out", str(tmp_path)]
        backend = ["--backend", keras.backend.backend()]
        command.main(["run", *map(str, arguments), *places, *backend])
        return [json.loads(path.read_text()) for path in sorted((tmp_path / "results").iterdir())]

    return run


def test_a_row_says_what_was_done_and_holds_what_the_model_does(run, tmp_path, small, capsys):
    (row,) = run("rotated_mnist_p4cnn", "--preset", "paper", "--epochs", 2, "--seeds", 5)
    label = "rotated_mnist_p4cnn-2epochs-fraction1-seed5"
    model = keras.saving.load_model(tmp_path / label / "best.keras")
    error = 100 * (1 - model.evaluate(small.evaluation("test"), verbose=0)[1])
    assert row["test_error_percent"] == pytest.approx(error, abs=1e-4)
    assert row["paper_error_percent"] == 2.28
    assert row["parameters"] == kg.models.p4cnn().count_params()
    assert (row["seed"], row["epochs"], row["training_images"]) == (5, 2, 40)
    assert row["equivariance_error"] <= 1e-4
    assert row["symmetry"] == "p4"
    assert row["backend"] == keras.backend.backend()
    assert row["versions"]["keras"] == keras.__version__
    assert row["wall_time_seconds"] == pytest.approx(sum(r["seconds"] for r in row["history"]))
    assert row["command"] == (
        "python -m reproductions run rotated_mnist_p4cnn --preset paper --epochs 2 --seeds 5 "
        f"--backend {keras.backend.backend()}"
    )
    angles = row["test_error_by_angle"]
    assert [*angles] == [f"{15 * i}" for i in range(24)]
    for degrees, error in angles.items():
        assert error == pytest.approx(angles[str((int(degrees) + 90) % 360)], abs=1e-4)
    printed = capsys.readouterr().out
    table = printed[printed.index("test error %") :].splitlines()
    assert table[1].split()[:3] == [
        "rotated_mnist_p4cnn",
        f"{row['test_error_percent']:.2f}",
        "2.28",
    ]


@only_once
def test_where_the_rate_ends_at_zero_the_last_epoch_is_tested(run, tmp_path, small):
    (row,) = run("rotated_mnist_p4cnn_cosine", "--epochs", 3)
    folder = tmp_path / "rotated_mnist_p4cnn_cosine-3epochs-fraction1-seed0"
    experiment = experiments.get("rotated_mnist_p4cnn_cosine").preset("quick")
    last = Run(folder, engine._compiled(dataclasses.replace(experiment, epochs=3), 0, 1)).model
    error = 100 * (1 - last.evaluate(small.evaluation("test"), verbose=0)[1])
    assert row["test_error_percent"] == pytest.approx(error, abs=1e-4)


def test_an_interrupted_command_ends_with_the_row_of_a_whole_one(run, tmp_path, monkeypatch):
    """Z2CNN has dropout."""
    name = "rotated_mnist_z2cnn"
    (whole,) = run(name, "--epochs", 3)
    (tmp_path / f"{name}-3epochs-fraction1-seed0").rename(tmp_path / "elsewhere")
    done = ProgressDisplay.epoch_done

    def interrupted(display, history):
        done(display, history)
        raise KeyboardInterrupt

    for _ in range(2):
        monkeypatch.setattr(ProgressDisplay, "epoch_done", interrupted)
        with pytest.raises(SystemExit, match="130"):
            run(name, "--epochs", 3)
        monkeypatch.setattr(ProgressDisplay, "epoch_done", done)
    (row,) = run(name, "--epochs", 3)
    for record, expected in zip(row.pop("history"), whole.pop("history"), strict=True):
        del record["seconds"], expected["seconds"]
        assert record == pytest.approx(expected, rel=1e-3, abs=1e-4)
    del row["wall_time_seconds"], whole["wall_time_seconds"]
    del row["equivariance_error"], whole["equivariance_error"]
    assert row == whole


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX compiles for a minute")
def test_trained_as_the_original(run, tmp_path, small, data_dir):
    """All training images, the last epoch, and statistics of batch normalization made anew."""
    name = "rotated_mnist_z2cnn_original"
    (row,) = run(name, "--preset", "paper", "--epochs", 2, "--seeds", 0)
    assert row["training_images"] == 50
    assert "val_accuracy" not in row["history"][0]
    folder = tmp_path / f"{name}-2epochs-fraction1-seed0"
    assert not (folder / "best.keras").exists()
    experiment = experiments.get(name)
    trained = Run(folder, engine._compiled(experiment, 0, 4)).model  # of the checkpoint
    tested = keras.saving.load_model(folder / "last.keras")
    data = rotated_mnist.load(small_config(), Places(data_dir), held_out=False)
    error = 100 * (1 - tested.evaluate(data.evaluation("test"), verbose=0)[1])
    assert row["test_error_percent"] == pytest.approx(error, abs=1e-4)
    for ours, theirs in zip(tested.variables, trained.variables, strict=True):
        if "seed" not in ours.path:
            assert np.allclose(ours, theirs) != ("moving" in ours.path)
    (again,) = run(name, "--preset", "paper", "--epochs", 2, "--seeds", 0)
    assert again["test_error_percent"] == row["test_error_percent"]


@only_once
def test_without_validation_the_best_epoch_is_refused(run, capsys, monkeypatch):
    experiment = dataclasses.replace(experiments.get("rotated_mnist_z2cnn"), held_out=False)
    monkeypatch.setattr(experiments, "get", lambda name: experiment)
    with pytest.raises(SystemExit, match="2"):
        run("rotated_mnist_z2cnn", "--epochs", 1)
    assert "Without validation there is no best epoch" in capsys.readouterr().err


@only_once
def test_what_is_held_out_can_be_chosen(run):
    options = "rotated_mnist_z2cnn", "--epochs", 1, "--no-held-out"
    (row,) = run(*options)
    assert (row["training_images"], row["tested"], row["held_out"]) == (50, "last", False)
    assert " --no-held-out " in row["command"]


@only_once
def test_a_folder_of_an_earlier_release_is_continued(run, tmp_path):
    run("rotated_mnist_z2cnn", "--epochs", 1)
    path = tmp_path / "rotated_mnist_z2cnn-1epochs-fraction1-seed0" / "settings.json"
    settings = json.loads(path.read_text())
    for new in ("fill", "held_out"):
        del settings[new]
    path.write_text(json.dumps(settings))
    run("rotated_mnist_z2cnn", "--epochs", 1)


@only_once
def test_the_same_command_again_only_tests(run, capsys):
    (first,) = run("rotated_mnist_z2cnn", "--epochs", 1)
    capsys.readouterr()
    (again,) = run("rotated_mnist_z2cnn", "--epochs", 1)
    assert again == first
    assert "epoch 1/1" not in capsys.readouterr().out


@only_once
def test_seeds_and_patterns_give_a_row_each_and_seeds_differ(run):
    rows = run("rotated_mnist_z2cn?", "--epochs", 1, "--seeds", 0, 1, "--fraction", 0.5)
    assert [row["seed"] for row in rows] == [0, 1]
    assert {row["training_images"] for row in rows} == {20}
    assert rows[0]["history"][0]["loss"] != rows[1]["history"][0]["loss"]


@only_once
def test_a_folder_with_other_settings_is_not_continued(run, capsys):
    run("rotated_mnist_z2cnn", "--epochs", 1, "--seeds", 0)
    with pytest.raises(SystemExit, match="2"):
        run("rotated_mnist_z2cnn", "--preset", "paper", "--epochs", 1, "--seeds", 0)
    said = capsys.readouterr().err
    assert "augmentation=None there, 'rotation' now. Name another" in said


def test_tensorboard_writes_its_logs_on_request(run, tmp_path):
    pytest.importorskip("tensorflow")
    run("rotated_mnist_z2cnn", "--epochs", 1, "--tensorboard")
    assert list(tmp_path.rglob("tensorboard/**/events.out.tfevents*"))


def test_an_error_of_the_data_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rotated_mnist, "EMBEDDED", tmp_path / "gone.npz")
    options = ["--data-dir", str(tmp_path), "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="2"):
        command.main(["run", "rotated_mnist_z2cnn", *options, "--backend", keras.backend.backend()])
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "gone.npz cannot be read" in said


def test_an_unknown_experiment_names_a_near_one(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["run", "rotated_mnist_p4cn"])
    said = capsys.readouterr().err
    assert "matches 'rotated_mnist_p4cn'. Did you mean 'rotated_mnist_p4cnn'" in said


def test_lists_every_experiment(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["reproductions", "list"])
    command.main()
    printed = capsys.readouterr().out
    for name in command.experiments.names():
        assert name in printed
    assert "1: P4CNN 2.28" in " ".join(printed.split())


def test_draws_feature_maps_of_a_trained_network(run, tmp_path, data_dir, capsys):
    kg.models.p4cnn().save(tmp_path / "p4cnn.keras")
    picture = tmp_path / "maps.png"
    model = str(tmp_path / "p4cnn.keras")
    draw = ["feature-maps", model, str(picture), "--data-dir", str(data_dir)]
    command.main([*draw, "--digit", "9"])
    assert picture.stat().st_size > 10_000
    for words, message in (
        ([*draw, "--digit", "10"], "--digit must be below 10"),
        (["feature-maps", "none.keras", *draw[2:]], "none.keras is no model that Keras loads"),
    ):
        with pytest.raises(SystemExit):
            command.main(words)
        assert message in capsys.readouterr().err


def test_the_feature_maps_of_the_picture_turn_and_move_on():
    model = kg.models.p4cnn()
    image = np.random.default_rng(0).normal(size=(28, 28, 1)).astype("float32")
    figure = figures.turning_feature_maps(model, image)
    cells = [image.get_array().astype(float) for image in figure.axes[0].images]
    rows = [cells[6 * r : 6 * r + 6] for r in range(4)]
    for r in range(4):
        np.testing.assert_allclose(rows[r][0], np.rot90(image[..., 0], r), atol=1e-6)
        for h in range(4):
            turned = np.rot90(rows[0][1 + h], r)
            np.testing.assert_allclose(rows[r][1 + (h + r) % 4], turned, atol=1e-4)
        np.testing.assert_allclose(rows[r][5], np.rot90(rows[0][5], r), atol=1e-4)
