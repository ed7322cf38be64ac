"""The group is written once, where the map is lifted: group=None is that of the input."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_gcnn as kg
from tests.layers.test_family import LAYERS

L = kg.layers
LAST = {"data_format": "channels_last"}
WITHOUT_GROUP = {
    "GroupConv2D": lambda: L.GroupConv2D(2, 3, **LAST),
    "GroupMaxPooling2D": lambda: L.GroupMaxPooling2D(2, **LAST),
    "GroupAveragePooling2D": lambda: L.GroupAveragePooling2D(2, **LAST),
    "CosetPooling2D": lambda: L.CosetPooling2D(**LAST),
    "CosetPooling2D to p4m/p4": lambda: L.CosetPooling2D(subgroup="p4", **LAST),
    "ResidualBlock2D": lambda: L.ResidualBlock2D(2, **LAST),
    "HighwayBlock2D": lambda: L.HighwayBlock2D(2, **LAST),
    "GlobalGroupMaxPooling2D": lambda: L.GlobalGroupMaxPooling2D(**LAST),
    **{
        name: lambda name=name, arguments=arguments: getattr(L, name)(**arguments, **LAST)
        for name, (arguments, _) in LAYERS.items()
    },
}
every_layer = pytest.mark.parametrize("make", WITHOUT_GROUP.values(), ids=WITHOUT_GROUP)


def lifted(group="p4m", size=8):
    inputs = keras.Input((size, size, 1))
    return inputs, L.LiftingConv2D(2, 3, group, padding="same", name="lift", **LAST)(inputs)


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@every_layer
def test_the_group_is_that_of_the_map(make, tmp_path):
    inputs, x = lifted()
    layer = make()
    assert layer.group is None
    model = keras.Model(inputs, layer(layers.ReLU()(layers.BatchNormalization()(x))))
    assert layer.group.name == "p4m"
    assert layer.get_config()["group"] == "p4m"
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[-1].group.name == "p4m"
    images = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype("float32")
    assert np.array_equal(model.predict(images, verbose=0), again.predict(images, verbose=0))


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@every_layer
def test_it_travels_in_a_sequential_model_that_is_built_later(make):
    stack = [L.LiftingConv2D(2, 3, "p4m", padding="same", **LAST), layers.ReLU(), make()]
    model = keras.Sequential(stack)
    model(np.zeros((1, 8, 8, 1), "float32"))
    assert model.layers[-1].group.name == "p4m"


@every_layer
def test_without_a_graph_it_is_an_error(make):
    x = np.zeros((1, 8, 8, 8, 2), "float32")
    for call in (lambda layer: layer(x), lambda layer: layer.build(x.shape)):
        with pytest.raises(ValueError, match=r"needs a `group`\. Received: group=None"):
            call(make())

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [L.LiftingConv2D(2, 3, "p4m", **LAST), make()]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    with pytest.raises(ValueError, match=r"needs a `group`.*Anywhere else name it"):
        Subclassed()(np.zeros((1, 9, 9, 1), "float32"))


@pytest.mark.parametrize("layer", [L.RestrictGroup("p2"), L.SubsetPooling([((0, 0), 1)])])
def test_a_layer_of_any_dimension_names_the_lifting_of_images(layer):
    with pytest.raises(ValueError, match="begins with a LiftingConv2D the group"):
        layer(np.zeros((1, 8, 8, 8, 2), "float32"))


def test_an_unbuilt_layer_without_a_group_is_copied():
    for make in WITHOUT_GROUP.values():
        layer = make()
        config = layer.get_config()
        assert config["group"] is None
        assert type(layer).from_config(config).get_config() == config


def test_it_goes_through_models_restrictions_and_merges():
    _, x = lifted("p4m")
    inner_input = keras.Input(x.shape[1:])
    options = {"padding": "same", **LAST}
    inner = keras.Model(inner_input, L.GroupConv2D(2, 3, "p4m", **options)(inner_input))
    x = layers.Add()([x, inner(x)])
    x = L.RestrictGroup("pmm", **LAST)(x)
    layer = L.GroupConv2D(2, 3, **LAST)
    layer(layers.Concatenate()([x, layers.ReLU()(x)]))
    assert layer.group.name == "pmm"


def test_arguments_are_checked_against_the_group_once_it_is_known():
    _, x = lifted("p4")
    with pytest.raises(ValueError, match="must be the same along axes that p4 exchanges"):
        L.GroupConv2D(2, (3, 5), **LAST)(x)
    with pytest.raises(ValueError, match="must be made of elements of p4"):
        L.CosetPooling2D(subgroup="pm", **LAST)(x)
    with pytest.raises(ValueError, match="`size` must be the same along axes that p4 exchanges"):
        L.GroupUpSampling2D((1, 2), **LAST)(x)


def test_a_layer_that_does_not_fit_a_group_is_free_for_another():
    layer = kg.layers.GroupConv2D(4, (3, 5))
    with pytest.raises(ValueError, match="kernel_size"):
        layer(kg.layers.LiftingConv2D(2, 3, "p4")(keras.Input((9, 9, 1))))
    assert layer(kg.layers.LiftingConv2D(2, 3, "pmm")(keras.Input((9, 9, 1)))).shape[3:] == (4, 4)


def test_a_map_on_the_plane_is_no_map_on_the_group():
    _, x = lifted("p4")
    x = L.CosetPooling2D(**LAST)(x)
    with pytest.raises(ValueError, match=r"takes a map on p4.*: a map on the plane, made by"):
        L.GroupConv2D(2, 3, name="conv", **LAST)(x)


def test_a_map_that_is_the_input_of_a_model_is_taken_as_release_0_1_did():
    layer = L.GroupConv2D(2, 3, **LAST)
    with pytest.warns(FutureWarning, match="takes its input for a map on p4"):
        layer(keras.Input((8, 8, 4, 2)))
    assert layer.group.name == "p4"
    with pytest.raises(ValueError, match="needs a `group`"):
        L.GroupConv2D(2, 3, **LAST)(keras.Input((8, 8, 8, 2)))
