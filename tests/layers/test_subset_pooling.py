"""Pooling over gU against the formula, and the poolings that are cases of it."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

import keras_gcnn as kg
from tests import hexagons, oracle
from tests.layers.contract import run_layer_contract
from tests.layers.test_hexagons import back
from tests.ops.cases import random

L = kg.layers
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
AHEAD = [((0, 0), 0), ((-1, 1), 0), ((-1, 0), 1)]


def pooled(f, group, subset, strides, reduction):
    """max over (t, r) of f(strides·x + ht, hr), of the points whose windows lie within the map."""
    elements = oracle.matrices(group)
    moves = [
        [(h @ np.array(t), oracle.index_of(h @ elements[r], elements)) for t, r in subset]
        for h in elements
    ]
    reach = np.abs([t for row in moves for t, _ in row]).max(axis=0)
    size = [(n - 2 * e - 1) // strides + 1 for n, e in zip(f.shape, reach, strict=False)]
    out = np.zeros((*size, len(elements), f.shape[-1]))
    for x, h in itertools.product(np.ndindex(*size), range(len(elements))):
        start = np.multiply(x, strides) + reach
        seen = [f[(*(start + t), r)] for t, r in moves[h]]
        out[(*x, h)] = getattr(np.array(seen), reduction)(axis=0)
    return out


@both_formats
@pytest.mark.parametrize("group", ["p4", "cmm", "p4m"])
@given(data=st.data())
def test_equals_the_formula(group, data_format, data):
    order = len(oracle.matrices(group))
    point = st.tuples(st.integers(-1, 1), st.integers(-1, 1))
    subset = data.draw(
        st.lists(st.tuples(point, st.integers(0, order - 1)), min_size=1, max_size=4)
    )
    strides, reduction = (
        data.draw(st.integers(1, 2)),
        data.draw(st.sampled_from(["max", "mean", "sum"])),
    )
    f = random(5, 5, order, 2)
    x = oracle.to_data_format(f[None], data_format)
    y = kg.ops.subset_pool(x, group, subset, strides, "valid", reduction, data_format=data_format)
    oracle.assert_close(back(y, data_format, True)[0], pooled(f, group, subset, strides, reduction))


@pytest.mark.parametrize(("padding", "size"), [("valid", 7), ("same", 9)])
@pytest.mark.parametrize("group", ["p4m", "p6", "p3m1"])
def test_is_equivariant(group, padding, size):
    for strides in (1, 2):
        layer = L.SubsetPooling(AHEAD, group, strides, padding)
        shape = (size, size, kg.groups.get(group).order, 2)
        assert kg.equivariance_error(layer, group, shape).is_equivariant


def test_poolings_of_windows_and_cosets_are_cases_of_it():
    x = random(2, 6, 6, 8, 3)
    window = [((i, j), 0) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    for padding in ("valid", "same"):
        for reduction in ("max", "mean"):
            expected = kg.ops.group_pool(x, 3, 1, padding, reduction)
            y = kg.ops.subset_pool(x, "p4m", window, 1, padding, reduction)
            oracle.assert_close(ops.convert_to_numpy(y), ops.convert_to_numpy(expected))
    p4m = kg.groups.get("p4m")
    members = [((0, 0), int(k)) for k in p4m.indices(kg.groups.get("p2"))]
    y = ops.convert_to_numpy(kg.ops.subset_pool(x, p4m, members))
    representatives = p4m.left_cosets("p2")[:, 0]
    expected = ops.convert_to_numpy(kg.ops.coset_pool(x, p4m, "p2"))
    oracle.assert_close(y[..., representatives, :], expected)


def test_a_stride_of_rotations_keeps_the_elements_of_a_subgroup():
    x = random(2, 6, 6, 8, 3)
    whole = ops.convert_to_numpy(kg.ops.subset_pool(x, "p4m", AHEAD))
    part = ops.convert_to_numpy(kg.ops.subset_pool(x, "p4m", AHEAD, subgroup="p2"))
    assert np.array_equal(part, whole[..., [0, 2], :])
    layer = L.SubsetPooling(AHEAD, "p4m", subgroup="p2")
    assert layer.output_space.group == kg.groups.get("p2")
    assert kg.equivariance_error(layer, "p2", (6, 6, 8, 2)).is_equivariant
    behind = L.GroupConv2D(2, 3)
    behind(layer(keras.Input((6, 6, 8, 2))))
    assert behind.group == kg.groups.get("p2")


def test_hexagonal_windows_hold_the_points_of_all_turns():
    f = random(9, 9, 2, 2)
    y = ops.convert_to_numpy(kg.ops.subset_pool(f[None], "p2_hexagonal", [((1, 1), 1)]))[0]
    assert y.shape[:2] == (5, 5)  # (1, 1) is two steps away
    values = hexagons.to_points(f)
    step = hexagons.point(1, 1)
    expected = {
        z: np.stack([values[hexagons.rounded(z + step)][1], values[hexagons.rounded(z - step)][0]])
        for _, z in hexagons.places(5)
    }
    oracle.assert_close(y, hexagons.to_array(expected, 5))


@both_formats
def test_contract(data_format, tmp_path):
    shape = (2, 6, 6, 4, 3) if data_format == "channels_last" else (2, 3, 4, 6, 6)
    arguments = {"subset": AHEAD, "group": "p4", "data_format": data_format}
    run_layer_contract(L.SubsetPooling, arguments, shape, [], tmp_path)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="about torch.compile")
def test_it_is_one_graph_of_torch_compile():
    import torch

    layer, x = L.SubsetPooling(AHEAD, "p6", reduction="mean"), random(2, 7, 7, 6, 2)
    expected = ops.convert_to_numpy(layer(x))
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    oracle.assert_close(ops.convert_to_numpy(compiled(torch.tensor(x))), expected)


def test_errors():
    with pytest.raises(ValueError, match="`subset` must be a list of pairs"):
        L.SubsetPooling([(0, 0, 1)], "p4")
    with pytest.raises(ValueError, match="at most 3"):
        L.SubsetPooling([((0, 0), 4)], "p4")
    with pytest.raises(ValueError, match="must fit into its input"):
        L.SubsetPooling([((0, 3), 0)], "p4").build((None, 6, 6, 4, 1))
    with pytest.warns(kg.EquivarianceWarning, match="window"):
        L.SubsetPooling([((0, 1), 0)], "p4", strides=2).build((None, 6, 6, 4, 1))


def test_windows_with_holes_differ_where_both_cover_the_map():
    """One of 7×7 covers all of 4×4 from both places, and sees two of its points."""
    layer = L.SubsetPooling([((0, 0), 0), ((3, 0), 0)], "p4", strides=2, padding="same")
    with pytest.warns(kg.EquivarianceWarning, match="window"):
        layer.build((None, 4, 4, 4, 1))
    full = [((i, j), 0) for i in range(-2, 3) for j in range(-2, 3)]
    layer = L.SubsetPooling(full, "p4", strides=2, padding="same", data_format="channels_last")
    assert kg.equivariance_error(layer, "p4", (3, 3, 4, 1)).is_equivariant  # and it is silent


@pytest.mark.parametrize("reduction", ["max", "mean", "sum"])
def test_what_sees_nothing_of_the_map_is_zero(reduction):
    """U = {a step to the right}: from the last column, it leads out of the map for h = e."""
    x = np.ones((1, 5, 5, 4, 2), "float32")
    y = kg.ops.subset_pool(
        x, "p4", [((0, 1), 0)], padding="same", reduction=reduction, data_format="channels_last"
    )
    found = keras.ops.convert_to_numpy(y)[0, :, :, 0, 0]
    assert np.array_equal(found, np.pad(np.ones((5, 4)), [(0, 0), (0, 1)]))
