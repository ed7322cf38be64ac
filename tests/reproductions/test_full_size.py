"""The original protocol on files of the true format and size, which are not here: made up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from reproductions.data.rotated_mnist import AMAT_FILES

DIGITS = {"train": 12_000, "test": 50_000}
LARGEST_RESIDENT = 4e9  # bytes

only_once = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the data are the same on every backend"
)


@pytest.fixture
def amat_folder(tmp_path):
    """The files of Larochelle et al.: a digit a line, 784 pixels and the label, as text."""
    rng = np.random.default_rng(0)
    rows = rng.random((500, 785)) * (rng.random((500, 785)) < 0.2)
    rows[:, -1] = np.arange(500) % 10
    block = "".join(" ".join(f"{number:.8e}" for number in row) + "\n" for row in rows)
    for split, name in AMAT_FILES.items():
        with (tmp_path / name).open("w") as file:
            for _ in range(DIGITS[split] // 500):
                file.write(block)
    return tmp_path


JOB = """
import json, resource, sys
import tensorflow_datasets as tfds
from reproductions.data import catalogue, rotated_mnist
from reproductions.data.places import Places

name, data_dir, manual_dir = sys.argv[1:]
if name.endswith("mnist_70k"):
    with tfds.testing.mock_data(num_examples=70_000):
        digits = rotated_mnist.read_tfds_mnist(None)
    rotated_mnist.read_tfds_mnist = lambda _: digits
data = catalogue.load(name, Places(data_dir, manual_dir), held_out=False)
epoch = data.training(0, "slight_rotation", "mean")
seen = [images.shape for images, _ in epoch.as_numpy_iterator()]
print(json.dumps({
    "counts": {split: data.count(split) for split in data.splits if split != "upright"},
    "batch": seen[0],
    "seen": sum(shape[0] for shape in seen),
    "resident": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
}))
"""


@only_once
@pytest.mark.parametrize("name", ["rotated_mnist/icml2007", "rotated_mnist/mnist_70k"])
def test_the_papers_digits(name, amat_folder):
    job = [sys.executable, "-c", JOB, name, amat_folder / "tfds", amat_folder]
    done = subprocess.run(
        list(map(str, job)),
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["counts"] == {"train": 12_000, "test": 50_000}
    assert found["batch"] == [128, 28, 28, 1]
    assert found["seen"] == 12_000
    assert found["resident"] < LARGEST_RESIDENT, found
