import itertools

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from tests import oracle
from tests.shaken import shaken

MODELS = {
    kg.models.z2cnn: 21_380,
    kg.models.p4cnn: 24_490,
    kg.models.p4cnn_rotation_pooling: 21_380,
}
every_model = pytest.mark.parametrize("build", MODELS)


@every_model
def test_kernels_hold_as_many_weights_as_in_the_original(build):
    model = build()
    kernels = [w for w in model.trainable_weights if w.path.endswith("kernel")]
    assert len(kernels) == 7
    assert sum(int(np.prod(w.shape)) for w in kernels) == MODELS[build]
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize(
    "build", [kg.models.p4cnn, kg.models.p4cnn_rotation_pooling, kg.models.p8cnn]
)
def test_logits_are_invariant(build):
    report = kg.equivariance_error(shaken(build(), scale=0.1), "p4", (28, 28, 1))
    assert report.max_error <= 1e-4, report


def test_p8cnn_averages_one_p4cnn_over_the_image_and_the_turned_image():
    model = shaken(kg.models.p8cnn(), scale=0.1)
    p4cnn = model.get_layer("p4cnn")
    assert model.count_params() == p4cnn.count_params() == kg.models.p4cnn().count_params()
    images = np.random.default_rng(0).normal(size=(3, 28, 28, 1)).astype("float32")
    both = [p4cnn(images), p4cnn(kg.layers.RotatedImage(45, "channels_last")(images))]
    mean = sum(keras.ops.convert_to_numpy(logits) for logits in both) / 2
    oracle.assert_close(model.predict(images, verbose=0), mean, 1e-5)


def test_p8cnn_saves_and_loads(tmp_path):
    model = kg.models.p8cnn(input_shape=(30, 30, 1), classes=3)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, 30, 30, 1)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_z2cnn_is_not():
    report = kg.equivariance_error(kg.models.z2cnn(), "p4", (28, 28, 1))
    assert not report.is_equivariant
    assert report.first_lost == "conv1"


@every_model
def test_layers_are_those_of_the_original(build):
    kinds = [type(layer).__name__ for layer in build().layers]
    norms = sum(isinstance(x, keras.layers.BatchNormalization) for x in build().layers)
    assert norms == kinds.count("ReLU") == 6
    dropouts = [layer.name for layer in build().layers if isinstance(layer, keras.layers.Dropout)]
    planar = build is kg.models.z2cnn
    assert dropouts == ([f"dropout{i}" for i in (1, 3, 4, 5, 6)] if planar else [])
    pooled_everywhere = build is kg.models.p4cnn_rotation_pooling
    assert kinds.count("CosetPooling2D") == (7 if pooled_everywhere else 1)
    assert kinds.count("LiftingConv2D") == (7 if pooled_everywhere else 1)


@every_model
def test_classes_and_input_shape_are_arguments(build):
    model = build(input_shape=(32, 32, 3), classes=4)
    assert model(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 4)
    assert build(input_shape=(None, None, 1)).output_shape == (None, 10)


@every_model
def test_saves_and_loads(build, tmp_path):
    model = shaken(build(), scale=0.1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(3, 28, 28, 1)).astype("float32")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("build", [kg.models.p4cnn, kg.models.all_cnn])
def test_one_initializer_starts_no_two_kernels_equal(build, seed):
    model = build(kernel_initializer=keras.initializers.HeNormal(seed=seed))
    kernels = [layer.get_weights()[0] for layer in model.layers if layer.name.startswith("conv")]
    for first, second in itertools.pairwise(kernels):
        assert first.shape != second.shape or np.abs(first - second).max() > 0.01
