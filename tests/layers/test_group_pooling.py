import warnings

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import keras_gcnn as kg
from keras_gcnn.layers import GroupAveragePooling2D, GroupMaxPooling2D
from keras_gcnn.ops import policy
from tests import differentiate, oracle
from tests.compiled import by_xla, with_xla
from tests.layers.contract import run_layer_contract

STOCK = {
    GroupMaxPooling2D: keras.layers.MaxPooling3D,
    GroupAveragePooling2D: keras.layers.AveragePooling3D,
}
both_layers = pytest.mark.parametrize("layer_class", STOCK)
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])


@both_layers
@both_formats
def test_contract(layer_class, data_format, tmp_path):
    shape = (2, 6, 6, 8, 3) if data_format == "channels_last" else (2, 3, 8, 6, 6)
    arguments = {"pool_size": 2, "group": "p4m", "data_format": data_format}
    run_layer_contract(layer_class, arguments, shape, [], tmp_path)


@both_layers
@both_formats
@settings(max_examples=8)
@given(
    size=st.integers(4, 8),
    pool=st.integers(1, 4),
    strides=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)
def test_equals_the_reduction_over_each_window(
    layer_class, data_format, size, pool, strides, padding
):
    f = np.random.default_rng(0).normal(size=(2, size, size, 4, 3)).astype("float32")
    reduce = np.max if layer_class is GroupMaxPooling2D else np.mean
    steps = -(-size // strides) if padding == "same" else (size - pool) // strides + 1
    front = max((steps - 1) * strides + pool - size, 0) // 2 if padding == "same" else 0
    windows = [slice(max(i * strides - front, 0), i * strides - front + pool) for i in range(steps)]
    rows = [np.stack([reduce(f[:, i, j], axis=(1, 2)) for j in windows], axis=1) for i in windows]
    layer = layer_class(pool, strides, padding, data_format, group="p4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kg.EquivarianceWarning)
        pooled = layer(oracle.to_data_format(f, data_format))
    expected = oracle.to_data_format(np.stack(rows, axis=1), data_format)
    oracle.assert_close(ops.convert_to_numpy(pooled), expected)


@both_layers
def test_is_the_stock_pooling_of_size_one_along_h(layer_class):
    f = np.random.default_rng(0).normal(size=(2, 6, 6, 4, 3)).astype("float32")
    stock = STOCK[layer_class]((2, 2, 1), data_format="channels_last")
    layer = layer_class(2, data_format="channels_last", group="p4")
    oracle.assert_close(ops.convert_to_numpy(layer(f)), ops.convert_to_numpy(stock(f)))


@pytest.mark.parametrize("group", oracle.GROUPS)
@both_layers
@both_formats
def test_is_equivariant_under_every_element(layer_class, group, data_format):
    order = kg.groups.get(group).order
    shape = (6, 6, order, 2) if data_format == "channels_last" else (2, order, 6, 6)
    for pool in (2, 3):
        layer = layer_class(pool, group=group, data_format=data_format)
        assert kg.equivariance_error(layer, group, shape).max_error <= 1e-5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: GroupMaxPooling2D(0, group="p4"),
            "`pool_size` must be a positive integer.*pool_size=0",
        ),
        (
            lambda: GroupMaxPooling2D((2, 3), group="p4"),
            r"`pool_size` must be the same along axes.*\(2, 3\)",
        ),
        (lambda: GroupMaxPooling2D(2, group="p4").build((None, 8, 8, 8, 1)), r"\|H\|=8"),
        (lambda: GroupMaxPooling2D(2, group="p4").build((None, 8, 8, 1)), "Lift an image"),
        (
            lambda: GroupAveragePooling2D(5, group="p4").build((None, 4, 4, 4, 1)),
            "smaller pool_size",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.compile
@with_xla
@pytest.mark.parametrize(
    ("size", "pool", "strides", "tiles"),
    [(6, 2, 2, True), (6, 3, 3, True), (7, 2, 2, False), (6, 2, 1, False)],
)
def test_maxima_of_tiles_where_xla_compiles(size, pool, strides, tiles, monkeypatch):
    """They have the values and gradients of the pooling that eager code uses."""
    rule, answers = policy.tiles_are_reduced, []
    monkeypatch.setattr(
        policy, "tiles_are_reduced", lambda *of: answers.append(rule(*of)) or answers[-1]
    )
    layer = GroupMaxPooling2D(pool, strides, "same", "channels_last", group="p1")

    def loss(f):
        return ops.sum(layer(f) ** 3)

    f = np.random.default_rng(0).normal(size=(2, size, size, 1, 3)).astype("float32")
    layer.build(f.shape)
    expected = ops.convert_to_numpy(layer(f))
    assert not any(answers)
    oracle.assert_close(ops.convert_to_numpy(by_xla(layer)(f)), expected)
    assert any(answers) == tiles
    (actual,) = differentiate.gradients(by_xla(loss), f)
    monkeypatch.setattr(policy, "tiles_are_reduced", lambda *of: False)
    (expected,) = differentiate.gradients(loss, f)
    oracle.assert_close(actual, expected)


@pytest.mark.compile
@with_xla
def test_equal_entries_share_the_gradient_there():
    f = np.ones((1, 4, 4, 4, 2), "float32")
    layer = GroupMaxPooling2D(2, data_format="channels_last", group="p4")
    (gradient,) = differentiate.gradients(by_xla(lambda f: ops.sum(layer(f))), f)
    assert np.array_equal(gradient, np.full_like(f, 0.25))
