"""Layers on a group against plain ones of the same feature maps, |H|·C in and |H|·filters out."""

import keras
import pytest

from benchmarks import backend as compiled_by
from benchmarks import paired, work
from keras_gcnn.ops import backend
from keras_gcnn.ops.conv import cost_model

modes = pytest.mark.parametrize("mode", ["forward", "training_step"])
implementations = pytest.mark.parametrize("implementation", ["direct", "fourier"])
on_p4m = pytest.mark.parametrize("layer", [name for name in work.LAYERS if name.startswith("p4m")])
not_compiled = [
    "p4m-3x3-64-filters-16x16-batch-16",
    "Oh-3x3x3-8-filters-8x8x8-batch-16",
    "Oh-3x3x3-16-filters-8x8x8-batch-16",
]
one_layer = pytest.mark.parametrize("layer", not_compiled[:1])


@modes
@implementations
@pytest.mark.parametrize("layer", work.LAYERS)
def test_same_maps(benchmark, seconds, layer, implementation, mode):
    ours = measure(benchmark, seconds, layer, implementation, mode)
    filter_on = ours.group, tuple(ours.kernel.shape)
    compilation = backend.compilation_by(backend.compilers()[0], keras.ops.zeros(()))
    training = mode == "training_step"
    chosen = cost_model.choose(compilation, filter_on[1], filter_on[0], (1, 1), training)
    benchmark.extra_info["chosen_by_auto"] = chosen == implementation
    benchmark.extra_info["product_ratio"] = cost_model.features(*filter_on)[0]


def alone(part):
    """A benchmark of the layer that `part` makes of a built GroupConv2D and its input's shape."""

    @on_p4m
    def benchmark_of(benchmark, seconds, layer):
        ours, x, _ = work.layer(layer, "fourier")
        theirs = work.planar_layer(layer, x)
        paired.compare(benchmark, seconds, "forward", (part(ours, x.shape), x), theirs)

    return benchmark_of


test_products_alone = alone(work.Products)
test_transform_alone = alone(work.Transform)
test_traffic_alone = alone(work.Traffic)
test_bank_alone = alone(work.Bank)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch.compile's own
@modes
@pytest.mark.parametrize("layer", ["p4-3x3-10-filters-28x28-batch-64"])
def test_normalization_and_relu(benchmark, seconds, layer, mode):
    """Keras' own layers on a map on H, against the same numbers with |H| times the channels."""
    _, x, _ = work.layer(layer)
    flat = x.reshape(*x.shape[:3], -1)
    ours, theirs = ((work.normalization(maps.shape), maps) for maps in (x, flat))
    paired.compare(benchmark, seconds, mode, ours, theirs)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX is always compiled")
@modes
@implementations
@pytest.mark.parametrize("layer", not_compiled)
def test_same_maps_not_compiled(benchmark, seconds, layer, implementation, mode):
    measure(benchmark, seconds, layer, implementation, mode, compiled=False)


@modes
@pytest.mark.parametrize("layer", work.OTHERS)
def test_same_maps_of_others(benchmark, seconds, layer, mode):
    paired.compare(benchmark, seconds, mode, *work.other(layer))


@modes
@implementations
@pytest.mark.parametrize("layer", [name for name in work.LAYERS if name.startswith("p4m-3x3")])
def test_same_maps_padded(benchmark, seconds, layer, implementation, mode):
    """With `padding="same"`. On JAX that makes Conv2D up to five times as fast."""
    measure(benchmark, seconds, layer, implementation, mode, padding="same")


@modes
@pytest.mark.parametrize("implementation", ["direct", "fourier", "Conv2D"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@one_layer
def test_half_precision(benchmark, seconds, layer, implementation, mode, dtype):
    """A layer in half precision over itself in float32."""
    runnables = []
    for each in (dtype, "float32"):
        is_planar = implementation == "Conv2D"
        ours, x, _ = work.layer(layer, "direct" if is_planar else implementation, each)
        pair = work.planar_layer(layer, x, each) if is_planar else (ours, x)
        runnables.append(getattr(compiled_by, mode)(*pair))
    benchmark.group = mode
    paired.measure(benchmark, *runnables, seconds)


@pytest.mark.parametrize("equal", ["parameters", "operations"])
@modes
@one_layer
def test_same_cost(benchmark, seconds, layer, mode, equal):
    """Against the Conv2D of as many parameters, or of as many multiplications."""
    group, kernel, filters, _, _ = work.LAYERS[layer]
    factor = group.order  # of the parameters of a Conv2D with as many maps as there are filters
    if equal == "operations":
        shape = (kernel, kernel, group.order, filters, filters)
        factor = group.order**2 * cost_model.features(group, shape)[0]
    maps = round(filters * factor**0.5)
    measure(benchmark, seconds, layer, "fourier", mode, maps=maps)


def measure(
    benchmark,
    seconds,
    layer,
    implementation,
    mode,
    compiled=True,
    maps=None,
    padding="valid",
):
    ours, x, construction = work.layer(layer, implementation, padding=padding)
    theirs = work.planar_layer(layer, x, maps=maps, padding=padding)
    benchmark.extra_info["construction_seconds"] = construction
    paired.compare(benchmark, seconds, mode, (ours, x), theirs, compiled)
    return ours
