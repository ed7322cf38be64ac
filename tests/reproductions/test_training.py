import json

import keras
import numpy as np
import pytest

from reproductions import files
from reproductions.training import Run


def model():
    keras.utils.set_random_seed(3)
    network = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.2)]
    )
    network.add(keras.layers.Dense(10))
    network.add(keras.layers.BatchNormalization())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return network


def train(folder, small, epochs):
    run = Run(folder, model())
    run.train(epochs, small.training, small.evaluation("validation"))
    return run


@pytest.fixture(scope="module")
def uninterrupted(small, tmp_path_factory):
    return train(tmp_path_factory.mktemp("uninterrupted"), small, 4)


def assert_equal_runs(run, other):
    assert len(run.history) == len(other.history)
    for ours, theirs in zip(map(dict, run.history), other.history, strict=True):
        assert ours.pop("seconds") > 0
        theirs = {name: value for name, value in theirs.items() if name != "seconds"}
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    for ours, theirs in zip(run.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(small, uninterrupted, tmp_path):
    train(tmp_path, small, 2)
    resumed = train(tmp_path, small, 4)
    assert_equal_runs(resumed, uninterrupted)
    assert json.loads((tmp_path / "history.json").read_text()) == resumed.history


def test_without_validation_there_is_a_last_model_and_no_best_one(small, tmp_path):
    for epochs in (1, 2):
        run = Run(tmp_path, model())
        run.train(epochs, small.training, None)
    assert [sorted(record) for record in run.history] == [["accuracy", "loss", "seconds"]] * 2
    assert run.model_file("last").exists()
    assert not run.model_file("best").exists()


def test_a_finished_run_is_not_trained_again(small, tmp_path):
    weights = train(tmp_path, small, 1).model.get_weights()
    again = train(tmp_path, small, 1)
    assert len(again.history) == 1
    assert np.array_equal(again.model.get_weights()[0], weights[0])


@pytest.mark.parametrize("damage", ["empty", "cut", "missing"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(small, uninterrupted, tmp_path, damage):
    train(tmp_path, small, 3)
    checkpoint = tmp_path / "epoch-0003.npz"
    if damage == "missing":
        checkpoint.unlink()
    else:
        checkpoint.write_bytes(checkpoint.read_bytes()[: 0 if damage == "empty" else 1000])
    assert len(Run(tmp_path, model()).history) == 2
    assert_equal_runs(train(tmp_path, small, 4), uninterrupted)


def test_killed_in_the_middle_of_writing(small, uninterrupted, tmp_path, monkeypatch):
    """After a kill at any byte, the old file is still whole."""
    train(tmp_path, small, 1)
    savez = np.savez

    def killed(path, **values):
        savez(path, **values)
        path.write_bytes(path.read_bytes()[:500])
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, small, 2)
    monkeypatch.undo()
    assert_equal_runs(train(tmp_path, small, 4), uninterrupted)


def test_the_best_model_is_that_of_the_best_epoch(small, uninterrupted):
    best = keras.saving.load_model(uninterrupted.model_file("best"))
    accuracy = best.evaluate(small.evaluation("validation"), verbose=0)[1]
    wanted = max(record["val_accuracy"] for record in uninterrupted.history)
    assert accuracy == pytest.approx(wanted)


def test_write_atomically_keeps_the_old_file(tmp_path):
    path = tmp_path / "deep" / "value.json"
    files.write_json(path, 1)

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, fail)
    assert path.read_text() == "1\n"
    assert [p.name for p in path.parent.iterdir()] == ["value.json"]
