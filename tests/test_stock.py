"""The table of stock layers: what it says is what `equivariance_error` measures."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_gcnn as kg
from keras_gcnn import stock
from keras_gcnn.groups import Space
from tests.shaken import shaken

L = kg.layers
LAST = {"data_format": "channels_last"}
TRIANGLE = np.tri(8)[..., None, None]  # is not the same at all points
KEEPING = {
    "ReLU": lambda x: layers.ReLU()(x),
    "softmax along channels": lambda x: layers.Activation("softmax")(x),
    "Softmax along H": lambda x: layers.Softmax(axis=3)(x),
    "Dense": lambda x: layers.Dense(3)(x),
    "Conv3D 1×1×1": lambda x: layers.Conv3D(3, 1, **LAST)(x),
    "BatchNormalization": lambda x: layers.BatchNormalization()(x),
    "LayerNormalization": lambda x: layers.LayerNormalization()(x),
    "GroupNormalization": lambda x: layers.GroupNormalization(1)(x),
    "PReLU shared": lambda x: layers.PReLU(shared_axes=[1, 2, 3])(x),
    "MaxPooling3D": lambda x: layers.MaxPooling3D((2, 2, 1), **LAST)(x),
    "AveragePooling3D": lambda x: layers.AveragePooling3D((2, 2, 1), **LAST)(x),
    "ZeroPadding3D": lambda x: layers.ZeroPadding3D((1, 1, 0), **LAST)(x),
    "Cropping3D": lambda x: layers.Cropping3D((1, 1, 0), **LAST)(x),
    "UpSampling3D": lambda x: layers.UpSampling3D((2, 2, 1), **LAST)(x),
    "Concatenate": lambda x: layers.Concatenate()([x, layers.ReLU()(x)]),
    "Add": lambda x: layers.Add()([x, layers.ReLU()(x)]),
    "a number": lambda x: 2 * x + 1,
    "a vector along channels": lambda x: x * np.array([1.0, 2.0], "float32"),
    "a slice of channels": lambda x: x[..., :1],
    "Dropout": lambda x: layers.Dropout(0.5)(x),
    "squeeze and excitation": lambda x: (
        x * layers.Dense(2)(layers.GlobalAveragePooling3D(keepdims=True, **LAST)(x))
    ),
    "mean over H": lambda x: layers.Add()([x, ops.mean(x, axis=3, keepdims=True)]),
    "a roll along H of p4": lambda x: ops.roll(x, 1, axis=3),  # g ↦ g·R commutes with g ↦ h·g
    "attention over space and H": lambda x: layers.MultiHeadAttention(1, 2)(x, x),
    "attention over H": lambda x: layers.MultiHeadAttention(1, 2, attention_axes=3)(x, x),
    "the mean of ops.average": lambda x: x - ops.expand_dims(ops.average(x, axis=3), 3),
    "LayerNormalization of all without weights": lambda x: layers.LayerNormalization(
        axis=[1, 2, 3, 4], center=False, scale=False
    )(x),
    "Identity model": lambda x: keras.Sequential([layers.Identity(), layers.ReLU()])(x),
}
KEEPING |= {
    "EinsumDense": lambda x: layers.EinsumDense("bxyhc,cd->bxyhd", (8, 8, 4, 3))(x),
    "Lambda": lambda x: layers.Lambda(lambda x: x * ops.sigmoid(x), (8, 8, 4, 2))(x),
    "EinsumDense with a bias": lambda x: layers.EinsumDense(
        "bxyhc,cd->bxyhd", (8, 8, 4, 3), bias_axes="d"
    )(x),
    "a function along channels": lambda x: layers.Activation(lambda y: ops.softmax(y, axis=-1))(x),
    "an array along channels": lambda x: layers.Rescaling(np.array([1.0, 2.0]))(x),
    "a slice of everything": lambda x: x[:, 0:8, ::1],
    "a roll by the size": lambda x: ops.roll(x, 8, axis=1),
    "a half turn": lambda x: ops.flip(x, axis=(1, 2)),
    "a tensor product with itself": lambda x: ops.einsum("bxyhc,bxyhd->bxyhd", x, x),
    "a transposed convolution without a row left over": lambda x: layers.Conv3DTranspose(
        3, 1, strides=(2, 2, 1), output_padding=0, **LAST
    )(x),
    "a constant that is the same everywhere": lambda x: layers.Multiply()([x, constant(1)]),
    "a root of what is positive": lambda x: layers.Lambda(ops.sqrt)(ops.relu(x)),
    "a wrapped layer": lambda x: layers.SpectralNormalization(
        L.GroupConv2D(3, 3, "p4", padding="same", **LAST)
    )(x),
    "a roll of two axes": lambda x: ops.roll(x, (8, 1), (1, 4)),
    "points cut off on all sides": lambda x: x[:, 1:-1, 1:7],
    "every fifth point, as many left out on both sides": lambda x: x[:, 1::5, 1:7:5],
    "all of H pooled": lambda x: x + layers.MaxPooling3D((1, 1, 4), **LAST)(x),
    "all of H reduced by a function": lambda x: (
        x + layers.Lambda(lambda y: ops.max(y, 3, keepdims=True), (8, 8, 1, 2))(x)
    ),
    "an entry of an axis of one": lambda x: layers.Add()(
        [x, layers.Dense(2)(layers.GlobalMaxPooling3D(keepdims=True, **LAST)(x)[:, 0:1])]
    ),
    "noise of another format": lambda x: layers.SpatialDropout3D(0.1, data_format="channels_first")(
        x
    ),
}
BREAKING = {
    "Lambda": lambda x: layers.Lambda(lambda x: ops.flip(x, 1) + x, (8, 8, 4, 2))(x),
    "an einsum that exchanges axes": lambda x: ops.einsum("bxyhc->byxhc", x),
    "cumulative sums": lambda x: ops.cumsum(x, axis=1),
    "a layer of the user": lambda x: Drifting()(x),
    "one-sided ZeroPadding3D": lambda x: layers.ZeroPadding3D(((0, 1), (0, 1), (0, 0)), **LAST)(x),
    "one-sided Cropping3D": lambda x: layers.Cropping3D(((1, 0), (1, 0), (0, 0)), **LAST)(x),
    "Conv3D over space": lambda x: layers.Conv3D(2, (3, 3, 1), padding="same", **LAST)(x),
    "Conv3D over H": lambda x: layers.Conv3D(2, (1, 1, 3), padding="same", **LAST)(x),
    "default PReLU": lambda x: layers.PReLU(alpha_initializer="uniform")(x),
    "BatchNormalization along H": lambda x: layers.BatchNormalization(axis=3)(x),
    "LayerNormalization over H": lambda x: layers.LayerNormalization(axis=[-2, -1])(x),
    "MaxPooling3D with a row left over": lambda x: layers.MaxPooling3D((3, 3, 1), **LAST)(x),
    "Softmax along the height": lambda x: layers.Softmax(axis=1)(x),
    "UpSampling3D of one axis": lambda x: layers.UpSampling3D((2, 1, 1), **LAST)(x),
    "attention over the height": lambda x: layers.MultiHeadAttention(1, 2, attention_axes=1)(x, x),
    "a mask": lambda x: x * np.tri(8, dtype="float32").reshape(8, 8, 1, 1),
    "a constant along H": lambda x: x + np.arange(4.0, dtype="float32").reshape(4, 1),
    "a slice of space": lambda x: x[:, 1:],
    "a flip": lambda x: ops.flip(x, axis=1),
    "a flip along H": lambda x: ops.flip(x, axis=3),
    "Permute": lambda x: layers.Permute((2, 1, 3, 4))(x),
    "a function along space": lambda x: layers.Activation(lambda y: ops.softmax(y, axis=1))(x),
    "a function along space in a layer": lambda x: layers.Dense(
        2, activation=lambda y: ops.softmax(y, axis=1)
    )(x),
    "an array along space": lambda x: layers.Rescaling(np.tri(8).reshape(8, 8, 1, 1))(x),
    "clipping by an array": lambda x: ops.clip(x, 0, np.tri(8, dtype="f").reshape(8, 8, 1, 1)),
    "EinsumDense with a bias for each point": lambda x: layers.EinsumDense(
        "bxyhc,cd->bxyhd", (8, 8, 4, 3), bias_axes="xyd"
    )(x),
    "one of several outputs": lambda x: ops.split(x, 2, axis=1)[0],
    "twice as many rows": lambda x: ops.repeat(x, 2, axis=1),
    "a transposed convolution": lambda x: layers.Conv3DTranspose(3, 1, (2, 2, 1), **LAST)(x),
    "a constant in a list": lambda x: layers.Multiply()([x, constant(TRIANGLE)]),
    "a root that is cut off": lambda x: layers.Lambda(
        lambda y: ops.sqrt(y) * ops.convert_to_tensor(constant(TRIANGLE)), (8, 8, 4, 2)
    )(ops.relu(x)),
    "a frozen layer whose bias may be loaded": lambda x: layers.EinsumDense(
        "bxyhc,cd->bxyhd", (8, 8, 4, 3), bias_axes="xyd", trainable=False
    )(x),
    "a roll of all numbers": lambda x: ops.roll(x, 8),
    "points cut off on one side": lambda x: x[:, 1:, 1:],
    "every second point, the last left out": lambda x: x[:, ::2, ::2],
    "the first and the last row": lambda x: x[:, ::7],
    "one of two tensors where a map is large": lambda x: ops.where(x > 0.3, x, constant(TRIANGLE)),
    "an activation whose weights are made late": lambda x: layers.Dense(
        2, activation=layers.PReLU("uniform")
    )(x),
    "rolls of one axis that add up": lambda x: ops.roll(x, (1, 8), (1, 1)),
    "attention by a map that has lost its channels": lambda x: (
        x
        * ops.sigmoid(
            layers.Conv3D(1, 3, padding="same", **LAST)(ops.expand_dims(ops.mean(x, -1), -1))
        )
    ),
    "a vector spread over space": lambda x: (
        x
        * layers.Reshape((8, 8, 4, 2))(layers.Dense(512)(layers.GlobalAveragePooling3D(**LAST)(x)))
    ),
    "a vector spread over H": lambda x: (
        x + layers.Reshape((1, 1, 4, 2))(layers.Dense(8)(layers.GlobalAveragePooling3D(**LAST)(x)))
    ),
    "a model of open sizes": lambda x: keras.Sequential(
        [keras.Input((None, None, 4, 2)), layers.MaxPooling3D((3, 3, 1), **LAST)]
    )(x),
}
if keras.backend.backend() != "torch":  # which has no steps backwards
    KEEPING["a half turn by slices"] = lambda x: x[:, ::-1, ::-1]
    BREAKING["a flip by a slice"] = lambda x: x[:, ::-1]


def constant(values):
    return np.ones((1, 8, 8, 4, 2), "float32") * np.asarray(values, "float32")


class Drifting(layers.Layer):
    def call(self, x):
        return x + ops.concatenate([x[:, 1:], x[:, :1]], axis=1)


def broken_or_kept(change):
    """A model with `change` between lifting and a convolution, and the warnings it gave."""
    along_some_axes = change in (KEEPING["attention over H"], BREAKING["attention over the height"])
    if along_some_axes and keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow has no Softmax of rank 6")
    inputs = keras.Input((10, 10, 1))
    x = L.LiftingConv2D(2, 3, group="p4", name="lift", **LAST)(inputs)
    changed = change(x)
    layer = L.GroupConv2D(2, 3, "p4", padding="same", name="next", **LAST)
    said = [str(w.message) for w in warnings_of(lambda: layer(changed))]
    x = layer.output
    model = keras.Model(inputs, L.CosetPooling2D("p4", **LAST)(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()])
    return model, said


def warnings_of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [w for w in caught if w.category is kg.EquivarianceWarning]


@pytest.mark.parametrize("change", KEEPING.values(), ids=KEEPING)
def test_is_silent_where_equivariance_is_kept(change):
    model, said = broken_or_kept(change)
    assert not said
    assert kg.equivariance_error(model, "p4", (10, 10, 1)).is_equivariant


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING)
def test_the_next_layer_warns_where_it_is_lost(change):
    model, said = broken_or_kept(change)
    (message, *_) = said
    assert message.startswith("GroupConv2D 'next' takes a map that is no longer equivariant to p4:")
    assert "LiftingConv2D 'lift' made the map. Remove that stock layer, or" in message
    assert not kg.equivariance_error(model, "p4", (10, 10, 1)).is_equivariant


@pytest.mark.parametrize(
    ("space", "change"),
    [
        ((9, 9, 2), lambda x: layers.Conv2DTranspose(3, 1, strides=2, **LAST)(x)),
        ((9, 9, 2), lambda x: layers.Conv2DTranspose(3, 1, 2, "same", **LAST)(x)),
        ((9, 2), lambda x: layers.Cropping1D((1, 0))(x)),
        ((9, 2), lambda x: layers.ZeroPadding1D((0, 1), **LAST)(x)),
    ],
)
def test_an_image_that_is_shifted_before_the_lifting(space, change):
    lift = {3: L.LiftingConv2D(2, 3, "p4", **LAST), 2: L.LiftingConv1D(2, 3, "pm", **LAST)}
    x = change(keras.Input(space))
    (said,) = warnings_of(lambda: lift[len(space)](x))
    assert "loses it: " in str(said.message)


def test_a_signal_is_padded_repeated_and_cropped_in_silence():
    x = keras.Input((8, 2))
    for layer in (layers.ZeroPadding1D(1), layers.UpSampling1D(2), layers.Cropping1D(1)):
        x = layer(x)
    assert not warnings_of(lambda: L.LiftingConv1D(2, 3, "pm", **LAST)(x))


@pytest.mark.parametrize(
    ("before", "is_lost"),
    [
        (layers.BatchNormalization(), True),
        (lambda x: x + 1.0, True),
        (lambda x: layers.Cropping3D((1, 1, 0), **LAST)(x), True),
        (layers.ReLU(), False),
        (layers.Activation("gelu"), False),
        (lambda x: x / 2, False),
    ],
)
@pytest.mark.parametrize(
    "pad",
    [
        lambda x: layers.ZeroPadding3D((1, 1, 0), **LAST)(x),
        lambda x: ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0))),
    ],
)
def test_padding_brings_points_outside_of_a_hexagon_in(before, is_lost, pad):
    inputs = keras.Input((9, 9, 1))
    x = pad(before(L.LiftingConv2D(2, 3, "p6", padding="same", **LAST)(inputs)))
    last = L.GroupConv2D(2, 3, padding="same", **LAST)
    said = warnings_of(lambda: last(x))
    assert [("outside of the hexagon" in str(w.message)) for w in said] == [True] * is_lost
    model = keras.Model(inputs, last.output)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()])
    assert kg.equivariance_error(model, "p6", (9, 9, 1)).is_equivariant != is_lost


def test_what_stands_before_a_wrapped_layer_is_said_by_the_next_one():
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(keras.Input((8, 8, 1)))
    x = layers.Conv3D(2, 3, padding="same", name="culprit", **LAST)(x)
    x = layers.SpectralNormalization(L.GroupConv2D(2, 3, "p4", **LAST))(x)
    (said,) = warnings_of(lambda: L.GroupConv2D(2, 3, "p4", **LAST)(x))
    assert "Conv3D 'culprit' loses it" in str(said.message)


def test_points_in_the_channels_are_an_array_that_differs_between_them():
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(keras.Input((8, 8, 1), 1))
    for values, is_lost in ((TRIANGLE, True), (0, False)):
        joined = layers.Concatenate()([x, ops.convert_to_tensor(constant(values))])
        said = warnings_of(lambda y=joined: L.GroupConv2D(2, 3, **LAST)(y))
        assert len(said) == is_lost


def test_an_axis_that_a_slice_adds_is_that_of_h():
    x = L.CosetPooling2D("p4", **LAST)(L.LiftingConv2D(4, 3, "p4", **LAST)(keras.Input((8, 8, 1))))
    last = L.GroupConv2D(2, 3, "p4", **LAST)
    assert len(warnings_of(lambda: last(x[..., None]))) == 1  # channels as elements of H


def test_a_vector_is_aligned_by_operations_as_numpy_does():
    x = L.LiftingConv2D(2, 3, "p2", **LAST)(keras.Input((8, 8, 1)))
    vector = layers.GlobalAveragePooling3D(**LAST)(x)
    for y, is_lost in ((x * vector, True), (layers.Multiply()([x, vector]), False)):
        assert len(warnings_of(lambda y=y: L.GroupConv2D(2, 3, **LAST)(y))) == is_lost


@pytest.mark.parametrize("size", [8, 9])
def test_strides_of_functions_of_this_library_are_tried(size):
    group = kg.groups.get("p4")
    spaces = Space.whole(group), Space.quotient(group, "p2")
    kernel = np.random.default_rng(0).normal(size=(18, 2, 3)).astype("float32")
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(keras.Input((size, size, 1)))
    x = kg.ops.quotient_conv(x, kernel, *spaces, (3, 3), 2, "same", **LAST)
    said = warnings_of(lambda: L.GroupConv2D(2, 3, "p4", input_subgroup="p2", **LAST)(x))
    assert len(said) == (size == 8)


def test_functions_of_this_library_for_another_group_are_refused():
    x = L.LiftingConv2D(2, 3, "p4", **LAST)(keras.Input((8, 8, 1)))
    restricted = kg.ops.restrict_group(x, "pmm", "p2", **LAST)
    with pytest.raises(ValueError, match="takes it for a map on pmm"):
        L.GroupConv2D(2, 3, "p2", **LAST)(restricted)


def test_a_model_called_with_a_dictionary():
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(keras.Input((8, 8, 1)))
    inputs = [keras.Input((8, 8, 4, 2), name=name) for name in ("zz", "aa")]
    model = keras.Model(inputs, [layers.ReLU()(y) for y in inputs])
    broken, kept = model({"zz": layers.Conv3D(2, 3, padding="same", **LAST)(x), "aa": x})
    for y, is_lost in ((broken, True), (kept, False)):
        assert len(warnings_of(lambda y=y: L.GroupConv2D(2, 3, **LAST)(y))) == is_lost


def test_open_sizes_are_cut_alike():
    x = L.LiftingConv2D(2, 3, "p4", **LAST)(keras.Input((None, None, 1)))
    for y, is_lost in ((x[:, 1:-1, 1:-1], False), (x[:, 1:, 1:], True)):
        assert len(warnings_of(lambda y=y: L.GroupConv2D(2, 3, **LAST)(y))) == is_lost


def test_nothing_is_moved_in_open_sizes():
    x = L.LiftingConv2D(2, 3, "p4", **LAST)(keras.Input((None, None, 1)))
    for shifts, is_lost in (((0, 1), False), ((1, 0), True)):
        y = ops.roll(x, shifts, axis=(1, 3))
        assert len(warnings_of(lambda y=y: L.GroupConv2D(2, 3, **LAST)(y))) == is_lost


@pytest.mark.parametrize(("size", "is_lost"), [(11, True), (10, False)])
@pytest.mark.parametrize(
    "pool",
    [
        lambda x: layers.MaxPooling3D((2, 2, 1), **LAST)(x),
        lambda x: L.GroupMaxPooling2D(2, **LAST)(x),
    ],
)
def test_a_model_of_open_sizes_with_a_lifting_within(pool, size, is_lost):
    inputs = keras.Input((None, None, 1))
    x = pool(L.LiftingConv2D(2, 3, "p4", **LAST)(inputs))
    inner = keras.Model(inputs, L.GroupConv2D(2, 1, **LAST)(x))
    outer = keras.Input((size, size, 1))
    last = L.GroupConv2D(2, 3, **LAST)
    said = warnings_of(lambda: last(inner(outer)))
    assert len(said) == is_lost
    model = shaken(keras.Model(outer, L.CosetPooling2D(**LAST)(last.output)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kg.EquivarianceWarning)
        error = kg.equivariance_error(model, "p4", (size, size, 1))
    assert error.is_equivariant != is_lost


def test_what_a_model_within_has_warned_of_is_not_said_again():
    inputs = keras.Input((11, 11, 1))
    lift, last = L.LiftingConv2D(2, 3, "p4", **LAST), L.GroupConv2D(2, 3, **LAST)
    with pytest.warns(kg.EquivarianceWarning):
        inner = keras.Model(inputs, L.GroupMaxPooling2D(2, **LAST)(lift(inputs)))
    x = inner(keras.Input((11, 11, 1)))
    assert not warnings_of(lambda: last(x))


def test_a_map_that_lost_its_channels_is_no_image():
    x = L.LiftingConv2D(2, 3, "p4", **LAST)(keras.Input((8, 8, 1)))
    convolved = layers.Conv2D(2, 3, **LAST)(ops.mean(x, -1))
    vector = layers.Dense(64)(layers.GlobalAveragePooling3D(**LAST)(x))
    for y in (ops.mean(x, -1), x[..., 0], convolved, layers.Reshape((8, 8, 1))(vector)):
        assert warnings_of(lambda y=y: L.LiftingConv2D(2, 3, "p4", **LAST)(y))


def test_a_sequence_sees_what_comes_before():
    x = keras.Input((8, 2))
    causal = layers.Conv1D(2, 1, padding="causal")(x)
    attended = layers.MultiHeadAttention(1, 2)(x, x, use_causal_mask=True)
    listed = layers.MultiHeadAttention(1, 2)(x, x, attention_mask=np.ones((1, 8, 8), bool).tolist())
    for y, is_lost in ((causal, False), (attended, True), (listed, False)):
        assert len(warnings_of(lambda y=y: L.LiftingConv1D(2, 3, "pm", **LAST)(y))) == is_lost


def test_a_summary_blames_what_stands_before_the_lifting_and_takes_numbers():
    inputs = keras.Input((8, 8, 1))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="culprit", **LAST)(inputs)
    lift = L.LiftingConv2D(2, 3, "p4", **LAST)
    assert len(warnings_of(lambda: lift(x))) == 1
    x = lift.output
    (row,) = kg.summary(keras.Model(inputs, x * ops.mean(x))).lost
    assert "ZeroPadding2D 'culprit' loses it" in row.verdict


def test_a_summary_blames_what_stands_before_a_model_that_lifts():
    lifted = keras.Sequential([keras.Input((9, 9, 1)), L.LiftingConv2D(2, 3, "p4", **LAST)])
    inputs = keras.Input((8, 8, 1))
    for amounts, lost in ((((0, 1), (0, 1)), 1), (1, 0)):
        x = layers.ZeroPadding2D(amounts, name="culprit", **LAST)(inputs)
        inner = lifted if lost else keras.models.clone_model(lifted, keras.Input((10, 10, 1)))
        rows = kg.summary(keras.Model(inputs, inner(x))).lost
        assert ["ZeroPadding2D 'culprit' loses it" in row.verdict for row in rows] == [True] * lost


def test_a_mask_that_differs_between_points():
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(keras.Input((8, 8, 1)))
    mask = ops.convert_to_tensor(constant(TRIANGLE) > 0)
    masked = layers.Softmax()(x, mask=mask)
    attended = layers.MultiHeadAttention(1, 2, attention_axes=3)(x, x, attention_mask=mask)
    for y in (masked, attended):
        assert len(warnings_of(lambda y=y: L.GroupConv2D(2, 3, **LAST)(y))) == 1


def test_an_axis_of_the_batch_or_of_length_one_keeps_its_place():
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(keras.Input((8, 8, 2), 2))
    moved = ops.transpose(x, (1, 0, 2, 3, 4))
    assert len(warnings_of(lambda: L.GroupConv2D(2, 1, **LAST)(moved))) == 1
    x = L.LiftingConv2D(1, 3, "p2", padding="same", **LAST)(keras.Input((8, 2, 2)))
    moved = layers.Reshape((8, 1, 2, 2))(x)
    assert len(warnings_of(lambda: L.GroupConv2D(2, 1, **LAST)(moved))) == 1


def test_functions_of_this_library_say_on_which_space_their_maps_are():
    inputs = keras.Input((8, 8, 2))
    lifted = kg.ops.group_conv(inputs, np.ones((3, 3, 2, 2), "float32"), "p4", **LAST)
    x = kg.ops.coset_pool(L.LiftingConv2D(2, 3, "p4", **LAST)(inputs), "p4", "p2", **LAST)
    restricted = kg.ops.restrict_group(
        L.LiftingConv2D(2, 3, "p4", **LAST)(inputs), "p4", "p2", **LAST
    )

    def build():
        L.GroupConv2D(2, 3, "p4", **LAST)(lifted)
        L.GroupConv2D(2, 3, "p4", input_subgroup="p2", **LAST)(x)
        L.GroupConv2D(2, 3, "p2", **LAST)(restricted)

    assert not warnings_of(build)


@pytest.mark.parametrize(
    ("layer", "warns"),
    [
        (lambda: layers.BatchNormalization(), True),
        (lambda: layers.Dense(4), True),
        (lambda: keras.Sequential([keras.Input((50, 4)), layers.Dense(4)]), True),
        (lambda: layers.ZeroPadding1D(1), False),
        (lambda: layers.Softmax(), False),
        (lambda: layers.Dropout(0.1), False),
        (lambda: layers.Lambda(lambda x: x), True),
        (lambda: lambda x: ops.cast(x, "float32"), False),
        (lambda: lambda x: x * np.arange(1.0, 5.0, dtype="float32"), True),
    ],
)
def test_what_tells_bases_apart_before_they_are_lifted(layer, warns):
    x = layer()(keras.Input((50, 4)))
    said = warnings_of(lambda: L.StrandLifting("ACGT", **LAST)(x))
    assert [("may not treat A as T" in str(w.message)) for w in said] == [True] * warns


FIRST = {"data_format": "channels_first"}
AS_IMAGES = {
    "one element of H": lambda x: layers.Lambda(lambda y: y[..., 0, :], (8, 8, 2))(x),
    "one of several planes": lambda x: ops.unstack(x, axis=3)[1],
}


@pytest.mark.parametrize("change", AS_IMAGES.values(), ids=AS_IMAGES)
def test_an_image_that_does_not_turn_is_no_image_to_lift(change):
    x = change(L.LiftingConv2D(2, 3, "p4", **LAST)(keras.Input((10, 10, 1))))
    (said,) = warnings_of(lambda: L.LiftingConv2D(2, 3, "p4", **LAST)(x))
    assert "a trial on random maps" in str(said.message)


def test_an_image_that_does_is():
    x = L.LiftingConv2D(2, 3, "p4", **LAST)(keras.Input((10, 10, 1)))
    x = layers.Lambda(lambda y: ops.max(y, axis=3), (8, 8, 2))(x)
    assert not warnings_of(lambda: L.LiftingConv2D(2, 3, "p4", **LAST)(x))


def test_an_image_is_not_added_to_a_map_whose_sides_are_as_long_as_h():
    x = L.LiftingConv2D(2, 3, "p4", padding="same", **LAST)(keras.Input((4, 4, 1)))
    x = layers.Add()([x, L.CosetPooling2D("p4", **LAST)(x)])  # Keras adds rows to columns
    (said,) = warnings_of(lambda: L.GroupConv2D(2, 3, **LAST)(x))
    assert "aligned with other axes" in str(said.message)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: L.LiftingConv2D(2, 3, "p4", activation="softmax", **FIRST)(x),
        lambda x: L.ResidualBlock2D(2, activation="softmax", **FIRST)(
            L.LiftingConv2D(2, 3, "p4", **FIRST)(x)
        ),
    ],
)
def test_a_layer_warns_of_its_own_activation_along_the_width(make):
    inputs = keras.Input((1, 9, 9))
    with pytest.warns(kg.EquivarianceWarning, match="loses equivariance to p4 by its activation"):
        outputs = make(inputs)
    assert kg.summary(keras.Model(inputs, outputs)).lost


def test_a_layer_warns_of_an_activation_whose_weights_begin_as_zeros():
    inputs = keras.Input((9, 9, 1))
    for shared_axes, count in (([1, 2, 3], 0), (None, 1)):
        activation = layers.PReLU(shared_axes=shared_axes)
        layer = L.LiftingConv2D(2, 3, "p4", activation=activation, **LAST)
        assert len(warnings_of(lambda layer=layer: layer(inputs))) == count


def test_points_outside_of_a_hexagon_do_not_count():
    class Affine(layers.Layer):
        def call(self, x):
            return 2 * x + 1

    def build():
        x = L.LiftingConv2D(2, 3, "p6", activation="softmax", **LAST)(keras.Input((9, 9, 1)))
        L.GroupConv2D(2, 3, **LAST)(Affine()(x))

    assert not warnings_of(build)


ALONG_CHANNELS = {
    "one hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 4),
    "a product": lambda x: x * ops.expand_dims(ops.einsum("bxyhc,bxyhc->bxyh", x, x), -1),
    "apart and together": lambda x: ops.stack(ops.unstack(x, axis=-1), axis=-1),
}


@pytest.mark.parametrize("change", ALONG_CHANNELS.values(), ids=ALONG_CHANNELS)
def test_a_map_without_channels_is_no_image(change):
    x = L.LiftingConv2D(4, 3, "p4", **LAST)(keras.Input((9, 9, 1)))
    assert not warnings_of(lambda: L.GroupConv2D(2, 3, **LAST)(change(x)))


def test_a_summary_visits_each_layer_once(monkeypatch):
    tried = []
    monkeypatch.setattr(stock.trial, "loss", lambda *of: tried.append(of) and None)
    x = inputs = keras.Input((8, 8, 1))
    x = L.LiftingConv2D(2, 3, "p4", **LAST)(inputs)
    for _ in range(10):
        x = OfTheUser()(x)
    kg.summary(keras.Model(inputs, x))
    assert len(tried) == 10


def test_maps_of_another_data_format_are_refused():
    x = L.LiftingConv2D(8, 3, "p4m", padding="same", **FIRST)(keras.Input((1, 8, 8)))
    with pytest.raises(ValueError, match=r"takes a channels_last map.*made by LiftingConv2D"):
        L.GroupConv2D(3, 3, **LAST)(x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: L.RandomGroupElement("p4m", **LAST),
        lambda: layers.RandomCrop(8, 8),
        lambda: layers.RandomErasing(),
        lambda: layers.Normalization(axis=None, mean=0.5, variance=2.0),
    ],
)
def test_it_is_silent_of_what_does_not_act_in_inference(make):
    x = make()(keras.Input((8, 8, 3)))
    assert not warnings_of(lambda: L.LiftingConv2D(2, 3, "p4", **LAST)(x))


def test_a_wrapped_layer_made_the_map():
    wrapped = layers.SpectralNormalization(L.LiftingConv2D(2, 3, "pmm", **LAST))
    x = wrapped(keras.Input((9, 9, 1)))
    with pytest.raises(ValueError, match=r"takes a map on p4\. Received: a map on pmm"):
        L.GroupConv2D(2, 3, "p4", **LAST)(x)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda x: layers.Flatten(name="culprit")(x), "Flatten 'culprit'"),
        (lambda x: layers.Conv2D(2, 3, name="culprit", **LAST)(x), "Conv2D 'culprit'"),
        (lambda x: layers.DepthwiseConv2D(3, name="culprit", **LAST)(x), "DepthwiseConv2D"),
        (lambda x: layers.MaxPooling2D(3, name="culprit", **LAST)(x), "MaxPooling2D"),
    ],
)
def test_layers_of_the_plane_are_followed_too(change, name):
    inputs = keras.Input((10, 10, 1))
    x = L.CosetPooling2D("p4", **LAST)(L.LiftingConv2D(2, 3, group="p4", **LAST)(inputs))
    x = change(x)
    if len(x.shape) == 2:
        x = layers.Reshape((8, 8, 2))(x)
    with pytest.warns(kg.EquivarianceWarning, match=f"{name}.* loses it"):
        L.LiftingConv2D(2, 1, group="p4", **LAST)(x)


def test_it_is_said_once_for_each_layer_and_size_and_points_at_the_users_line():
    lift = L.LiftingConv2D(2, 3, strides=2, group="p4", **LAST)
    inputs = [keras.Input((size, size, 1)) for size in (8, 8, 9, 10)]
    inputs += [np.ones((1, size, size, 1), "float32") for size in (10, 12)]
    caught = warnings_of(lambda: [lift(x) for x in inputs])
    assert [str(w.message).split("size ")[1][:5] for w in caught] == ["8×8: ", "10×10", "12×12"]
    open_size = keras.Input((None, None, 1))
    model = keras.Model(open_size, lift(open_size))
    caught += warnings_of(lambda: model(np.ones((1, 14, 14, 1), "float32")))
    assert len(caught) == 4
    assert {w.filename for w in caught} == {__file__}


def test_in_a_sequential_model_it_is_said_once():
    model = keras.Sequential([keras.Input((9, 9, 1)), L.LiftingConv2D(2, 2, "p4", **LAST)])
    then = [layers.PReLU(name="culprit"), L.GroupConv2D(2, 3, "p4", **LAST)]
    then.append(L.CosetPooling2D("p4", **LAST))
    caught = warnings_of(lambda: [model.add(layer) for layer in then])
    assert len(caught) == 1
    assert "PReLU 'culprit' loses it: it has a weight for each point" in str(caught[0].message)


def lifted(group, size=9):
    return L.LiftingConv2D(4, 3, group=group, name="lift", **LAST)(keras.Input((size, size, 1)))


OTHER_SPACES = {
    "p4 → pmm": lambda: L.GroupConv2D(2, 3, "pmm", **LAST)(lifted("p4")),
    "p2 → pm": lambda: L.GroupConv2D(2, 3, "pm", **LAST)(lifted("p2")),
    "p4 → pmm by pooling": lambda: L.GroupMaxPooling2D(1, group="pmm", **LAST)(lifted("p4")),
    "p4 → pmm by coset pooling": lambda: L.CosetPooling2D("pmm", **LAST)(lifted("p4")),
    "p4 → pmm by a block": lambda: L.ResidualBlock2D(2, group="pmm", **LAST)(lifted("p4")),
    "p4m/p4 → pm": lambda: L.GroupConv2D(2, 3, "pm", **LAST)(
        L.CosetPooling2D("p4m", "p4", **LAST)(lifted("p4m"))
    ),
    "p4/p2 → p2": lambda: L.GroupConv2D(2, 3, "p2", **LAST)(
        L.CosetPooling2D("p4", "p2", **LAST)(lifted("p4"))
    ),
    "p4m/pm → p4": lambda: L.GroupConv2D(2, 3, "p4", **LAST)(
        L.CosetPooling2D("p4m", "pm", **LAST)(lifted("p4m"))
    ),
    "p4 ⊕ p4 along H → p4m": lambda: L.GroupConv2D(2, 3, "p4m", **LAST)(
        layers.Concatenate(axis=3)([lifted("p4"), lifted("p4")])
    ),
    "half of H → p2": lambda: L.GroupConv2D(2, 3, "p2", **LAST)(lifted("p4")[:, :, :, ::2]),
    "p4 + pmm": lambda: L.GroupConv2D(2, 3, "p4", **LAST)(
        layers.Add()([lifted("p4"), lifted("pmm")])
    ),
    "through stock layers": lambda: L.GroupConv2D(2, 3, "pmm", **LAST)(
        layers.ReLU()(layers.BatchNormalization()(lifted("p4")))
    ),
    "through a model": lambda: L.GroupConv2D(2, 3, "pmm", **LAST)(
        keras.Sequential([keras.Input((9, 9, 1)), L.LiftingConv2D(4, 3, "p4", **LAST)])(
            keras.Input((9, 9, 1))
        )
    ),
    "p4 → lifting": lambda: L.LiftingConv2D(2, 3, "p4", **LAST)(lifted("p4")),
    "the plane → p4": lambda: L.GroupConv2D(2, 3, "p4", **LAST)(
        L.CosetPooling2D("p4", **LAST)(lifted("p4"))
    ),
}


@pytest.mark.parametrize("make", OTHER_SPACES.values(), ids=OTHER_SPACES)
def test_a_map_on_another_space_is_refused(make):
    with pytest.raises(ValueError, match=r"takes a (feature )?map on .* Received: "):
        make()


def test_the_error_names_the_layer_that_made_the_map():
    with pytest.raises(
        ValueError,
        match=r"GroupConv2D 'conv' takes a map on pmm\. Received: a map on p4, made by "
        r"LiftingConv2D 'lift'\. Give every layer",
    ):
        L.GroupConv2D(2, 3, "pmm", name="conv", **LAST)(layers.ReLU()(lifted("p4")))


def test_the_same_matrices_by_another_name_are_the_same_space():
    mine = kg.groups.PointGroup("mine", kg.groups.get("p4").elements)
    L.GroupConv2D(2, 3, mine, **LAST)(lifted("p4"))


class Subclassed(keras.Model):
    def call(self, x):
        return ops.relu(x)


class OfTheUser(layers.Layer):
    def call(self, x):
        return ops.relu(x)


@pytest.mark.parametrize("kind", [Subclassed, OfTheUser])
def test_what_is_not_in_the_table_is_tried_and_followed_by_its_shape(kind):
    x = kind()(lifted("p4"))
    assert not warnings_of(lambda: L.GroupConv2D(2, 3, "p4", **LAST)(x))
    with pytest.raises(ValueError, match="made by LiftingConv2D 'lift'"):
        L.GroupConv2D(2, 3, "pmm", **LAST)(x)


def test_deep_graphs_are_followed_without_recursion():
    x = inputs = keras.Input((4, 4, 1))
    for _ in range(600):
        x = layers.Add()([x, x])
    L.LiftingConv2D(2, 1, "p4", **LAST)(x)
    assert stock.follow(x, Space.lattice(kg.groups.get("p4")), "channels_last").losses == ()
    assert inputs is not None


def test_every_row_names_classes_that_keras_has():
    known = {name for module in (layers, L) for name in dir(module)}
    operations = {"GetItem", "TrueDivide"}
    for row in stock.TABLE:
        assert row.effect in ("keeps", "condition", "breaks")
        for kind in row.kinds:
            is_operation = hasattr(ops, kind.lower()) or hasattr(ops, snake_case(kind))
            assert kind in known or kind in operations or is_operation, kind


def snake_case(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")


def lifting_model(size):
    inputs = keras.Input((size, size, 2))
    x = L.LiftingConv2D(4, 3, "p4", padding="same", **LAST)(inputs)
    return keras.Model(inputs, L.GroupConv2D(4, 3, padding="same", **LAST)(x), name="inner")


def test_what_comes_into_a_model_is_seen_behind_it():
    """Its layers were built on its own inputs, and know nothing of others."""
    inputs = keras.Input((7, 7, 2))
    x = lifting_model(8)(layers.ZeroPadding2D(((0, 1), (0, 1)), **LAST)(inputs))
    with pytest.warns(kg.EquivarianceWarning, match="ZeroPadding2D.*loses it"):
        L.GroupConv2D(2, 3, **LAST)(x)
    x = lifting_model(7)(inputs)
    assert not warnings_of(lambda: L.GroupConv2D(2, 3, **LAST)(x))


def test_a_model_on_another_group_is_seen_behind_it():
    """p4 and pmm have as many elements."""
    on_pmm = keras.Input((7, 7, 4, 4))
    head = keras.Model(on_pmm, L.GroupConv2D(4, 3, "pmm", name="of_pmm", **LAST)(on_pmm))
    inputs = keras.Input((7, 7, 2))
    x = head(lifting_model(7)(inputs))
    with pytest.raises(ValueError, match="'of_pmm' takes a map on p4 for one on pmm"):
        L.GroupConv2D(2, 3, "pmm", **LAST)(x)
    (row,) = kg.summary(keras.Model(inputs, x)).lost
    assert "takes a map on p4 for one on pmm" in row.verdict


@pytest.mark.parametrize(
    "change",
    [
        lambda x: layers.MaxPooling3D((1, 1, 4), strides=1, padding="same", **LAST)(x),
        lambda x: layers.Conv3D(4, 1, strides=(1, 1, 4), **LAST)(x),
        lambda x: layers.MaxPooling3D((1, 1, 1), strides=(1, 1, 4), **LAST)(x),
        lambda x: ops.average(x, axis=3, weights=np.array([1.0, 2.0, 3.0, 4.0], "float32")),
    ],
)
def test_some_elements_of_h_are_not_all_of_them(change):
    inputs = keras.Input((7, 7, 2))
    x = change(L.LiftingConv2D(4, 3, "p4", **LAST)(inputs))
    following = L.GroupConv2D if len(x.shape) == 5 and x.shape[3] == 4 else L.LiftingConv2D
    if len(x.shape) == 5 and x.shape[3] == 1:
        x = layers.Reshape((*x.shape[1:3], 4))(x)
    with pytest.warns(kg.EquivarianceWarning, match="loses it"):
        following(2, 3, "p4", **LAST)(x)


def test_a_rescaling_of_channels_is_aligned_as_keras_does():
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        x = layers.Rescaling([1.0, 2.0, 3.0])(keras.Input((3, 9, 9)))
        assert not warnings_of(lambda: L.LiftingConv2D(2, 3, "p4")(x))
    finally:
        keras.config.set_image_data_format(before)


def test_the_group_is_that_of_a_function_that_restricts_it():
    x = L.LiftingConv2D(4, 3, "p4m", **LAST)(keras.Input((7, 7, 2)))
    x = kg.ops.restrict_group(x, "p4m", "p4", data_format="channels_last")
    layer = L.GroupConv2D(4, 3, **LAST)
    layer(x)
    assert layer.group.name == "p4"
