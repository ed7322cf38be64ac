"""The same command on four virtual CPU devices, and on one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from reproductions import devices

BACKEND = keras.backend.backend()
FOUR = {"jax": {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}}

distributes = pytest.mark.skipif(
    BACKEND == "torch", reason="Keras distributes on JAX, tf.distribute on TensorFlow"
)


def command(data_dir, out):
    words = ["-m", "tests.reproductions.small_job", "run", "rotated_mnist_p4cnn"]
    words += ["--data", "rotated_mnist/divisible", "--epochs", "2", "--fraction", "0.8"]
    words += ["--data-dir", str(data_dir), "--out", str(out), "--backend", BACKEND]
    return [sys.executable, *words]


def row_of_job(data_dir, out, *hosts):
    """The row of the small job, run by one process per environment in `hosts`."""
    processes = [
        subprocess.Popen(
            command(data_dir, out),
            cwd=Path(__file__).parents[2],
            env={**os.environ, "JAX_ENABLE_X64": "1", **host},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for host in hosts
    ]
    for process in processes:
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output[-3000:]
    (path,) = (out / "results").iterdir()
    return json.loads(path.read_text())


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def two_hosts():
    """The environments of two processes that form a cluster."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    if BACKEND == "jax":
        common = {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(addresses),
            "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        }
        return [{**common, "KERAS_DISTRIBUTION_PROCESS_ID": str(i)} for i in range(2)]
    cluster = {"worker": addresses}
    tasks = [{"type": "worker", "index": i} for i in range(2)]
    return [{"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} for task in tasks]


@pytest.fixture(scope="module")
def one(data_dir, tmp_path_factory):
    return row_of_job(data_dir, tmp_path_factory.mktemp("one"), {})


def assert_same_training(row, one):
    assert one["devices"] == 1
    for ours, theirs in zip(row["history"], one["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["val_loss"] == pytest.approx(theirs["val_loss"], rel=1e-5)
    assert row["test_error_percent"] == pytest.approx(one["test_error_percent"], abs=1e-3)


@distributes
def test_four_devices_end_at_the_losses_of_one(data_dir, tmp_path, one):
    four = row_of_job(data_dir, tmp_path, FOUR.get(BACKEND, {"VIRTUAL_DEVICES": "4"}))
    assert four["devices"] == 4
    assert_same_training(four, one)


@distributes
def test_two_hosts_end_at_the_losses_of_one(data_dir, tmp_path, one):
    two = row_of_job(data_dir, tmp_path, *two_hosts())
    assert two["devices"] == 2
    assert_same_training(two, one)


def test_batches_that_cannot_be_shared_are_told(monkeypatch):
    monkeypatch.setattr(devices, "count", lambda: 4)
    devices.check_batches({"train": 7000, "test": 2000}, 128)
    with pytest.raises(ValueError, match=r"4 devices cannot share a batch of 86 images evenly"):
        devices.check_batches({"train": 1750}, 128)


def test_one_process_is_the_chief():
    assert devices.is_chief()
