import gzip
import struct

import numpy as np
import pytest
import tensorflow_datasets as tfds

from reproductions.data import fashion_mnist
from reproductions.data.places import Places
from reproductions.errors import DataError


def write_idx(path, array, packed=True):
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data)) if packed else (
        path.write_bytes(data)
    )


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, count, packed in [("train", 50, True), ("t10k", 20, False)]:
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        write_idx(tmp_path / f"{name}-images-idx3-ubyte", images, packed)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte", labels, packed)
    return tmp_path


def test_reads_idx_files_gzipped_or_not(folder):
    data = fashion_mnist.load(Places(idx_dir=folder), batch_size=8)
    sizes = {split: data.count(split) for split in data.splits}
    assert sizes == {"train": 45, "validation": 5, "test": 20}
    raw = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes()[16:], np.uint8)
    found = np.stack([image for image, _ in data.splits["test"]])
    np.testing.assert_allclose(found, raw.reshape(20, 28, 28, 1) / 255, atol=1e-6)
    labels = (folder / "t10k-labels-idx1-ubyte").read_bytes()[8:]
    assert [int(label) for _, label in data.splits["test"]] == list(labels)
    train = np.concatenate([x for x, _ in data.training(0)])
    assert abs(train.mean()) < 1e-4
    assert abs(train.std() - 1) < 1e-4


def test_reads_from_tfds():
    with tfds.testing.mock_data(num_examples=30):
        data = fashion_mnist.load()
        assert data.count("train") == 27
        images, labels = next(iter(data.training(0)))
        assert images.shape == (27, 28, 28, 1)
        assert labels.shape == (27,)


def test_missing_and_damaged_files_are_told(folder):
    path = folder / "t10k-images-idx3-ubyte"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(DataError, match=r"is damaged: .*\(20, 28, 28\).* 15673 bytes"):
        fashion_mnist.load(Places(idx_dir=folder))
    path.write_bytes(b"")
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is damaged"):
        fashion_mnist.load(Places(idx_dir=folder))
    path.unlink()
    with pytest.raises(DataError, match=r"no t10k-images-idx3-ubyte or .*--idx-dir"):
        fashion_mnist.load(Places(idx_dir=folder))
    packed = folder / "train-images-idx3-ubyte.gz"
    packed.write_bytes(packed.read_bytes()[:100])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is damaged"):
        fashion_mnist.load(Places(idx_dir=folder))


def test_without_a_download_it_names_the_alternatives(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds, "builder", fail)
    with pytest.raises(DataError, match=r"no route.*--data-dir.*--idx-dir.*dataset-fashion-mnist"):
        fashion_mnist.load(Places(tmp_path))
