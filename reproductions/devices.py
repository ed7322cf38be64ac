"""Spreads the batches of a run over all devices of a machine, or of several.

On JAX by `keras.distribution.DataParallel`, on TensorFlow by `tf.distribute`. Both keep the global
batch, its order and its batch-norm statistics, so that a run ends where it does on one device.

A cluster: start the same command on every host, with `--out` on a file system they share.

- TensorFlow reads the hosts from TF_CONFIG, as `tf.distribute.MultiWorkerMirroredStrategy` says.
- JAX reads KERAS_DISTRIBUTION_JOB_ADDRESSES, KERAS_DISTRIBUTION_NUM_PROCESSES and
  KERAS_DISTRIBUTION_PROCESS_ID, as `keras.distribution.initialize` says.
"""

import contextlib
import functools
import os

import keras
import tensorflow as tf


def initialize():
    """Joins the other hosts, where the environment names some. To be called before anything."""
    if keras.backend.backend() == "jax" and "KERAS_DISTRIBUTION_JOB_ADDRESSES" in os.environ:
        keras.distribution.initialize()


def count():
    """The number of devices that share a batch."""
    if keras.backend.backend() == "jax":
        return len(keras.distribution.list_devices())
    if keras.backend.backend() == "tensorflow":
        return _strategy().num_replicas_in_sync
    return 1


def check_batches(counts, batch_size):
    """Checks that the devices can share every batch, the last of each split too.

    Args:
        counts: Dict from the name of a split to its number of images.
        batch_size: Images a batch.

    Raises:
        ValueError: If a batch cannot be divided evenly.
    """
    for split, images in counts.items():
        for batch in {min(batch_size, images), images % batch_size}:
            if batch % count():
                raise ValueError(
                    f"{count()} devices cannot share a batch of {batch} images evenly. Received: "
                    f"{images} images in '{split}', {batch_size} a batch. Use a number of devices "
                    "that divides both, such as by JAX_NUM_CPU_DEVICES or CUDA_VISIBLE_DEVICES, or "
                    "another --fraction."
                )


def is_chief():
    """Whether this process writes the files: one of all hosts does."""
    if keras.backend.backend() == "jax":
        return int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", 0)) == 0
    if keras.backend.backend() == "tensorflow" and "TF_CONFIG" in os.environ:
        return _strategy().cluster_resolver.task_id == 0
    return True


def scope():
    """The context in which to make, train and test a model."""
    if count() == 1:
        return contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel().scope()
    return _strategy().scope()


def synchronised(model):
    """The model, with batch normalisation over the global batch.

    On JAX it is so by itself; `tf.distribute` normalises on each device by its own share, unless
    the layer is told to synchronise.
    """
    if keras.backend.backend() != "tensorflow" or count() == 1:
        return model

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["synchronized"] = True
        return type(layer).from_config(config)

    cloned = keras.models.clone_model(model, clone_function=clone)
    cloned.set_weights(model.get_weights())  # a clone is initialised anew
    return cloned


@functools.cache
def _strategy():
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])
