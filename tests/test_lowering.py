"""Every layer without data: JAX makes its program for accelerators that are not here, and PyTorch
finds its shape on the meta device.
"""

import inspect
import re

import keras
import pytest
from keras import ops

import keras_gcnn as kg
from tests.layers.test_dimensions import LAYERS, layer_of, shape_of
from tests.ops.cases import random

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.skipif(
    BACKEND == "tensorflow", reason="it has neither programs for other machines nor a meta device"
)
CUSTOM_CALL = re.compile(r"custom_call\W*(\w+)")  # by which a kernel of one platform is named
PLATFORMS = ["cuda", "tpu"]
GROUPS = {1: "pm", 2: "p4m", 3: "D2"}
CONVOLUTIONS = "LiftingConv#", "GroupConv#"
OF_THE_PLANE = {
    "GroupDepthwiseConv2D": {"kernel_size": 3},
    "GroupSeparableConv2D": {"filters": 2, "kernel_size": 3},
}
# Those that take no map on a group of the user's choice: arguments, and the shape of the input.
ALONE = {
    "GroupBatchNormalization": ({}, (4, 4, 8, 2)),
    "RandomGroupElement": ({}, (4, 4, 2)),
    "RotatedImage": ({"degrees": 45}, (4, 4, 2)),
    "StrandLifting": ({}, (4, 4)),
    "SubsetPooling": ({"subset": [((-1, 0), 1)], "group": "p4"}, (4, 4, 4, 2)),
}


def cases():
    for dimension in GROUPS:
        for name in CONVOLUTIONS:
            for implementation, padding in {"direct": "centered", "fourier": "same"}.items():
                options = {"filters": 2, "kernel_size": 3, "implementation": implementation}
                options["padding"] = padding
                yield pytest.param(
                    name, dimension, options, id=f"{name}{dimension}-{implementation}"
                )
        others = {name: {} for name in LAYERS if name not in CONVOLUTIONS}
        if dimension == 2:
            others |= OF_THE_PLANE
        for name, options in others.items():
            yield pytest.param(name, dimension, options, id=f"{name}{dimension}")


every_layer = pytest.mark.parametrize(("name", "dimension", "options"), list(cases()))
every_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])


def layer_and_shape(name, dimension, options, data_format):
    """A layer, and the shape of its input without the batch."""
    if dimension != 2 and data_format == "channels_first":
        pytest.skip("formats differ in transpositions alone")
    group = kg.groups.get(GROUPS[dimension], dimension)
    shape = shape_of(group, data_format)
    if name == "LiftingConv#":
        shape = (*(4,) * dimension, 2) if data_format == "channels_last" else (2, 4, 4)
    return layer_of(name, dimension, **options, group=group, data_format=data_format), shape


def layer_alone_and_shape(name):
    options, shape = ALONE[name]
    return getattr(kg.layers, name)(**options, data_format="channels_last"), shape


@every_layer
@every_format
def test_it_works_without_data(name, dimension, options, data_format):
    CHECKS[BACKEND](*layer_and_shape(name, dimension, options, data_format))


@pytest.mark.parametrize("name", ALONE)
def test_those_without_a_group_do_too(name):
    CHECKS[BACKEND](*layer_alone_and_shape(name))


def assert_needs_no_data(layer, shape):
    """Otherwise Keras computes a whole model in order to build it, in the first step of `fit`."""
    expected = layer(random(2, *shape))
    with keras.device("meta"):
        for training in (False, True):
            y = layer(ops.ones((2, *shape)), training=training)
            assert y.device.type == "meta"
            assert y.shape == expected.shape


def test_no_layer_is_left_out():
    named = [*CONVOLUTIONS, *LAYERS, *OF_THE_PLANE, *ALONE]
    tried = {name.replace("#", f"{dimension}D") for name in named for dimension in GROUPS}
    assert tried == set(kg.layers.__all__) - {"EquivarianceWarning"}


def assert_lowers(layer, shape):
    import jax
    from jax import export

    x = random(2, *shape)
    layer.build(x.shape)

    def forward(trainable, other, x, **training):
        return layer.stateless_call(trainable, other, x, **training)[0]

    def loss(trainable, other, x):
        return (forward(trainable, other, x, **in_training(layer)) ** 2).sum()

    weights = [
        [v.value for v in vs] for vs in (layer.trainable_variables, layer.non_trainable_variables)
    ]
    for function in (forward, jax.grad(loss, argnums=(0, 2))):
        program = export.export(jax.jit(function), platforms=PLATFORMS)(*weights, x)
        assert program.platforms == ("cuda", "tpu")
        assert set(CUSTOM_CALL.findall(program.mlir_module())) <= {"Sharding"}


def in_training(layer):
    """What `fit` says to a layer that takes it."""
    return {"training": True} if "training" in inspect.signature(layer.call).parameters else {}


CHECKS = {"jax": assert_lowers, "torch": assert_needs_no_data}
