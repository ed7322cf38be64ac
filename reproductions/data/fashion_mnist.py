"""Fashion-MNIST, from TFDS or from a folder of IDX files."""

import numpy as np
import tensorflow as tf

from reproductions.data.idx import read_idx
from reproductions.data.pipeline import Pipeline, first, hold_out, standardize
from reproductions.data.places import Places
from reproductions.data.tfds_source import load_splits

VALIDATION = 5_000  # of the 60,000 training images, the last ones
FILES = {"train": "train", "test": "t10k"}


def load(places=None, fraction=1.0, batch_size=128, held_out=True):
    """The splits of Fashion-MNIST: 55,000, 5,000 and 10,000 images of clothes, 28×28, upright.

    Args:
        places: A `Places`; with an `idx_dir` the images are read from there, and otherwise by TFDS.
        fraction: The part of the training images to use, from the first on.
        batch_size: Images a batch.
        held_out: Whether some training images are held out, to validate on.

    Returns:
        A `Pipeline`.

    Raises:
        DataError: If the source is missing or damaged.
    """
    places = places or Places()
    if places.idx_dir:
        train, test = (_read(places.idx_dir, split) for split in FILES)
    else:
        train, test = load_splits(
            "fashion_mnist",
            places,
            "name with --idx-dir a folder of its IDX files, such as "
            "`apt install dataset-fashion-mnist` puts into /usr/share/datasets/fashion-mnist",
        )
    training, validation = hold_out(train, VALIDATION if held_out else 0)
    training = first(training, fraction)
    splits = {"train": training.cache(), "test": test}
    if held_out:
        splits["validation"] = validation.cache()
    return Pipeline(splits, standardize(training), batch_size)


def _read(folder, split):
    images = read_idx(folder, f"{FILES[split]}-images-idx3-ubyte")[..., None]
    labels = read_idx(folder, f"{FILES[split]}-labels-idx1-ubyte").astype(np.int64)
    pairs = tf.data.Dataset.from_tensor_slices((images, labels))
    return pairs.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label))
