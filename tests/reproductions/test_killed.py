"""A run that is killed at any moment goes on, and ends as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.reproductions import kill_at_random

EPOCHS, KILLS = 30, 6


def test_killed_many_times_at_random_it_ends_as_an_uninterrupted_run(tmp_path):
    job = [sys.executable, "-m", kill_at_random.__name__, tmp_path / "killed", KILLS, EPOCHS]
    found = subprocess.run(
        list(map(str, job)),
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout.splitlines()[-1])
    assert len(result["done"]) == KILLS
    assert result["done"] == sorted(result["done"])  # no kill loses an epoch that was on disk
    assert len(set(result["done"])) >= KILLS // 2  # and they hit many different epochs

    whole = kill_at_random.train(tmp_path / "whole", EPOCHS)
    assert len(result["history"]) == len(whole.history) == EPOCHS
    for ours, theirs in zip(result["history"], whole.history, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-4)
    last = keras.saving.load_model(tmp_path / "killed" / "last.keras")
    for ours, theirs in zip(last.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    histories = result["history"], whole.history
    best = {len(h) and max(r["val_accuracy"] for r in h) for h in histories}
    assert len(best) == 1

    _assert_whole_files(tmp_path / "killed", best.pop())


def _assert_whole_files(folder, best):
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "best.keras",
        f"epoch-{EPOCHS - 1:04}.npz",
        f"epoch-{EPOCHS:04}.npz",
        "history.json",
        "last.keras",
    ]
    for checkpoint in folder.glob("epoch-*.npz"):
        with np.load(checkpoint) as arrays:
            numbers = [arrays[k] for k in arrays.files if arrays[k].dtype.kind == "f"]
            assert numbers
            assert all(np.isfinite(n).all() for n in numbers)
    assert len(json.loads((folder / "history.json").read_text())) == EPOCHS
    model = keras.saving.load_model(folder / "best.keras")
    data = kill_at_random.digits().evaluation("validation")
    assert model.evaluate(data, verbose=0)[1] == pytest.approx(best)
