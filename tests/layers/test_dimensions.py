"""Signals and volumes: every layer that is there in one and three dimensions."""

import doctest
import functools
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import oracle
from tests.ops.cases import random
from tests.saved_and_planar import check_saved_and_planar
from tests.shaken import shaken

L = kg.layers
GROUPS = [(1, "pm"), (3, "D3"), (3, "Oh")]
if keras.backend.backend() != "jax":  # where each shape is compiled by itself
    GROUPS += [(1, "p1"), (3, "Ci"), (3, "C4v"), (3, "D4h"), (3, "T"), (3, "O")]
every_group = pytest.mark.parametrize(("dimension", "group"), GROUPS)
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
# Name, where # is the dimension, and arguments.
LAYERS = {
    "GroupConv#": {"filters": 2, "kernel_size": 3, "padding": "same"},
    "GroupConv#Transpose": {"filters": 2, "kernel_size": 2, "strides": 2},
    "GroupDense": {"units": 2},
    "GroupMaxPooling#": {"pool_size": 2},
    "GroupAveragePooling#": {"pool_size": 2},
    "GroupBlurPooling#": {"pool_size": 2},
    "GroupUpSampling#": {"size": 2},
    "GroupZeroPadding#": {"padding": 1},
    "GroupCropping#": {"cropping": 1},
    "ResidualBlock#": {"filters": 3},
    "HighwayBlock#": {"filters": 2},
    "CosetPooling#": {},
    "GlobalGroupMaxPooling#": {"keepdims": True},
    "GlobalGroupAveragePooling#": {"keepdims": True},
    "RestrictGroup": {"subgroup": [0]},
}


def layer_of(name, dimension, **arguments):
    layer_class = getattr(L, name.replace("#", f"{dimension}D"))
    return layer_class(**{**LAYERS.get(name, {}), **arguments})


def shape_of(group, data_format, size=4, channels=2):
    space = (size,) * group.dimension
    last = data_format == "channels_last"
    return (*space, group.order, channels) if last else (channels, group.order, *space)


@pytest.mark.parametrize("name", LAYERS)
@every_group
def test_is_equivariant_under_every_element(name, dimension, group):
    group = kg.groups.get(group, dimension)
    layer = layer_of(name, dimension, group=group, data_format="channels_last")
    tested = group.trivial if name == "RestrictGroup" else group
    report = kg.equivariance_error(layer, tested, shape_of(group, "channels_last"))
    assert len(report.errors) == tested.order
    assert report.is_equivariant, report


@both_formats
@pytest.mark.parametrize("implementation", ["direct", "fourier"])
@pytest.mark.parametrize(("dimension", "group"), [(1, "pm"), (3, "C2v"), (3, "S4"), (3, "T")])
def test_convolutions_equal_the_sums(dimension, group, data_format, implementation):
    group = kg.groups.get(group, dimension)
    options = {"group": group, "data_format": data_format, "implementation": implementation}
    size = (3,) * dimension
    for name, axes in (("LiftingConv#", ()), ("GroupConv#", (group.order,))):
        layer_class = getattr(L, name.replace("#", f"{dimension}D"))
        layer = layer_class(2, 2, bias_initializer="normal", **options)
        f = random(*size, *axes, 2)
        x = oracle.to_data_format(f[None], data_format, on_group=bool(axes))
        y = ops.convert_to_numpy(layer(x))[0]
        y = y if data_format == "channels_last" else np.moveaxis(y, (0, 1), (-1, -2))
        psi, bias = layer.get_weights()
        oracle.assert_close(y, oracle.group_correlation(f, psi, group.elements) + bias)


def test_kernels_need_equal_sizes_only_where_the_group_exchanges_axes():
    layer = L.LiftingConv3D(2, (1, 3, 3), group="D4h", padding="same")
    report = kg.equivariance_error(layer, "D4h", (2, 4, 4, 1))
    assert len(report.errors) == 16
    assert report.is_equivariant, report
    with pytest.raises(ValueError, match=r"same along axes that D4h exchanges.*\(3, 3, 3\)"):
        L.LiftingConv3D(2, (3, 3, 1), group="D4h")
    with pytest.raises(ValueError, match=r"that O exchanges. Received: kernel_size=\(1, 3, 3\)"):
        L.LiftingConv3D(2, (1, 3, 3), group="O")


def network(dimension, group, data_format):
    """All layers, one behind the other; the group is written once."""
    size = (4,) * dimension
    inputs = keras.Input((*size, 2) if data_format == "channels_last" else (2, *size))
    of = functools.partial(layer_of, dimension=dimension, data_format=data_format)
    x = of("LiftingConv#", filters=2, kernel_size=3, group=group, padding="same")(inputs)
    x = L.GroupBatchNormalization(data_format=data_format)(x)
    x = of("GroupAveragePooling#")(keras.layers.ReLU()(x))
    x = of("GroupConv#")(x)
    x = of("GroupMaxPooling#", strides=1)(of("GroupUpSampling#")(x))
    x = of("GroupCropping#")(of("GroupZeroPadding#")(of("GroupDense")(x)))
    x = of("ResidualBlock#")(x)
    x = of("GroupConv#Transpose")(of("GroupBlurPooling#", strides=1)(x))
    x = of("HighwayBlock#")(x)
    scale = of("GlobalGroupAveragePooling#")(x)
    y = of("CosetPooling#", reduction="mean")(keras.layers.Multiply()([x, scale]))
    restricted = of("RestrictGroup")(x)
    return keras.Model(inputs, [y, of("GlobalGroupMaxPooling#")(x), restricted])


@pytest.mark.parametrize(
    ("dimension", "group", "data_format"),
    [
        (1, "pm", "channels_last"),
        (1, "pm", "channels_first"),
        (3, "C4", "channels_last"),
        (3, "D2d", "channels_first"),
    ],
)
def test_networks_save_and_become_planar(dimension, group, data_format, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", kg.EquivarianceWarning)
        model = shaken(network(dimension, group, data_format))
    assert model.layers[1].group == kg.groups.get(group, dimension)
    check_saved_and_planar(model, tmp_path)


def test_summary_counts_a_network_of_volumes():
    text = str(kg.summary(network(3, "D2d", "channels_last")))
    assert "D2d" in text
    assert "group_conv3d" in text


def test_interpolation_is_for_two_dimensions():
    with pytest.raises(ValueError, match=r"`interpolation` must be one of \['nearest'\]"):
        L.GroupUpSampling3D(2, group="O", interpolation="bilinear")


def reverse_complement(sequences):
    """By letters."""
    table = str.maketrans("ACGT", "TGCA")
    return ["".join(reversed(s)).translate(table) for s in sequences]


def one_hot(sequences, bases):
    return np.array([[[base == letter for base in bases] for letter in s] for s in sequences], "f")


@both_formats
@pytest.mark.parametrize("bases", ["ACGT", "ATCG", "TGAC"])
def test_strands_of_dna(bases, data_format):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 8)) for _ in range(3)]

    def array(sequences):
        return oracle.to_data_format(one_hot(sequences, bases), data_format)

    inputs = keras.Input(array(sequences).shape[1:])
    y = L.StrandLifting(bases, data_format)(inputs)
    y = L.GroupConv1D(3, 3, padding="same", activation="relu", data_format=data_format)(y)
    y = L.GroupConv1D(2, 4, data_format=data_format)(y)
    model = keras.Model(inputs, [y, L.GlobalGroupMaxPooling1D(data_format=data_format)(y)])
    maps, vectors = map(ops.convert_to_numpy, model(array(sequences)))
    turned, same = map(ops.convert_to_numpy, model(array(reverse_complement(sequences))))
    oracle.assert_close(same, vectors)
    axes = (1, 2) if data_format == "channels_last" else (2, 3)  # of space and of H
    oracle.assert_close(np.flip(turned, axes), maps)
    planar = kg.to_planar(model)
    oracle.assert_close(ops.convert_to_numpy(planar(array(sequences))[0]), maps)
    shape = array(sequences).shape[1:]
    assert kg.equivariance_error(model, "pm", shape).max_error < 1e-5
    assert kg.equivariance_error(model.layers[1], "pm", shape).max_error == 0


@pytest.mark.parametrize("bases", ["ACG", "AACC", "acgt", 4])
def test_strands_need_the_four_letters(bases):
    with pytest.raises(ValueError, match="letters A, C, G and T"):
        L.StrandLifting(bases)
    with pytest.raises(ValueError, match="number of channels"):
        L.StrandLifting()(np.zeros((1, 8, 5), "float32"))


def examples():
    for name in L.__all__:
        layer = getattr(L, name)
        if issubclass(layer, keras.layers.Layer):
            yield pytest.param(layer, id=name)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="shapes are the same elsewhere")
@pytest.mark.parametrize("layer", examples())
def test_the_example_of_a_docstring_is_true(layer):
    if keras.config.image_data_format() == "channels_first":
        pytest.skip("examples have their channels last")
    names = {"np": np, "keras": keras, "keras_gcnn": kg}
    for example in doctest.DocTestParser().get_examples(layer.__doc__):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", kg.EquivarianceWarning)
            exec(f"result = {example.source}" if example.want else example.source, names)
        if example.want:
            assert str(tuple(names["result"])) == example.want.strip()


@pytest.mark.parametrize("name", [n for n in L.__all__ if "1D" in n or "3D" in n])
def test_docstrings_speak_of_their_own_dimension(name):
    head, _, text = getattr(L, name).__doc__.partition("\n")
    assert head.endswith("in one dimension." if "1D" in name else "in three dimensions.")
    others = ["2D", "p4", *(["height", "depth"] if "1D" in name else ["length,"])]
    assert not [word for word in others if word in text]
