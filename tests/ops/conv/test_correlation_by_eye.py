"""One example of each operation, small enough to check by eye."""

import numpy as np
from keras import ops

import keras_gcnn as kg

PSI = np.array(
    [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
    ]
)


def test_a_filter_and_its_quarter_turns():
    bank = kg.ops.transform_filters(PSI.reshape(3, 3, 1, 1).astype("float32"), "p4")
    turned = np.moveaxis(ops.convert_to_numpy(bank)[:, :, 0, :, 0], -1, 0)
    expected = [
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[3, 6, 9], [2, 5, 8], [1, 4, 7]],
        [[9, 8, 7], [6, 5, 4], [3, 2, 1]],
        [[7, 4, 1], [8, 5, 2], [9, 6, 3]],
    ]
    assert turned.tolist() == expected


def test_the_mirrored_filters_of_p4m_follow():
    bank = kg.ops.transform_filters(PSI.reshape(3, 3, 1, 1).astype("float32"), "p4m")
    mirrored = np.moveaxis(ops.convert_to_numpy(bank)[:, :, 0, 4:, 0], -1, 0)
    expected = [
        [[7, 8, 9], [4, 5, 6], [1, 2, 3]],
        [[1, 4, 7], [2, 5, 8], [3, 6, 9]],
        [[3, 2, 1], [6, 5, 4], [9, 8, 7]],
        [[9, 6, 3], [8, 5, 2], [7, 4, 1]],
    ]
    assert mirrored.tolist() == expected


def test_lifting_one_window():
    """An arrow that points right, and a filter that asks for the right neighbour."""
    image = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]], "float32").reshape(1, 3, 3, 1)
    psi = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]], "float32").reshape(3, 3, 1, 1)
    y = kg.ops.group_conv(image, psi, "p4", data_format="channels_last")
    assert ops.convert_to_numpy(y).ravel().tolist() == [1, 0, 0, 0]  # found at r = 0 alone
    up = np.rot90(image, axes=(1, 2)).copy()
    y = kg.ops.group_conv(up, psi, "p4", data_format="channels_last")
    assert ops.convert_to_numpy(y).ravel().tolist() == [0, 1, 0, 0]  # and a turned one at r = 1


def test_a_correlation_on_the_group_with_one_tap():
    """o(h) = Σ_h′ f(h′) ψ(h⁻¹h′) on p2, whose half turn is its own inverse."""
    f = np.array([2, 3], "float32").reshape(1, 1, 1, 2, 1)
    psi = np.array([10, 1], "float32").reshape(1, 1, 2, 1, 1)
    for implementation in ("direct", "fourier"):
        y = kg.ops.group_conv(
            f, psi, "p2", data_format="channels_last", implementation=implementation
        )
        assert ops.convert_to_numpy(y).ravel().tolist() == [2 * 10 + 3 * 1, 2 * 1 + 3 * 10]


def test_coset_pooling_of_p4_over_its_half_turn():
    f = np.array([1, 7, 5, 3], "float32").reshape(1, 1, 1, 4, 1)
    pooled = kg.ops.coset_pool(f, "p4", "p2", "max", "channels_last")
    assert ops.convert_to_numpy(pooled).ravel().tolist() == [5, 7]  # {0, 2} and {1, 3}


def test_a_map_on_p4_turned_by_90_degrees():
    """Every plane turns and moves to the next place."""
    planes = np.arange(16).reshape(4, 2, 2)
    f = np.moveaxis(planes, 0, -1).reshape(1, 2, 2, 4, 1).astype("float32")
    turned = kg.ops.transform_feature_map(f, "p4", 1, data_format="channels_last")
    found = np.moveaxis(ops.convert_to_numpy(turned)[0, ..., 0], -1, 0)
    assert found.tolist() == [
        [[13, 15], [12, 14]],
        [[1, 3], [0, 2]],
        [[5, 7], [4, 6]],
        [[9, 11], [8, 10]],
    ]
