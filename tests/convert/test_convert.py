"""Plain models made equivariant: by `convert`, and by the mean over the group."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_gcnn as kg
from tests import oracle
from tests.shaken import shaken

L = kg.layers
LAST = {"data_format": "channels_last"}


def classifier(size=9, head="average"):
    """Every kind of layer that a plain classifier has."""
    inputs = keras.Input((size, size, 2))
    x = layers.Rescaling(2.0)(inputs)
    x = layers.Conv2D(8, 3, padding="same", name="stem", **LAST)(x)
    x = skip = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, **LAST)(x)
    x = layers.SeparableConv2D(8, 3, padding="same", activation="tanh", **LAST)(x)
    x = layers.Dropout(0.1)(layers.Add()([x, skip]))
    gate = layers.GlobalAveragePooling2D(**LAST)(x)
    gate = layers.Dense(4, activation="relu")(gate)
    gate = layers.Reshape((1, 1, 8))(layers.Dense(8, activation="sigmoid")(gate))
    x = layers.Multiply()([x, gate])
    x = layers.Concatenate()([x, skip])
    x = layers.MaxPooling2D(3, **LAST)(x)
    x = layers.LayerNormalization()(layers.Dense(16)(x))
    x = layers.Conv2D(16, 3, padding="same", groups=4, **LAST)(x)
    x = layers.UpSampling2D(2, **LAST)(layers.ZeroPadding2D(1, **LAST)(x))
    x = layers.Cropping2D(1, **LAST)(x)
    x = layers.GlobalAveragePooling2D(**LAST)(x) if head == "average" else layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(3, name="logits")(x), name="plain")


def segmenter(last_kernel=1, activation=None):
    inputs = keras.Input((8, 8, 1))
    x = skip = layers.Conv2D(6, 3, padding="same", activation="relu", **LAST)(inputs)
    x = layers.Conv2D(12, 3, padding="same", **LAST)(layers.MaxPooling2D(2, **LAST)(x))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.Conv2DTranspose(6, 2, strides=2, name="up", **LAST)(x)
    x = layers.Concatenate()([x, skip])
    options = {"padding": "same", "activation": activation, "name": "head", **LAST}
    return keras.Model(inputs, layers.Conv2D(2, last_kernel, **options)(x), name="unet")


@pytest.mark.parametrize("group", ["pmm", "p4m"])
def test_a_classifier_becomes_invariant_with_as_many_parameters(group):
    model, report = kg.convert(classifier(), group)
    assert kg.equivariance_error(shaken(model), group, (9, 9, 2)).is_equivariant
    assert not report.losses
    assert report.parameters_before == classifier().count_params()
    assert report.parameters_after == model.count_params()
    text = str(report)
    assert f"equivariant to {group} at this input size" in text
    assert "stem" in text
    assert "LiftingConv2D" in text


def test_widths():
    plain = classifier()
    maps, report = kg.convert(plain, "p4", width="maps")
    assert report.factor == 1 / 4
    assert maps.get_layer("stem").filters == 2
    same, _ = kg.convert(plain, "p4", width="same")
    assert same.get_layer("stem").filters == 8
    wide = keras.Sequential(
        [
            keras.Input((9, 9, 1)),
            *[layers.Conv2D(n, 3, activation="relu", **LAST) for n in (64, 128, 64)],
            layers.GlobalMaxPooling2D(**LAST),
            layers.Dense(10),
        ]
    )
    for group in ("p4", "p4m"):
        _, report = kg.convert(wide, group)
        assert abs(report.parameters_after / report.parameters_before - 1) < 0.03


@pytest.mark.parametrize("last_kernel", [1, 3])
def test_a_segmentation_turns_with_its_input(last_kernel):
    model, _ = kg.convert(segmenter(last_kernel, "sigmoid"), "p4m")
    assert model.output_shape == (None, 8, 8, 2)
    assert kg.equivariance_error(shaken(model), "p4m", (8, 8, 1)).is_equivariant


def outputs_of(model, x):
    return ops.convert_to_numpy(model(x, training=False))


@pytest.mark.parametrize(
    ("make", "group"),
    [(classifier, "p4m"), (segmenter, "p4"), (lambda: segmenter(3), "p4m")],
    ids=["average", "1×1", "3×3"],
)
def test_with_the_plain_weights_it_is_the_mean_over_the_group(make, group):
    plain = shaken(make())
    model, _ = kg.convert(plain, group, width="same", weights="planar")
    x = np.random.default_rng(0).normal(size=(3, *plain.input_shape[1:])).astype("float32")
    expected = outputs_of(kg.symmetrize(plain, group, "channels_last"), x)
    oracle.assert_close(outputs_of(model, x), expected, 1e-5)


def test_the_statistics_of_normalizations_come_along():
    plain = shaken(segmenter())
    model, _ = kg.convert(plain, "p4", width="same", weights="planar")
    moved = [w for w in model.weights if "moving" in w.path]
    assert moved
    plain_ones = [w for w in plain.weights if "moving" in w.path]
    for new, old in zip(moved, plain_ones, strict=True):
        assert np.array_equal(ops.convert_to_numpy(new), ops.convert_to_numpy(old))


def test_what_a_flattening_loses_is_said_with_the_layer():
    lost = "Flatten 'flatten.*weights of its own.*GlobalAveragePooling2D in its place.$"
    with pytest.warns(kg.EquivarianceWarning, match=lost):
        _, report = kg.convert(classifier(head="flatten"), "p4")
    assert report.losses


def strided(size):
    inputs = keras.Input((size, size, 1))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", **LAST)(inputs)
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="second", **LAST)(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(**LAST)(x))


def test_losses_name_the_nearest_sizes_that_keep_equivariance():
    with pytest.warns(kg.EquivarianceWarning, match="It is kept at 17×17 or 21×21"):
        _, report = kg.convert(strided(18), "p4")
    assert report.sizes_that_keep == (17, 21)
    for size in report.sizes_that_keep:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model, report = kg.convert(strided(size), "p4")
        assert not report.losses
        assert kg.equivariance_error(shaken(model), "p4", (size, size, 1)).is_equivariant


OTHERS = {
    "a gate of a concatenation": lambda x, i: gated(layers.Concatenate()([x, layers.ReLU()(x)])),
    "the image beside its features": lambda x, i: layers.Concatenate()([x, i]),
    "a shared layer": lambda x, i: twice(layers.Conv2D(4, 3, padding="same", **LAST), x),
    "operations": lambda x, i: ops.relu(x) * 2 + 1,
    "RMSNormalization": lambda x, i: layers.RMSNormalization()(x),
}


def gated(x):
    gate = layers.GlobalAveragePooling2D(keepdims=True, **LAST)(x)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", **LAST)(gate)
    return layers.Multiply()([x, gate])


def twice(layer, x):
    return layer(layer(x))


@pytest.mark.parametrize("width", ["parameters", "same"])
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_other_forms(change, width):
    inputs = keras.Input((8, 8, 1))
    x = change(layers.Conv2D(4, 3, padding="same", **LAST)(inputs), inputs)
    x = layers.Conv2D(3, 3, padding="same", **LAST)(x)
    model, _ = kg.convert(keras.Model(inputs, x), "p4m", width)
    assert kg.equivariance_error(shaken(model), "p4m", (8, 8, 1)).is_equivariant


def test_channels_first():
    first = {"data_format": "channels_first"}
    inputs = keras.Input((1, 8, 8))
    x = layers.Conv2D(4, 3, padding="same", **first)(inputs)
    x = layers.Concatenate(axis=1)([x, layers.BatchNormalization(axis=1)(x)])
    x = layers.GlobalAveragePooling2D(**first)(layers.Conv2D(4, 3, **first)(x))
    model, _ = kg.convert(keras.Model(inputs, layers.Dense(2)(x)), "p4m")
    assert kg.equivariance_error(shaken(model), "p4m", (1, 8, 8)).is_equivariant


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", [layers.Softmax, layers.UnitNormalization])
def test_what_goes_along_the_channels_still_does(kind, data_format):
    channels = 3 if data_format == "channels_last" else 1
    first = keras.Input((9, 9, 1) if data_format == "channels_last" else (1, 9, 9))
    x = layers.Conv2D(8, 3, data_format=data_format)(first)
    x = kind(axis=channels)(x)
    x = layers.GlobalAveragePooling2D(data_format=data_format)(x)
    converted, _ = kg.convert(keras.Model(first, x), "p4")
    (made,) = [layer for layer in converted.layers if isinstance(layer, kind)]
    y = ops.convert_to_numpy(made(np.ones(made.input.shape[1:], "float32")[None]))
    assert y.max() == pytest.approx(8**-1 if kind is layers.Softmax else 8**-0.5)


def stem(inputs):
    return layers.Conv2D(8, 3, padding="same", **LAST)(inputs)


def shared_heads(inputs):
    head, x = layers.Conv2D(5, 1, **LAST), stem(inputs)
    return [head(x), head(layers.MaxPooling2D(2, **LAST)(x))]


def heads_of_a_model_within(inputs):
    inside = keras.Input((8, 8, 8))
    both = [layers.Conv2D(n, 1, **LAST)(inside) for n in (5, 7)]
    return keras.Model(inside, both)(stem(inputs))


HEADS = {
    "a sum": lambda x: layers.Add()([layers.Conv2D(5, 1, **LAST)(stem(x)) for _ in range(2)]),
    "side by side": lambda x: layers.Concatenate()(
        [layers.Conv2D(n, 1, **LAST)(stem(x)) for n in (4, 3)]
    ),
    "what is to be taken off": lambda x: x - layers.Conv2D(3, 3, padding="same", **LAST)(stem(x)),
    "shared": shared_heads,
    "of a model within": heads_of_a_model_within,
}


@pytest.mark.parametrize("make", HEADS.values(), ids=HEADS)
def test_outputs_keep_their_channels(make):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, make(inputs))
    converted, report = kg.convert(model, "p4")
    shapes = [[tuple(y.shape) for y in of.outputs] for of in (model, converted)]
    assert shapes[0] == shapes[1]
    assert not report.losses
    assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 3)).is_equivariant


@pytest.mark.parametrize(
    "change",
    [
        lambda x: layers.Cropping2D(((1, 0), (1, 0)), **LAST)(x),
        lambda x: layers.MaxPooling2D(2, padding="same", **LAST)(x),
        lambda x: x[:, 1:, 1:],
        lambda x: layers.Flatten()(x),
    ],
)
def test_what_is_lost_where_no_group_layer_follows_is_said(change):
    inputs = keras.Input((9, 9, 3))
    x = layers.Conv2D(5, 1, **LAST)(layers.Conv2D(8, 3, **LAST)(inputs))
    with pytest.warns(kg.EquivarianceWarning, match="is lost at this input size"):
        converted, report = kg.convert(keras.Model(inputs, change(x)), "p4")
    assert report.losses
    assert not kg.equivariance_error(shaken(converted), "p4", (9, 9, 3)).is_equivariant


def test_an_adapted_normalization_keeps_its_statistics():
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3, 2, size=(20, 8, 8, 3)))
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D(**LAST)(layers.Conv2D(4, 3, **LAST)(normalization(inputs)))
    model = keras.Model(inputs, x)
    converted, _ = kg.convert(model, "p4", "same", "planar")
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("float32")
    oracle.assert_close(outputs_of(converted, x), outputs_of(kg.symmetrize(model, "p4"), x))


def test_a_layer_used_in_two_ways_is_made_twice():
    padding, convolution = layers.ZeroPadding2D(1, **LAST), layers.Conv2D(3, 3, **LAST)
    inputs = keras.Input((9, 9, 3))
    x = convolution(padding(convolution(padding(inputs))))
    x = layers.GlobalAveragePooling2D(**LAST)(x)
    converted, _ = kg.convert(keras.Model(inputs, x), "p4")
    kinds = [type(layer).__name__ for layer in converted.layers[1:5]]
    assert kinds == ["ZeroPadding2D", "LiftingConv2D", "GroupZeroPadding2D", "GroupConv2D"]


SEQUENCES = {
    "both ways": lambda: layers.Bidirectional(layers.GRU(2)),
    "two cells": lambda: layers.RNN([layers.GRUCell(3), layers.GRUCell(3)]),
    "at each time": lambda: layers.TimeDistributed(layers.Dense(3)),
}


@pytest.mark.parametrize("make", SEQUENCES.values(), ids=SEQUENCES)
def test_layers_of_layers_keep_their_weights_or_take_other_widths(make):
    inputs = keras.Input((9, 9, 1))
    x = layers.Conv2D(4, 3, **LAST)(layers.Conv2D(4, 3, **LAST)(inputs))
    x = make()(layers.RepeatVector(3)(layers.GlobalAveragePooling2D(**LAST)(x)))
    model = shaken(keras.Model(inputs, x))
    same, _ = kg.convert(model, "p4", "same", "planar")
    for ours, theirs in zip(
        same.layers[-1].get_weights(), model.layers[-1].get_weights(), strict=True
    ):
        assert np.array_equal(ours, theirs)
    narrow, _ = kg.convert(model, "p4")
    images = np.zeros((2, 9, 9, 1), "float32")
    assert outputs_of(narrow, images).shape == outputs_of(model, images).shape


def test_long_chains_after_the_last_layer_with_weights():
    inputs = keras.Input((9, 9, 1))
    x = layers.GlobalAveragePooling2D(**LAST)(layers.Conv2D(4, 3, **LAST)(inputs))
    x = layers.Dense(2)(x)
    for _ in range(30):
        x = x - 0.1 * ops.tanh(x)
    for _ in range(400):
        x = layers.ReLU()(x)
    converted, _ = kg.convert(keras.Model(inputs, x), "p4")
    assert converted.output_shape == (None, 2)


def test_symmetrize_keeps_names_of_inputs_and_precision():
    inputs = keras.Input((8, 8, 3), name="image", dtype="float16")
    outputs = layers.Dense(2, dtype="float16")(layers.Flatten(dtype="float16")(inputs))
    model = kg.symmetrize(keras.Model({"image": inputs}, outputs), "p4", "channels_last")
    y = model({"image": np.ones((1, 8, 8, 3), "float16")})
    assert keras.backend.standardize_dtype(y.dtype) == "float16"


def test_layers_called_by_keyword():
    inputs = keras.Input((9, 9, 3))
    x = layers.GlobalAveragePooling2D(**LAST)(layers.Conv2D(8, 3, **LAST)(inputs=inputs))
    assert not kg.convert(keras.Model(inputs, x), "p4")[1].losses


def test_a_report_names_the_height():
    inputs = keras.Input((3, 17, 33))
    x = layers.Conv2D(4, 3, padding="same", data_format="channels_first")(inputs)
    outputs = layers.GlobalAveragePooling2D(data_format="channels_first")(x)
    _, report = kg.convert(keras.Model(inputs, outputs), "p2")
    assert report.size == 17


def test_inputs_and_outputs_keep_their_structure():
    inputs = [keras.Input((8, 8, n)) for n in (1, 2)]
    x = layers.Concatenate()([layers.Conv2D(4, 3, **LAST)(i) for i in inputs])
    outputs = {"a": layers.Dense(2)(layers.GlobalMaxPooling2D(**LAST)(x)), "b": x}
    model, _ = kg.convert(keras.Model(inputs, outputs), "p4", width="same")
    assert {name: y.shape for name, y in model.output.items()} == {
        "a": (None, 2),
        "b": (None, 6, 6, 8),
    }


def test_models_in_models_and_a_sequential_one():
    inner = keras.Sequential(
        [keras.Input((9, 9, 4)), layers.Conv2D(4, 3, padding="same", **LAST), layers.ReLU()]
    )
    stack = [keras.Input((9, 9, 1)), layers.Conv2D(4, 3, padding="same", **LAST), inner]
    model = keras.Sequential([*stack, layers.GlobalAveragePooling2D(**LAST), layers.Dense(2)])
    converted, _ = kg.convert(model, "p4m")
    assert kg.equivariance_error(shaken(converted), "p4m", (9, 9, 1)).is_equivariant


def test_it_trains_saves_and_becomes_planar(tmp_path):
    model, _ = kg.convert(classifier(), "p4")
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(4, 9, 9, 2)).astype("float32")
    assert np.isfinite(model.train_on_batch(x, np.ones((4, 3))))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    oracle.assert_close(outputs_of(again, x), outputs_of(model, x))
    oracle.assert_close(outputs_of(kg.to_planar(model), x), outputs_of(model, x), 1e-4)


class OfTheUser(layers.Layer):
    def call(self, x):
        return x


def with_layer(layer):
    inputs = keras.Input((8, 8, 1))
    x = layer(layers.Conv2D(4, 3, **LAST)(inputs))
    return keras.Model(inputs, x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kg.convert(with_layer(OfTheUser(name="mine"))), "OfTheUser 'mine'.*Replace it"),
        (lambda: kg.convert(with_layer(layers.Permute((2, 1, 3), name="p"))), "Permute 'p'"),
        (lambda: kg.convert(with_layer(layers.PReLU(name="p"))), "PReLU 'p'.*shared_axes"),
        (
            lambda: kg.convert(
                with_layer(layers.Conv2D(2, 3, activation=layers.PReLU(shared_axes=[1, 2])))
            ),
            "its activation has weights",
        ),
        (lambda: kg.convert(with_layer(layers.BatchNormalization(axis=1, name="n"))), "'n'.*axis"),
        (lambda: kg.convert(classifier(), width="area"), "`width` must be one of"),
        (lambda: kg.convert(classifier(), weights="planar"), "'planar' with width='same'"),
        (lambda: kg.convert(classifier(), "p5"), "`group` must be"),
        (lambda: kg.convert(kg.models.p4cnn()), "takes a plain model.*LiftingConv2D"),
        (lambda: kg.convert(keras.Sequential([layers.Dense(2)])), "that are built"),
        (
            lambda: kg.symmetrize(keras.Sequential([layers.Dense(2)])),
            "must be a Keras model of one",
        ),
        (
            lambda: kg.symmetrize(classifier(), "p4", "channels_first"),  # of images (9, 9, 2)
            r"Every element of p4 must map the grid to itself.*\(9, 2\)",
        ),
        (
            lambda: kg.convert(keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten()])),
            "must have a convolution to lift with",
        ),
    ],
)
def test_what_it_does_not_know_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("group", ["p2", "p4", "pmm", "p4m"])
def test_symmetrize_is_the_mean_over_every_element(group, tmp_path):
    plain = shaken(segmenter(3, "sigmoid"))
    model = kg.symmetrize(plain, group, "channels_last")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    elements = oracle.matrices(group)
    expected = 0
    for h, matrix in enumerate(elements):
        back = oracle.index_of(oracle.inverse(matrix), elements)
        turned = np.stack([oracle.transform(image, group, back, False) for image in x])
        y = outputs_of(plain, turned)
        expected += np.stack([oracle.transform(image, group, h, False) for image in y])
    oracle.assert_close(outputs_of(model, x), expected / len(elements))
    report = kg.equivariance_error(model, group, (8, 8, 1))
    assert report.is_equivariant
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    oracle.assert_close(outputs_of(again, x), outputs_of(model, x))


def test_symmetrize_makes_a_classifier_invariant_and_trainable():
    model = kg.symmetrize(classifier(), "p4m", "channels_last")
    assert kg.equivariance_error(model, "p4m", (9, 9, 2)).is_equivariant
    model.compile("sgd", "mse")
    x = np.zeros((2, 9, 9, 2), "float32")
    assert np.isfinite(model.train_on_batch(x, np.ones((2, 3))))


def excited(x, **options):
    """Squeeze and excitation."""
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(**options, **LAST)(x)
    if options:
        gate = layers.Flatten()(gate)
    gate = layers.Dense(channels, activation="sigmoid")(gate)
    return layers.Multiply()([x, layers.Reshape((1, 1, channels))(gate)])


def pooled(x, units=2):
    return layers.Dense(units)(layers.GlobalAveragePooling2D(**LAST)(x))


def excited_within(x):
    inside = keras.Input((8, 8, 8))
    return keras.Model(inside, excited(inside))(x)


GATES = {
    "within a model": excited_within,
    "by way of a flattening": lambda x: excited(x, keepdims=True),
    "twice": lambda x: excited(excited(x)),
}


@pytest.mark.parametrize("gate", GATES.values(), ids=GATES)
def test_gates_of_every_form(gate):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, **LAST)(gate(stem(inputs)))
    model = shaken(keras.Model(inputs, pooled(x)))
    converted, _ = kg.convert(model, "p4", "same", "planar")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    oracle.assert_close(outputs_of(converted, x), outputs_of(kg.symmetrize(model, "p4"), x), 1e-5)
    narrow, _ = kg.convert(model, "p4")
    assert kg.equivariance_error(shaken(narrow), "p4", (8, 8, 3)).is_equivariant


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("size", [8, None])
def test_gates_of_each_plane_in_every_format_and_size(size, data_format):
    last = data_format == "channels_last"
    inputs = keras.Input((size, size, 3) if last else (3, size, size))
    x = layers.Conv2D(8, 3, padding="same", data_format=data_format)(inputs)
    gate = layers.Dense(8)(layers.GlobalAveragePooling2D(data_format=data_format)(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 8) if last else (8, 1, 1))(gate)])
    x = layers.Conv2D(4, 3, data_format=data_format)(x)
    model = keras.Model(inputs, layers.GlobalMaxPooling2D(data_format=data_format)(x))
    converted, _ = kg.convert(model, "p4", "same", "planar")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    x = x if last else np.moveaxis(x, -1, 1)
    turned = np.rot90(x, axes=(1, 2) if last else (2, 3)).copy()
    if last or keras.backend.backend() != "tensorflow":  # whose CPU may have no such convolution
        oracle.assert_close(outputs_of(converted, turned), outputs_of(converted, x), 1e-5)


def test_a_pooling_shared_by_gates_of_two_sizes():
    inputs = keras.Input((8, 8, 3))
    pool, x = layers.GlobalAveragePooling2D(keepdims=True, name="gap", **LAST), stem(inputs)
    x = layers.Multiply()([x, layers.Conv2D(8, 1, **LAST)(pool(x))])
    x = layers.MaxPooling2D(2, **LAST)(x)
    x = layers.Multiply()([x, layers.Conv2D(8, 1, **LAST)(pool(x))])
    model = keras.Model(inputs, pooled(layers.Conv2D(4, 3, **LAST)(x)))
    for options in ((), ("same", "planar")):
        converted, _ = kg.convert(model, "p4", *options)
        assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 3)).is_equivariant


def test_heads_of_one_name_have_activations_of_their_own():
    def head(name, activation):
        options = {"padding": "same", "activation": activation, "name": "out", **LAST}
        stack = [keras.Input((8, 8, 8)), layers.Conv2D(2, 3, **options)]
        return keras.Sequential(stack, name=name)

    inputs = keras.Input((8, 8, 3))
    x = stem(inputs)
    model = keras.Model(inputs, [head("a", None)(x), head("b", "softmax")(x)])
    converted, _ = kg.convert(model, "p4")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    plain, sums = (ops.convert_to_numpy(y).sum(-1) for y in shaken(converted)(x))
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    assert np.abs(plain - 1).max() > 0.1


LAST_LAYERS = {
    "normalized": lambda x: layers.BatchNormalization()(x),
    "with slopes": lambda x: layers.PReLU(shared_axes=[1, 2])(x),
    "depthwise": lambda x: layers.DepthwiseConv2D(3, **LAST)(x),
    "pooled": lambda x: layers.GlobalAveragePooling2D(**LAST)(layers.BatchNormalization()(x)),
}


@pytest.mark.parametrize("last", LAST_LAYERS.values(), ids=LAST_LAYERS)
@pytest.mark.parametrize("width", ["parameters", "maps"])
def test_outputs_keep_their_channels_whatever_stands_before_them(last, width):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(10, 1, use_bias=False, **LAST)(layers.Conv2D(16, 3, **LAST)(stem(inputs)))
    model = keras.Model(inputs, last(x))
    converted, _ = kg.convert(model, "p4", width)
    assert converted.output_shape == model.output_shape
    assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 3)).is_equivariant


def with_a_table(x, table):
    return layers.Concatenate()([layers.Dense(16)(table), pooled(x, 32)])


def added_to_a_table(x, table):
    return layers.Add()([pooled(x, 16), layers.Dense(16)(table)])


def with_a_residual_vector(x, table):
    vector = layers.GlobalAveragePooling2D(**LAST)(x)
    return layers.Add()([vector, layers.Dense(8)(vector)])


@pytest.mark.parametrize("join", [with_a_table, added_to_a_table, with_a_residual_vector])
@pytest.mark.parametrize("options", [(), ("same",), ("same", "planar")])
def test_vectors_of_an_image_and_of_a_table(join, options):
    table, image = keras.Input((5,)), keras.Input((9, 9, 1))
    x = layers.Conv2D(8, 3, **LAST)(stem(image))
    model = keras.Model([table, image], layers.Dense(3)(join(x, table)))
    converted, report = kg.convert(model, "p4", *options)
    assert report.size == 9
    rng = np.random.default_rng(0)
    numbers, x = rng.normal(size=(2, 5)), rng.normal(size=(2, 9, 9, 1))
    of_x, of_turned = (
        outputs_of(converted, [numbers, y]) for y in (x, np.rot90(x, axes=(1, 2)).copy())
    )
    oracle.assert_close(of_turned, of_x, 1e-5)


def test_a_backbone_that_pools_within():
    stack = [keras.Input((9, 9, 3)), *(layers.Conv2D(8, 3, **LAST) for _ in range(2))]
    base = keras.Sequential([*stack, layers.GlobalAveragePooling2D(**LAST)])
    model = keras.Sequential([keras.Input((9, 9, 3)), base, layers.Dense(2)])
    for width in ("parameters", "maps", "same"):
        converted, _ = kg.convert(model, "p4", width)
        assert kg.equivariance_error(shaken(converted), "p4", (9, 9, 3)).is_equivariant


def test_sizes_that_keep_equivariance_are_those_of_all_images():
    inputs = [keras.Input((18, 18, n)) for n in (1, 2)]
    options = {"strides": 2, "padding": "same", **LAST}
    x = layers.Concatenate()([layers.Conv2D(4, 3, **options)(x) for x in inputs])
    with pytest.warns(kg.EquivarianceWarning, match="It is kept at 17×17 or 19×19"):
        _, report = kg.convert(keras.Model(inputs, pooled(x)), "p4")
    assert (report.size, report.sizes_that_keep) == (18, (17, 19))


@pytest.mark.parametrize("join", [layers.Add, layers.Concatenate])
def test_an_image_of_open_sizes_is_joined_to_a_map(join):
    inputs = keras.Input((None, None, 2))
    x = layers.Conv2D(2, 3, padding="same", **LAST)(inputs)
    x = pooled(layers.Conv2D(2, 3, padding="same", **LAST)(join()([x, inputs])))
    converted, _ = kg.convert(keras.Model(inputs, x), "p4", "same")
    assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 2)).is_equivariant


@pytest.mark.parametrize("width", ["parameters", "maps", "same"])
def test_channels_scaled_by_a_second_input(width):
    image, vector = keras.Input((9, 9, 1)), keras.Input((3,))
    x = layers.Conv2D(16, 3, **LAST)(image)
    scale = layers.Reshape((1, 1, 16))(layers.Dense(16)(vector))
    x = layers.Conv2D(16, 3, **LAST)(layers.Multiply()([x, scale]))
    model = keras.Model([image, vector], pooled(x))
    converted, _ = kg.convert(model, "p4", width)
    rng = np.random.default_rng(0)
    x, numbers = rng.normal(size=(2, 9, 9, 1)), rng.normal(size=(2, 3))
    turned = np.rot90(x, axes=(1, 2)).copy()
    shaken(converted)
    oracle.assert_close(
        outputs_of(converted, [turned, numbers]), outputs_of(converted, [x, numbers]), 1e-5
    )


def test_a_map_that_is_an_output_and_goes_on_stays_on_the_group():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="map", **LAST)(stem(inputs))
    model = keras.Model(inputs, [x, pooled(layers.Conv2D(8, 3, **LAST)(x))])
    converted, report = kg.convert(model, "p4")
    assert not report.losses
    assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 3)).is_equivariant


def test_inputs_and_outputs_keep_their_names():
    inputs = keras.Input((8, 8, 1), name="image")
    x = stem(inputs)
    mask = layers.Conv2D(2, 3, padding="same", activation="sigmoid", name="mask", **LAST)(x)
    model = keras.Model(inputs, [mask, layers.Dense(3, name="label")(pooled(x)), x])
    converted, _ = kg.convert(model, "p4")
    for made in (converted, kg.to_planar(converted), kg.symmetrize(model, "p4")):
        assert [x.name for x in made.inputs] == ["image"]
        assert made.output_names == model.output_names


def test_names_that_are_made_up_are_not_taken():
    inputs = keras.Input((8, 8, 1))
    x = layers.ZeroPadding2D(1, name="pad", **LAST)(inputs)
    padding = layers.ZeroPadding2D(1, name="around", **LAST)
    x = padding(layers.Conv2D(4, 3, **LAST)(padding(x)))
    x = layers.ZeroPadding2D(1, name="around_1", **LAST)(x)
    x = layers.Conv2D(2, 3, name="mask", **LAST)(x)
    outputs = layers.Activation("sigmoid", name="mask_activation")(x)
    converted, _ = kg.convert(keras.Model(inputs, outputs), "p4")
    assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 1)).is_equivariant


def test_outputs_keep_their_precision():
    inputs = keras.Input((8, 8, 1), dtype="float16")
    options = {"padding": "same", "dtype": "float16", **LAST}
    x = layers.Conv2D(8, 3, **options)(inputs)
    head = {**options, "dtype": "float32"}
    model = keras.Model(inputs, [layers.Conv2D(2, n, activation="tanh", **head)(x) for n in (1, 3)])
    converted, _ = kg.convert(model, "p4")
    for made in (converted, kg.to_planar(converted)):
        assert [y.dtype for y in made.outputs] == ["float32", "float32"]


def test_a_constraint_goes_along_the_axes_that_it_went_along():
    inputs = keras.Input((8, 8, 3))
    options = {"kernel_constraint": keras.constraints.MaxNorm(1.0, axis=[0, 1, 2]), **LAST}
    x = layers.Conv2D(6, 3, **options)(layers.Conv2D(8, 3, **options)(inputs))
    x = layers.Dense(4, kernel_constraint=keras.constraints.UnitNorm(axis=0))(x)
    model = keras.Model(inputs, layers.GlobalMaxPooling2D(**LAST)(x))
    converted, _ = kg.convert(model, "p4", "same")
    made = [x for x in converted.layers if hasattr(x, "kernel")]
    assert [x.kernel_constraint.axis for x in made] == [[0, 1, 2], [0, 1, 2, 3], [0, 1]]


def test_dropout_that_is_always_on_stays_on():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, **LAST)(layers.Dropout(0.5)(stem(inputs), training=True))
    converted, _ = kg.convert(keras.Model(inputs, layers.GlobalMaxPooling2D(**LAST)(x)), "p4")
    x = np.ones((1, 8, 8, 1), "float32")
    for model in (converted, kg.to_planar(converted)):
        first, second = (ops.convert_to_numpy(model(x)) for _ in range(2))
        assert np.abs(first - second).max() > 1e-3


def test_a_function_before_the_first_convolution():
    inputs = keras.Input((8, 8, 1))
    x = layers.GlobalMaxPooling2D(**LAST)(stem(layers.Lambda(lambda x: 2 * x)(inputs)))
    converted, _ = kg.convert(keras.Model(inputs, x), "p4")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    oracle.assert_close(outputs_of(kg.to_planar(converted), x), outputs_of(converted, x), 1e-5)


def test_blocks_of_the_last_convolution():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 1, groups=2, **LAST)(stem(inputs))
    converted, _ = kg.convert(keras.Model(inputs, x), "p4")
    assert converted.output_shape == (None, 8, 8, 4)
    assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 1)).is_equivariant


def test_an_error_of_a_layer_names_the_plain_one():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, (3, 1), name="tall", **LAST)(stem(inputs))
    with pytest.raises(
        ValueError, match=r"^`convert` makes no GroupConv2D of Conv2D 'tall'\. `ker"
    ):
        kg.convert(keras.Model(inputs, pooled(x)), "p4")


def test_symmetrize_takes_a_subclassed_model():
    class OfTheUser(keras.Model):
        def __init__(self):
            super().__init__()
            self.stack = [layers.Conv2D(4, 3, **LAST), layers.GlobalMaxPooling2D(**LAST)]

        def call(self, x):
            return self.stack[1](self.stack[0](x))

    model = OfTheUser()
    with pytest.raises(ValueError, match="Call it on an image once"):
        kg.symmetrize(model, "p4", "channels_last")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    model(x)
    symmetric = kg.symmetrize(model, "p4", "channels_last")
    turned = np.rot90(x, axes=(1, 2)).copy()
    oracle.assert_close(outputs_of(symmetric, turned), outputs_of(symmetric, x), 1e-5)
    mean = sum(outputs_of(model, np.rot90(x, k, axes=(1, 2)).copy()) for k in range(4)) / 4
    oracle.assert_close(outputs_of(symmetric, x), mean, 1e-5)


def test_a_model_from_a_file_has_names_of_another_session(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = layers.LayerNormalization()(excited(stem(inputs)))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(**LAST)(x))
    model.save(tmp_path / "plain.keras")
    kg.convert(model, "p4")[0].save(tmp_path / "converted.keras")
    for name, change in (("plain", lambda m: kg.convert(m, "p4")[0]), ("converted", kg.to_planar)):
        keras.backend.clear_session()
        loaded = keras.saving.load_model(tmp_path / f"{name}.keras")
        assert change(loaded).output_shape == model.output_shape


def once_more(x):
    x = stem(x)
    return [x, pooled(layers.Add()([x, stem(x)]))]


def with_its_gate(x):
    x = stem(x)
    gate = layers.Dense(8)(layers.GlobalAveragePooling2D(keepdims=True, **LAST)(x))
    return [gate, pooled(layers.Conv2D(3, 3, **LAST)(layers.Multiply()([x, gate])))]


def with_its_vector(x):
    vector = layers.GlobalAveragePooling2D(**LAST)(stem(x))
    other = layers.Dense(8)(vector)
    return [other, layers.Dense(3)(ops.relu(vector + other))]


def of_slices(x):
    vector = layers.GlobalAveragePooling2D(**LAST)(stem(x))
    return [layers.Dense(3)(vector[:, :4]), layers.Dense(3)(vector[:, 4:])]


def mixed(x):
    a, b = stem(x), stem(x)
    gate = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D(**LAST)(a))
    first, second = (layers.Reshape((1, 1, 1))(gate[:, i : i + 1]) for i in range(2))
    return pooled(layers.Conv2D(3, 3, **LAST)(a * first + b * second))


def by_a_shared_activation(x):
    relu = layers.ReLU()
    x = relu(stem(x))
    gate = relu(layers.Dense(2)(layers.GlobalAveragePooling2D(keepdims=True, **LAST)(x)))
    return pooled(layers.Multiply()([x, layers.Dense(8)(gate)]))


def of_several_outputs(x):
    inside = keras.Input((8, 8, 3))
    p = stem(inside)
    p, q = keras.Model(inside, [p, layers.Conv2D(12, 3, **LAST)(p)])(x)
    return [pooled(layers.Conv2D(4, 3, **LAST)(excited(p))), q]


def with_a_normalized_residual(x):
    x = layers.ReLU()(layers.BatchNormalization()(stem(x)))
    vector = layers.GlobalAveragePooling2D(**LAST)(x)
    return layers.Dense(3)(layers.Add()([vector, layers.Dense(8)(vector)]))


def of_a_concatenation(x):
    x = layers.Concatenate()([layers.Conv2D(5, 3, padding="same", **LAST)(x) for _ in range(3)])
    gate = layers.Dense(15)(layers.GlobalAveragePooling2D(keepdims=True, **LAST)(x))
    x = layers.Multiply()([x, layers.BatchNormalization()(gate)])
    return pooled(layers.Conv2D(4, 3, **LAST)(x))


def by_two_poolings(x):
    x = stem(x)
    stack = [keras.Input((1, 1, 8)), layers.Dense(2), layers.Dense(8)]
    gate, kinds = (
        keras.Sequential(stack),
        (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D),
    )
    gates = [gate(kind(keepdims=True, **LAST)(x)) for kind in kinds]
    return pooled(layers.Conv2D(4, 3, **LAST)(layers.Multiply()([x, layers.Add()(gates)])))


def gated_in_a_model(x):
    x = stem(x)
    image, vector = keras.Input((8, 8, 8)), keras.Input((8,))
    gate = layers.Multiply()([image, layers.Reshape((1, 1, 8))(vector)])
    made = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D(**LAST)(x))
    x = keras.Model([image, vector], gate)([x, made])
    return layers.Conv2D(3, 3, padding="same", **LAST)(x)


def normalized_in_a_model(x):
    inside = keras.Input((8, 8, 8))
    x_inside = stem(layers.ReLU()(layers.BatchNormalization()(inside)))
    return pooled(keras.Model(inside, x_inside)(stem(x)))


def in_blocks(x):
    x = stem(x)
    gate = layers.Conv2D(8, 1, groups=4, **LAST)(
        layers.GlobalAveragePooling2D(keepdims=True, **LAST)(x)
    )
    return pooled(layers.Multiply()([x, gate]))


def told_to_rest(x):
    return pooled(stem(layers.MaxPooling2D(2, **LAST)(stem(x), training=False)))


FORMS = (
    *(once_more, with_its_gate, with_its_vector, of_slices, mixed, by_a_shared_activation),
    *(of_several_outputs, with_a_normalized_residual, of_a_concatenation, by_two_poolings),
    *(gated_in_a_model, normalized_in_a_model, in_blocks, told_to_rest),
)


@pytest.mark.parametrize("make", FORMS)
def test_what_has_as_many_channels_still_does(make):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, make(inputs))
    for options in ((), ("maps",), ("same", "planar")):
        if (make, options) == (mixed, ("same", "planar")):  # a number for each plane is no gate
            continue
        converted, report = kg.convert(model, "p4", *options)
        shapes = [[tuple(y.shape) for y in of.outputs] for of in (model, converted)]
        assert shapes[0] == shapes[1]
        assert not report.losses
        assert kg.equivariance_error(shaken(converted), "p4", (8, 8, 3)).is_equivariant
    kg.to_planar(converted)


def test_a_gate_made_outside_of_a_model_gates_each_plane():
    inputs = keras.Input((8, 8, 3))
    model = shaken(keras.Model(inputs, gated_in_a_model(inputs)))
    converted, _ = kg.convert(model, "p4", "same", "planar")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    oracle.assert_close(outputs_of(converted, x), outputs_of(kg.symmetrize(model, "p4"), x), 1e-5)


def test_a_model_within_that_is_called_at_two_sizes_loads(tmp_path):
    inputs, inside = keras.Input((8, 8, 3)), keras.Input((None, None, 8))
    head, x = keras.Model(inside, layers.Conv2D(2, 3, padding="same", **LAST)(inside)), stem(inputs)
    model = keras.Model(inputs, [head(x), head(layers.MaxPooling2D(2, **LAST)(x))])
    converted, _ = kg.convert(model, "p4")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    for made in (converted, kg.to_planar(converted)):
        made.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        for actual, expected in zip(loaded(x), made(x), strict=True):
            oracle.assert_close(ops.convert_to_numpy(actual), ops.convert_to_numpy(expected), 1e-6)


class Standardized(layers.Conv2D):
    def call(self, x):
        return ops.conv(x, self.kernel - ops.mean(self.kernel), padding="same")


@pytest.mark.parametrize(
    "layer", [Standardized(8, 3, padding="same"), type("Own", (layers.MaxPooling2D,), {})(2)]
)
def test_a_class_of_the_user_is_not_taken_for_that_of_keras(layer):
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match="it is a class of its own"):
        kg.convert(keras.Model(inputs, pooled(layer(stem(inputs)))), "p4")


@pytest.mark.parametrize(
    "make",
    [
        lambda x: [pooled(stem(x)), layers.Dense(4)(layers.Flatten()(x))],
        lambda x: stem(layers.Reshape((4, 4, 4))(pooled(stem(x), 64))),
    ],
)
def test_what_does_not_turn_beside_the_maps_on_the_group_is_said(make):
    inputs = keras.Input((8, 8, 3))
    with pytest.warns(kg.EquivarianceWarning, match="is lost at this input size"):
        converted, _ = kg.convert(keras.Model(inputs, make(inputs)), "p4")
    assert not kg.equivariance_error(shaken(converted), "p4", (8, 8, 3)).is_equivariant


def test_an_output_that_is_an_operation_changes_nothing_in_the_plain_model():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, ops.relu(stem(inputs)))
    name = model.operations[-1].name
    model.trainable = False
    converted, _ = kg.convert(model, "p4")
    assert model.operations[-1].name == name
    assert not converted.trainable
    assert kg.to_planar(converted).output_shape == (None, 8, 8, 8)


class Residual(keras.Model):
    def call(self, inputs):
        return inputs + 1


def test_a_subclassed_model_within_is_refused_by_name():
    inputs = keras.Input((9, 9, 1))
    x = Residual(name="block")(layers.Conv2D(4, 3, data_format="channels_last")(inputs))
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    with pytest.raises(ValueError, match="knows no counterpart of Residual 'block'"):
        kg.convert(keras.Model(inputs, x), "p4")


def test_a_loss_within_a_backbone_is_said_once():
    options = {"data_format": "channels_last", "padding": "same"}
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(4, 3, strides=2, name="stem", **options)], name="net"
    )
    inputs = keras.Input((8, 8, 1))
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(inner(inputs))
    with pytest.warns(kg.EquivarianceWarning):
        _, report = kg.convert(keras.Model(inputs, x), "p4")
    assert len(report.losses) == 1
    assert report.sizes_that_keep
