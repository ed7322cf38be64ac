import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import oracle
from tests.ops.cases import random


@pytest.mark.parametrize("group", oracle.GROUPS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("on_group", [True, False])
@pytest.mark.parametrize("size", [4, 5])
def test_equals_the_formula(group, data_format, on_group, size):
    order = kg.groups.get(group).order
    f = np.random.default_rng(0).normal(size=(size, size, *([order] * on_group), 2))
    f = f.astype("float32")
    for h in range(order):
        actual = kg.ops.transform_feature_map(
            oracle.to_data_format(f[None], data_format), group, h, data_format=data_format
        )
        expected = oracle.transform(f, group, h, on_group)[None]
        assert np.array_equal(
            ops.convert_to_numpy(actual), oracle.to_data_format(expected, data_format)
        )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("on_group", [True, False])
@pytest.mark.parametrize(
    ("group", "size"), [("pm", (5,)), ("D3", (3, 3, 3)), ("D4h", (2, 3, 3)), ("O", (2, 2, 2))]
)
def test_equals_the_formula_in_other_dimensions(group, size, on_group, data_format):
    group = kg.groups.get(group, len(size))
    f = random(*size, *([group.order] * on_group), 2)
    x = oracle.to_data_format(f[None], data_format, on_group)
    for h in range(group.order):
        actual = kg.ops.transform_feature_map(x, group, h, data_format=data_format)
        expected = oracle.transform(f, group.elements, h, on_group)[None]
        expected = oracle.to_data_format(expected, data_format, on_group)
        assert np.array_equal(ops.convert_to_numpy(actual), expected)


@pytest.mark.parametrize(
    ("shape", "element", "message"),
    [
        ((1, 4, 4, 1), 4, r"`element` must be an integer of at least 0 and at most 3.*element=4"),
        (
            (1, 4, 4, 8, 1),
            1,
            r"an H axis of length 4\. Received: x\.shape=\(1, 4, 4, 8, 1\)",
        ),
        ((4, 4), 1, "on the plane, of rank 4, or on p4"),
        ((1, 4, 5, 1), 1, r"Use the shape \(5, 5\)"),
    ],
)
def test_errors(shape, element, message):
    with pytest.raises(ValueError, match=message):
        kg.ops.transform_feature_map(
            np.zeros(shape, "float32"), "p4", element, data_format="channels_last"
        )
