"""The same command on four virtual CPU devices, and on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from reproductions import devices

BACKEND = keras.backend.backend()
FOUR = {"jax": {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}}


def job(data_dir, out, environment):
    """The row of the small job, from a process of its own."""
    words = ["run", "rotated_mnist_p4cnn", "--data", "rotated_mnist/divisible", "--epochs", "2"]
    words += ["--fraction", "0.8", "--data-dir", str(data_dir), "--out", str(out)]
    words += ["--backend", BACKEND]
    found = subprocess.run(
        [sys.executable, "-m", "tests.reproductions.small_job", *words],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    (path,) = (out / "results").iterdir()
    return json.loads(path.read_text())


@pytest.mark.skipif(BACKEND == "torch", reason="Keras distributes on JAX, tf.distribute on TF")
def test_four_devices_end_at_the_losses_of_one(data_dir, tmp_path):
    four = job(data_dir, tmp_path / "four", FOUR.get(BACKEND, {"VIRTUAL_DEVICES": "4"}))
    one = job(data_dir, tmp_path / "one", {})
    assert (four["devices"], one["devices"]) == (4, 1)
    for ours, theirs in zip(four["history"], one["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-4)
    assert four["test_error_percent"] == pytest.approx(one["test_error_percent"], abs=1e-3)


def test_batches_that_cannot_be_shared_are_told(monkeypatch):
    monkeypatch.setattr(devices, "count", lambda: 4)
    devices.check_batches({"train": 7000, "test": 2000}, 128)
    with pytest.raises(ValueError, match=r"4 devices cannot share a batch of 86 images evenly"):
        devices.check_batches({"train": 1750}, 128)


def test_one_process_is_the_chief():
    assert devices.is_chief()
