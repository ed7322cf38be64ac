"""tf.data pipelines: shuffled, augmented, normalized, batched and prefetched."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from reproductions.data.augmentation import AUGMENTATIONS, turn
from reproductions.errors import DataError


@dataclass(frozen=True)
class Pipeline:
    """Splits of labelled images, ready for `fit` and `evaluate`.

    Args:
        splits: Data sets of single `(image, label)` pairs in a fixed order, images as float32:
            `"train"`, `"test"`, where images are held out for it `"validation"`, and where there
            are some `"upright"`, the test images before any rotation.
        normalize: Function of a batch of images, applied after augmentation.
        batch_size: Images a batch.
    """

    splits: Mapping[str, tf.data.Dataset]
    normalize: Callable = lambda images: images
    batch_size: int = 128

    def training(self, seed, augmentation=None, fill="black"):
        """One epoch of training batches.

        Args:
            seed: Of the order, and of the augmentation. The same seed gives the same epoch, however
                often it is read.
            augmentation: A name in `AUGMENTATIONS`.
            fill: What comes into a turned image from outside of it: `"black"`, or `"mean"`, the
                mean of the training pixels. For that, images are normalized before they are turned.
        """
        images = self.splits["train"]
        # The same order each time it is read: on JAX, Keras reads a batch ahead of the first epoch.
        images = images.shuffle(self.count("train"), seed=seed, reshuffle_each_iteration=False)
        batches = images.batch(self.batch_size)
        augment = AUGMENTATIONS[augmentation]
        if augment is None:
            return _ready(self._normalized(batches))
        if fill == "mean":
            return _ready(_augmented(self._normalized(batches), augment, seed))
        return _ready(self._normalized(_augmented(batches, augment, seed)))

    def evaluation(self, split, degrees=0.0):
        """The batches of a split, in order.

        Args:
            split: Name of a split.
            degrees: Angle by which all images are turned, counter-clockwise, or `"random"`: each by
                one of its own, the same every time.
        """
        batches = self.splits[split].batch(self.batch_size)
        if degrees == "random":
            rotate = AUGMENTATIONS["rotation"]
            batches = batches.enumerate().map(lambda i, b: (rotate(b[0], (2016, i)), b[1]))
        elif degrees:
            radians = math.radians(degrees)
            batches = batches.map(lambda x, y: (turn(x, tf.fill([tf.shape(x)[0]], radians)), y))
        return _ready(self._normalized(batches))

    def count(self, split):
        """The number of images in a split."""
        return int(self.splits[split].cardinality())

    def _normalized(self, batches):
        return batches.map(
            lambda images, labels: (self.normalize(images), labels),
            num_parallel_calls=os.cpu_count(),
        )


def _augmented(batches, augment, seed):
    return batches.enumerate().map(
        lambda i, batch: (augment(batch[0], (seed, i)), batch[1]),
        num_parallel_calls=os.cpu_count(),
    )


def _ready(batches):
    """The batches, read ahead, without the thread that tunes a pipeline.

    It sleeps for 10 ms, 20 ms, 40 ms and so on, and whoever is done with the pipeline waits until
    it wakes: an epoch of 11 s took 20 s.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(2).with_options(options)


def standardize(images):
    """The function that subtracts the mean of all pixels of a data set, over their deviation.

    One mean for all positions, so that turning an image turns what comes out.
    """
    total = squares = count = 0.0
    for batch, _ in images.batch(1024).as_numpy_iterator():
        pixels = batch.astype(np.float64)
        total, squares, count = (
            total + pixels.sum(),
            squares + (pixels**2).sum(),
            count + batch.size,
        )
    mean = total / count
    deviation = math.sqrt(squares / count - mean**2) or 1.0
    return lambda batch: (batch - mean) / deviation


def first(images, fraction):
    """The first part of a data set of training images."""
    count = round(int(images.cardinality()) * fraction)
    if not 0 < count <= int(images.cardinality()):
        raise DataError(
            f"A fraction of {fraction} leaves {count} of {int(images.cardinality())} training "
            "images. Use more than 0 and at most 1."
        )
    return images.take(count)


def hold_out(images, count):
    """All but the last images of a data set, and these: `count`, but at most a tenth."""
    total = int(images.cardinality())
    kept = total - min(count, total // 10)
    return images.take(kept), images.skip(kept)
