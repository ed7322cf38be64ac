"""Low-rank adaptation of every convolution, as Keras' Conv2D has it."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import oracle
from tests.ops.cases import random

L = kg.layers
LAYERS = {
    "LiftingConv2D": {"filters": 4, "kernel_size": 3},
    "GroupConv2D": {"filters": 4, "kernel_size": 3, "padding": "same"},
    "GroupConv2DTranspose": {"filters": 4, "kernel_size": 2, "strides": 2},
    "GroupDepthwiseConv2D": {"kernel_size": 3, "depth_multiplier": 2},
    "GroupSeparableConv2D": {"filters": 4, "kernel_size": 3},
    "GroupDense": {"units": 4},
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def built(name, **options):
    shape = (6, 6, 2) if name == "LiftingConv2D" else (6, 6, 4, 2)
    layer = getattr(L, name)(**LAYERS[name], group="p4", data_format="channels_last", **options)
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs)), layer, random(3, *shape)


@every_layer
def test_it_adds_a_product_of_two_small_matrices(name):
    model, layer, x = built(name)
    plain, psi = ops.convert_to_numpy(model(x)), layer.get_weights()[0]
    layer.enable_lora(2, lora_alpha=6)
    oracle.assert_close(ops.convert_to_numpy(model(x)), plain)  # B begins at 0
    trainable = {w.name for w in layer.trainable_weights}
    assert trainable >= {"lora_kernel_a", "lora_kernel_b", "bias"}
    assert "kernel" not in trainable
    a, b = random(*layer.lora_kernel_a.shape), random(*layer.lora_kernel_b.shape, seed=1)
    layer.lora_kernel_a.assign(a)
    layer.lora_kernel_b.assign(b)
    expected = psi + 3 * a @ b
    oracle.assert_close(ops.convert_to_numpy(layer.kernel), expected)
    whole, other, _ = built(name)
    other.set_weights([w if w.shape != psi.shape else expected for w in _weights(layer)])
    oracle.assert_close(ops.convert_to_numpy(model(x)), ops.convert_to_numpy(whole(x)))


def _weights(layer):
    return [ops.convert_to_numpy(w) for w in layer.weights if "lora" not in w.name]


@every_layer
def test_it_trains_saves_the_sum_and_goes_on(name, tmp_path):
    model, layer, x = built(name, lora_rank=2)
    frozen = ops.convert_to_numpy(layer._kernel)
    model.compile("sgd", "mse")
    y = random(*model(x).shape, seed=3)
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.array_equal(ops.convert_to_numpy(layer._kernel), frozen)
    assert not np.allclose(ops.convert_to_numpy(layer.kernel), frozen)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    oracle.assert_close(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    again = loaded.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert again[-1] < losses[0]
    assert loaded.layers[1].lora_rank == 2
    model.save_weights(tmp_path / "model.weights.h5")
    plain, own, _ = built(name)
    plain.load_weights(tmp_path / "model.weights.h5")
    oracle.assert_close(ops.convert_to_numpy(plain(x)), model.predict(x, verbose=0))
    assert not own.lora_enabled


def test_it_is_merged_in_a_planar_model_and_keeps_equivariance():
    inputs = keras.Input((6, 6, 1))
    x = L.LiftingConv2D(3, 3, "p4", lora_rank=1, data_format="channels_last")(inputs)
    x = L.GroupConv2D(2, 3, lora_rank=2, data_format="channels_last")(x)
    model = keras.Model(inputs, L.CosetPooling2D(data_format="channels_last")(x))
    model.set_weights([random(*w.shape, seed=i) for i, w in enumerate(model.get_weights())])
    x = random(2, 6, 6, 1)
    oracle.assert_close(
        ops.convert_to_numpy(kg.to_planar(model)(x)), ops.convert_to_numpy(model(x))
    )
    assert kg.equivariance_error(model, "p4", (6, 6, 1)).is_equivariant


def test_where_it_cannot_be_it_says_why():
    layer = L.GroupConv2D(2, 3, "p4", data_format="channels_last")
    with pytest.raises(ValueError, match="cannot have a low-rank part: it is not built"):
        layer.enable_lora(2)
    layer.build((None, 6, 6, 4, 2))
    with pytest.raises(ValueError, match="`rank` must be a positive integer"):
        layer.enable_lora(0)
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="it has one already, of rank 2"):
        layer.enable_lora(2)
    held = L.GroupConv2D(2, 3, "p4", kernel_constraint="unit_norm", data_format="channels_last")
    held.build((None, 6, 6, 4, 2))
    with pytest.raises(ValueError, match="`kernel_constraint`, which the sum would break"):
        held.enable_lora(2)


def test_the_sum_is_saved_in_full_precision(tmp_path):
    layer = L.GroupConv2D(2, 3, "p4", lora_rank=1, dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((6, 6, 4, 2)), layer])
    model.save_weights(tmp_path / "of.weights.h5")
    again = L.GroupConv2D(2, 3, "p4", dtype="mixed_bfloat16")
    keras.Sequential([keras.Input((6, 6, 4, 2)), again]).load_weights(tmp_path / "of.weights.h5")
    assert np.array_equal(again.get_weights()[0], layer.get_weights()[0])
