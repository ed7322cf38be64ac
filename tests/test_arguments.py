"""Every public function and layer takes and refuses the same values, in the same words."""

import math

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from keras_gcnn import arguments

NO_INTEGERS = [
    0,
    -1,
    3.0,
    np.float32(3),
    True,
    np.True_,
    math.nan,
    math.inf,
    "3",
    None,
    2**31,
    10**12,
]
X, PSI = np.ones((1, 6, 6, 4, 2), "float32"), np.ones((3, 3, 4, 2, 2), "float32")


@pytest.mark.parametrize("value", [1, 3, np.int64(3), np.int8(3), np.uint16(3)])
def test_numpy_integers_are_integers(value):
    assert type(arguments.integer(value, "filters")) is int
    assert arguments.integer_tuple((value, 1), 2, "strides") == (int(value), 1)


@pytest.mark.parametrize("value", NO_INTEGERS)
def test_nothing_else_is_one(value):
    with pytest.raises(ValueError, match=r"`filters` must be a positive integer.*filters="):
        arguments.integer(value, "filters")


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "1", None])
def test_numbers_are_finite(value):
    with pytest.raises(ValueError, match=r"`degrees` must be a finite number.*degrees="):
        arguments.number(value, "degrees")


def group_conv(**options):
    return kg.ops.group_conv(X, PSI, "p4", data_format="channels_last", **options)


def group_pool(pool_size=2, **options):
    return kg.ops.group_pool(X, pool_size, data_format="channels_last", **options)


@pytest.mark.parametrize("value", NO_INTEGERS)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("strides", lambda v: group_conv(strides=v)),
        ("strides", lambda v: group_conv(strides=(1, v))),
        ("dilation_rate", lambda v: group_conv(dilation_rate=v)),
        ("groups", lambda v: group_conv(groups=v)),
        ("pool_size", lambda v: group_pool(v)),
        ("strides", lambda v: group_pool(strides=(v, 1))),
        ("filters", lambda v: kg.layers.LiftingConv2D(v, 3)),
        ("kernel_size", lambda v: kg.layers.GroupConv2D(2, (3, v), group="p4")),
        ("strides", lambda v: kg.layers.GroupConv2D(2, 3, strides=(v, v), group="p4")),
        ("dilation_rate", lambda v: kg.layers.GroupConv2D(2, 3, dilation_rate=v, group="p4")),
        ("groups", lambda v: kg.layers.GroupConv2D(2, 3, groups=v, group="p4")),
        ("pool_size", lambda v: kg.layers.GroupMaxPooling2D(v, group="p4")),
        ("filters", lambda v: kg.layers.ResidualBlock2D(v, group="p4")),
        ("strides", lambda v: kg.layers.ResidualBlock2D(2, strides=v, group="p4")),
        ("depth", lambda v: kg.models.resnet(depth=v)),
        ("widths", lambda v: kg.models.all_cnn(widths=(v, 2))),
    ],
)
def test_functions_and_layers_refuse_them_in_the_same_words(name, call, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be .*integer.*Received: {name}="):
        call(value)


@pytest.mark.parametrize("value", [1, np.int64(1), (1, np.int32(1)), [1, 1]])
def test_functions_take_integers_of_numpy(value):
    expected = keras.ops.convert_to_numpy(group_conv())
    for implementation in ("direct", "fourier"):
        found = group_conv(strides=value, dilation_rate=value, implementation=implementation)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, rtol=1e-5)


@pytest.mark.parametrize("implementation", ["direct", "fourier"])
@pytest.mark.parametrize("padding", ["SAME", "Valid", "CENTERED"])
def test_names_may_be_in_capitals(implementation, padding):
    assert_equal_outputs = [
        keras.ops.convert_to_numpy(group_conv(padding=p, implementation=implementation))
        for p in (padding, padding.lower())
    ]
    assert np.array_equal(*assert_equal_outputs)
    assert assert_equal_outputs[0].shape[1] == (4 if padding == "Valid" else 6)


P4 = kg.groups.get("p4")
ON_P4, IMAGES = kg.groups.Space.whole(P4), np.ones((2, 5, 5, 1), "float32")
NO_NAMES = ["NHWC", "median", "foo", 3, None, ["same"]]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("padding", lambda v: group_conv(padding=v)),
        ("implementation", lambda v: group_conv(implementation=v)),
        ("padding", lambda v: group_pool(padding=v)),
        ("reduction", lambda v: group_pool(reduction=v)),
        ("reduction", lambda v: kg.ops.coset_pool(X, "p4", reduction=v)),
        ("padding", lambda v: kg.layers.GroupConv2D(2, 3, padding=v, group="p4")),
        ("implementation", lambda v: kg.layers.GroupConv2D(2, 3, implementation=v, group="p4")),
        ("padding", lambda v: kg.layers.GroupMaxPooling2D(2, padding=v, group="p4")),
        ("reduction", lambda v: kg.layers.CosetPooling2D("p4", reduction=v)),
    ],
)
@pytest.mark.parametrize("value", NO_NAMES)
def test_unknown_names_are_refused_everywhere(name, call, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be one of \[.*Received: {name}="):
        call(value)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: kg.ops.group_conv(X, PSI, "p4", data_format=v),
        lambda v: kg.ops.group_pool(X, 2, data_format=v),
        lambda v: kg.ops.coset_pool(X, "p4", data_format=v),
        lambda v: kg.ops.transform_feature_map(X, "p4", 1, data_format=v),
        lambda v: kg.ops.add_bias(X, np.ones(2), data_format=v),
        lambda v: kg.ops.rotate_image(np.ones((1, 4, 4, 1)), 45, data_format=v),
        lambda v: kg.layers.GroupConv2D(2, 3, data_format=v, group="p4"),
        lambda v: kg.layers.GroupBatchNormalization(data_format=v),
        lambda v: kg.layers.RotatedImage(45, data_format=v),
    ],
)
@pytest.mark.parametrize("value", ["NHWC", "first", 3])
def test_unknown_data_formats_are_refused_everywhere(call, value):
    with pytest.raises(ValueError, match=r"`data_format` must be one of \['channels_last', 'ch"):
        call(value)


@pytest.mark.parametrize("implementation", ["direct", "fourier"])
@pytest.mark.parametrize(
    ("channels", "filters", "groups", "message"),
    [
        (6, 2, 1, "as many channels as `x` .* Use a kernel with 6 channels"),
        (3, 2, 2, "as many channels"),
        (2, 3, 2, "filters must be a multiple of `groups`"),
    ],
)
def test_channels_must_fit(implementation, channels, filters, groups, message):
    x, psi = np.ones((1, 5, 5, 4, channels), "float32"), np.ones((3, 3, 4, 1, filters), "float32")
    with pytest.raises(ValueError, match=message):
        kg.ops.group_conv(
            x, psi, "p4", data_format="channels_last", groups=groups, implementation=implementation
        )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: group_conv(strides=2, dilation_rate=2), "cannot both be larger than 1"),
        (lambda: kg.ops.group_conv(X[:, :2, :2], PSI, "p4"), r"window must fit.*size \(2, 2\)"),
        (lambda: group_pool(7), r"window must fit.*pool_size=\(7, 7\)"),
        (lambda: kg.ops.group_pool(X[0, 0], 2), "of rank 4, 5 or 6"),
        (lambda: kg.ops.add_bias(X, np.ones(3), "channels_last"), "each of the 2 feature maps"),
        (lambda: kg.ops.add_bias(X, np.ones((1, 2)), "channels_last"), "must be a vector"),
        (lambda: kg.ops.transform_feature_map(X, "p4", 1.0), "`element` must be an integer"),
        (lambda: kg.ops.transform_feature_map(X, "p4", -1), "`element` must be an integer"),
        (lambda: kg.ops.rotate_image(np.ones((1, 4, 4)), 45), "of rank 4"),
        (lambda: kg.ops.rotate_image(np.ones((1, 4, 4, 1)), math.nan), "`degrees` must be a fin"),
        (lambda: kg.ops.rotate_image(np.ones((1, 4, 4, 1)), 10**400), "`degrees` must be a finite"),
        (lambda: kg.ops.rotate_image(np.ones((1, 4, 4, 1), "uint8"), 45), "`images` must hold flo"),
        (lambda: kg.ops.square_to_hexagonal(np.ones((1, 4, 4, 1), "uint8")), "`images` must hold"),
        (lambda: kg.ops.group_dense(X, PSI[0, 0, 0], "p4"), r"shape \(4, channels, units\)"),
        (lambda: kg.ops.group_conv(X, PSI, "p5"), "one of the names"),
        (lambda: kg.ops.group_conv(X.astype("int32"), PSI, "p4"), "`x` must hold floating-point"),
        (lambda: kg.ops.group_conv(X, PSI.astype("int32"), "p4"), "`kernel` must hold floating"),
        (lambda: kg.ops.group_pool(X.astype("complex64"), 2), "x.dtype='complex64'"),
        (lambda: kg.ops.add_bias(np.float32(1), np.ones(1)), "of rank 4, 5 or 6"),
        (lambda: kg.models.all_cnn(dropout=0.5), "`dropout` must be 2 numbers"),
        (lambda: kg.groups.get("p4", dimension="2"), "`dimension` must be 1, 2 or 3"),
        (lambda: kg.groups.names(4), "`dimension` must be 1, 2 or 3"),
        (lambda: kg.layers.GroupConv2D(2, 3, group=P4.elements), "one of the names"),
        (lambda: kg.groups.Sampling((3, 3), (0, 1)), r"`strides` must be a positive integer"),
        (lambda: kg.groups.Sampling((3, 3), (1,)), r"`strides` must be a tuple of length 2"),
        (lambda: kg.groups.Sampling((3,), (1,), "full"), r"`padding` must be one of \['valid'"),
        (lambda: kg.groups.left_translation(P4, 4, (3, 3), P4), "`element` must be .* at most 3"),
        (lambda: kg.groups.left_translation(P4, 1, (3, 0), P4), "`shape` must be a positive int"),
        (lambda: kg.ops.transform_each(IMAGES, "p4", [1.0, 0]), "`elements` must be an integer"),
        (lambda: kg.ops.transform_each(IMAGES, "p4", [1]), "one for each image of the batch"),
        (lambda: kg.ops.transform_each(IMAGES, "p4", [4, 0]), "`elements` must be .* at most 3"),
        (lambda: kg.ops.quotient_conv(X, PSI, ON_P4, ON_P4, 5), r"shape \(100, channels // gro"),
        (lambda: kg.ops.pointwise_conv(X.astype("int32"), PSI[0, 0, 0], "p4"), "must hold float"),
        (lambda: kg.ops.group_depthwise_conv(X[..., :1], PSI, "p4"), "for each channel of `x`"),
        (lambda: kg.layers.ResidualBlock2D(2, group="p4")(X.astype("int32")), "hold floating"),
        (lambda: kg.ops.group_pad(X[:, :, :0], 1), "an axis of length 0"),
        (lambda: kg.ops.global_group_pool(X, keepdims="no"), "`keepdims` must be True or False"),
        (lambda: kg.ops.add_bias(X, {"a": 1}), "must be a tensor or an array of numbers"),
        (lambda: kg.ops.transform_filters(PSI[:0], "p4"), "`kernel` must have shape"),
        (lambda: kg.layers.GroupBatchNormalization(axis=1.0), "`axis` must be an integer"),
        (lambda: kg.layers.GroupBatchNormalization(lattice=0), "`lattice` must be None, a Latt"),
        (lambda: kg.layers.RandomGroupElement()({}), "must be images, or a nested structure of"),
        (
            lambda: kg.ops.quotient_conv(
                X, PSI, ON_P4, kg.groups.Space.whole(kg.groups.get("p2")), 3
            ),
            "must be on the same group",
        ),
        (
            lambda: kg.ops.hexagonal_to_square(np.zeros((1, 5, 7, 1), "float32")),
            "an odd size 2R",
        ),
        (
            lambda: arguments.image_size((1, None, 9, 1), "channels_last"),
            "height and width of `images` must be known",
        ),
        (lambda: kg.ops.coset_pool(np.zeros((1, 3, 3, 4, 1), int), "p4"), "floating"),
        (lambda: kg.ops.global_group_pool(np.zeros((1, 3, 3, 4, 1), int)), "floating"),
        (lambda: kg.models.resnet(widths=()), "`widths` must be"),
        (lambda: kg.models.unet(dropout="0.5"), "`dropout` must be a finite number"),
        (lambda: kg.models.p4cnn((28, 28)), "`input_shape` must be a tuple of length 3"),
        (lambda: kg.models.dense_net(classes=2.0), "`classes` must be a positive integer"),
        (lambda: kg.models.dense_net(compression=1.5), "`compression` must be above 0 and at most"),
        (
            lambda: kg.models.resnet("p4m", 8, (None, None, 3), invariant=False),
            "`invariant=False` takes the mean over squares of a known size",
        ),
        (lambda: kg.visualization.filter_bank(1j * PSI, "p4"), "must be an array of numbers"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


OBLIQUE = kg.groups.PointGroup("mirror", [[[1, 0], [0, 1]], [[1, 3], [0, -1]]])


@pytest.mark.parametrize(
    "call",
    [
        lambda: kg.layers.LiftingConv2D(2, 3, OBLIQUE),
        lambda: kg.layers.GroupConv2D(2, (3, 3), OBLIQUE),
        lambda: kg.layers.CosetPooling2D(OBLIQUE),
        lambda: kg.ops.transform_filters(PSI, OBLIQUE),
        lambda: kg.ops.group_conv(X, PSI, OBLIQUE),
    ],
)
def test_an_oblique_group_is_told_of_its_lattice(call):
    with pytest.raises(ValueError, match="acts on an oblique lattice"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: kg.groups.register("p4"),
        lambda: kg.groups.serialize("p4"),
        lambda: kg.groups.Space("p4", "p2"),
        lambda: kg.groups.rings_of("p4"),
        lambda: kg.groups.filter_bank_indices("p4", (3, 3), P4),
        lambda: P4.members("p2"),
        lambda: kg.ops.quotient_conv(X, PSI, "p4", "p4", 3),
        lambda: kg.equivariance_error("p4", "p4", (6, 6, 1)),
    ],
)
def test_other_types_are_named(call):
    with pytest.raises(TypeError, match=r"must be a .*Received: "):
        call()


def test_a_map_without_elements_gets_a_bias():
    y = kg.ops.add_bias(np.ones((1, 6, 6, 0, 2)), np.ones(2), "channels_last")
    assert tuple(y.shape) == (1, 6, 6, 0, 2)
