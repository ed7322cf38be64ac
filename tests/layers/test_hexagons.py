"""The hexagonal lattice: every layer against geometry, and what leaves the lattice is said."""

import functools
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from keras_gcnn.groups import HEXAGONAL
from tests import hexagons, oracle
from tests.ops.cases import random
from tests.saved_and_planar import check_saved_and_planar
from tests.shaken import shaken

L = kg.layers
GROUPS = hexagons.GROUPS
if keras.backend.backend() == "jax":  # which compiles each shape by itself
    GROUPS = ["p2_hexagonal", "p3m1", "p6"]
every_group = pytest.mark.parametrize("group", GROUPS)
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
LAYERS = {
    "GroupConv2D": {"filters": 2, "kernel_size": 3, "padding": "same", "activation": "sigmoid"},
    "GroupConv2DTranspose": {"filters": 2, "kernel_size": 3, "strides": 2},
    "GroupDepthwiseConv2D": {"kernel_size": 3},
    "GroupSeparableConv2D": {"filters": 2, "kernel_size": 3},
    "GroupDense": {"units": 2, "activation": "sigmoid"},
    "GroupMaxPooling2D": {"pool_size": 3, "strides": 1, "padding": "same"},
    "GroupAveragePooling2D": {"pool_size": 3, "strides": 1, "padding": "same"},
    "GroupBlurPooling2D": {"pool_size": 3},
    "GroupZeroPadding2D": {},
    "GroupCropping2D": {},
    "ResidualBlock2D": {"filters": 3},
    "HighwayBlock2D": {"filters": 2},
    "CosetPooling2D": {},
    "RestrictGroup": {"subgroup": [0]},
    "GroupBatchNormalization": {"lattice": "hexagonal"},
    "GlobalGroupMaxPooling2D": {},
    "GlobalGroupAveragePooling2D": {},
}


def layer_of(name, **arguments):
    if name == "GroupBatchNormalization":
        arguments.pop("group", None)
    return getattr(L, name)(**{**LAYERS.get(name, {}), **arguments})


def array(x, data_format, on_group):
    return oracle.to_data_format(x, data_format, on_group)


def back(x, data_format, on_group):
    x = np.asarray(ops.convert_to_numpy(x), "float64")
    if data_format == "channels_last":
        return x
    return np.moveaxis(x, (1, 2), (-1, -2)) if on_group else np.moveaxis(x, 1, -1)


def is_outside(size):
    outside = np.ones((size, size), bool)
    outside[tuple(zip(*(place for place, _ in hexagons.places(size)), strict=True))] = False
    return outside


def test_the_catalogue_is_the_geometry():
    for name, elements in hexagons.ELEMENTS.items():
        group = kg.groups.get(name)
        assert group.lattice is HEXAGONAL
        assert group.order == len(elements)
        for matrix, element in zip(group.elements, elements, strict=True):
            for r, q in ((1, 0), (0, 1), (2, -1)):
                moved = hexagons.point(*(matrix @ (r, q)))
                assert abs(moved - hexagons.act(element, hexagons.point(r, q))) < 1e-5
    assert kg.groups.get("C6") is kg.groups.get("p6")


@every_group
@pytest.mark.parametrize("name", LAYERS)
def test_layers_turn_by_geometry_and_are_zero_outside(name, group):
    elements = hexagons.ELEMENTS[group]
    layer = layer_of(name, group=group)
    x = random(7, 7, len(elements), 2)
    f = hexagons.transform(x, group, 0, on_group=True)  # with zeros outside
    y = back(layer(x[None].astype("float32")), "channels_last", True)[0]
    oracle.assert_close(back(layer(f[None].astype("float32")), "channels_last", True)[0], y)
    if y.ndim > 1:
        assert not y[is_outside(y.shape[0])].any()
        assert y[~is_outside(y.shape[0])].any()
    if name == "RestrictGroup":
        return
    for h in range(len(elements)):
        moved = hexagons.transform(f, group, h, on_group=True)
        moved = back(layer(moved[None].astype("float32")), "channels_last", True)[0]
        expected = y if y.ndim == 1 else hexagons.transform(y, group, h, on_group=y.ndim == 4)
        oracle.assert_close(moved, expected)


@pytest.mark.parametrize(
    ("group", "data_format"),
    [*((group, "channels_last") for group in GROUPS), ("p3m1", "channels_first")],
)
def test_convolutions_equal_the_sums(group, data_format):
    order = kg.groups.get(group).order
    mask = ~is_outside(3)
    cases = [(1, 1, "valid"), (1, 1, "same"), (2, 1, "same"), (1, 2, "same"), (2, 1, "valid")]
    for strides, dilation, padding in cases:
        size = 9 if padding == "same" else 11
        for axes in ((), (order,)):
            f, psi = random(size, size, *axes, 2), random(3, 3, *axes, 2, 3, seed=1)
            expected = hexagons.group_correlation(f, psi, group, strides, dilation, padding)
            for implementation in ("direct", "fourier"):
                y = kg.ops.group_conv(
                    array(f[None], data_format, bool(axes)),
                    psi[mask],
                    group,
                    strides,
                    padding,
                    data_format,
                    dilation,
                    implementation=implementation,
                )
                oracle.assert_close(back(y, data_format, True)[0], expected)


@pytest.mark.parametrize("padding", ["valid", "same", "centered"])
@pytest.mark.parametrize("strides", [1, 2])
@every_group
def test_the_transposed_convolution_is_the_adjoint(group, strides, padding):
    order = kg.groups.get(group).order
    kernel = random(7, order, 2, 3)
    y = random(1, 5, 5, order, 3)
    x = random(*kg.ops.group_conv_transpose(y, kernel, group, strides, padding).shape, seed=1)
    forth = ops.convert_to_numpy(kg.ops.group_conv(x, kernel, group, strides, padding))
    if forth.shape != y.shape:  # of an even size, which no hexagon has
        assert (strides, padding) == (2, "same")
        return
    spread = ops.convert_to_numpy(kg.ops.group_conv_transpose(y, kernel, group, strides, padding))
    inside = hexagons.transform(y[0], group, 0, on_group=True)
    np.testing.assert_allclose((forth[0] * inside).sum(), (x * spread).sum(), rtol=1e-4)


@both_formats
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [3, 5])
def test_pooling_reduces_the_points_of_hexagons(size, strides, data_format):
    f = random(9, 9, 6, 2) - 3.0  # below what lies outside
    values, centre = hexagons.to_points(f), range(2 * (4 // strides) + 1)
    x = array(f[None], data_format, True)
    weights = {3: {0: 2, 1: 1}}.get(size)  # by the distance from the middle, over 8
    for reduction in ("max", "mean", "blur"):
        if reduction == "blur" and weights is None:
            continue
        options = {"lattice": "hexagonal", "data_format": data_format}
        y = kg.ops.group_pool(x, size, strides, "same", reduction, **options)
        expected = {}
        for _, z in hexagons.places(len(centre)):
            pairs = [
                (hexagons.radius(tap), values[hexagons.rounded(strides * z + tap)])
                for _, tap in hexagons.places(size)
                if hexagons.rounded(strides * z + tap) in values
            ]
            numbers = np.array([value for _, value in pairs])
            if reduction == "blur":
                factors = np.array([weights[distance] for distance, _ in pairs]) / 8
                expected[z] = np.tensordot(factors, numbers, 1)
            else:
                expected[z] = numbers.max(0) if reduction == "max" else numbers.mean(0)
        expected = hexagons.to_array(expected, len(centre))
        oracle.assert_close(back(y, data_format, True)[0], expected)


def test_the_blur_of_a_larger_window_turns():
    weights = HEXAGONAL.binomial_weights((7, 7))
    np.testing.assert_allclose(weights.sum(), 1)
    table = kg.groups.left_translation(kg.groups.get("p6m"), 1, (7, 7), kg.groups.get("p6m"))
    np.testing.assert_allclose(weights[table[:, 0]], weights)


@pytest.mark.parametrize("reduction", ["max", "mean"])
def test_global_pooling_sees_the_points_of_the_hexagon(reduction):
    f = random(5, 5, 6, 2) - 3.0
    y = kg.ops.global_group_pool(f[None], reduction, lattice="hexagonal")
    inside = f[~is_outside(5)].reshape(-1, 2)
    oracle.assert_close(ops.convert_to_numpy(y)[0], getattr(inside, reduction)(0))


@both_formats
def test_batch_normalization_is_of_the_points_of_the_hexagon(data_format):
    f = random(4, 5, 5, 6, 3) * 2 + 5
    layer = L.GroupBatchNormalization(data_format=data_format, lattice="hexagonal", momentum=0.0)
    y = back(layer(array(f, data_format, True), training=True), data_format, True)
    inside = f[:, ~is_outside(5)]
    mean, variance = inside.mean((0, 1, 2)), inside.var((0, 1, 2))
    oracle.assert_close(y[:, ~is_outside(5)], (inside - mean) / np.sqrt(variance + 1e-3))
    assert not y[:, is_outside(5)].any()
    oracle.assert_close(ops.convert_to_numpy(layer.moving_mean), mean)
    assert L.GroupBatchNormalization.from_config(layer.get_config()).lattice is HEXAGONAL


@every_group
def test_feature_maps_are_moved_by_geometry(group):
    elements = hexagons.ELEMENTS[group]
    for axes in ((), (len(elements),)):
        f = random(7, 7, *axes, 2)
        for h in range(len(elements)):
            y = ops.convert_to_numpy(kg.ops.transform_feature_map(f[None], group, h))[0]
            oracle.assert_close(y, hexagons.transform(f, group, h, on_group=bool(axes)))


def test_random_elements_move_images_and_masks():
    images, masks = random(6, 7, 7, 2), np.arange(6 * 49).reshape(6, 7, 7)
    elements = np.array([0, 1, 2, 3, 4, 5])
    moved = ops.convert_to_numpy(kg.ops.transform_each(images, "p6", elements))
    turned = ops.convert_to_numpy(kg.ops.transform_each(masks, "p6", elements))
    for h in range(6):
        oracle.assert_close(moved[h], hexagons.transform(images[h], "p6", h, False))
        expected = hexagons.transform(masks[h][..., None], "p6", h, False)[..., 0]
        assert np.array_equal(turned[h], expected)


def network(group, data_format):
    """All layers, one behind the other; the group is written once."""
    last = data_format == "channels_last"
    inputs = keras.Input((7, 7, 2) if last else (2, 7, 7))
    of = functools.partial(layer_of, data_format=data_format)
    x = of("LiftingConv2D", filters=2, kernel_size=3, group=group, padding="same")(inputs)
    x = L.GroupBatchNormalization(data_format=data_format)(x)
    x = keras.layers.BatchNormalization(axis=-1 if last else 1)(x)
    x = of("GroupConv2D")(keras.layers.Activation("sigmoid")(x))
    for name in ("GroupMaxPooling2D", "GroupAveragePooling2D", "ResidualBlock2D"):
        x = of(name)(x)
    x = of("GroupDepthwiseConv2D", padding="same")(of("GroupConv2D", filters=2)(x))
    x = of("GroupSeparableConv2D", padding="same")(of("GroupDense")(x))
    x = of("GroupCropping2D")(of("GroupZeroPadding2D")(of("HighwayBlock2D")(x)))
    x = of("GroupConv2DTranspose")(of("GroupBlurPooling2D", strides=1)(x))
    x = of("GroupConv2DTranspose", strides=1, padding="same")(x)
    y = of("CosetPooling2D", reduction="mean")(x)
    restricted = of("GroupConv2D")(of("RestrictGroup", subgroup="p1")(x))
    pools = [of(f"GlobalGroup{kind}Pooling2D")(x) for kind in ("Max", "Average")]
    return keras.Model(inputs, [x, y, *pools, restricted])


@pytest.mark.parametrize(
    ("group", "data_format"),
    [("p6", "channels_first")]
    if keras.backend.backend() == "jax"  # which compiles each for ten seconds
    else [("p3", "channels_first"), ("p6m", "channels_first"), ("p6m", "channels_last")],
)
def test_networks_turn_save_and_become_planar(group, data_format, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", kg.EquivarianceWarning)
        model = shaken(network(group, data_format))
    assert model.layers[-1].group.lattice is HEXAGONAL  # of the restricted group too
    whole = keras.Model(model.inputs, model.outputs[:-1])
    report = kg.equivariance_error(whole, group, model.input_shape[1:])
    assert len(report.errors) == kg.groups.get(group).order
    assert report.is_equivariant, report
    assert group in str(kg.summary(model))
    check_saved_and_planar(model, tmp_path)


@both_formats
def test_a_training_step_is_finite_and_moves_every_weight(data_format):
    last = data_format == "channels_last"
    inputs = keras.Input((7, 7, 2) if last else (2, 7, 7))
    x = layer_of("LiftingConv2D", filters=2, kernel_size=3, group="p6", data_format=data_format)(
        inputs
    )
    for name in ("GroupMaxPooling2D", "GroupBlurPooling2D", "GroupConv2D"):
        strides = {"strides": 1} if "Blur" in name else {}
        x = layer_of(name, data_format=data_format, **strides)(x)
    x = layer_of("GlobalGroupMaxPooling2D", data_format=data_format)(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.get_weights()]
    loss = model.train_on_batch(random(4, *model.input_shape[1:]), np.ones((4, 1), "float32"))
    assert np.isfinite(loss)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(new).all()
        assert (old != new).any()


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="about torch.compile")
@pytest.mark.parametrize("name", [n for n in LAYERS if n != "RestrictGroup" and "Block" not in n])
def test_each_layer_is_one_graph_of_torch_compile(name):
    import torch

    layer, x = layer_of(name, group="p6"), random(2, 7, 7, 6, 2)
    expected = ops.convert_to_numpy(layer(x))
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    oracle.assert_close(ops.convert_to_numpy(compiled(torch.tensor(x))), expected)


def test_what_is_no_hexagon_is_said():
    with pytest.warns(kg.EquivarianceWarning, match="on an input of size 8×8.*use an input of"):
        L.LiftingConv2D(2, 3, group="p6").build((None, 8, 8, 1))
    with pytest.warns(kg.EquivarianceWarning, match="use an input of size 7×7 or 11×11"):
        L.LiftingConv2D(2, 3, group="p6", strides=2).build((None, 9, 9, 1))
    with pytest.raises(ValueError, match=r"must be odd and the same.*Use \(3, 3\)"):
        L.LiftingConv2D(2, 2, group="p6")
    with pytest.raises(ValueError, match="GroupUpSampling2D is not defined on the hexagonal"):
        L.GroupUpSampling2D(2, group="p6")
    with pytest.raises(ValueError, match="must be of a known size"):
        L.LiftingConv2D(2, 3, group="p6")(keras.Input((None, None, 1)))
    with pytest.raises(ValueError, match="with 1, 7, 19 … taps"):
        kg.ops.group_conv(random(1, 7, 7, 1), random(9, 1, 2), "p6")
    with pytest.raises(ValueError, match="with 1, 7, 19 … taps"):  # and soon
        kg.ops.group_conv(random(1, 7, 7, 1), random(1001, 1, 2), "p6")
    with pytest.raises(ValueError, match="`lattice` must be None, a Lattice of 1 dimensions"):
        kg.ops.group_pool(random(1, 8, 2, 1), 2, lattice="hexagonal")
    image = L.CosetPooling2D()(L.LiftingConv2D(2, 3, group="p6")(keras.Input((7, 7, 1))))
    with pytest.raises(ValueError, match=r"a map on the hexagonal plane.*on the same lattice"):
        L.LiftingConv2D(2, 3, group="p4")(image)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.MaxPooling3D((3, 3, 1), (1, 1, 1)),
        keras.layers.AveragePooling3D((3, 3, 1), (1, 1, 1), "same"),
        keras.layers.UpSampling3D((3, 3, 1)),
    ],
)
def test_stock_layers_that_break_hexagons_are_named(layer):
    x = L.LiftingConv2D(2, 3, group="p6", padding="same")(keras.Input((7, 7, 1)))
    with pytest.warns(kg.EquivarianceWarning, match=layer.name):
        L.GroupConv2D(2, 3, padding="same")(layer(x))


@pytest.mark.parametrize(
    "layer", [keras.layers.ZeroPadding3D((1, 1, 0)), keras.layers.Cropping3D((1, 1, 0))]
)
def test_stock_layers_that_keep_hexagons_are_silent(layer):
    inputs = keras.Input((7, 7, 1))
    x = L.LiftingConv2D(2, 3, group="p6", padding="same")(inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error", kg.EquivarianceWarning)
        y = L.GroupConv2D(2, 3, padding="same")(layer(x))
    assert kg.equivariance_error(keras.Model(inputs, y), "p6", (7, 7, 1)).is_equivariant


def test_subgroups_stay_on_the_lattice():
    p6m = kg.groups.get("p6m")
    half_turns = p6m.subgroup("p2")
    assert half_turns.lattice is HEXAGONAL
    assert kg.groups.get(kg.groups.serialize(half_turns)) == half_turns
    assert half_turns != kg.groups.get("p2")
    assert p6m.subgroup([0, 6]).lattice is HEXAGONAL
    assert p6m.trivial.lattice is HEXAGONAL
    model = keras.Sequential([keras.Input((7, 7, 1)), L.LiftingConv2D(2, 3, group=p6m)])
    assert kg.equivariance_error(model, "p2", (7, 7, 1)).is_equivariant
    assert kg.equivariance_error(model, half_turns, (7, 7, 1)).is_equivariant
    with pytest.raises(ValueError, match="keep lengths and angles on the hexagonal lattice"):
        kg.groups.PointGroup("p4", kg.groups.get("p4").elements, "hexagonal lattice")
    with pytest.raises(ValueError, match="`lattice` must be one of"):
        kg.groups.PointGroup("p4", kg.groups.get("p4").elements, "round")


def test_a_group_of_a_users_own_is_found_on_the_lattice():
    turns = kg.groups.PointGroup.from_generators("turns", [[[0, 1], [-1, -1]]])
    assert turns.lattice is HEXAGONAL
    assert kg.equivariance_error(
        L.LiftingConv2D(2, 3, group=turns), turns, (7, 7, 1)
    ).is_equivariant
