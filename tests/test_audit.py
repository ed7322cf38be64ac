"""What `summary` says of models, against counts by hand and `equivariance_error`."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

import keras_gcnn as kg
from keras_gcnn import audit

L = kg.layers
LAST = {"data_format": "channels_last"}


def rows_of(model, capsys=None):
    found = kg.summary(model)
    return {row.name: row for row in found.rows}, found


def test_rows_of_a_small_network(capsys):
    inputs = keras.Input((8, 8, 3))
    x = L.LiftingConv2D(5, 3, "p4", name="lift", **LAST)(inputs)
    x = L.GroupConv2D(7, 3, name="conv", implementation="direct", **LAST)(
        layers.ReLU(name="relu")(x)
    )
    x = L.GlobalGroupAveragePooling2D(name="pool", **LAST)(x)
    model = keras.Model(inputs, layers.Dense(2, name="dense")(x), name="small")
    rows, found = rows_of(model)
    assert list(rows) == ["lift", "relu", "conv", "pool", "dense"]
    lift, conv = rows["lift"], rows["conv"]
    assert (lift.space, lift.shape, lift.maps) == ("p4", (6, 6, 4, 5), 5)
    assert lift.parameters == 3 * 3 * 3 * 5 + 5
    assert lift.multiplications == 6 * 6 * 4 * 3 * 3 * 3 * 5
    assert conv.multiplications == 4 * 4 * 4 * 3 * 3 * 4 * 5 * 7
    assert (conv.implementation, conv.verdict) == ("direct", "kept")
    assert (lift.verdict, rows["relu"].verdict) == ("kept", "kept")
    assert (rows["pool"].verdict, rows["dense"].verdict) == ("invariant", "invariant")
    assert rows["dense"].multiplications == 7 * 2
    assert not found.lost
    printed = capsys.readouterr().out
    assert "Model 'small'" in printed
    assert f"{sum(r.parameters for r in found.rows):,}" in printed
    assert printed.splitlines()[-1].endswith("kept")
    assert repr(found) == "<ModelSummary of 'small': kept>"


def test_the_fourier_implementation_is_counted_as_such():
    inputs = keras.Input((8, 8, 1))
    x = L.LiftingConv2D(4, 3, "p4m", **LAST)(inputs)
    x = L.GroupConv2D(6, 3, name="conv", implementation="fourier", padding="same", **LAST)(x)
    rows, _ = rows_of(keras.Model(inputs, x))
    assert rows["conv"].implementation == "fourier"
    # 12 products in place of 64 for a kernel of many taps, fewer where a tap is fixed.
    share = rows["conv"].multiplications / (6 * 6 * 9 * 64 * 4 * 6)
    assert 0.1 < share < 12 / 64 + 1e-9


def test_hexagons_are_counted_by_the_planar_convolution_that_runs():
    inputs = keras.Input((7, 7, 1))
    options = {"padding": "same", **LAST}
    x = L.LiftingConv2D(2, 3, "p6", **options)(inputs)
    x = L.GroupConv2D(4, 3, name="direct", implementation="direct", **options)(x)
    x = L.GroupConv2D(4, 3, name="fourier", implementation="fourier", **options)(x)
    x = L.GroupConv2D(4, 3, input_subgroup=[0], output_subgroup=[0], name="quotient", **options)(x)
    rows, _ = rows_of(keras.Model(inputs, x))
    planar = 7 * 7 * 3 * 3 * 6 * 6
    assert rows["direct"].multiplications == planar * 2 * 4
    assert rows["quotient"].multiplications == planar * 4 * 4
    assert rows["fourier"].multiplications < planar * 4 * 4 / 2


def test_others_are_counted_by_their_sums():
    inputs = keras.Input((8, 8, 1))
    x = L.LiftingConv2D(4, 3, "p4", padding="same", **LAST)(inputs)
    x = L.GroupDepthwiseConv2D(3, padding="same", name="depthwise", **LAST)(x)
    x = L.GroupSeparableConv2D(6, 3, padding="same", name="separable", **LAST)(x)
    x = L.GroupConv2DTranspose(2, 2, strides=2, name="transposed", **LAST)(x)
    x = L.CosetPooling2D(**LAST)(x)
    x = layers.Conv2D(3, 1, name="planar", **LAST)(x)
    rows, _ = rows_of(keras.Model(inputs, x))
    assert rows["depthwise"].multiplications == 64 * 4 * 9 * 4 * 4
    assert rows["separable"].multiplications == 64 * 4 * (9 * 4 * 4 + 4 * 6)
    assert rows["transposed"].multiplications == 64 * 4 * 4 * 4 * 2 * 6
    assert rows["planar"].multiplications == 16 * 16 * 2 * 3


def test_blocks_and_models_are_unfolded():
    inner = keras.Sequential([keras.Input((8, 8, 8, 3)), L.ResidualBlock2D(5, group="p4m", **LAST)])
    inner.name = "inner"
    inputs = keras.Input((8, 8, 1))
    x = inner(L.LiftingConv2D(3, 3, "p4m", padding="same", **LAST)(inputs))
    rows, found = rows_of(keras.Model(inputs, x))
    assert [name for name in rows if name.endswith(("conv_a", "conv_b", "shortcut"))]
    assert all(name.startswith("inner/") for name in list(rows)[1:])
    model = keras.Model(inputs, x)
    assert sum(row.parameters for row in found.rows) == model.count_params()


BROKEN = {
    "a stride": lambda x: L.GroupConv2D(2, 3, strides=2, padding="same", name="culprit", **LAST)(x),
    "a pooling": lambda x: L.GroupMaxPooling2D(3, name="culprit", **LAST)(x),
    "a padding": lambda x: L.GroupZeroPadding2D(((0, 1), (0, 1)), name="culprit", **LAST)(x),
    "a block": lambda x: L.ResidualBlock2D(2, strides=2, name="culprit", **LAST)(x),
    "a stock layer": lambda x: layers.PReLU(name="culprit")(x),
    "a flattening": lambda x: layers.Flatten(name="culprit")(x),
    "a permutation": lambda x: layers.Permute((2, 1, 3, 4), name="culprit")(x),
}


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_it_says_where_equivariance_is_lost_though_no_group_layer_follows(change, capsys):
    inputs = keras.Input((8, 8, 1))
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(inputs)
    found = kg.summary(keras.Model(inputs, change(x)))
    assert found.lost
    assert all(row.name.startswith("culprit") for row in found.lost)
    assert "lost at" in capsys.readouterr().out.splitlines()[-1]


def test_sizes_that_keep_are_those_that_equivariance_error_finds():
    def network(size):
        inputs = keras.Input((size, size, 1))
        x = L.LiftingConv2D(2, 3, "p4", strides=2, padding="same", **LAST)(inputs)
        x = L.GroupMaxPooling2D(3, 2, **LAST)(layers.ReLU()(x))
        return keras.Model(inputs, L.GlobalGroupAveragePooling2D(**LAST)(x))

    with pytest.warns(kg.EquivarianceWarning):
        sizes = audit.sizes_that_keep(network(12))
    assert sizes == [9, 13]
    for size in sizes:
        assert kg.equivariance_error(network(size), "p4", (size, size, 1)).is_equivariant
    for size in (10, 11, 12):
        with pytest.warns(kg.EquivarianceWarning):
            model = network(size)
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        assert not kg.equivariance_error(model, "p4", (size, size, 1)).is_equivariant


@pytest.mark.parametrize(
    "network",
    [
        lambda x: L.LiftingConv2D(2, 3, "p4", **LAST)(layers.MaxPooling2D(2, **LAST)(x)),
        lambda x: keras.Sequential(
            [
                keras.Input((None, None, 1)),
                L.LiftingConv2D(2, 3, "p4", **LAST),
                L.GroupMaxPooling2D(2, **LAST),
            ]
        )(x),
        lambda x: layers.MaxPooling3D((2, 2, 1), **LAST)(L.LiftingConv2D(2, 3, "p4", **LAST)(x)),
    ],
    ids=["pooled before the lifting", "in a model within", "by a stock layer"],
)
def test_sizes_that_keep_are_those_of_all_layers(network):
    inputs = keras.Input((9, 9, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kg.EquivarianceWarning)
        model = keras.Model(inputs, network(inputs))
    assert audit.sizes_that_keep(model) == [8, 10]


def test_other_models_are_refused():
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match="must be a Functional or Sequential model"):
        kg.summary(Subclassed())


def test_a_model_of_stock_layers_on_a_map_is_seen_to_lose_it():
    maps = keras.Input((8, 8, 4, 2))
    pooled = layers.MaxPooling3D((3, 3, 1), data_format="channels_last")(maps)
    inputs = keras.Input((8, 8, 1))
    x = kg.layers.LiftingConv2D(2, 3, "p4", padding="same", data_format="channels_last")(inputs)
    x = keras.Model(maps, pooled, name="inner")(x)
    x = layers.GlobalAveragePooling3D(data_format="channels_last")(x)
    (row,) = kg.summary(keras.Model(inputs, x)).lost
    assert row.name == "inner"


def test_a_wrapped_layer_is_judged_and_counted_as_itself():
    options = {"padding": "same", "data_format": "channels_last"}
    inputs = keras.Input((8, 8, 1))
    x = kg.layers.LiftingConv2D(2, 3, "p4", **options)(inputs)
    with pytest.warns(kg.EquivarianceWarning):
        x = layers.SpectralNormalization(kg.layers.GroupConv2D(2, 3, "p4", strides=2, **options))(x)
    row = kg.summary(keras.Model(inputs, x)).rows[-1]
    assert row.verdict.startswith("lost")
    assert row.multiplications == 4 * 4 * 9 * 4 * 4 * 2 * 2


def test_a_shared_layer_counts_once():
    layer = layers.Dense(3)
    one, other = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([one, other], layers.Subtract()([layer(one), layer(other)]))
    assert sum(row.parameters for row in kg.summary(model).rows) == model.count_params()


def test_maps_of_channels_first():
    inputs = keras.Input((1, 8, 8))
    x = kg.layers.LiftingConv2D(3, 3, "p4", data_format="channels_first")(inputs)
    assert kg.summary(keras.Model(inputs, layers.ReLU()(x))).rows[-1].maps == 3
