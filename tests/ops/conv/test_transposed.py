"""The transposed convolution: the formula, the adjoint, Keras' sizes and the guard."""

import warnings

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import ops

import keras_gcnn as kg
from keras_gcnn.groups import TransposedSampling
from tests import oracle
from tests.ops.cases import random


@st.composite
def windows(draw):
    """Kernel, strides, dilation, padding and output padding that fit together."""
    kernel = draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 2))
    strides = 1 if dilation > 1 else draw(st.integers(1, 3))
    padding = draw(st.sampled_from(["valid", "same", "centered"]))
    output_padding = draw(st.sampled_from([None, 0, 1, 2]))
    output_padding = None if output_padding is None else (output_padding,) * 2
    sizes = (kernel,) * 2, (strides,) * 2, padding, (dilation,) * 2
    sampling = TransposedSampling(*sizes, output_padding)
    assume(sampling.fits((3, 3)) and (output_padding is None or output_padding[0] < strides))
    return sampling


def options_of(sampling):
    names = ("strides", "padding", "dilation_rate", "output_padding")
    return {name: getattr(sampling, name) for name in names}


@pytest.mark.parametrize("group", ["p1", "p4", "pmm", "p4m"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@settings(max_examples=8)
@given(sampling=windows())
def test_equals_the_sum_of_the_formula(group, data_format, sampling):
    order = kg.groups.get(group).order
    f, psi = random(3, 3, order, 2), random(*sampling.kernel_size, order, 3, 2, seed=1)
    x = oracle.to_data_format(f[None], data_format)
    y = kg.ops.group_conv_transpose(x, psi, group, data_format=data_format, **options_of(sampling))
    size = sampling.output_size((3, 3))
    windows_ = sampling.strides, sampling.dilation_rate, sampling.padding
    expected = oracle.adjoint_correlation(f, psi, group, size, *windows_)
    oracle.assert_close(ops.convert_to_numpy(y), oracle.to_data_format(expected[None], data_format))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("group", "dimension", "kernel", "strides", "padding", "dilation"),
    [
        *[("pm", 1, *of) for of in [(3, 2, "valid", 1), (4, 3, "same", 1), (2, 1, "centered", 2)]],
        *[("D3", 3, *of) for of in [(3, 2, "same", 1), (2, 1, "valid", 2), (3, 1, "centered", 1)]],
        ("O", 3, 2, 2, "valid", 1),
    ],
)
def test_equals_the_sum_in_other_dimensions(
    group, dimension, kernel, strides, padding, dilation, data_format
):
    group, windows_ = kg.groups.get(group, dimension), (kernel, strides, padding, dilation)
    sampling = TransposedSampling(*((n if n == padding else (n,) * dimension) for n in windows_))
    shape = (*sampling.kernel_size, group.order, 2, 1)
    f, psi = random(*(2,) * dimension, group.order, 1), random(*shape, seed=1)
    x = oracle.to_data_format(f[None], data_format, on_group=True)
    y = kg.ops.group_conv_transpose(x, psi, group, data_format=data_format, **options_of(sampling))
    size = sampling.output_size((2,) * dimension)
    options = sampling.strides, sampling.dilation_rate, padding
    expected = oracle.adjoint_correlation(f, psi, group.elements, size, *options)
    expected = oracle.to_data_format(expected[None], data_format, on_group=True)
    oracle.assert_close(ops.convert_to_numpy(y), expected)


@settings(max_examples=8)
@given(sampling=windows())
def test_is_the_adjoint_of_group_conv(sampling):
    """Σ group_conv(u, ψ)·v = Σ u·group_conv_transpose(v, ψ)."""
    psi, v = random(*sampling.kernel_size, 4, 3, 2), random(1, 3, 3, 4, 2, seed=1)
    options = options_of(sampling)
    back = kg.ops.group_conv_transpose(v, psi, "p4", data_format="channels_last", **options)
    u = random(*back.shape, seed=2)
    del options["output_padding"]
    forth = kg.ops.group_conv(u, psi, "p4", data_format="channels_last", **options)
    products = [np.sum(ops.convert_to_numpy(a) * b) for a, b in ((forth, v), (back, u))]
    np.testing.assert_allclose(*products, rtol=1e-4, atol=1e-3)


@settings(max_examples=60)
@given(sampling=windows(), size=st.integers(1, 6))
def test_sizes_are_those_of_keras(sampling, size):
    assume(sampling.padding != "centered")
    planar = keras.layers.Conv2DTranspose(
        1, sampling.kernel_size, data_format="channels_last", **options_of(sampling)
    )
    expected = planar.compute_output_shape((1, size, size, 1))[1:3]
    assert sampling.output_size((size, size)) == tuple(expected)


@pytest.mark.parametrize("group", ["p2", "pm", "p4m"])
@settings(max_examples=15)
@given(sampling=windows())
def test_the_guard_is_silent_exactly_where_equivariance_holds(group, sampling):
    layer = kg.layers.GroupConv2DTranspose(
        2, sampling.kernel_size, group, data_format="channels_last", **options_of(sampling)
    )
    shape = (4, 4, layer.group.order, 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer.build((None, *shape))
    report = kg.equivariance_error(layer, group, shape)
    assert bool(caught) != report.is_equivariant, report


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"strides": 2, "padding": "same"}, r"use kernel_size=\(2, 2\) or \(4, 4\); or padding="),
        ({"strides": 2, "output_padding": 1}, "moves|is not mapped to itself"),
    ],
)
def test_the_guard_names_what_works(options, remedy):
    layer = kg.layers.GroupConv2DTranspose(2, 3, "p4", data_format="channels_last", **options)
    with pytest.warns(kg.EquivarianceWarning, match=remedy):
        layer.build((None, 4, 4, 4, 2))


def refused(**changes):
    arguments = {"x": random(1, 3, 3, 4, 2), "kernel": random(3, 3, 4, 5, 2), "group": "p4"}
    return lambda: kg.ops.group_conv_transpose(
        **{**arguments, "data_format": "channels_last", **changes}
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (refused(output_padding=1), r"must be less than `strides`.*output_padding=\(1, 1\)"),
        (refused(output_padding=(0, 0, 0)), r"`output_padding` must be one integer, or 2"),
        (refused(output_padding=-1), "`output_padding` must be an integer of at least 0"),
        (refused(strides=2, dilation_rate=2), "cannot both be larger than 1"),
        (refused(kernel=random(3, 3, 4, 5, 3)), "last axis of `kernel` must be the channels"),
        (refused(kernel=random(3, 3, 5, 2)), "must be a filter on p4"),
        (refused(x=random(1, 3, 3, 2)), "`x` must be a map on p4"),
        (refused(padding="reflect"), "`padding` must be one of"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
