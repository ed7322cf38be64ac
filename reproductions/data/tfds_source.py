"""Data sets that TFDS downloads, with one clear message where it cannot."""

import tensorflow as tf
import tensorflow_datasets as tfds

from reproductions.errors import DataError


def load_splits(name, places, alternative):
    """The training and the test images of a data set of TFDS, from 0 to 1, in a fixed order.

    Args:
        name: Of the data set.
        places: A `Places`.
        alternative: What to do where there is no download, as the end of a sentence.

    Raises:
        DataError: If TFDS cannot load it; the message names the alternatives.
    """
    try:
        builder = tfds.builder(name, data_dir=places.data_dir)
        config = tfds.download.DownloadConfig(manual_dir=places.manual_dir)
        builder.download_and_prepare(download_config=config)
        splits = [
            builder.as_dataset(split=split, as_supervised=True, shuffle_files=False)
            for split in ("train", "test")
        ]
    except Exception as error:
        raise DataError(
            f"TFDS could not load '{name}' ({type(error).__name__}: {error}). Connect this machine "
            f"to the internet; or name with --data-dir a folder of TFDS in which '{name}' is "
            f"prepared, such as a copy from another machine; or {alternative}."
        ) from error
    return [split.map(_scaled).apply(_counted(split)) for split in splits]


def _scaled(image, label):
    return tf.cast(image, tf.float32) / 255, label


def _counted(split):
    return tf.data.experimental.assert_cardinality(split.cardinality())
