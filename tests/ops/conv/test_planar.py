import numpy as np
import pytest
from hypothesis import given, settings
from keras import ops

import keras_gcnn as kg
from keras_gcnn.ops import policy
from keras_gcnn.ops.conv import planar
from tests import differentiate, oracle
from tests.compiled import by_xla, on_jax
from tests.ops.cases import cases, random


def loss(x, psi):
    y = kg.ops.group_conv(x, psi, "p4", data_format="channels_last", implementation="direct")
    return ops.sum(y**3)


@settings(max_examples=15)
@given(case=cases())
def test_rows_add_up_to_the_sum_over_all_taps(case):
    size, kernel, strides, dilation, padding = case
    f, psi = random(*size, 2), random(kernel, kernel, 2, 3, seed=1)
    expected = oracle.group_correlation(f, psi, "p1", (strides,) * 2, (dilation,) * 2, padding)
    actual = planar.convolve_by_rows(
        ops.convert_to_tensor(f[None]), psi, (strides,) * 2, padding, (dilation,) * 2
    )
    oracle.assert_close(ops.convert_to_numpy(actual)[0], expected[..., 0, :])


@pytest.mark.parametrize("strides", [(1, 2, 3), (2, 1, 1)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_rows_of_a_volume(strides, padding):
    f, psi = random(2, 5, 6, 7, 2), random(3, 2, 3, 2, 4, seed=1)
    options = (strides, padding, "channels_last", (1, 1, 1))
    expected = ops.convert_to_numpy(ops.conv(f, psi, *options))
    actual = planar.convolve_by_rows(ops.convert_to_tensor(f), psi, strides, padding, (1, 1, 1))
    oracle.assert_close(ops.convert_to_numpy(actual), expected)


@on_jax
@pytest.mark.parametrize("filters", [9, 10])
@pytest.mark.parametrize("kernel", [1, 3])
def test_layers_are_convolved_by_rows_where_that_is_faster(kernel, filters):
    import jax

    x, psi = random(2, 5, 5, 4, filters), random(kernel, kernel, 4, filters, filters, seed=1)
    program = str(jax.make_jaxpr(by_xla(loss))(x, psi))
    by_rows = kernel == 1 or filters == 10
    assert program.count("window_strides=(1,)") == (kernel if by_rows else 0)
    assert program.count("window_strides=(1, 1)") == (0 if by_rows else 1)


@on_jax
def test_by_rows_are_the_same_gradients_and_a_forward_mode(monkeypatch):
    import jax

    x, psi = random(2, 5, 5, 4, 10), random(3, 3, 4, 10, 10, seed=1)
    function = by_xla(loss)
    actual = differentiate.gradients(function, x, psi)
    _, along_x = jax.jvp(function, (x, psi), (x, np.zeros_like(psi)))
    monkeypatch.setattr(policy, "convolves_by_rows", lambda *of: False)
    expected = differentiate.gradients(by_xla(lambda *of: loss(*of)), x, psi)
    for gradient, whole in zip(actual, expected, strict=True):
        oracle.assert_close(gradient, whole)
    oracle.assert_close(np.asarray(along_x), np.sum(expected[0] * x))


@on_jax
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_what_rows_are_not_for_is_one_convolution(groups, data_format):
    import jax

    def convolve(x, psi):
        return kg.ops.group_conv(
            x, psi, "p4", data_format=data_format, groups=groups, implementation="direct"
        )

    shape = (2, 5, 5, 4, 20) if data_format == "channels_last" else (2, 20, 4, 5, 5)
    x, psi = random(*shape), random(3, 3, 4, 20 // groups, 20, seed=1)
    count = str(jax.make_jaxpr(convolve)(x, psi)).count("conv_general_dilated[")
    assert count == (3 if groups == 1 and data_format == "channels_last" else 1)


@pytest.mark.parametrize("group", oracle.GROUPS)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_kernel_as_large_as_the_map_is_a_product(size, group, monkeypatch):
    order = kg.groups.get(group).order
    f, psi = random(size, size, order, 2), random(size, size, order, 2, 3, seed=1)
    expected = oracle.group_correlation(f, psi, group)
    monkeypatch.delattr(ops, "conv")
    actual = kg.ops.group_conv(
        f[None], psi, group, data_format="channels_last", implementation="direct"
    )
    oracle.assert_close(ops.convert_to_numpy(actual)[0], expected)
