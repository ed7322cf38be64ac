"""The layers beside convolution and pooling: their contract, their formulas, every element."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import differentiate, oracle
from tests.layers.contract import run_layer_contract
from tests.ops.cases import random

L = kg.layers
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
# Class and arguments; shapes of the weights of a layer on p4m with 2 channels.
LAYERS = {
    "GroupConv2DTranspose": (
        {"filters": 3, "kernel_size": 2, "strides": 2},
        [(2, 2, 8, 3, 2), (3,)],
    ),
    "GroupDepthwiseConv2D": ({"kernel_size": 3, "depth_multiplier": 2}, [(3, 3, 8, 2, 2), (4,)]),
    "GroupSeparableConv2D": (
        {"filters": 3, "kernel_size": 3, "padding": "same"},
        [(3, 3, 8, 2, 1), (3,), (1, 1, 2, 3)],
    ),
    "GroupDense": ({"units": 3}, [(8, 2, 3), (3,)]),
    "GroupUpSampling2D": ({"size": 2}, []),
    "GroupZeroPadding2D": ({"padding": 1}, []),
    "GroupCropping2D": ({"cropping": 1}, []),
    "GroupBlurPooling2D": ({"pool_size": 3, "padding": "same"}, []),
    "RestrictGroup": ({"subgroup": "p4"}, []),
}
GLOBAL = {
    "GlobalGroupMaxPooling2D": {"keepdims": True},
    "GlobalGroupAveragePooling2D": {"keepdims": True},
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def shape_of(group, data_format, size=5, channels=2):
    order = kg.groups.get(group).order
    last = data_format == "channels_last"
    return (size, size, order, channels) if last else (channels, order, size, size)


@every_layer
@both_formats
def test_contract(name, data_format, tmp_path):
    arguments, weight_shapes = LAYERS[name]
    arguments = {**arguments, "group": "p4m", "data_format": data_format}
    shape = (2, *shape_of("p4m", data_format))
    run_layer_contract(getattr(L, name), arguments, shape, weight_shapes, tmp_path)


@pytest.mark.parametrize("name", [*LAYERS, *GLOBAL])
@pytest.mark.parametrize("group", oracle.GROUPS)
@both_formats
def test_is_equivariant_under_every_element(name, group, data_format):
    arguments = dict(GLOBAL[name] if name in GLOBAL else LAYERS[name][0])
    tested = group
    if name == "RestrictGroup":
        tested = arguments["subgroup"] = {"p4m": "p4", "pmm": "pm", "p4": "p2"}.get(group, "p1")
    if any(len(shape) == 1 for shape in LAYERS.get(name, ({}, []))[1]):
        arguments |= {"bias_initializer": "normal", "activation": "relu"}
    layer = getattr(L, name)(**arguments, group=group, data_format=data_format)
    report = kg.equivariance_error(layer, tested, shape_of(group, data_format))
    assert len(report.errors) == kg.groups.get(tested).order
    assert report.is_equivariant, report


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="about torch.compile")
@pytest.mark.parametrize("name", [*LAYERS, *GLOBAL])
def test_torch_compile_makes_one_graph_of_it(name):
    import torch

    torch.compiler.reset()
    arguments = GLOBAL[name] if name in GLOBAL else LAYERS[name][0]
    layer = getattr(L, name)(**arguments, group="p4m", data_format="channels_last")
    x = torch.tensor(random(2, 5, 5, 8, 2))
    expected = layer(x)
    traced = torch.compile(lambda x: layer(x), fullgraph=True, backend="eager")
    oracle.assert_close(ops.convert_to_numpy(traced(x)), ops.convert_to_numpy(expected))


def numbers(layer, f, data_format):
    """A layer's output on one map, channels last."""
    y = ops.convert_to_numpy(layer(oracle.to_data_format(f[None], data_format)))[0]
    if y.ndim < 3 or data_format == "channels_last":
        return y
    return np.moveaxis(y, (0, 1), (-1, -2))


@both_formats
@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_depthwise_and_separable_equal_the_sums(group, data_format):
    f = random(5, 5, kg.groups.get(group).order, 2)
    options = {"group": group, "data_format": data_format, "depth_multiplier": 2}
    depthwise = L.GroupDepthwiseConv2D(3, bias_initializer="normal", **options)
    actual = numbers(depthwise, f, data_format)
    psi, bias = depthwise.get_weights()
    sums = [
        oracle.group_correlation(f[..., [c]], psi[..., [c], :], group) for c in range(f.shape[-1])
    ]
    oracle.assert_close(actual, np.concatenate(sums, axis=-1) + bias)

    separable = L.GroupSeparableConv2D(
        3, 3, activation="tanh", bias_initializer="normal", **options
    )
    actual = numbers(separable, f, data_format)
    psi, bias, pointwise = separable.get_weights()
    sums = [
        oracle.group_correlation(f[..., [c]], psi[..., [c], :], group) for c in range(f.shape[-1])
    ]
    between = np.concatenate(sums, axis=-1)
    oracle.assert_close(actual, np.tanh(between @ pointwise[0, 0] + bias))


@both_formats
@pytest.mark.parametrize("padding", ["valid", "same", "centered"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_depthwise_by_products_is_depthwise_by_blocks(data_format, padding, strides, dilation):
    f, psi = random(2, 6, 6, 4, 3), random(3, 3, 4, 3, 2, seed=1)
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation}
    x = oracle.to_data_format(f, data_format)

    def of(training):
        def loss(x, psi):
            options_ = {**options, "data_format": data_format, "training": training}
            return ops.sum(kg.ops.group_depthwise_conv(x, psi, "p4", **options_) ** 2)

        return loss

    blocks, products = (differentiate.gradients(of(training), x, psi) for training in (False, True))
    for a, b in zip(products, blocks, strict=True):
        oracle.assert_close(a, b)


@both_formats
@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_dense_is_the_convolution_of_one_tap(group, data_format):
    f = random(4, 4, kg.groups.get(group).order, 2)
    layer = L.GroupDense(3, group=group, data_format=data_format, bias_initializer="normal")
    actual = numbers(layer, f, data_format)
    psi, bias = layer.get_weights()
    oracle.assert_close(actual, oracle.group_correlation(f, psi[None, None], group) + bias)


def interpolated(f, factor):
    """Linear interpolation along each axis at (i + 1/2)/factor - 1/2, with the edge's value."""
    for axis in (0, 1):
        n = f.shape[axis]
        place = (np.arange(n * factor) + 0.5) / factor - 0.5
        low = np.floor(place).astype(int)
        weight = (place - low).reshape([-1 if a == axis else 1 for a in range(f.ndim)])
        below, above = (np.take(f, np.clip(low + i, 0, n - 1), axis) for i in (0, 1))
        f = (1 - weight) * below + weight * above
    return f


@both_formats
def test_resizing_equals_numpy(data_format):
    f = random(4, 4, 4, 2)
    options = {"group": "p4", "data_format": data_format}
    nearest = numbers(L.GroupUpSampling2D(3, **options), f, data_format)
    assert np.array_equal(nearest, f.repeat(3, axis=0).repeat(3, axis=1))
    bilinear = L.GroupUpSampling2D(2, interpolation="bilinear", **options)
    oracle.assert_close(numbers(bilinear, f, data_format), interpolated(f, 2))
    dtype = "float32" if keras.backend.backend() == "jax" else "float64"  # by default
    wide = L.GroupUpSampling2D(2, interpolation="bilinear", dtype=dtype, **options)
    found, f = numbers(wide, f.astype(dtype), data_format), f.astype(dtype)
    atol = {"float32": 1e-5, "float64": 1e-12}[dtype] * np.abs(f).max()
    np.testing.assert_allclose(found, interpolated(f, 2), rtol=0, atol=atol)
    amounts = ((1, 1), (2, 2))
    around = [*amounts, (0, 0), (0, 0)]
    options["group"] = "pmm"
    padded = numbers(L.GroupZeroPadding2D(amounts, **options), f, data_format)
    assert np.array_equal(padded, np.pad(f, around))
    cropped = numbers(L.GroupCropping2D(((1, 1), (0, 0)), **options), f, data_format)
    assert np.array_equal(cropped, f[1:-1])


@both_formats
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_blur_equals_the_weighted_sum(data_format, padding):
    f = random(5, 5, 4, 2)
    layer = L.GroupBlurPooling2D(3, 2, padding, data_format, group="p4")
    window = np.outer([1, 2, 1], [1, 2, 1]) / 16
    g = np.pad(f, [(1, 1)] * 2 + [(0, 0)] * 2) if padding == "same" else f
    steps = range(0, g.shape[0] - 2, 2)
    expected = [[np.tensordot(window, g[i : i + 3, j : j + 3], 2) for j in steps] for i in steps]
    oracle.assert_close(numbers(layer, f, data_format), np.array(expected))


@both_formats
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling(data_format, keepdims):
    f = random(4, 4, 8, 3)
    for layer_class, reduce in (
        (L.GlobalGroupMaxPooling2D, np.max),
        (L.GlobalGroupAveragePooling2D, np.mean),
    ):
        layer = layer_class("p4m", data_format, keepdims)
        x = oracle.to_data_format(f[None], data_format)
        y = ops.convert_to_numpy(layer(x))
        assert y.shape == layer.compute_output_shape(x.shape)
        oracle.assert_close(y.reshape(-1), reduce(f, axis=(0, 1, 2)))
        assert y.ndim == (5 if keepdims else 2)


@both_formats
@pytest.mark.parametrize(("group", "subgroup"), [("p4m", "p4"), ("p4m", "pmm"), ("p4", [0, 2])])
def test_restriction_reads_every_coset_into_channels(group, subgroup, data_format):
    """o_{c·n + j}(x, h′) = f_c(x, h′·tⱼ), by matrices."""
    whole = kg.groups.get(group)
    part = whole.subgroup(subgroup)
    f = random(3, 3, whole.order, 2)
    y = numbers(L.RestrictGroup(subgroup, group, data_format), f, data_format)
    elements, seen, column = list(whole.elements), set(), 0
    for t in elements:
        coset = [oracle.index_of(h @ t, elements) for h in part.elements]
        if seen & set(coset):
            continue
        seen |= set(coset)
        count = whole.order // part.order
        assert np.array_equal(y[..., column::count], f[:, :, coset])
        column += 1
    assert column * part.order == whole.order


def test_a_network_that_is_mirrored_in_its_first_layers_alone():
    inputs = keras.Input((9, 9, 1))
    x = L.LiftingConv2D(2, 3, group="p4m", padding="same")(inputs)
    x = L.GroupConv2D(2, 3, padding="same", activation="relu")(x)
    x = L.RestrictGroup("p4")(x)
    x = L.GroupConv2D(2, 3, padding="same", activation="relu")(x)
    assert x._keras_history.operation.group.name == "p4"
    model = keras.Model(inputs, L.CosetPooling2D()(x))
    shape = model.input_shape[1:]
    assert kg.equivariance_error(model, "p4", shape).is_equivariant
    assert not kg.equivariance_error(model, "p4m", shape).is_equivariant


@pytest.mark.parametrize(
    ("layer", "size", "message"),
    [
        (
            L.GroupZeroPadding2D(((0, 1), (0, 1)), "p4", name="pad"),
            14,
            r"GroupZeroPadding2D 'pad' loses equivariance to p4 on an input of size 14×14: "
            r"padding=\(\(0, 1\), \(0, 1\)\) moves the centre of the map. To keep equivariance, "
            r"use padding=\(\(1, 1\), \(1, 1\)\); or an input of size 15×15 with padding=0.",
        ),
        (
            L.GroupCropping2D(((1, 2), (1, 2)), "p4"),
            9,
            r"use cropping=\(\(2, 2\), \(2, 2\)\); or an input of size 8×8 with cropping=1.",
        ),
    ],
)
def test_one_sided_amounts_warn_with_the_size_that_avoids_them(layer, size, message):
    if layer.data_format == "channels_first":
        pytest.skip("the size is written for channels_last")
    with pytest.warns(kg.EquivarianceWarning, match=message):
        layer.build((None, size, size, 4, 1))


@pytest.mark.parametrize("pairs", [((0, 1), (0, 0)), ((1, 0), (1, 0)), ((1, 1), (0, 0)), 2])
@pytest.mark.parametrize("group", ["p1", "p2", "pm", "p4"])
@pytest.mark.parametrize("name", ["GroupZeroPadding2D", "GroupCropping2D"])
def test_padding_is_silent_exactly_where_equivariance_holds(name, group, pairs):
    layer = getattr(L, name)(pairs, group, data_format="channels_last")
    shape = (6, 6, layer.group.order, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer.build((None, *shape))
    out = layer.compute_output_shape((1, *shape))
    if group == "p4" and out[1] != out[2]:
        assert caught
        return
    assert bool(caught) != kg.equivariance_error(layer, group, shape).is_equivariant


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.GroupUpSampling2D((2, 1), "p4"), "`size` must be the same along axes"),
        (lambda: L.GroupUpSampling2D(2, "p4", interpolation="cubic"), "`interpolation` must be"),
        (lambda: L.GroupZeroPadding2D(-1, "p4"), "`padding` must be an integer of at least 0"),
        (lambda: L.GroupZeroPadding2D((1, 2, 3), "p4"), "`padding` must be one integer, 2 of them"),
        (lambda: L.GroupCropping2D(((1, 2, 3), 1), "p4"), "Each entry of `cropping`"),
        (lambda: L.GroupCropping2D(3, "p4").build((1, 5, 5, 4, 2)), "must leave points"),
        (lambda: L.RestrictGroup("p4m", "p4"), "must be made of elements of p4"),
        (lambda: L.GroupDense(0, "p4"), "`units` must be a positive integer"),
        (lambda: L.GroupDepthwiseConv2D(3, "p4", depth_multiplier=0), "`depth_multiplier` must"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
