"""What is measured: layers and networks, and plain ones with the same feature maps."""

import math
import time

import keras
import numpy as np
from keras import ops

import keras_gcnn as kg
from keras_gcnn.ops import backend
from keras_gcnn.ops.conv.plan import Plan

# P4CNN's layers, All-CNN's with the paper's widths, and others about them: group, kernel, channels
# and filters, size, batch.
_IMAGES = [
    ("p4", 3, 10, 28, 64),
    ("p4", 3, 10, 12, 128),
    ("p4", 4, 10, 4, 128),
    ("p4", 3, 48, 32, 8),
    ("p4", 3, 64, 16, 16),
    ("p4", 3, 96, 16, 8),
    ("p4m", 3, 16, 16, 16),
    ("p4m", 3, 32, 32, 8),
    ("p4m", 3, 32, 16, 16),
    ("p4m", 3, 64, 16, 16),
    ("p4m", 3, 64, 8, 32),
    ("p4m", 3, 128, 8, 16),
    ("p4m", 1, 64, 16, 16),
    ("p4m", 1, 64, 8, 32),
]
# The same of volumes.
_VOLUMES = [
    ("O", 3, 8, 10, 16),
    ("Oh", 3, 8, 8, 16),
    ("Oh", 3, 16, 8, 16),
]


def _by_name(specifications, dimension):
    found = {}
    for group, kernel, filters, size, batch in specifications:
        kernels, sizes = ("x".join([str(n)] * dimension) for n in (kernel, size))
        name = f"{group}-{kernels}-{filters}-filters-{sizes}-batch-{batch}"
        found[name] = kg.groups.get(group, dimension=dimension), kernel, filters, size, batch
    return found


LAYERS = _by_name(_IMAGES, 2) | _by_name(_VOLUMES, 3)

# name: network, its arguments, batch.
NETWORKS = {
    "P4CNN": (kg.models.p4cnn, {}, 64),
    "All-CNN on p4m": (kg.models.all_cnn, {"group": "p4m"}, 8),
    "ResNet26 on p4m": (kg.models.resnet, {"group": "p4m", "depth": 26}, 4),
    "ResNet44 on p4m": (kg.models.resnet, {"group": "p4m", "depth": 44}, 8),
}


def layer(name, implementation="auto", dtype="float32", padding="valid"):
    """A GroupConv2D or 3D, its input, and the seconds that its construction took."""
    group, kernel, filters, size, batch = LAYERS[name]
    x = _random(batch, *(size,) * group.dimension, group.order, filters)
    make = getattr(kg.layers, f"GroupConv{group.dimension}D")
    started = time.perf_counter()
    ours = make(
        filters,
        kernel,
        group=group,
        padding=padding,
        data_format="channels_last",
        implementation=implementation,
        dtype=dtype,
    )
    ours.build(x.shape)
    return ours, x, time.perf_counter() - started


def planar_layer(name, x, dtype="float32", maps=None, padding="valid"):
    """A Conv2D or 3D with the maps of our layer on `x`, and the input without its H axis.

    `maps` asks for another number of them, in and out.
    """
    x = x.reshape(*x.shape[:-2], -1) if maps is None else _random(*x.shape[:-2], maps)
    group, kernel, *_ = LAYERS[name]
    make = getattr(keras.layers, f"Conv{group.dimension}D")
    options = {"padding": padding, "data_format": "channels_last", "dtype": dtype}
    planar = make(x.shape[-1], kernel, **options)
    planar.build(x.shape)
    return planar, x


OTHERS = {  # on p4m with 32 maps, 16×16 points and a batch of 16: the layer, and its planar one
    "transposed": (
        lambda **options: kg.layers.GroupConv2DTranspose(32, 2, strides=2, **options),
        lambda maps: keras.layers.Conv2DTranspose(maps, 2, strides=2, data_format="channels_last"),
    ),
    "depthwise": (
        lambda **options: kg.layers.GroupDepthwiseConv2D(3, **options),
        lambda maps: keras.layers.DepthwiseConv2D(3, data_format="channels_last"),
    ),
}


def other(name):
    """A built layer of `OTHERS` with its input, and the planar layer of the same maps with its."""
    x = _random(16, 16, 16, 8, 32)
    make, make_planar = OTHERS[name]
    ours, flat = make(group="p4m", data_format="channels_last"), x.reshape(*x.shape[:3], -1)
    planar = make_planar(flat.shape[-1])
    ours.build(x.shape)
    planar.build(flat.shape)
    return (ours, x), (planar, flat)


def plan_of(layer, x_shape):
    """The `Plan` of a built GroupConv2D, not compiled."""
    amounts = layer.sampling.padding_amounts(x_shape[1:3])
    compilation = backend.compilation_of(ops.zeros(()))
    shape = tuple(layer.kernel.shape)
    return Plan(layer.group, shape, layer.sampling, amounts, compilation)


class Products(keras.layers.Layer):
    """Only the products of the Fourier implementation. f̂ and ψ̂ are given.

    A lower bound: the implementation takes this long even if sums and copies cost nothing.

    Args:
        layer: A built GroupConv2D.
        x_shape: The shape of its input.
    """

    def __init__(self, layer, x_shape):
        super().__init__()
        plan = plan_of(layer, x_shape)
        channels, filters = plan.kernel_shape[-2:]
        points = math.prod(layer.compute_output_shape(x_shape)[:3])
        self.factors = []
        for part in plan.recipe.irreps:
            degree, columns, _ = part.taps.shape
            taps = self.add_weight((columns * channels, degree * filters))
            self.factors += [(self.add_weight((points, taps.shape[0])), taps) for _ in part.rows]
        self.built = True

    def call(self, x):
        pairs = (map(ops.convert_to_tensor, pair) for pair in self.factors)
        return [backend.matmul(*pair) for pair in pairs]


class Transform(keras.layers.Layer):
    """Only f̂: the sums of shifted maps, without products. Takes the arguments of `Products`."""

    def __init__(self, layer, x_shape):
        super().__init__()
        self.plan = plan_of(layer, x_shape)
        self.built = True

    def call(self, x):
        return [f for _, f in self.plan.rows_of(ops.convert_to_tensor(x))]


class Bank(keras.layers.Layer):
    """Writes as many numbers as a filter bank has. Takes the arguments of `Products`.

    A lower bound for what the direct implementation takes beyond Conv2D.
    """

    def __init__(self, layer, x_shape):
        super().__init__()
        self.order, size = layer.group.order, math.prod(layer.kernel.shape)
        self.numbers = self.add_weight((size,))
        self.built = True

    def call(self, x):
        numbers = ops.convert_to_tensor(self.numbers) + 1
        return ops.broadcast_to(numbers, (self.order, *numbers.shape))


class Traffic(keras.layers.Layer):
    """Reads and writes the numbers of input, f̂, ô and output once. Arguments as of `Products`.

    It adds 1 to each number, in memory order. A lower bound for sums that keep f̂ and ô in memory.
    """

    def __init__(self, layer, x_shape):
        super().__init__()
        points, plan = layer.compute_output_shape(x_shape), plan_of(layer, x_shape)
        columns = sum(len(part.rows) * part.taps.shape[1] for part in plan.recipe.irreps)
        transform = columns * plan.kernel_shape[-2]
        numbers = math.prod(x_shape) + math.prod(points[:3]) * transform + 2 * math.prod(points)
        self.numbers = self.add_weight((numbers // 2,))
        self.built = True

    def call(self, x):
        return ops.convert_to_tensor(self.numbers) + 1


def normalization(shape):
    """BatchNormalization and ReLU on maps of this shape, channels last."""
    layers = [keras.layers.BatchNormalization(), keras.layers.ReLU()]
    return keras.Sequential([keras.Input(shape[1:]), *layers])


def network(name):
    """A network on the group, and images for it."""
    make, arguments, batch = NETWORKS[name]
    model = make(**arguments)
    return model, _random(batch, *model.input_shape[1:])


def planar_network(model):
    """The same network on Z², with |H| times the feature maps in each layer.

    On Z² a GroupConv2D is one planar convolution with its own kernel, as Conv2D is.
    """
    return keras.models.clone_model(model, clone_function=_on_the_plane)


def _on_the_plane(layer):
    config = layer.get_config()
    if "group" in config:
        order = kg.groups.get(config["group"]).order
        config["group"] = "z2"
        config.pop("subgroup", None)  # all of H, on Z² too
        if "filters" in config:
            config["filters"] *= order
    return type(layer).from_config(config)


def _random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")
