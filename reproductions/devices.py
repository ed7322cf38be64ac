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

from reproductions.errors import SettingsError


def initialize():
    """Joins the other hosts, where the environment names some. Call it before anything else."""
    if keras.backend.backend() == "jax" and "KERAS_DISTRIBUTION_JOB_ADDRESSES" in os.environ:
        keras.distribution.initialize()
    if keras.backend.backend() == "tensorflow" and "TF_CONFIG" in os.environ:
        _strategy()  # refused once TensorFlow has computed anything


def count():
    """The number of devices that share a batch."""
    if keras.backend.backend() == "jax":
        return len(keras.distribution.list_devices())
    if keras.backend.backend() == "tensorflow":
        return _strategy().num_replicas_in_sync
    return 1


def accelerator():
    """The name of the GPU or TPU that the backend computes on, `None` on a CPU."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    found = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(found[0])["device_name"] if found else None


def check_batches(counts, batch_size):
    """Checks that the devices can share every batch, the last of each split too.

    Args:
        counts: Dict from the name of a split to its number of images.
        batch_size: Images a batch.

    Raises:
        SettingsError: If a batch cannot be divided evenly.
    """
    for split, images in counts.items():
        for batch in {min(batch_size, images), images % batch_size}:
            if batch % count():
                raise SettingsError(
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


def share(batches):
    """What this host feeds to its devices: on JAX, its part of every batch, in order.

    `tf.distribute` splits batches by itself. Keras does so on JAX only if their size is known.
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    batches = batches.with_options(options)
    processes = _jax_processes()
    if processes == 1:
        return batches
    index = int(os.environ["KERAS_DISTRIBUTION_PROCESS_ID"])

    def part(tensor):
        size = tf.shape(tensor)[0] // processes
        return tensor[index * size : (index + 1) * size]

    return batches.map(lambda images, labels: (part(images), part(labels)))


def wait_for_all_hosts():
    """Returns when every host has come here."""
    if _jax_processes() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices("keras_gcnn")
    elif keras.backend.backend() == "tensorflow" and "TF_CONFIG" in os.environ:
        tf.function(lambda: _strategy().run(_sum_of_ones))()


def scope():
    """The context in which to make, train and test a model."""
    if count() == 1:
        return contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel(auto_shard_dataset=False).scope()
    return _strategy().scope()


def synchronized(model):
    """The model, with batch normalization over the global batch.

    On JAX it is so by itself. With `tf.distribute`, each device normalizes its own share unless
    the layer synchronizes.
    """
    if keras.backend.backend() != "tensorflow" or count() == 1:
        return model

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["synchronized"] = True
        return type(layer).from_config(config)

    cloned = keras.models.clone_model(model, clone_function=clone)
    cloned.set_weights(model.get_weights())  # a clone is initialized again
    return cloned


def _sum_of_ones():
    return tf.distribute.get_replica_context().all_reduce("SUM", tf.ones([]))


def _jax_processes():
    if keras.backend.backend() != "jax":
        return 1
    return int(os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", 1))


class _Hosts(tf.distribute.MultiWorkerMirroredStrategy):
    """Reduces what Keras 3 gives it, a pair to see its shapes and scalars (Keras issue 20585)."""

    def reduce(self, reduce_op, value, axis):
        if isinstance(value, tuple):
            return tuple(self.experimental_local_results(part)[0] for part in value)
        is_scalar = self.experimental_local_results(value)[0].shape.rank == 0
        return super().reduce(reduce_op, value, None if is_scalar else axis)


@functools.cache
def _strategy():
    if "TF_CONFIG" in os.environ:
        return _Hosts()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])
