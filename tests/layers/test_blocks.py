import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from keras_gcnn.layers import HighwayBlock2D, ResidualBlock2D
from tests import oracle
from tests.layers.contract import run_layer_contract

BLOCKS = {"residual": ResidualBlock2D, "highway": HighwayBlock2D}
every_block = pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)


def randomize(layer, seed=1):
    """Random weights and statistics in place of the initial ones, variances positive."""
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.uniform(0.1, 0.9, w.shape) * 0.5 for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_contract_of_the_residual_block(data_format, tmp_path):
    shape = (2, 6, 6, 4, 2) if data_format == "channels_last" else (2, 2, 4, 6, 6)
    norms = [[(c,)] * 4 for c in (2, 3)]
    convs = [[(3, 3, 4, 2, 3), (3,)], [(3, 3, 4, 3, 3), (3,)], [(1, 1, 4, 2, 3), (3,)]]
    arguments = {"filters": 3, "group": "p4", "data_format": data_format}
    layer = ResidualBlock2D(**arguments)
    layer.build(shape)
    expected = sorted([*norms[0], *convs[0], *norms[1], *convs[1], *convs[2]])
    assert sorted(tuple(w.shape) for w in layer.weights) == expected
    run_layer_contract(
        ResidualBlock2D, arguments, shape, [tuple(w.shape) for w in layer.weights], tmp_path
    )


@every_block
@pytest.mark.parametrize("group", ["p1", "pm", "p4", "p4m"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_is_equivariant_under_every_element(block, group, data_format):
    order = kg.groups.get(group).order
    shape = (6, 6, order, 3) if data_format == "channels_last" else (3, order, 6, 6)
    layer = block(3, group=group, data_format=data_format)
    layer.build((None, *shape))
    randomize(layer)
    assert kg.equivariance_error(layer, group, shape).max_error <= 1e-5


def test_downsampling_by_stride_warns_on_even_sizes_and_by_pooling_keeps():
    strided = ResidualBlock2D(4, group="p4m", strides=2, name="block")
    with pytest.warns(kg.EquivarianceWarning) as caught:
        strided.build((None, 8, 8, 8, 3))
    assert [str(w.message).split()[1] for w in caught] == ["'block_conv_a'", "'block_shortcut'"]
    assert not kg.equivariance_error(randomize(strided), "p4m", (8, 8, 8, 3)).is_equivariant
    odd = ResidualBlock2D(4, group="p4m", strides=2)
    assert kg.equivariance_error(odd, "p4m", (9, 9, 8, 3)).is_equivariant
    pooled = ResidualBlock2D(4, group="p4m", strides=2, downsampling="pooling")
    pooled.build((None, 8, 8, 8, 3))
    assert kg.equivariance_error(randomize(pooled), "p4m", (8, 8, 8, 3)).is_equivariant
    x = np.zeros((1, 8, 8, 8, 3))
    assert pooled.compute_output_shape(x.shape) == pooled(x).shape == (1, 4, 4, 8, 4)
    assert strided.compute_output_shape(x.shape) == strided(x).shape == (1, 4, 4, 8, 4)


def normalized(x, norm):
    gamma, beta, mean, variance = norm.get_weights()
    return (x - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta


def convolved(x, convolution):
    """The convolution by the sums of the formula."""
    kernel, *bias = convolution.get_weights()
    maps = [oracle.group_correlation(f, kernel, "p4", padding="same") for f in x]
    return np.stack(maps) + (bias[0] if bias else 0)


@pytest.mark.parametrize("filters", [2, 3])
def test_the_residual_block_is_its_formula(filters):
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4, 2))
    block = ResidualBlock2D(filters, group="p4")
    block.build(x.shape)
    randomize(block)
    norm_a, _, conv_a, norm_b, _, conv_b = block.branch
    y = convolved(np.maximum(normalized(x, norm_a), 0), conv_a)
    y = convolved(np.maximum(normalized(y, norm_b), 0), conv_b)
    shortcut = convolved(x, block.shortcut[0]) if filters == 3 else x
    actual = ops.convert_to_numpy(block(x, training=False))
    oracle.assert_close(actual, shortcut + y)


def test_the_highway_block_is_its_formula():
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4, 2))
    block = HighwayBlock2D(2, group="p4")
    block.build(x.shape)
    randomize(block)
    transformed = np.maximum(normalized(convolved(x, block.convolution), block.normalization), 0)
    t = 1 / (1 + np.exp(-convolved(x, block.gate)))
    actual = ops.convert_to_numpy(block(x, training=False))
    oracle.assert_close(actual, t * transformed + (1 - t) * x)


def test_a_new_highway_carries_most_of_its_input():
    x = np.random.default_rng(0).normal(size=(1, 5, 5, 4, 2)).astype("float32")
    block = HighwayBlock2D(2, group="p4")
    block.build(x.shape)
    gate = ops.convert_to_numpy(block.gate(np.zeros_like(x)))
    np.testing.assert_allclose(gate, 1 / (1 + np.exp(2.0)), rtol=1e-5)


@every_block
def test_trains_saves_and_normalizes_by_the_batch(block, tmp_path):
    inputs = keras.Input((6, 6, 4, 2))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling3D()(block(2)(inputs)))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 4, 2)).astype("float32")
    before = model.get_weights()
    model.train_on_batch(x, np.ones((4, 2)))
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True)]
    assert sum(moved) >= len(moved) - 1  # a bias before a normalization has no gradient
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: HighwayBlock2D(3, group="p4").build((None, 6, 6, 4, 2)),
            r"channels, 2, .*filters=3",
        ),
        (
            lambda: ResidualBlock2D(3, downsampling="dilation", group="p4"),
            "downsampling='dilation'",
        ),
        (lambda: ResidualBlock2D(0, group="p4"), "filters=0"),
        (lambda: ResidualBlock2D(3, group="p4").build((None, 6, 6, 8, 2)), r"\|H\|=8"),
        (lambda: ResidualBlock2D(3, group="p4").build((None, 6, 6, 2)), "Lift an image"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


def cloned(model, tmp_path):
    return keras.models.clone_model(model)


def by_config(model, tmp_path):
    return keras.Model.from_config(model.get_config())


def before_it_is_built(block, model):
    block.trainable = False
    return model(block)


def in_the_constructor(block, model):
    return model(type(block)(3, trainable=False, name="body"))


def after_it_is_built(block, model):
    model = model(block)
    block.trainable = False
    return model


def with_the_model(block, model):
    model = model(block)
    model.trainable = False
    return model


def one_part(block, model):
    model = model(block)
    block.parts()[0].trainable = False
    return model


def frozen_and_thawed_but_one(block, model):
    model = model(block)
    block.trainable = False
    block.trainable = True
    block.parts()[-1].trainable = False
    return model


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@every_block
@pytest.mark.parametrize(
    ("freeze", "again"),
    [
        (before_it_is_built, saved_and_loaded),
        (before_it_is_built, cloned),
        (in_the_constructor, saved_and_loaded),
        (in_the_constructor, by_config),
        (after_it_is_built, saved_and_loaded),
        (after_it_is_built, cloned),
        (with_the_model, saved_and_loaded),
        (one_part, by_config),
        (one_part, saved_and_loaded),
        (frozen_and_thawed_but_one, saved_and_loaded),
    ],
)
def test_what_is_frozen_stays_frozen(block, freeze, again, tmp_path):
    def model(block):
        inputs = keras.Input((6, 6, 4, 3))
        x = keras.layers.GlobalAveragePooling3D(data_format="channels_last")(block(inputs))
        return keras.Model(inputs, keras.layers.Dense(1, name="head")(x))

    first = freeze(block(3, name="body", data_format="channels_last"), model)
    second = again(first, tmp_path)
    trainable = [w.path.split("/", 1)[1] for w in first.get_layer("body").trainable_weights]
    assert [
        w.path.split("/", 1)[1] for w in second.get_layer("body").trainable_weights
    ] == trainable
    if not trainable:  # then the statistics stay too
        second.compile("sgd", "mse")
        body = second.get_layer("body")
        before = [w.copy() for w in body.get_weights()]
        second.train_on_batch(np.ones((2, 6, 6, 4, 3), "float32"), np.ones((2, 1)))
        for a, b in zip(before, body.get_weights(), strict=True):
            assert np.array_equal(a, b)


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@pytest.mark.parametrize(("size", "strides"), [(7, 2), (8, 2), (8, 3)])
@pytest.mark.parametrize("group", ["p1", "p4"])
def test_branch_and_shortcut_sample_the_same_points(size, strides, group):
    """The windows of both are centred, and the first one is on the first point."""
    order = kg.groups.get(group).order
    x = np.random.default_rng(0).normal(size=(1, size, size, order, 2)).astype("float32")
    block = ResidualBlock2D(3, group=group, strides=strides, data_format="channels_last")
    block.build(x.shape)
    randomize(block)
    norm_a, _, conv_a, norm_b, _, conv_b = block.branch
    y = strided(np.maximum(normalized(x, norm_a), 0), conv_a, group, strides)
    y = strided(np.maximum(normalized(y, norm_b), 0), conv_b, group, 1)
    expected = strided(x, block.shortcut[0], group, strides) + y
    oracle.assert_close(ops.convert_to_numpy(block(x, training=False)), expected)


def strided(x, convolution, group, strides):
    kernel, bias = convolution.get_weights()
    options = {"strides": (strides, strides), "padding": "centered"}
    return np.stack([oracle.group_correlation(f, kernel, group, **options) for f in x]) + bias


@pytest.mark.parametrize("size", range(5, 13))
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_alignment_does_not_change_the_verdict_of_the_guard(size, strides, kernel_size):
    said = []
    for padding in ("same", "centered"):
        block = ResidualBlock2D(3, kernel_size, strides=strides, padding=padding, group="p4")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            block.build((None, size, size, 4, 2))
        said.append(bool(caught))
    assert said[0] == said[1] == ((size - 1) % strides != 0)


def test_options_reach_the_parts():
    options = {
        "activation": "tanh",
        "epsilon": 1e-4,
        "momentum": 0.8,
        "use_bias": False,
        "dropout": 0.25,
        "kernel_regularizer": "l2",
        "bias_regularizer": "l1",
        "implementation": "direct",
        "group": "p4",
    }
    for block in BLOCKS.values():
        layer = block.from_config(block(3, **options).get_config())
        layer.build((None, 6, 6, 4, 3))
        convolutions = [x for x in layer.parts() if isinstance(x, kg.layers.GroupConv2D)]
        norms = [x for x in layer.parts() if isinstance(x, kg.layers.GroupBatchNormalization)]
        (dropout,) = [x for x in layer.parts() if isinstance(x, keras.layers.Dropout)]
        assert all(not c.use_bias and c.implementation == "direct" for c in convolutions)
        assert all(isinstance(c.kernel_regularizer, keras.regularizers.L2) for c in convolutions)
        assert all((n.epsilon, n.momentum) == (1e-4, 0.8) for n in norms)
        assert dropout.rate == 0.25
        assert layer.activation is keras.activations.tanh
        x = np.random.default_rng(0).normal(size=(1, 6, 6, 4, 3)).astype("float32")
        assert not np.array_equal(*(ops.convert_to_numpy(layer(x, training=True)) for _ in "ab"))


@every_block
def test_a_seeded_initializer_starts_no_two_kernels_equal_and_repeats_itself(block):
    def kernels():
        layer = block(3, group="p4", kernel_initializer=keras.initializers.HeNormal(seed=1))
        layer.build((None, 6, 6, 4, 3))
        return [w for w in layer.get_weights() if w.ndim == 5 and w.shape[0] == 3]

    first, second = kernels(), kernels()
    assert np.abs(first[0] - first[1]).max() > 0.1
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a, b)


@every_block
def test_a_generator_of_seeds_starts_no_two_kernels_equal(block):
    seed = keras.random.SeedGenerator(1)
    layer = block(3, group="p4", kernel_initializer=keras.initializers.HeNormal(seed=seed))
    layer.build((None, 6, 6, 4, 3))
    first, second = [w for w in layer.get_weights() if w.ndim == 5 and w.shape[0] == 3]
    assert np.abs(first - second).max() > 0.1
