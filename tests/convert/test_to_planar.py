"""Planar models give the outputs of the models they come from, without keras_gcnn."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

import keras_gcnn as kg
from keras_gcnn import stock
from keras_gcnn.convert.rules import RULES
from keras_gcnn.layers import (
    CosetPooling2D,
    GroupAveragePooling2D,
    GroupConv2D,
    GroupMaxPooling2D,
    HighwayBlock2D,
    LiftingConv2D,
    ResidualBlock2D,
)

MODELS = {
    "z2cnn": lambda: kg.models.z2cnn(),
    "p4cnn": lambda: kg.models.p4cnn(),
    "p4cnn, open size": lambda: kg.models.p4cnn((None, None, 1)),
    "p4cnn_rotation_pooling": lambda: kg.models.p4cnn_rotation_pooling(),
    "all_cnn p4": lambda: kg.models.all_cnn("p4", (16, 16, 3), widths=(3, 4)),
    "all_cnn p4m": lambda: kg.models.all_cnn(
        "p4m", (16, 16, 3), widths=(2, 3), downsampling="pooling"
    ),
    "resnet z2": lambda: kg.models.resnet("z2", 8, (16, 16, 3), widths=(4, 5, 6)),
    "resnet p4m": lambda: kg.models.resnet("p4m", 8, (16, 16, 3), widths=(2, 3, 4)),
}


def shaken(model):
    """The model with random numbers in place of ones and zeros, as after training."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name == "moving_variance" or weight.name in (
            "gamma",
            "beta",
            "moving_mean",
            "bias",
        ):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


def images_for(model, size=28):
    shapes = [tuple(n or size for n in x.shape[1:]) for x in model.inputs]
    rng = np.random.default_rng(1)
    images = [rng.normal(size=(2, *shape)).astype("float32") for shape in shapes]
    return images[0] if len(images) == 1 else images


def outputs_of(model, images):
    return keras.tree.flatten(model.predict_on_batch(images))  # compiled, where that is quicker


def is_stock(layer):
    parts = [*getattr(layer, "layers", [])]
    return type(layer).__module__.startswith("keras.") and all(map(is_stock, parts))


def assert_same(model, tolerance=1e-4):
    """Makes the model planar, compares, and returns the planar one."""
    shaken(model)
    planar = kg.to_planar(model)
    assert is_stock(planar)
    images = images_for(model)
    pairs = zip(outputs_of(model, images), outputs_of(planar, images), strict=True)
    for expected, found in pairs:
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    return planar


def count(model, kind):
    return sum(isinstance(layer, kind) for layer in model.layers)


@pytest.fixture(autouse=True)
def strides_break_equivariance():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kg.EquivarianceWarning)
        yield


@pytest.mark.parametrize("name", MODELS)
def test_the_networks_of_the_paper(name):
    assert_same(MODELS[name]())


def test_batch_normalization_is_folded_and_dropout_gone():
    planar = assert_same(kg.models.all_cnn("p4", (16, 16, 3), widths=(3, 4)))
    assert count(planar, layers.Conv2D) == 9
    assert not count(planar, (layers.BatchNormalization, layers.Dropout))


@st.composite
def convolutional(draw):
    """Data format, classes and options of a lifting, a convolution and a pooling."""
    group = draw(st.sampled_from(["p1", "p2", "p4", "pm", "pmm", "p4m"]))
    last = draw(st.booleans())
    strides, dilation = draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    common = {"group": group, "data_format": "channels_last" if last else "channels_first"}
    plan = []
    for layer in (LiftingConv2D, GroupConv2D):
        options = {
            "filters": 14,  # more than any width, or the defect below would show
            "kernel_size": draw(st.integers(1, 3)),
            "strides": strides,
            "dilation_rate": dilation,
            "groups": draw(st.sampled_from([1, 2])),
            "padding": draw(st.sampled_from(["same", "valid"])) if last else "valid",
            "use_bias": draw(st.booleans()),
            "activation": draw(st.sampled_from([None, "relu"])),
        }
        plan.append((layer, {**common, **options}))
        if draw(st.booleans()):
            options = {"scale": draw(st.booleans()), "center": draw(st.booleans())}
            plan.append((layers.BatchNormalization, {"axis": -1 if last else 1, **options}))
    reduction = draw(st.sampled_from([None, "max", "mean", "sum"]))
    if reduction:
        subgroup = draw(st.sampled_from([None, [0], [0, kg.groups.get(group).order // 2]]))
        plan.append((CosetPooling2D, {**common, "subgroup": subgroup, "reduction": reduction}))
    return last, plan


@given(convolutional())
def test_every_option_of_every_group(drawn):
    last, plan = drawn
    x = inputs = keras.Input((11, 11, 4) if last else (4, 11, 11))
    for layer, options in plan:
        x = layer(**options)(x)
    assert_same(keras.Model(inputs, x))


def test_a_bias_as_long_as_the_width_is_added_to_the_channels():
    inputs = keras.Input((2, 12, 8))
    outputs = LiftingConv2D(2, 1, data_format="channels_first", bias_initializer="normal")(inputs)
    assert_same(keras.Model(inputs, outputs))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("strides", [1, 2])
def test_centered_padding(data_format, strides):
    last = data_format == "channels_last"
    inputs = keras.Input((8, 8, 2) if last else (2, 8, 8))
    options = {"strides": strides, "padding": "centered", "data_format": data_format}
    x = LiftingConv2D(3, 3, "p4", **options)(inputs)
    x = ResidualBlock2D(4, strides=strides, data_format=data_format, activation="tanh", group="p4")(
        x
    )
    assert_same(keras.Model(inputs, x))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_stock_layers_that_leave_h_as_it_is(data_format):
    last = data_format == "channels_last"

    def without_h(*space):
        return (*space, 1) if last else (1, *space)

    options = {"data_format": data_format}
    inputs = keras.Input((8, 8, 2) if last else (2, 8, 8))
    x = LiftingConv2D(3, 3, "p4", padding="same", **options)(inputs)
    y = layers.MaxPooling3D(without_h(2, 2), **options)(x)
    y = layers.UpSampling3D(without_h(2, 2), **options)(y)
    x = layers.Concatenate(axis=-1 if last else 1)([x, y])
    amounts = ((1, 2), (0, 1))
    none = ((0, 0),)
    x = layers.ZeroPadding3D((*amounts, *none) if last else (*none, *amounts), **options)(x)
    x = layers.Cropping3D((*amounts, *none) if last else (*none, *amounts), **options)(x)
    x = layers.AveragePooling3D(without_h(2, 2), strides=without_h(1, 1), **options)(x)
    assert_same(keras.Model(inputs, x))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("subgroup", ["p4", "p2", "pmm", [0, 5]])
def test_poolings_onto_subgroups_whose_cosets_lie_anywhere(data_format, subgroup):
    last = data_format == "channels_last"
    inputs = keras.Input((8, 8, 2) if last else (2, 8, 8))
    x = LiftingConv2D(3, 3, "p4m", data_format=data_format)(inputs)
    outputs = CosetPooling2D("p4m", subgroup, data_format=data_format)(x)
    assert_same(keras.Model(inputs, outputs))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", [layers.GlobalMaxPooling3D, layers.GlobalAveragePooling3D])
@pytest.mark.parametrize("pooling", [GroupMaxPooling2D, GroupAveragePooling2D])
def test_poolings_and_merges(data_format, kind, pooling):
    last = data_format == "channels_last"
    inputs = keras.Input((9, 9, 2) if last else (2, 9, 9))
    x = LiftingConv2D(3, 3, "p4", data_format=data_format)(inputs)
    x = pooling(2, padding="same", data_format=data_format)(x)
    x = layers.Concatenate(axis=-1 if last else 1)([x, layers.LeakyReLU()(x)])
    y = layers.Activation("gelu")(x)
    x = layers.Maximum()([x, layers.SpatialDropout3D(0.5)(y)]) + keras.ops.tanh(y)
    assert_same(keras.Model(inputs, kind(data_format=data_format)(x)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_blocks(data_format):
    last = data_format == "channels_last"
    inputs = keras.Input((8, 8, 2) if last else (2, 8, 8))
    common = {"group": "p4", "data_format": data_format}
    x = LiftingConv2D(3, 3, **common)(inputs)
    x = HighwayBlock2D(3, **common)(x)
    x = ResidualBlock2D(4, strides=2, downsampling="pooling", **common)(x)
    x = ResidualBlock2D(4, **common)(x)
    assert_same(keras.Model(inputs, CosetPooling2D(**common)(x)))


def test_models_in_models_stay_shared():
    lift = keras.Sequential([keras.Input((8, 8, 2)), LiftingConv2D(3, 3), layers.ReLU()])
    on_group = keras.Sequential(
        [keras.Input((6, 6, 4, 3)), GroupConv2D(2, 3, group="p4"), CosetPooling2D(group="p4")]
    )
    inputs = [keras.Input((8, 8, 2)), keras.Input((8, 8, 2))]
    outputs = [on_group(lift(x)) for x in inputs]
    model = keras.Model(inputs, [layers.Add()(outputs), lift(inputs[0])])
    planar = assert_same(model)
    assert count(planar, keras.Model) == 2
    assert_same(keras.Sequential([lift, on_group, layers.Flatten(), layers.Dense(3)]))


def test_an_adapted_normalization_keeps_its_statistics():
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3, 2, size=(20, 9, 9, 2)))
    inputs = keras.Input((9, 9, 2))
    x = LiftingConv2D(3, 3, "p4", data_format="channels_last")(normalization(inputs))
    assert_same(keras.Model(inputs, CosetPooling2D(data_format="channels_last")(x)))


def test_layers_called_by_keyword():
    inputs = keras.Input((9, 9, 2))
    x = LiftingConv2D(3, 3, "p4", data_format="channels_last")(inputs)
    x = layers.BatchNormalization()(inputs=layers.Dropout(0.5)(inputs=x))
    assert_same(keras.Model(inputs, CosetPooling2D(data_format="channels_last")(x)))


def test_a_model_of_open_size_within_a_model_at_two_sizes():
    inside = keras.Input((None, None, 2))
    shared = keras.Model(inside, LiftingConv2D(3, 3, "p4", data_format="channels_last")(inside))
    inputs = keras.Input((9, 9, 2))
    small = layers.AveragePooling2D(2, data_format="channels_last")(inputs)
    pools = [CosetPooling2D("p4", data_format="channels_last") for _ in range(2)]
    planar = assert_same(keras.Model(inputs, [pools[0](shared(inputs)), pools[1](shared(small))]))
    assert len(planar.weights) == len(shared.weights)


def test_a_convolution_with_a_low_rank_part_is_folded():
    convolution = layers.Conv2D(3, 3, data_format="channels_last")
    inputs = keras.Input((9, 9, 2))
    x = layers.BatchNormalization()(convolution(inputs))
    convolution.enable_lora(2)
    convolution.lora_kernel_b.assign(np.ones(convolution.lora_kernel_b.shape))
    x = LiftingConv2D(3, 3, "p4", data_format="channels_last")(x)
    assert_same(keras.Model(inputs, CosetPooling2D(data_format="channels_last")(x)))


def test_sizes_must_be_known_where_the_axis_of_h_is_needed():
    inputs = keras.Input((None, None, 2))
    x = LiftingConv2D(3, 3, "p4", data_format="channels_last")(inputs)
    x = CosetPooling2D(data_format="channels_last")(layers.LayerNormalization(name="norm")(x))
    with pytest.raises(ValueError, match=r"'norm' .* sizes must be known"):
        kg.to_planar(keras.Model(inputs, x))


def test_a_wrapper_of_a_layer_of_ours_is_refused():
    inputs = keras.Input((9, 9, 2))
    wrapped = layers.SpectralNormalization(LiftingConv2D(3, 3, "p4"))
    with pytest.raises(ValueError, match=r"SpectralNormalization .* wraps a layer of keras_gcnn"):
        kg.to_planar(keras.Model(inputs, CosetPooling2D("p4")(wrapped(inputs))))


def test_what_a_normalization_follows_may_be_used_elsewhere():
    inputs = keras.Input((8, 8, 2))
    x = LiftingConv2D(3, 3)(inputs)
    normalized = layers.BatchNormalization()(x)
    again = layers.BatchNormalization()(layers.ReLU()(normalized))
    assert_same(keras.Model(inputs, [x, normalized, again]))
    planar = layers.Conv2D(3, 3)(inputs)
    outputs = layers.BatchNormalization(axis=1)(planar)  # not along its channels
    assert_same(keras.Model(inputs, outputs))


def test_the_planar_model_has_weights_of_its_own():
    model = kg.models.p4cnn()
    planar = kg.to_planar(model)
    before = outputs_of(model, images_for(model))
    for weight in planar.weights:
        weight.assign(weight + 1.0)
    assert np.array_equal(outputs_of(model, images_for(model)), before)


def test_it_loads_without_keras_gcnn(tmp_path):
    model = shaken(kg.models.p4cnn())
    images = images_for(model)
    kg.to_planar(model).save(tmp_path / "planar.keras")
    np.savez(tmp_path / "expected.npz", images=images, logits=outputs_of(model, images)[0])
    program = """
import sys, keras, numpy as np
model = keras.saving.load_model("planar.keras")
expected = np.load("expected.npz")
logits = keras.ops.convert_to_numpy(model(expected["images"], training=False))
np.testing.assert_allclose(logits, expected["logits"], rtol=1e-3, atol=1e-4)
assert not [name for name in sys.modules if name.startswith("keras_gcnn")]
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


class Subclassed(keras.Model):
    def call(self, x):
        return x


class OfTheUser(layers.Layer):
    def call(self, x):
        return x


def lifted(*then):
    return keras.Sequential([keras.Input((8, 8, 1)), LiftingConv2D(2, 3), *then])


def user_activation(x):
    return x / (1 + keras.ops.max(x, axis=-1, keepdims=True))


def masked(constant):
    inputs = keras.Input((8, 8, 1))
    x = LiftingConv2D(3, 3, padding="same")(inputs)
    return keras.Model(inputs, CosetPooling2D("p4")(x * constant))


MASK = np.tri(8, dtype="float32").reshape(8, 8, 1, 1)
ON_WHOLE_MAPS = {
    "a mask": lambda: masked(MASK),
    "a vector along channels": lambda: masked(np.array([0.5, 2, 3], "float32")),
    "Activation along channels": lambda: lifted(layers.Activation("sparsemax")),
    "an operation as activation": lambda: lifted(layers.Activation(keras.ops.softmax)),
    "GroupConv2D with softmax": lambda: lifted(GroupConv2D(2, 3, "p4", activation="softmax")),
    "Softmax": lambda: lifted(layers.Softmax()),
    "PReLU": lambda: lifted(layers.PReLU("uniform", shared_axes=[1, 2, 3])),
    "UpSampling3D along H": lambda: lifted(layers.UpSampling3D((1, 1, 2))),
    "Dense": lambda: lifted(layers.Dense(3), layers.ReLU(), GroupConv2D(2, 3)),
    "Flatten": lambda: lifted(layers.Flatten(), layers.Dense(2)),
    "BatchNormalization along H": lambda: lifted(layers.BatchNormalization(axis=3)),
    "LayerNormalization": lambda: lifted(layers.LayerNormalization(), CosetPooling2D()),
    "GroupNormalization": lambda: lifted(layers.GroupNormalization(1), CosetPooling2D()),
    "squeeze and excitation": lambda: gated(kg.layers.GlobalGroupAveragePooling2D(keepdims=True)),
    "stock squeeze and excitation": lambda: gated(layers.GlobalAveragePooling3D(keepdims=True)),
    "maps of other widths": lambda: of_two(layers.Multiply(), 2, 1),
}


def gated(pooling):
    inputs = keras.Input((8, 8, 1))
    x = LiftingConv2D(3, 3, padding="same")(inputs)
    gate = layers.Dense(3, activation="sigmoid")(pooling(x))
    x = layers.Multiply()([x, gate])
    return keras.Model(inputs, GroupConv2D(2, 3)(x))


def of_two(merge, *filters):
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, merge([LiftingConv2D(n, 3)(inputs) for n in filters]))


@pytest.mark.skipif(
    keras.config.image_data_format() == "channels_first", reason="they are written for last"
)
@pytest.mark.parametrize("make", ON_WHOLE_MAPS.values(), ids=ON_WHOLE_MAPS)
def test_what_is_not_pointwise_acts_on_the_map_with_its_axis(make):
    assert_same(shaken(make()))


REFUSED = [
    (lambda: lifted(layers.Activation(user_activation, name="own")), "Activation 'own'"),
    (
        lambda: lifted(GroupConv2D(2, 3, activation=user_activation, name="conv", group="p4")),
        "GroupConv2D 'conv'",
    ),
    (
        lambda: lifted(HighwayBlock2D(2, activation="softmax", name="block", group="p4")),
        "HighwayBlock2D 'block'",
    ),
    (lambda: lifted(OfTheUser(name="mine")), "OfTheUser 'mine'"),
    (lambda: kg.models.p8cnn(), "RotatedImage 'turned'"),
    (
        lambda: keras.Sequential([keras.Input((6, 6, 4, 3)), GroupConv2D(2, 3, group="p4")]),
        "takes models of",
    ),
    (lambda: keras.Sequential([layers.Dense(2)]), "that are built"),
    (lambda: Subclassed(), "Functional and Sequential"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_has_no_counterpart_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        kg.to_planar(make())


@pytest.mark.parametrize("constant", [2.0, -1, np.float32(0.5), np.array(0.25, "float32")])
def test_a_single_number_is_no_mask(constant):
    assert_same(masked(constant))


@pytest.mark.parametrize(
    "activation", ["relu", "gelu", "mish", "squareplus", layers.LeakyReLU(0.2)]
)
def test_known_pointwise_activations(activation):
    assert_same(
        lifted(GroupConv2D(2, 3, activation=activation, group="p4"), layers.Activation(activation))
    )


OTHERS = {
    "transposed": [kg.layers.GroupConv2DTranspose(3, 2, strides=2, activation="relu")],
    "transposed and cropped": [
        kg.layers.GroupConv2DTranspose(3, 4, strides=2, padding="same"),
        layers.BatchNormalization(),
    ],
    "transposed with output padding": [
        kg.layers.GroupConv2DTranspose(3, 3, strides=2, output_padding=1, activation="tanh")
    ],
    "transposed without strides": [kg.layers.GroupConv2DTranspose(3, 3, padding="same")],
    "transposed and dilated": [kg.layers.GroupConv2DTranspose(3, 2, dilation_rate=2)],
    "depthwise": [
        kg.layers.GroupDepthwiseConv2D(3, depth_multiplier=2),
        layers.BatchNormalization(),
        layers.ReLU(),
    ],
    "separable": [kg.layers.GroupSeparableConv2D(3, 3, padding="centered", activation="relu")],
    "dense": [kg.layers.GroupDense(3), layers.BatchNormalization()],
    "upsampling": [kg.layers.GroupUpSampling2D(2, interpolation="bilinear"), GroupConv2D(2, 3)],
    "padding and cropping": [
        kg.layers.GroupZeroPadding2D(((1, 1), (2, 2))),
        kg.layers.GroupCropping2D(1),
        GroupConv2D(2, 3),
    ],
    "blur": [kg.layers.GroupBlurPooling2D(3, padding="same"), GroupConv2D(2, 1)],
    "restriction": [kg.layers.RestrictGroup("pmm"), GroupConv2D(2, 3)],
    "global": [kg.layers.GlobalGroupMaxPooling2D(), layers.Dense(2)],
    "global mean": [kg.layers.GlobalGroupAveragePooling2D(keepdims=True)],
}


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_layer(name, data_format):
    last = data_format == "channels_last"
    stack = [keras.Input((8, 8, 2) if last else (2, 8, 8))]
    for layer in [LiftingConv2D(2, 3, group="p4m"), *OTHERS[name]]:
        config = layer.get_config()
        if "data_format" in config:
            config["data_format"] = data_format
        if isinstance(layer, layers.BatchNormalization):
            config["axis"] = -1 if last else 1
        stack.append(type(layer).from_config(config))
    assert_same(shaken(keras.Sequential(stack)))


def test_the_rules_are_those_that_the_table_of_stock_layers_has():
    for kinds in RULES:
        for kind in kinds if isinstance(kinds, tuple) else (kinds,):
            convolutions = layers.Conv1D, layers.Conv2D, layers.Conv3D
            if kind.__module__.startswith("keras.") and kind not in (keras.Model, *convolutions):
                (row,) = [row for row in stock.TABLE if kind.__name__ in row.kinds]
                assert row.planar == "rule"


def test_a_concatenation_of_maps_and_of_vectors():
    inputs, join = keras.Input((8, 8, 1)), layers.Concatenate()
    x = kg.layers.LiftingConv2D(4, 3, "p4")(inputs)
    x = kg.layers.GlobalGroupMaxPooling2D()(join([x, layers.ReLU()(x)]))
    model = keras.Model(inputs, join([x, x]))
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    actual, expected = (of.predict(x, verbose=0) for of in (kg.to_planar(model), model))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_a_layer_of_the_user_before_the_lifting_is_named():
    class OfTheUser(layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((8, 8, 1))
    x = kg.layers.LiftingConv2D(4, 3, "p4")(OfTheUser(name="own")(inputs))
    model = keras.Model(inputs, kg.layers.GlobalGroupMaxPooling2D()(x))
    with pytest.raises(
        ValueError, match=r"copies only layers of Keras\. Received: OfTheUser 'own'"
    ):
        kg.to_planar(model)


class Doubled(keras.layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training, mask=mask)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: Doubled()(x), "is of a class of its own"),
        (lambda x: keras.layers.BatchNormalization()(x, training=True), "with training=True"),
    ],
)
def test_what_does_something_else_is_refused(change, message):
    inputs = keras.Input((8, 8, 1))
    x = kg.layers.LiftingConv2D(2, 3, "p4", data_format="channels_last")(inputs)
    with pytest.raises(ValueError, match=message):
        kg.to_planar(keras.Model(inputs, change(x)))
