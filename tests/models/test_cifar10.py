import math

import keras
import numpy as np
import pytest

import keras_gcnn as kg

# Millions of weights, to the rounding of the paper's table 2.
WEIGHTS = {
    ("all_cnn", "z2", None): 1.37,
    ("all_cnn", "p4", None): 1.37,
    ("all_cnn", "p4m", None): 1.22,
    ("resnet", "z2", 44): 2.64,
    ("resnet", "p4m", 44): 2.62,
    ("resnet", "z2", 26): 7.24,
    ("resnet", "p4m", 26): 7.17,
}
SMALL = {
    "all_cnn": {"widths": (6, 8)},
    "resnet": {"widths": (2, 3, 4), "depth": 8},
}
every_network = pytest.mark.parametrize("name", SMALL)


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@pytest.mark.parametrize(("name", "group", "depth"), WEIGHTS)
def test_holds_as_many_weights_as_in_the_paper(name, group, depth):
    arguments = {} if depth is None else {"depth": depth}
    model = getattr(kg.models, name)(group, **arguments)
    weights = sum(math.prod(w.shape) for w in model.trainable_weights)
    assert round(weights / 1e6, 2) == WEIGHTS[name, group, depth]
    blocks = [x for x in model.layers if isinstance(x, kg.layers.ResidualBlock2D)]
    inside = [x for block in blocks for x in (*block.branch, *block.shortcut)]
    convolutions = [x for x in (*model.layers, *inside) if "Conv2D" in type(x).__name__]
    shortcuts = [x for x in convolutions if x.name.endswith("shortcut")]
    assert len(convolutions) - len(shortcuts) == (9 if depth is None else depth - 1)


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@pytest.mark.parametrize(("depth", "weights"), [(44, 2_622_878), (26, 7_173_110)])
def test_with_the_linear_layer_of_the_original_it_has_its_number_of_weights(depth, weights):
    model = kg.models.resnet("p4m", depth, invariant=False)
    assert sum(math.prod(w.shape) for w in model.trainable_weights) == weights


@every_network
@pytest.mark.parametrize("group", ["p4", "p4m"])
def test_as_published_it_warns_and_is_not_equivariant_on_even_sizes(name, group):
    with pytest.warns(kg.EquivarianceWarning, match="strides=1 followed by 2×2 pooling"):
        model = getattr(kg.models, name)(group, input_shape=(16, 16, 3), **SMALL[name])
    report = kg.equivariance_error(model, group, (16, 16, 3))
    assert not report.is_equivariant
    assert report.first_lost in ("conv3", "block_2_1")


@every_network
@pytest.mark.parametrize("group", ["p4", "p4m", "pmm"])
def test_with_pooling_in_place_of_strides_logits_are_invariant(name, group):
    model = getattr(kg.models, name)(
        group, input_shape=(16, 16, 3), downsampling="pooling", **SMALL[name]
    )
    assert kg.equivariance_error(model, group, (16, 16, 3)).is_equivariant


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@every_network
def test_trains_and_saves(name, tmp_path):
    model = getattr(kg.models, name)("p4m", input_shape=(8, 8, 3), classes=4, **SMALL[name])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    assert np.isfinite(model.train_on_batch(x, np.arange(4)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kg.models.resnet(depth=45), "6n \\+ 2 .*such as 26 or 44. Received: depth=45"),
        (lambda: kg.models.resnet(depth=2), "Received: depth=2"),
        (lambda: kg.models.all_cnn(widths=(3,)), r"`widths`.*widths=\(3,\)"),
        (lambda: kg.models.all_cnn(downsampling="dilation"), r"\['stride', 'pooling'\]"),
        (lambda: kg.models.all_cnn("p5"), "group='p5'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_dropout_is_an_argument_of_all_cnn():
    def rates(model):
        return [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]

    options = {"input_shape": (9, 9, 3), "widths": (2, 4)}
    assert rates(kg.models.all_cnn("z2", **options)) == [0.2, 0.5, 0.5]
    assert rates(kg.models.all_cnn("z2", dropout=(0.0, 0.1), **options)) == [0.0, 0.1, 0.1]


def test_centered_strides_sample_the_grid_of_the_original():
    """One zero in front and behind, and windows of stride 2 from the first on."""
    model = kg.models.all_cnn("z2", (8, 8, 3), widths=(2, 3), padding="centered")
    layer = model.get_layer("conv3")
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 2)).astype("float32")
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    around = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = [around[:, i : i + 8 : 2, j : j + 8 : 2] for i in range(3) for j in range(3)]
    expected = sum(w @ k for w, k in zip(windows, kernel.reshape(9, 2, 2), strict=True))
    found = keras.ops.convert_to_numpy(layer(x[..., None, :]))[..., 0, :]
    np.testing.assert_allclose(found, expected, atol=1e-5)
