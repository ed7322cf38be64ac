import keras
import numpy as np
import pytest
from keras import layers

import keras_gcnn as kg

# Stock layers stand beside ours, so all have the same data format.
LAST = {"data_format": "channels_last"}


def test_images_to_images():
    average = layers.AveragePooling2D(3, 1, **LAST)
    assert kg.equivariance_error(average, "p4m", (6, 6, 2)).is_equivariant
    report = kg.equivariance_error(layers.Conv2D(3, 3, **LAST), "p4", (6, 6, 2))
    assert report.errors[0] == 0
    assert min(report.errors[1:]) > 1e-2


def test_anything_to_vectors():
    image = layers.GlobalMaxPooling2D(**LAST)
    assert kg.equivariance_error(image, "p4m", (6, 6, 2)).is_equivariant
    assert not kg.equivariance_error(layers.Flatten(), "p4", (6, 6, 4, 2)).is_equivariant


def test_a_wrong_permutation_of_h_is_seen():
    flipped = layers.Lambda(lambda x: keras.ops.flip(x, axis=3))
    assert not kg.equivariance_error(flipped, "p4", (6, 6, 4, 2)).is_equivariant
    assert kg.equivariance_error(layers.ReLU(), "p4", (6, 6, 4, 2)).is_equivariant


def test_functions_on_quotients():
    inputs = keras.Input((6, 6, 4, 2))
    x = kg.layers.CosetPooling2D("p4", "p2", **LAST)(inputs)
    model = keras.Model(inputs, layers.ReLU()(x))
    assert kg.equivariance_error(model, "p4", (6, 6, 4, 2)).is_equivariant
    pool = layers.MaxPooling3D((1, 1, 2), **LAST)  # over neighbours in H, which form no cosets
    report = kg.equivariance_error(pool, "p4", (6, 6, 4, 2), output_subgroup="p2")
    assert not report.is_equivariant


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
def test_finds_the_layer_at_which_equivariance_is_lost():
    inputs = keras.Input((9, 9, 1))
    x = kg.layers.LiftingConv2D(2, 2, name="lift", **LAST)(inputs)
    x = layers.BatchNormalization()(x)
    x = kg.layers.GroupConv2D(2, 3, strides=2, name="culprit", **LAST)(x)
    x = kg.layers.GroupConv2D(2, 3, name="innocent", **LAST)(x)
    x = kg.layers.CosetPooling2D("p4", **LAST)(x)
    model = keras.Model(inputs, layers.GlobalMaxPooling2D(**LAST)(x))
    report = kg.equivariance_error(model, "p4", (9, 9, 1))
    assert report.first_lost == "culprit"
    assert "First lost at layer 'culprit'." in str(report)


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
def test_finds_it_in_sequential_and_names_a_nested_model():
    culprit = [
        keras.Input((9, 9, 1)),
        kg.layers.LiftingConv2D(2, 2, **LAST),
        kg.layers.GroupConv2D(2, 3, strides=2, name="culprit", **LAST),
    ]
    report = kg.equivariance_error(keras.Sequential(culprit), "p4", (9, 9, 1))
    assert report.first_lost == "culprit"
    inputs = keras.Input((9, 9, 1))
    x = keras.Sequential(culprit, name="inner")(inputs)
    outer = keras.Model(inputs, layers.GlobalMaxPooling3D(**LAST)(x))
    assert kg.equivariance_error(outer, "p4", (9, 9, 1)).first_lost == "inner"


def test_prints_a_row_per_element():
    layer = kg.layers.LiftingConv2D(2, 3, group="p4m", name="lift", **LAST)
    rows = str(kg.equivariance_error(layer, "p4m", (5, 5, 1))).splitlines()
    assert rows[0] == "Equivariance of 'lift' to p4m"
    assert len(rows) == 2 + 8 + 1
    assert all(row.endswith("equivariant") for row in rows[2:10])
    report = kg.equivariance_error(layers.Conv2D(2, 3, **LAST), "p4", (5, 5, 1))
    assert str(report).count("LOST") == 3


def test_tolerance_follows_the_precision():
    half = kg.layers.LiftingConv2D(4, 3, dtype="bfloat16", **LAST)
    report = kg.equivariance_error(half, "p4", (6, 6, 2))
    assert report.tolerance == 2e-2
    assert report.is_equivariant
    assert kg.equivariance_error(kg.models.p4cnn(), "p4", (28, 28, 1)).tolerance == 1e-4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kg.equivariance_error(layers.ReLU(), "p4", (None, 6, 1)), "known along every"),
        (
            lambda: kg.equivariance_error(layers.ReLU(), "p4", (6, 6, 3, 1)),
            r"H axis of length \[1, 4\].*\(2, 6, 6, 3, 1\).*`output_subgroup`",
        ),
        (lambda: kg.equivariance_error(layers.ReLU(), "p4", (6, 5, 1)), r"Use the shape \(6, 6\)"),
        (
            lambda: kg.equivariance_error(
                kg.layers.LiftingConv2D(1, 3, kernel_initializer="zeros", **LAST), "p4", (6, 6, 1)
            ),
            "must not be zero everywhere",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("errors", [(np.nan,), (0.0, np.nan, 0.0), (np.nan, 0.0, 1e-9)])
def test_nan_is_not_equivariant_and_does_not_hide(errors):
    report = kg.EquivarianceReport("x", kg.groups.get("p1"), errors, 1e-5)
    assert not report.is_equivariant
    assert np.isnan(report.max_error)


def test_nan_in_one_element_is_found():
    def call(x):
        return keras.ops.where(x[:, :1, :1] > x[:, 1:2, 1:2], x, x * np.nan)

    layer = layers.Lambda(call, name="culprit")
    inputs = keras.Input((5, 5, 1))
    model = keras.Model(inputs, layers.ReLU()(layer(inputs)))
    report = kg.equivariance_error(model, "p4", (5, 5, 1))
    assert not report.is_equivariant
    assert np.isnan(report.max_error)
    assert report.first_lost == "culprit"


@pytest.mark.parametrize("group", ["p4m", "p4", "p2", "pm", "pmm", "p1"])
@pytest.mark.parametrize("subgroup", [None, "p2", [0, 4], [0]])
def test_any_subgroup_may_be_asked_for(group, subgroup):
    inputs = keras.Input((9, 9, 1))
    x = kg.layers.LiftingConv2D(2, 3, group="p4m", **LAST)(inputs)
    x = kg.layers.GroupConv2D(2, 3, group="p4m", **LAST)(layers.ReLU()(x))
    x = layers.ReLU()(kg.layers.CosetPooling2D("p4m", subgroup, **LAST)(x))
    report = kg.equivariance_error(keras.Model(inputs, x), group, (9, 9, 1))
    assert report.is_equivariant
    assert len(report.errors) == kg.groups.get(group).order


def test_a_name_is_that_of_a_group_of_the_layers_dimension():
    inputs = keras.Input((5, 5, 5, 1))
    x = kg.layers.LiftingConv3D(2, 3, group="O", **LAST)(inputs)
    report = kg.equivariance_error(keras.Model(inputs, x), "C4", (5, 5, 5, 1))
    assert report.is_equivariant
    assert report.group == kg.groups.get("C4", dimension=3)


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
def test_maps_that_are_not_square_on_the_way_are_where_it_is_lost():
    inputs = keras.Input((9, 9, 1))
    x = kg.layers.LiftingConv2D(2, 3, group="p4", name="lift", **LAST)(inputs)
    x = kg.layers.GroupConv2D(2, 3, group="p4", strides=(2, 1), name="culprit", **LAST)(x)
    model = keras.Model(inputs, layers.GlobalMaxPooling3D(**LAST)(x))
    report = kg.equivariance_error(model, "p4", (9, 9, 1))
    assert report.first_lost == "culprit"
    assert kg.equivariance_error(model, "p2", (9, 9, 1)).is_equivariant


@pytest.mark.parametrize("nested", [list, lambda xs: dict(zip("ab", xs, strict=True))])
def test_several_outputs_count_by_the_largest_error(nested):
    inputs = keras.Input((9, 9, 1))
    x = kg.layers.LiftingConv2D(2, 3, group="p4", **LAST)(inputs)
    good = kg.layers.CosetPooling2D("p4", "p2", **LAST)(x)
    bad = layers.Conv3D(2, (1, 1, 3), padding="same", name="culprit", **LAST)(x)
    model = keras.Model(inputs, nested([good, layers.GlobalMaxPooling3D(**LAST)(x)]))
    assert kg.equivariance_error(model, "p4", (9, 9, 1)).is_equivariant
    report = kg.equivariance_error(keras.Model(inputs, nested([good, bad])), "p4", (9, 9, 1))
    assert not report.is_equivariant
    assert report.first_lost == "culprit"


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda x: x[:, 1:], "get_item"),
        (lambda x: keras.ops.roll(x, 1, axis=1), "roll"),
        (lambda x: keras.ops.flip(x, axis=1), "flip"),
    ],
)
def test_operations_without_a_layer_are_named(change, name):
    inputs = keras.Input((9, 9, 1))
    x = change(kg.layers.LiftingConv2D(2, 3, group="p4", **LAST)(inputs))
    x = kg.layers.GroupConv2D(2, 3, group="p4", name="innocent", **LAST)(x)
    report = kg.equivariance_error(keras.Model(inputs, x), "p4", (9, 9, 1))
    assert report.first_lost.startswith(name)


def test_layers_at_any_depth_say_what_their_maps_are():
    options = {"padding": "same", "data_format": "channels_first"}
    inputs = keras.Input((2, 8, 8))
    inner = keras.Model(inputs, kg.layers.LiftingConv2D(4, 3, "p4", **options)(inputs))
    outer = keras.Model(inputs, inner(inputs))
    assert kg.equivariance_error(outer, "p4", (2, 8, 8)).is_equivariant
    wrapped = keras.layers.SpectralNormalization(kg.layers.LiftingConv2D(4, 3, "p4", **options))
    assert kg.equivariance_error(wrapped, "p4", (2, 8, 8)).is_equivariant


def test_maps_are_on_the_group_or_on_a_larger_one():
    layer = kg.layers.LiftingConv2D(4, 3, "p4", data_format="channels_last")
    with pytest.raises(ValueError, match="`group` must be p4, on which the maps are"):
        kg.equivariance_error(layer, "p4m", (8, 8, 2))


def test_two_strand_liftings_are_one_exchange_of_bases():
    inputs = keras.Input((12, 4))
    vectors = []
    for _ in range(2):
        x = kg.layers.StrandLifting(data_format="channels_last")(inputs)
        x = kg.layers.GroupConv1D(3, 5, data_format="channels_last")(x)
        vectors.append(kg.layers.GlobalGroupMaxPooling1D(data_format="channels_last")(x))
    model = keras.Model(inputs, keras.layers.Average()(vectors))
    assert kg.equivariance_error(model, "pm", (12, 4)).is_equivariant


def test_a_layer_of_integers_has_no_tolerance_of_its_own():
    inputs = keras.Input((8, 8, 1))
    x = keras.ops.cast(keras.layers.Rescaling(9.0, dtype="int32")(inputs), "float32")
    x = kg.layers.LiftingConv2D(2, 3, "p4", data_format="channels_last", dtype="float32")(x)
    report = kg.equivariance_error(keras.Model(inputs, x), "p4", (8, 8, 1))
    assert report.tolerance == 1e-4
