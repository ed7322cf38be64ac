import numpy as np
import pytest
from hypothesis import assume, given, settings
from keras import ops

import keras_gcnn as kg
from keras_gcnn.groups import Sampling
from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.conv import planar
from keras_gcnn.ops.conv.settings import Settings
from tests import differentiate, oracle
from tests.compiled import by_xla, on_jax
from tests.ops.cases import cases, random


def loss(x, psi):
    options = {"data_format": "channels_last", "implementation": "direct", "training": True}
    return ops.sum(kg.ops.group_conv(x, psi, "p4", **options) ** 3)


@settings(max_examples=15)
@given(case=cases())
def test_rows_add_up_to_the_sum_over_all_taps(case):
    size, kernel, strides, dilation, padding = case
    f, psi = random(*size, 2), random(kernel, kernel, 2, 3, seed=1)
    expected = oracle.group_correlation(f, psi, "p1", (strides,) * 2, (dilation,) * 2, padding)
    sampling = Sampling((kernel,) * 2, (strides,) * 2, padding, (dilation,) * 2)
    actual = planar.convolve_by_rows(ops.convert_to_tensor(f[None]), psi, sampling)
    oracle.assert_close(ops.convert_to_numpy(actual)[0], expected[..., 0, :])


@pytest.mark.parametrize("strides", [(1, 2, 3), (2, 1, 1)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_rows_of_a_volume(strides, padding):
    f, psi = random(2, 5, 6, 7, 2), random(3, 2, 3, 2, 4, seed=1)
    options = (strides, padding, "channels_last", (1, 1, 1))
    expected = ops.convert_to_numpy(ops.conv(f, psi, *options))
    sampling = Sampling((3, 2, 3), strides, padding, (1, 1, 1))
    actual = planar.convolve_by_rows(ops.convert_to_tensor(f), psi, sampling)
    oracle.assert_close(ops.convert_to_numpy(actual), expected)


@on_jax
@settings(max_examples=15)
@given(case=cases())
def test_a_row_of_zeros_adds_nothing(case):
    size, kernel, strides, dilation, padding = case
    assume(padding == "valid")
    f, psi = random(*size, 2), random(kernel, kernel, 2, 3, seed=1)
    expected = oracle.group_correlation(f, psi, "p1", (strides,) * 2, (dilation,) * 2)
    sampling = Sampling((kernel,) * 2, (strides,) * 2, padding, (dilation,) * 2)
    actual = planar.convolve_padded(ops.convert_to_tensor(f[None]), psi, sampling)
    oracle.assert_close(ops.convert_to_numpy(actual)[0], expected[..., 0, :])


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_a_single_tap_is_a_product_at_each_point(strides, padding, monkeypatch):
    f, psi = random(2, 5, 6, 3), random(1, 1, 3, 4, seed=1)
    options = (strides, padding, "channels_last", (1, 1))
    expected = ops.convert_to_numpy(ops.conv(f, psi, *options))
    monkeypatch.setattr(policy, "multiplies_points", lambda *of: True)
    monkeypatch.delattr(ops, "conv")
    f, of_taps = ops.convert_to_tensor(f), Sampling((1, 1), strides, padding, (1, 1))
    compilation = backend.compilation_of(f)
    actual = planar.planar_conv(f, psi, "channels_last", Settings(of_taps, 1, False, compilation))
    oracle.assert_close(ops.convert_to_numpy(actual), expected)


def convolved(x, psi, training=False, **options):
    """What JAX convolves: how often, and whether with a row of zeros behind."""
    import jax

    def function(x, psi):
        return kg.ops.group_conv(x, psi, implementation="direct", training=training, **options)

    program = str(jax.make_jaxpr(by_xla(function))(x, psi))
    return program.count("conv_general_dilated["), program.count("padding=((0, 1), (0, 0))")


@on_jax
@pytest.mark.parametrize("filters", [1, 2])
def test_wide_volumes_are_convolved_by_rows(filters):
    x, psi = random(1, 3, 4, 5, 24, filters), random(3, 3, 3, 24, filters, filters, seed=1)
    found = convolved(x, psi, group="O", data_format="channels_last")
    assert found == ((9, 0) if 24 * filters >= 40 else (1, 0))


@on_jax
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_planes_are_padded_in_training(training, kernel, padding):
    x, psi = random(2, 5, 5, 4, 3), random(kernel, kernel, 4, 3, 3, seed=1)
    found = convolved(x, psi, training, group="p4", padding=padding, data_format="channels_last")
    padded = training and kernel > 1 and padding == "valid"
    assert found == (kernel > 1, padded)


@on_jax
@pytest.mark.parametrize(("groups", "data_format"), [(2, "channels_last"), (1, "channels_first")])
def test_blocks_and_channels_first_are_convolutions_of_keras(groups, data_format):
    shape = (2, 5, 5, 4, 20) if data_format == "channels_last" else (2, 20, 4, 5, 5)
    x, psi = random(*shape), random(3, 3, 4, 20 // groups, 20, seed=1)
    found = convolved(x, psi, True, group="p4", groups=groups, data_format=data_format)
    assert found == (1, 0)


@on_jax
def test_with_a_row_of_zeros_are_the_same_gradients_and_a_forward_mode(monkeypatch):
    import jax

    x, psi = random(2, 5, 5, 4, 10), random(3, 3, 4, 10, 10, seed=1)
    function = by_xla(loss)
    actual = differentiate.gradients(function, x, psi)
    _, along_x = jax.jvp(function, (x, psi), (x, np.zeros_like(psi)))
    monkeypatch.setattr(policy, "pads_planes", lambda *of: False)
    expected = differentiate.gradients(by_xla(lambda *of: loss(*of)), x, psi)
    for gradient, whole in zip(actual, expected, strict=True):
        oracle.assert_close(gradient, whole)
    oracle.assert_close(np.asarray(along_x), np.sum(expected[0] * x))


@on_jax
def test_in_half_precision_no_row_is_rounded_by_itself():
    """Rows of large numbers of opposite signs add up to a small one."""
    kernel = np.ones((3, 3, 3, 1, 64, 64), "float16")
    kernel[0], kernel[1] = 200, -200
    x = np.ones((1, 4, 4, 4, 1, 64), "float16")
    y = by_xla(lambda x, kernel: kg.ops.group_conv(x, kernel, kg.groups.get("C1", 3)))(x, kernel)
    np.testing.assert_array_equal(np.asarray(y, "float32"), 9 * 64)


@on_jax
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtypes", [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_with_a_row_of_zeros_the_result_has_the_dtype_it_has_without(dtypes, training):
    arrays = random(1, 5, 5, 4, 2), random(3, 3, 4, 2, 2, seed=1)
    x, psi = (ops.cast(array, dtype) for array, dtype in zip(arrays, dtypes, strict=True))

    def convolve(x, psi):
        options = {"implementation": "direct", "training": training}
        return kg.ops.group_conv(x, psi, "p4", data_format="channels_last", **options)

    assert by_xla(convolve)(x, psi).dtype == dtypes[1]


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
