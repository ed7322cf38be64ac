"""Contrast normalization and ZCA whitening, fitted in one pass over the training images.

Reference: Cohen & Welling 2016, section 8.2; Goodfellow et al. 2013.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from reproductions.files import write_atomically

REGULARIZER = 1e-5  # added to each deviation, as in the original experiments


def normalize_contrast(images):
    """Each image less its mean, over its deviation, taken over its pixels and channels."""
    axes = (1, 2, 3)
    images = images - tf.reduce_mean(images, axes, keepdims=True)
    count = tf.cast(tf.size(images[0]), images.dtype)
    squares = tf.reduce_sum(images**2, axes, keepdims=True)
    deviation = tf.sqrt(squares / (count - 1))
    return images / tf.where(deviation < 1e-8, 1.0, deviation)


@dataclass(frozen=True)
class ZcaWhitening:
    """The map x ↦ U (S + ε)⁻¹ Uᵀ (x - m), where U S² Uᵀ is the covariance of training images.

    Args:
        mean: m, `(pixels,)`.
        matrix: U (S + ε)⁻¹ Uᵀ, `(pixels, pixels)`.
    """

    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    def fit(cls, batches):
        """Fits on batches of images, seen once each: memory holds a batch and the covariance.

        Args:
            batches: Iterable of `(batch, height, width, channels)` arrays.
        """
        count, total, products = 0, 0.0, 0.0
        for batch in batches:
            flat = np.asarray(batch, np.float64).reshape(len(batch), -1)
            count, total = count + len(flat), total + flat.sum(axis=0)
            products = products + flat.T @ flat
        mean = total / count
        covariance = (products - count * np.outer(mean, mean)) / (count - 1)
        variances, vectors = np.linalg.eigh(covariance)
        deviations = np.sqrt(np.maximum(variances, 0.0))
        # Directions without variance, such as that of the contrast, hold only rounding noise.
        scales = np.where(deviations > REGULARIZER, 1 / (deviations + REGULARIZER), 0.0)
        return cls(mean, (vectors * scales) @ vectors.T)

    @classmethod
    def fit_once(cls, path, batches):
        """What `path` holds, or else a fit on `batches`, which is then saved there."""
        if path.exists():
            with np.load(path) as arrays:
                return cls(arrays["mean"], arrays["matrix"])
        fitted = cls.fit(batches)
        arrays = {"mean": fitted.mean, "matrix": fitted.matrix}
        write_atomically(path, lambda temporary: np.savez(temporary, **arrays))
        return fitted

    def __call__(self, images):
        """Whitens a batch of images."""
        flat = tf.reshape(images, [tf.shape(images)[0], -1]) - self.mean.astype(np.float32)
        return tf.reshape(flat @ self.matrix.astype(np.float32), tf.shape(images))
