import os

import pytest

# For what a command reads, writes and says, which no backend changes.
only_once = pytest.mark.skipif(
    os.environ["KERAS_BACKEND"] != "torch", reason="the same on every backend"
)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def small(data_dir):
    """The first 60 embedded digits, as three splits."""
    from reproductions.data import rotated_mnist
    from reproductions.data.places import Places

    return rotated_mnist.load(small_config(), Places(data_dir), batch_size=16)


def small_config():
    from reproductions.data.rotated_mnist import RotatedMnistConfig

    return RotatedMnistConfig(
        name="small", train=40, validation=10, test=10, angles_per_test_digit=3
    )
