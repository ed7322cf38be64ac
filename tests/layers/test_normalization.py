import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

import keras_gcnn as kg
from keras_gcnn.layers import GroupBatchNormalization
from tests.compiled import on_jax
from tests.layers.test_group_conv import double_precision

ORDERS = {group: kg.groups.get(group).order for group in ("p1", "p4", "p4m")}


def random_map(*shape):
    return np.random.default_rng(0).normal(2.0, 3.0, shape).astype("float32")


def with_random_weights(layer, x):
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return layer


@settings(max_examples=8 if keras.backend.backend() == "jax" else 25)  # JAX compiles each
@given(
    st.sampled_from(sorted(ORDERS)),
    st.integers(1, 5),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.booleans(),
)
def test_is_its_formula(group, channels, size, training):
    x = random_map(3, *size, ORDERS[group], channels)
    layer = with_random_weights(GroupBatchNormalization(momentum=0.7), x)
    gamma, beta, mean, variance = layer.get_weights()
    y = ops.convert_to_numpy(layer(x, training=training))
    if training:  # over batch, space and H
        old, columns = (mean, variance), x.reshape(-1, channels).astype("float64")
        mean, variance = columns.mean(0), columns.var(0)
        moved = [0.7 * a + 0.3 * b for a, b in zip(old, (mean, variance), strict=True)]
        np.testing.assert_allclose(layer.get_weights()[2:], moved, rtol=1e-4)
    expected = gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta
    assert np.abs(y - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}])
def test_trains_as_keras_own_layer_does(options):
    x, target = random_map(4, 5, 5, 8, 3), random_map(4, 3)
    weights = []
    for kind in (layers.BatchNormalization, GroupBatchNormalization):
        before = layers.Conv3D(3, 1, data_format="channels_last")  # its gradient is the input's
        after = layers.GlobalMaxPooling3D(data_format="channels_last")
        model = keras.Sequential([keras.Input(x.shape[1:]), before, kind(**options), after])
        rng = np.random.default_rng(1)
        model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.train_on_batch(x, target)
        weights.append(model.get_weights())
    for theirs, ours in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"axis": 1}, {"renorm": True}, {"trainable": False}])
def test_is_keras_own_layer_with_every_option(options):
    x = random_map(2, 5, 4, 4, 3)
    results = []
    for kind in (layers.BatchNormalization, GroupBatchNormalization):
        layer = with_random_weights(kind(**options), x)
        results.append([ops.convert_to_numpy(layer(x, training=True)), *layer.get_weights()])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_takes_a_mask_and_an_h_axis_of_unknown_length_as_keras_does():
    x, mask = random_map(2, 5, 5, 4, 3), np.zeros((2, 5, 5, 4), bool)
    mask[0] = True
    stock, ours = layers.BatchNormalization(), GroupBatchNormalization()
    masked = [layer(x, training=True, mask=ops.convert_to_tensor(mask)) for layer in (stock, ours)]
    np.testing.assert_allclose(*map(ops.convert_to_numpy, masked), atol=1e-5)
    inputs = keras.Input((5, 5, None, 3))
    model = keras.Model(inputs, GroupBatchNormalization()(inputs))
    np.testing.assert_allclose(model.predict(x, verbose=0), x / np.sqrt(1.001), rtol=1e-5)


def test_on_hexagons_what_is_masked_does_not_count():
    x, mask = random_map(2, 5, 5, 6, 3), np.zeros((2, 5, 5, 6), bool)
    mask[0] = True
    options = {"lattice": "hexagonal", "momentum": 0.0}
    masked, alone = (GroupBatchNormalization(**options) for _ in range(2))
    masked(x, training=True, mask=ops.convert_to_tensor(mask))
    alone(x[:1], training=True)
    for a, b in zip(masked.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    with pytest.raises(ValueError, match="one dimension less"):
        masked(x, training=True, mask=ops.convert_to_tensor(mask[0, 0]))


@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_is_equivariant_under_every_element(group):
    shape = (6, 6, ORDERS[group], 3)
    layer = with_random_weights(GroupBatchNormalization(), random_map(1, *shape))
    assert kg.equivariance_error(layer, group, shape).max_error <= 1e-5


def test_saves_and_exchanges_weights_with_keras_own_layer(tmp_path):
    x = random_map(2, 5, 5, 4, 3)
    stock = with_random_weights(layers.BatchNormalization(), x)
    layer = GroupBatchNormalization(momentum=0.8)
    layer.build(x.shape)
    layer.set_weights(stock.get_weights())
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (layer(x), stock(x))), atol=1e-5)
    inputs = keras.Input((None, None, 4, 3))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[-1]) is GroupBatchNormalization
    assert loaded.layers[-1].momentum == 0.8
    assert np.array_equal(*(m.predict(x, verbose=0) for m in (model, loaded)))


@on_jax
def test_computes_in_float64():
    x = random_map(3, 5, 5, 8, 3).astype("float64")
    with double_precision():
        layer = GroupBatchNormalization(dtype="float64")
        y = ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=True))
    axes = (0, 1, 2, 3)
    expected = (x - x.mean(axes)) / np.sqrt(x.var(axes) + layer.epsilon)
    assert np.abs(y - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_normalises_in_float32(dtype):
    x = random_map(2, 5, 5, 4, 3)
    half = GroupBatchNormalization(dtype=f"mixed_{dtype}")
    y = half(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    exact = ops.convert_to_numpy(GroupBatchNormalization()(x, training=True))
    y = ops.convert_to_numpy(ops.cast(y, "float32"))
    assert np.abs(y - exact).max() <= 2e-2 * np.abs(exact).max()


def test_becomes_a_stock_layer_in_a_planar_model():
    inputs = keras.Input((6, 6, 1))
    x = kg.layers.LiftingConv2D(2, 3, group="p4")(inputs)
    x = GroupBatchNormalization(name="norm")(layers.ReLU()(x))  # not foldable
    model = keras.Model(inputs, x)
    planar = kg.to_planar(model)
    assert any(type(layer) is layers.BatchNormalization for layer in planar.layers)
    images = random_map(2, 6, 6, 1)
    expected = ops.convert_to_numpy(model(images))
    actual = ops.convert_to_numpy(planar(images)).reshape(expected.shape)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"data_format": "channels_first"}, {"axis": 1}, {"axis": -4, "data_format": "channels_first"}],
)
def test_channels_first_has_a_scale_for_each_map(options):
    x = random_map(2, 3, 4, 7, 7)
    layer = GroupBatchNormalization(**options)
    y = ops.convert_to_numpy(layer(x, training=True))
    assert layer.gamma.shape == (3,)
    expected = (x - x.mean((0, 2, 3, 4), keepdims=True)) / x.std((0, 2, 3, 4), keepdims=True)
    np.testing.assert_allclose(y, expected, atol=1e-2)
    again = GroupBatchNormalization.from_config(layer.get_config())
    assert (again.axis, again.data_format) == (layer.axis, "channels_first")


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"axis": 3}, (2, 5, 5, 4, 3)),
        ({"axis": 2}, (2, 5, 5, 4, 3)),
        ({"axis": -2}, (2, 5, 5, 4, 3)),
        ({"axis": 1, "data_format": "channels_last"}, (2, 5, 5, 4, 3)),
        ({"axis": -1, "data_format": "channels_first"}, (2, 3, 4, 5, 5)),
        ({}, (2, 3)),
    ],
)
def test_an_axis_of_space_or_h_is_an_error(options, shape):
    with pytest.raises(ValueError, match=r"`axis` of GroupBatchNormalization .* Received: axis="):
        GroupBatchNormalization(**{"data_format": "channels_last"} | options).build(shape)
