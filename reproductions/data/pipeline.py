"""tf.data pipelines: shuffled, turned at random, normalised, batched and prefetched."""

from dataclasses import dataclass

import keras
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
            seed: Of the order, and of the random rotations. The same seed gives the same epoch.
            augment: Whether to turn every image by a new random angle.
            fraction: The part of the training images to use, from the first on.
        """
        count = int(self.count("train") * fraction)
        images = self._images(f"train[:{count}]").cache()
        images = images.shuffle(count, seed=seed).batch(self.batch_size)
        if augment:
            images = images.map(_random_rotation(seed), num_parallel_calls=1)
        return self._normalised(images)

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


def _random_rotation(seed):
    rotate = keras.layers.RandomRotation(
        1.0, fill_mode="constant", interpolation="bilinear", data_format="channels_last", seed=seed
    )

    def turn(images, labels):
        return rotate(images, training=True), labels

    return turn
