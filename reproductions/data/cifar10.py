"""CIFAR-10 by TFDS, with contrast normalization and ZCA whitening (paper, section 8.2)."""

import hashlib
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds

from reproductions.data.pipeline import Pipeline, first, hold_out
from reproductions.data.places import Places
from reproductions.data.tfds_source import load_splits
from reproductions.data.whitening import ZcaWhitening, normalize_contrast

VALIDATION = 5_000  # of the 50,000 training images, the last ones


def load(places=None, fraction=1.0, batch_size=128, held_out=True):
    """The whitened splits of CIFAR-10: 45,000, 5,000 and 10,000 images of 32×32×3.

    Without validation, as in the paper, there are 50,000 training images.

    The whitening is fitted on the training images, in one streaming pass, and kept in the folder of
    TFDS for the next time. That and an epoch take 2.1 GB of memory at most.

    Args:
        places: A `Places`.
        fraction: The part of the training images to use, from the first on.
        batch_size: Images a batch.
        held_out: Whether some training images are held out, to validate on.

    Returns:
        A `Pipeline`.

    Raises:
        DataError: If TFDS cannot load it; the message names the alternatives.
    """
    places = places or Places()
    train, test = load_splits(
        "cifar10",
        places,
        "run the experiments that need no download: `python -m reproductions list`",
    )
    training, validation = hold_out(train, VALIDATION if held_out else 0)
    training = first(training, fraction)
    whiten = ZcaWhitening.fit_once(
        _whitening_file(places, training),
        (normalize_contrast(x).numpy() for x, _ in training.batch(1024)),
    )

    def whitened(images):
        batches = images.batch(256).map(lambda x, y: (whiten(normalize_contrast(x)), y))
        size = tf.data.experimental.assert_cardinality(images.cardinality())
        return batches.unbatch().apply(size)

    splits = {"train": whitened(training).cache(), "test": whitened(test)}
    if held_out:
        splits["validation"] = whitened(validation).cache()
    return Pipeline(splits, batch_size=batch_size)


def _whitening_file(places, training):
    """A file for the very images it was fitted on: their number and the first of them name it."""
    pixels = b"".join(image.tobytes() for image, _ in training.take(16).as_numpy_iterator())
    name = hashlib.sha256(pixels).hexdigest()[:12]
    folder = Path(places.data_dir or tfds.core.constants.DATA_DIR)
    return folder / "whitening" / f"cifar10-{int(training.cardinality())}-{name}.npz"
