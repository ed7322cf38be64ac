import pytest


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def small(data_dir):
    """The first 60 embedded digits, as three splits."""
    from reproductions.data.pipeline import RotatedMnistPipeline
    from reproductions.data.rotated_mnist import RotatedMnistConfig

    config = RotatedMnistConfig(
        name="small", train=40, validation=10, test=10, angles_per_test_digit=3
    )
    return RotatedMnistPipeline.load(config, data_dir, batch_size=16)
