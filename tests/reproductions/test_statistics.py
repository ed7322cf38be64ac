"""Statistics of batch normalization, computed anew."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gcnn as kg
from reproductions import statistics


def network():
    """A lifting and a normalization on the group, and one of an image."""
    x = inputs = keras.Input((6, 6, 2))
    x = kg.layers.LiftingConv2D(3, 3, "p4", data_format="channels_last")(x)
    x = kg.layers.GroupBatchNormalization(momentum=0.9, data_format="channels_last")(x)
    x = kg.layers.CosetPooling2D(data_format="channels_last")(keras.layers.ReLU()(x))
    outputs = keras.layers.BatchNormalization(momentum=0.9)(x)
    return keras.Model(inputs, outputs)


def test_they_are_the_means_over_batches_of_what_a_batch_has():
    keras.utils.set_random_seed(0)
    model = network()
    images = np.random.default_rng(0).normal(2, 3, (12, 6, 6, 2)).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices((images, np.zeros(12))).batch(4)
    statistics.recompute(model, batches)
    first, last = (layer for layer in model.layers if hasattr(layer, "moving_mean"))
    lifted = keras.ops.convert_to_numpy(model.layers[1](images)).reshape(3, 4, -1, 3)
    expected = lifted.mean(axis=(1, 2)), lifted.var(axis=(1, 2))
    moving = first.moving_mean, first.moving_variance
    for found, of_batches in zip(moving, expected, strict=True):
        found = keras.ops.convert_to_numpy(found)
        np.testing.assert_allclose(found, of_batches.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert first.momentum == last.momentum == 0.9
    assert not np.allclose(keras.ops.convert_to_numpy(last.moving_variance), 1)


def test_dropout_acts_as_in_training():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((1000,)), keras.layers.Dropout(0.5), keras.layers.BatchNormalization()]
    )
    batches = tf.data.Dataset.from_tensors((np.ones((64, 1000), "float32"), np.zeros(64)))
    statistics.recompute(model, batches)
    variance = keras.ops.convert_to_numpy(model.layers[-1].moving_variance)
    assert variance.mean() == pytest.approx(1.0, abs=0.1)  # 2 or 0 in place of 1
