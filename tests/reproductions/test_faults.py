"""Whatever a user or a machine does wrong: one line, an exit code, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console

import keras_gcnn as kg
from reproductions import __main__ as command
from reproductions import engine, files, interrupts, lock, progress
from reproductions.data import catalogue, rotated_mnist
from reproductions.errors import DivergedError, SettingsError
from reproductions.training import Run
from tests.reproductions.conftest import only_once, small_config

BACKEND = keras.backend.backend()
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(data_dir, small, tmp_path, monkeypatch, capsys):
    """Runs `python -m reproductions run`, and returns its exit code and what it said of errors.

    `small` has prepared the data, of which TFDS would show the progress.
    """
    loaders = {"rotated_mnist/mnist_10k": partial(rotated_mnist.load, small_config())}
    monkeypatch.setattr(catalogue, "LOADERS", {**catalogue.LOADERS, **loaders})

    def run(*arguments, name="rotated_mnist_z2cnn", out=tmp_path / "runs", data=data_dir):
        options = ["--data-dir", str(data), "--out", str(out), "--backend", BACKEND]
        capsys.readouterr()
        try:
            command.main(["run", name, *map(str, arguments), *options])
        except SystemExit as error:
            return error.code, capsys.readouterr().err
        return 0, capsys.readouterr().err

    return run


def network(dropout=0.5, shape=10):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    stack = [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(16, activation="relu")]
    model = keras.Sequential([*stack, layers.Dropout(dropout), layers.Dense(shape)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def train(folder, small, epochs, **options):
    run = Run(folder, network(**options))
    run.train(epochs, small.training, small.evaluation("validation"))
    return run


def test_with_dropout_a_resumed_run_ends_where_an_uninterrupted_one_does(small, tmp_path):
    whole = train(tmp_path / "whole", small, 4)
    for epochs in (1, 3):
        train(tmp_path / "parts", small, epochs)
    resumed = train(tmp_path / "parts", small, 4)
    for ours, theirs in zip(resumed.history, whole.history, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
    for ours, theirs in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_no_number_ends_the_run_and_is_not_kept(small, tmp_path):
    model = network()
    model.optimizer.learning_rate = 1e30
    run = Run(tmp_path, model)
    with pytest.raises(DivergedError, match=r"the loss is .* in epoch .* Use a smaller"):
        run.train(5, small.training, small.evaluation("validation"))
    assert all(np.isfinite(record["loss"]) for record in run.history)
    assert not list(tmp_path.glob(f"epoch-{len(run.history) + 1:04d}.npz"))


def test_a_diverged_run_writes_no_row(run, tmp_path, monkeypatch):
    def diverges(*_, **__):
        raise DivergedError("the loss is nan in epoch 1 of it. Use a smaller learning rate.")

    monkeypatch.setattr(Run, "train", diverges)
    code, said = run("--epochs", 1)
    assert (code, said) == (
        1,
        "error: the loss is nan in epoch 1 of it. Use a smaller learning rate.\n",
    )
    assert not (tmp_path / "runs" / "results").exists()


def test_a_second_process_is_refused_with_the_number_of_the_first(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from reproductions.lock import held\n"
        "with held(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "held\n"
        refused = pytest.raises(SettingsError, match=f"Process {other.pid} is training in")
        with refused, lock.held(tmp_path):
            pass
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    with lock.held(tmp_path):  # the lock of a process that was killed is stale
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_two_processes_write_two_temporary_files(tmp_path, monkeypatch):
    names = []
    for pid in (1, 2):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        files.write_atomically(
            tmp_path / "a.json", lambda p: (names.append(p.name), p.write_text("{}"))
        )
    assert len(set(names)) == 2


@only_once
def test_a_wrong_option_leaves_the_folder_as_it_was(run, tmp_path):
    code, said = run("--data", "nope")
    assert code == 2
    assert said.startswith("error: There is no data set 'nope'.")
    assert not (tmp_path / "runs").exists()
    assert run("--epochs", 1)[0] == 0


def test_what_a_killed_process_was_writing_is_removed(small, tmp_path):
    (tmp_path / ".writing-1-epoch-0001.npz").write_bytes(b"half")
    train(tmp_path, small, 1)
    assert not list(tmp_path.glob(".writing-*"))


def damaged(path, how):
    with np.load(path) as values:
        values = dict(values)
    if how == "other shapes":
        values["0"] = values["0"][..., :-1]
    elif how == "no numbers":
        values["1"] = np.full_like(values["1"], np.nan)
    elif how == "history":
        values["history"] = np.array("[{}]")
    elif how == "random state":
        values["random_numpy"] = np.array("[1]")
    else:
        path.write_bytes(how)
        return
    np.savez(path, **values)


@pytest.mark.parametrize(
    "how",
    [
        *("other shapes", "no numbers", "history", "random state"),
        *(b"", b"PK\x03\x04" + bytes(100), b"\x93NUMPY\x01\x00\x10\x00{'descr': (", b"junk" * 999),
    ],
)
def test_whatever_is_wrong_with_a_checkpoint_the_one_before_is_taken(small, tmp_path, how, capsys):
    train(tmp_path, small, 3)
    damaged(tmp_path / "epoch-0003.npz", how)
    assert len(Run(tmp_path, network()).history) == 2
    assert "epoch-0003.npz cannot be used" in capsys.readouterr().err


def test_flipped_bytes_never_crash_the_restore(small, tmp_path, capsys):
    train(tmp_path, small, 2)
    path, model = tmp_path / "epoch-0002.npz", network()
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 8):
            broken[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(broken))
        assert len(Run(tmp_path, model).history) in (1, 2)
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epochs", 0), "must be a positive integer, received 0"),
        (("--epochs", -1), "must be a positive integer, received -1"),
        (("--fraction", "nan"), "must be more than 0 and at most 1, received nan"),
        (("--fraction", 0), "must be more than 0 and at most 1, received 0"),
        (("--seeds", -1), "must be an integer of at least 0, received -1"),
        (("--preset", "large"), "invalid choice: 'large'"),
    ],
)
def test_an_option_of_a_wrong_value_is_one_line(run, arguments, message):
    code, said = run(*arguments)
    assert code == 2
    assert message in said
    assert said.count("\n") == 1


def test_out_that_is_a_file_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        code, said = run("--epochs", 1, out=out)
        assert (code, said.count("\n")) == (2, 1)
        assert "file is no folder. Name another folder with --out" in said


def test_a_folder_that_cannot_be_written_is_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setattr(engine.os, "access", lambda path, mode: False)
    code, said = run("--epochs", 1)
    assert (code, said.count("\n")) == (2, 1)
    assert "cannot be written into" in said


@only_once
def test_after_a_full_disk_the_same_command_goes_on(run, tmp_path, monkeypatch):
    savez, count = np.savez, []

    def full(path, **values):
        count.append(path)
        if len(count) == 2:
            raise OSError(28, "No space left on device")
        savez(path, **values)

    monkeypatch.setattr(np, "savez", full)
    code, said = run("--epochs", 3, "--seeds", 0)
    assert (code, said.count("\n")) == (2, 1)
    assert "No space left on device" in said
    assert "goes on" in said
    monkeypatch.setattr(np, "savez", savez)
    assert run("--epochs", 3, "--seeds", 0)[0] == 0
    (row,) = (tmp_path / "runs" / "results").glob("*.json")
    assert len(json.loads(row.read_text())["history"]) == 3


def test_an_interrupted_run_says_so(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "train", interrupted)
    code, said = run("--epochs", 1)
    assert (code, said.count("\n")) == (130, 1)
    assert said.startswith("interrupted.")


def test_an_interrupt_that_a_destructor_swallowed_is_raised_at_the_next_step():
    display = progress.ProgressDisplay("name", 1, 10, Console(width=40))
    with interrupts.noted():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with display:
            display.on_epoch_begin(0)
            with pytest.raises(KeyboardInterrupt):
                display.on_train_batch_end(0, {"loss": 1.0})


@only_once
def test_broken_files_of_a_run_are_named(run, tmp_path):
    assert run("--epochs", 1, "--seeds", 0)[0] == 0
    folder = tmp_path / "runs" / "rotated_mnist_z2cnn-1epochs-fraction1-seed0"
    for name in ("best.keras", "settings.json"):
        whole = (folder / name).read_bytes()
        for broken in (b"{", b"[1]"):
            (folder / name).write_bytes(broken)
            code, said = run("--epochs", 1, "--seeds", 0)
            assert (code, said.count("\n")) == (2, 1)
            assert f"{name} " in said
            assert f"Remove the folder {folder}" in said
        (folder / name).write_bytes(whole)
    (folder / "best.keras").unlink()
    code, said = run("--epochs", 1, "--seeds", 0)
    assert code == 2
    assert "best.keras cannot be loaded" in said


@only_once
def test_a_truncated_data_set_is_one_line(run, tmp_path):
    data = tmp_path / "data"
    assert run("--epochs", 1, data=data)[0] == 0
    for part in data.rglob("*test*tfrecord*"):
        part.write_bytes(part.read_bytes()[:-7])
    code, said = run("--epochs", 1, data=data)
    assert (code, said.count("\n")) == (2, 1)
    assert "A prepared data set is damaged" in said
    assert "Remove its folder" in said


def test_a_broken_description_of_a_data_set_is_one_line(run, tmp_path):
    data = tmp_path / "data"
    assert run("--epochs", 1, data=data)[0] == 0
    (path,) = data.rglob("dataset_info.json")
    for text in ("{", "[]", '{"name": 3}', ""):
        path.write_text(text)
        code, said = run("--epochs", 1, data=data)
        assert (code, said.count("\n")) == (2, 1), text
        assert "Remove" in said


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"experiment": "x"}'])
def test_report_names_a_broken_row(tmp_path, text, capsys):
    (tmp_path / "row.json").write_text(text)
    with pytest.raises(SystemExit) as stop:
        command.main(["report", "--results", str(tmp_path)])
    said = capsys.readouterr().err
    assert (stop.value.code, said.count("\n")) == (2, 1)
    assert "row.json is no row of results" in said


def test_versions_of_packages_that_are_not_installed(monkeypatch):
    def missing(name):
        raise engine.PackageNotFoundError(name)

    monkeypatch.setattr(engine, "version", missing)
    versions = engine._versions()
    assert versions["keras_gcnn"] == kg.__version__
    assert versions["keras"] == "unknown"


def test_a_clock_that_goes_back_gives_no_negative_seconds(small, tmp_path, monkeypatch):
    times = iter(range(1_700_000_000, 0, -1))
    monkeypatch.setattr(time, "time", lambda: next(times))
    assert train(tmp_path, small, 1).history[0]["seconds"] > 0


def test_it_says_how_long_it_will_take_by_the_first_steps(capsys):
    seconds = iter([100.0, 110.0])
    console = Console(width=40, force_terminal=False)
    display = progress.ProgressDisplay("name", 20, 50, console, clock=lambda: next(seconds))
    with display:
        display.on_epoch_begin(5)
        for batch in range(50):
            display.on_train_batch_end(batch, {"loss": 1.0})
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "about" in x]
    assert line == "name  about 12 min for 15 epochs, by the first steps"


@pytest.mark.parametrize("environment", [{"COLUMNS": "40"}, {"LC_ALL": "C"}, {"TERM": "dumb"}])
def test_the_list_is_whole_in_a_file(environment):
    done = subprocess.run(
        [sys.executable, "-m", "reproductions", "list"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any("rotated_mnist_p4cnn_rotation_pooling" in line and "3.21" in line for line in lines)
    assert max(map(len, lines)) <= 140


@only_once
def test_ctrl_c_is_one_line_and_130(tmp_path):
    code = (
        "from functools import partial\n"
        "from reproductions.__main__ import main\n"
        "from reproductions.data import catalogue, rotated_mnist\n"
        "from tests.reproductions.conftest import small_config\n"
        "load = partial(rotated_mnist.load, small_config())\n"
        "catalogue.LOADERS['rotated_mnist/mnist_10k'] = load\n"
        "main()"
    )
    arguments = ["run", "rotated_mnist_z2cnn", "--out", str(tmp_path), "--data-dir", str(tmp_path)]
    arguments += ["--epochs", "5000"]
    job = subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--backend", BACKEND],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = tmp_path / "rotated_mnist_z2cnn-5000epochs-fraction1-seed0"
    deadline = time.monotonic() + 240
    while not list(folder.glob("epoch-*.npz")) and time.monotonic() < deadline:
        time.sleep(0.2)
    try:
        job.send_signal(signal.SIGINT)
        _, said = job.communicate(timeout=60)
    finally:
        job.kill()
        job.wait()
    assert job.returncode == 130, said
    assert said.splitlines()[-1].startswith("interrupted.")
    assert "Traceback" not in said
