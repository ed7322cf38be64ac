"""Random and fixed changes of a batch of images, functions of their seed alone."""

import math

import tensorflow as tf


def random_rotation(images, seed):
    """Turns each image about its centre by an angle uniform in [0, 2π), bilinearly."""
    return turn(images, tf.random.stateless_uniform([tf.shape(images)[0]], seed, maxval=math.tau))


def random_shift_and_flip(images, seed):
    """CIFAR10+: shifts by up to 2 pixels each way, reflected at the edges, and mirrors half.

    Reference: Cohen & Welling 2016, section 8.2.
    """
    count = tf.shape(images)[0]
    choice, *shifts = tf.unstack(tf.random.stateless_uniform([3, count], seed, -1, 1))
    mirror = tf.where(choice < 0, -1.0, 1.0)
    dx, dy = (2 * shift for shift in shifts)
    width = images.shape[2]
    dx = dx + tf.where(choice < 0, width - 1.0, 0.0)
    zeros, ones = tf.zeros_like(dx), tf.ones_like(dx)
    return _transform(images, [mirror, zeros, dx, zeros, ones, dy], "REFLECT")


def turn(images, radians):
    """Turns each image about its centre by its angle, counter-clockwise, bilinearly.

    Args:
        images: `(batch, size, size, channels)`.
        radians: `(batch,)`. What comes from outside of an image is 0.
    """
    cos, sin, centre = tf.cos(radians), tf.sin(radians), (images.shape[1] - 1) / 2
    # Where in the input the point (x, y) of the output comes from: c + R(angle)·((x, y) - c).
    rows = [cos, -sin, centre * (1 - cos + sin), sin, cos, centre * (1 - sin - cos)]
    return _transform(images, rows, "CONSTANT")


def _transform(images, rows, fill_mode):
    zeros = tf.zeros_like(rows[0])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([*rows, zeros, zeros], axis=1),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill_mode,
    )


AUGMENTATIONS = {
    None: None,
    "rotation": random_rotation,
    "shift_and_flip": random_shift_and_flip,
}
