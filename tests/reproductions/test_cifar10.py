import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from hypothesis import given, settings
from hypothesis import strategies as st

from reproductions.data import cifar10, whitening
from reproductions.data.places import Places
from reproductions.data.whitening import ZcaWhitening
from reproductions.errors import DataError


def test_contrast_is_normalized_image_by_image():
    images = np.random.default_rng(0).random((5, 6, 6, 3)).astype("float32")
    images[2] = 0.5  # no contrast at all
    normal = whitening.normalize_contrast(tf.constant(images)).numpy()
    np.testing.assert_allclose(normal.mean(axis=(1, 2, 3)), 0, atol=1e-6)
    deviations = normal.std(axis=(1, 2, 3), ddof=1)
    np.testing.assert_allclose(np.delete(deviations, 2), 1, rtol=1e-5)
    assert not normal[2].any()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.integers(1, 40))
def test_zca_by_batches_is_that_of_the_singular_values(seed, batch):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(40, 2, 2, 3)) @ rng.normal(size=(3, 3)) + rng.normal(size=(2, 2, 3))
    fitted = ZcaWhitening.fit(images[i : i + batch] for i in range(0, 40, batch))
    flat = images.reshape(40, -1)
    centred = flat - flat.mean(axis=0)
    u, s, _ = np.linalg.svd(centred.T / np.sqrt(39), full_matrices=False)
    expected = centred @ (u @ np.diag(1 / (s + 1e-5)) @ u.T)
    whitened = fitted(tf.constant(images, tf.float32)).numpy().reshape(40, -1)
    np.testing.assert_allclose(whitened, expected, atol=2e-3)
    covariance = np.cov(whitened.T)
    np.testing.assert_allclose(covariance, np.eye(12), atol=2e-3)


def peak_of_fit(batches):
    images = (np.random.default_rng(i).normal(size=(256, 8, 8, 3)) for i in range(batches))
    tracemalloc.start()
    ZcaWhitening.fit(images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_the_memory_of_a_fit_does_not_grow_with_the_images():
    assert peak_of_fit(40) < 1.1 * peak_of_fit(4)


def test_a_fit_is_saved_and_used_again(tmp_path):
    images = np.random.default_rng(0).normal(size=(30, 2, 2, 3))
    path = tmp_path / "whitening" / "zca.npz"
    first = ZcaWhitening.fit_once(path, [images])
    again = ZcaWhitening.fit_once(path, iter([]))
    assert np.array_equal(first.matrix, again.matrix)
    assert np.array_equal(first.mean, again.mean)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the data are the same on every backend"
)
def test_whitened_splits_come_from_tfds(tmp_path, monkeypatch):
    fits = []
    fit = ZcaWhitening.fit
    monkeypatch.setattr(ZcaWhitening, "fit", lambda batches: fits.append(1) or fit(batches))
    with tfds.testing.mock_data(num_examples=50):
        data = cifar10.load(Places(tmp_path), batch_size=8)
        sizes = {split: data.count(split) for split in data.splits}
        assert sizes == {"train": 45, "validation": 5, "test": 50}
        plain, shifted = (
            np.concatenate([x for x, _ in data.training(3, change)])
            for change in (None, "shift_and_flip")
        )
        assert plain.shape == (45, 32, 32, 3)
        assert not np.allclose(plain, shifted)
        np.testing.assert_allclose(plain.mean(axis=0), 0, atol=1e-3)
        cifar10.load(Places(tmp_path))
        assert len(fits) == 1
        all_of_them = cifar10.load(Places(tmp_path), held_out=False)
        assert {split: all_of_them.count(split) for split in all_of_them.splits} == {
            "train": 50,
            "test": 50,
        }
    assert len(fits) == 2  # on the 50 images that are trained on


def test_without_a_download_it_names_the_alternatives(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds, "builder", fail)
    with pytest.raises(
        DataError, match=r"'cifar10' \(ConnectionError: no route\).*--data-dir.*list"
    ):
        cifar10.load(Places(tmp_path))
