"""tf.data pipelines: shuffled, turned at random, normalised, batched and prefetched."""

import math
from dataclasses import dataclass

import tensorflow as tf
import tensorflow_datasets as tfds

from reproductions.data.rotated_mnist import RotatedMnist


@dataclass(frozen=True)
class RotatedMnistPipeline:
    """The three splits of a prepared `RotatedMnist`, ready for `fit` and `evaluate`.

    Args:
        builder: A prepared builder.
        mean, deviation: Over all pixels of the training images.
        batch_size: Images a batch.
    """

    builder: tfds.core.DatasetBuilder
    mean: float
    deviation: float
    batch_size: int = 128

    @classmethod
    def load(cls, config="mnist_10k", data_dir=None, manual_dir=None, batch_size=128):
        """Builds the data set, if it is not there, and measures its training pixels.

        Raises:
            DataError: If its source is missing or damaged. Nothing half-built is left behind.
        """
        builder = RotatedMnist(config=config, data_dir=data_dir)
        manual = tfds.download.DownloadConfig(manual_dir=manual_dir)
        builder.download_and_prepare(download_config=manual)
        pixels = builder.as_dataset(split="train", batch_size=-1)["image"].numpy()
        return cls(builder, float(pixels.mean()), float(pixels.std()), batch_size)

    def training(self, seed, augment=False, fraction=1.0):
        """One epoch of training batches.

        Args:
            seed: Of the order, and of the random rotations. The same seed gives the same epoch,
                however often it is read.
            augment: Whether to turn every image by a new random angle.
            fraction: The part of the training images to use, from the first on.
        """
        count = int(self.count("train") * fraction)
        images = self._images(f"train[:{count}]")
        # The same order each time it is read: on JAX, Keras reads a batch ahead of the first epoch.
        images = images.shuffle(count, seed=seed, reshuffle_each_iteration=False)
        batches = images.batch(self.batch_size)
        if augment:
            batches = batches.enumerate().map(
                lambda i, batch: (_random_rotation(batch[0], (seed, i)), batch[1]),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        return self._normalised(batches)

    def evaluation(self, split):
        """The batches of `"validation"` or `"test"`, in order."""
        return self._normalised(self._images(split).batch(self.batch_size))

    def count(self, split):
        """The number of images in a split."""
        return self.builder.info.splits[split].num_examples

    def _images(self, split):
        return self.builder.as_dataset(split=split, as_supervised=True, shuffle_files=False)

    def _normalised(self, batches):
        def normalise(images, labels):
            return (images - self.mean) / self.deviation, labels

        return batches.map(normalise, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def _random_rotation(images, seed):
    """Turns each image about its centre by an angle uniform in [0, 2π), bilinearly."""
    count, size = tf.shape(images)[0], images.shape[1]
    angles = tf.random.stateless_uniform([count], seed, maxval=2 * math.pi)
    cos, sin, centre = tf.cos(angles), tf.sin(angles), (size - 1) / 2
    # Where in the input the point (x, y) of the output comes from: c + R(angle)·((x, y) - c).
    rows = [cos, -sin, centre * (1 - cos + sin), sin, cos, centre * (1 - sin - cos)]
    zeros = tf.zeros_like(angles)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([*rows, zeros, zeros], axis=1),
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
