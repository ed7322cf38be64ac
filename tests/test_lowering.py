"""Every layer lowers for accelerators that are not here: JAX makes the program for them."""

import keras
import pytest

import keras_gcnn as kg
from tests.ops.cases import random

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="only JAX makes programs for other machines"
)
L = kg.layers
PLATFORMS = ["cuda", "tpu"]
GROUPS = {1: "pm", 2: "p4m", 3: "D2"}
CONVOLUTIONS = {"LiftingConv#": {}, "GroupConv#": {}}
OTHERS = {
    "GroupConv#Transpose": {"filters": 2, "kernel_size": 2, "strides": 2},
    "GroupMaxPooling#": {},
    "GroupAveragePooling#": {},
    "GroupBlurPooling#": {"pool_size": 2},
    "GlobalGroupMaxPooling#": {},
    "GlobalGroupAveragePooling#": {},
    "CosetPooling#": {},
    "GroupUpSampling#": {},
    "GroupZeroPadding#": {},
    "GroupCropping#": {},
    "ResidualBlock#": {"filters": 3},
    "HighwayBlock#": {"filters": 2},
    "GroupDense": {"units": 2},
    "RestrictGroup": {"subgroup": [0]},
    "GroupDepthwiseConv2D": {"kernel_size": 3},
    "GroupSeparableConv2D": {"filters": 2, "kernel_size": 3},
}


def cases():
    for dimension in GROUPS:
        for name in CONVOLUTIONS:
            for implementation in ("direct", "fourier"):
                options = {"filters": 2, "kernel_size": 3, "implementation": implementation}
                yield pytest.param(
                    name, dimension, options, id=f"{name}{dimension}-{implementation}"
                )
        for name, options in OTHERS.items():
            if "2D" not in name or dimension == 2:
                yield pytest.param(name, dimension, options, id=f"{name}{dimension}")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("name", "dimension", "options"), cases())
def test_it_lowers_for_cuda_and_tpu(name, dimension, options, data_format):
    import jax
    from jax import export

    if dimension != 2 and data_format == "channels_first":
        pytest.skip("formats differ in transpositions alone")
    group = kg.groups.get(GROUPS[dimension], dimension)
    axes = () if name == "LiftingConv#" else (group.order,)
    space, channels = (4,) * dimension, (2,)
    last = data_format == "channels_last"
    shape = (*space, *axes, *channels) if last else (*channels, *axes, *space)
    layer_class = getattr(L, name.replace("#", f"{dimension}D"))
    layer = layer_class(**options, group=group, data_format=data_format)
    x = random(2, *shape)
    layer.build(x.shape)

    def forward(trainable, other, x):
        return layer.stateless_call(trainable, other, x)[0]

    def loss(trainable, other, x):
        return (forward(trainable, other, x) ** 2).sum()

    weights = [
        [v.value for v in vs] for vs in (layer.trainable_variables, layer.non_trainable_variables)
    ]
    for function in (forward, jax.grad(loss, argnums=(0, 2))):
        program = export.export(jax.jit(function), platforms=PLATFORMS)(*weights, x)
        assert program.platforms == ("cuda", "tpu")
        assert "custom_call" not in program.mlir_module() or "Sharding" in program.mlir_module()
