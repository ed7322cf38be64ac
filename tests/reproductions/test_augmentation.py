import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from reproductions.data import augmentation


def blobs(count, channels=1):
    images = np.zeros((count, 28, 28, channels), "float32")
    images[:, 8:20, 10:16] = np.random.default_rng(0).random((count, 12, 6, channels))
    return images


def test_a_random_rotation_is_the_one_of_scipy():
    images = blobs(5)
    turned = augmentation.random_rotation(tf.constant(images), (3, 7)).numpy()
    angles = tf.random.stateless_uniform([5], (3, 7), maxval=2 * np.pi).numpy()
    for image, actual, angle in zip(images, turned, angles, strict=True):
        expected = scipy.ndimage.rotate(image, np.degrees(angle), reshape=False, order=1)
        np.testing.assert_allclose(actual, expected, atol=1e-4)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_a_random_shift_and_flip_is_the_one_of_scipy(seed):
    images = np.random.default_rng(seed).random((4, 9, 9, 3)).astype("float32")
    changed = augmentation.random_shift_and_flip(tf.constant(images), (seed, 1)).numpy()
    choice, down, right = tf.random.stateless_uniform([3, 4], (seed, 1), -1, 1).numpy()
    for i, image in enumerate(images):
        mirrored = image[:, ::-1] if choice[i] < 0 else image
        shift = 2 * down[i], 2 * right[i]
        for channel in range(3):  # planes by themselves, as the original experiments shift them
            expected = scipy.ndimage.shift(mirrored[..., channel], shift, order=3, mode="reflect")
            np.testing.assert_allclose(changed[i, ..., channel], expected, atol=1e-4)


def test_shifts_of_whitened_images_keep_most_of_their_variance():
    """Bilinear interpolation would leave 0.45 of the variance of white noise."""
    noise = np.random.default_rng(0).normal(size=(300, 32, 32, 3)).astype("float32")
    shifted = augmentation.random_shift_and_flip(tf.constant(noise), (1, 2)).numpy()
    assert 0.74 < shifted.var() / noise.var() < 0.8


def test_a_slight_rotation_is_by_at_most_pi_degrees():
    images = np.zeros((2000, 29, 29, 1), "float32")
    images[:, 14, 20:] = 1.0  # a ray from near the centre to the right
    turned = augmentation.random_slight_rotation(tf.constant(images), (5, 6)).numpy()[..., 0]
    rows, columns = np.mgrid[14:-15:-1, -14:15]
    degrees = np.degrees(
        np.arctan2((turned * rows).sum(axis=(1, 2)), (turned * columns).sum(axis=(1, 2)))
    )
    assert 3.0 < np.abs(degrees).max() <= np.pi + 0.05
    assert degrees.std() == pytest.approx(np.pi / np.sqrt(3), rel=0.05)  # uniform


def test_about_half_are_mirrored_and_shifts_reach_two_pixels():
    images = np.zeros((400, 32, 32, 1), "float32")
    images[:, 10:14, 8:12] = 1.0
    changed = augmentation.random_shift_and_flip(tf.constant(images), (0, 0)).numpy()[..., 0]
    weight = changed.sum(axis=(1, 2))
    columns = (changed.sum(axis=1) @ np.arange(32)) / weight
    rows = (changed.sum(axis=2) @ np.arange(32)) / weight
    assert 0.4 < (columns > 16).mean() < 0.6
    assert 1.9 < np.abs(rows - 11.5).max() <= 2.001
    unmirrored = columns[columns < 15]
    assert 1.9 < np.abs(unmirrored - 9.5).max() <= 2.001


@pytest.mark.parametrize("name", ["rotation", "slight_rotation", "shift_and_flip"])
def test_an_augmentation_depends_on_its_seed_alone(name):
    images = tf.constant(blobs(6))
    change = augmentation.AUGMENTATIONS[name]
    assert np.array_equal(change(images, (1, 2)), change(images, (1, 2)))
    assert not np.array_equal(change(images, (1, 2)), change(images, (1, 3)))
