"""Random and fixed changes of a batch of images, functions only of their seed."""

import math

import numpy as np
import scipy.ndimage
import tensorflow as tf


def random_rotation(images, seed):
    """Turns each image about its centre by an angle uniform in [0, 2π), bilinearly."""
    return turn(images, tf.random.stateless_uniform([tf.shape(images)[0]], seed, maxval=math.tau))


def random_slight_rotation(images, seed):
    """Turns each image about its centre by at most ±π degrees, bilinearly.

    So did the paper's experiments: they drew an angle in radians, up to ±π, and gave it to a
    function that takes degrees.
    """
    largest = math.radians(math.pi)
    angles = tf.random.stateless_uniform([tf.shape(images)[0]], seed, -largest, largest)
    return turn(images, angles)


def random_shift_and_flip(images, seed):
    """CIFAR10+: shifts by up to 2 pixels each way, reflected at the edges, and mirrors half.

    Shifts are interpolated by cubic splines, which blur less than bilinear ones.

    Reference: Cohen & Welling 2016, section 8.2.
    """
    count = tf.shape(images)[0]
    choice, *shifts = tf.unstack(tf.random.stateless_uniform([3, count], seed, -1, 1))
    mirrored = tf.where(choice[:, None, None, None] < 0, images[:, :, ::-1], images)
    shifted = tf.numpy_function(
        _shifted, [mirrored, 2 * tf.stack(shifts, axis=1)], images.dtype, stateful=False
    )
    return tf.ensure_shape(shifted, images.shape)


def _shifted(images, shifts):
    """Each image moved by its (down, right) pixels, plane by plane."""
    moved = np.empty_like(images)
    for i, channel in np.ndindex(len(images), images.shape[-1]):
        scipy.ndimage.shift(
            images[i, ..., channel], shifts[i], moved[i, ..., channel], order=3, mode="reflect"
        )
    return moved


def turn(images, radians):
    """Turns each image about its centre by its angle, counter-clockwise, bilinearly.

    Args:
        images: `(batch, size, size, channels)`.
        radians: `(batch,)`. What comes from outside of an image is 0.
    """
    cos, sin, centre = tf.cos(radians), tf.sin(radians), (images.shape[1] - 1) / 2
    # Where in the input the point (x, y) of the output comes from: c + R(angle)·((x, y) - c).
    rows = [cos, -sin, centre * (1 - cos + sin), sin, cos, centre * (1 - sin - cos)]
    zeros = tf.zeros_like(cos)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([*rows, zeros, zeros], axis=1),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


AUGMENTATIONS = {
    None: None,
    "rotation": random_rotation,
    "slight_rotation": random_slight_rotation,
    "shift_and_flip": random_shift_and_flip,
}
