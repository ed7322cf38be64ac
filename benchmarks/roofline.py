"""What bounds the networks of `equal_parameters`: only the products of their layers.

    KERAS_BACKEND=torch python -m benchmarks.roofline all_cnn

takes a minute, and prints how long a training step of each layer takes, as Keras runs it by
default, added up over a network. It then replaces each convolution on H by the products of the
Fourier implementation, whose sums would cost nothing. A second bound adds f̂ and its gradient,
written and read once, as where no compiler joins sums and products.
"""

import argparse
import math
import statistics
import warnings
from collections import Counter
from functools import partial

import keras
import numpy as np
from keras import ops

import keras_gcnn as kg
from benchmarks import backend, work
from benchmarks.equal_parameters import BATCH, NETWORKS, SIDES, network
from keras_gcnn import timing
from keras_gcnn.layers.base_block import BaseBlock
from keras_gcnn.ops.backend import matmul
from keras_gcnn.ops.conv.plan import product

ROUNDS = 7


class TrainingProducts(keras.layers.Layer):
    """Only the products of a training step: ô, and the gradients of f̂ and ψ̂.

    Args:
        layer: A built GroupConv2D.
        x_shape: The shape of its input.
    """

    def __init__(self, layer, x_shape):
        super().__init__()
        plan = work.plan_of(layer, x_shape)
        channels, filters = plan.kernel_shape[-2:]
        points = math.prod(layer.compute_output_shape(x_shape)[:3])
        self.factors, self.product = [], partial(product, compilation=plan.compilation)
        for part in plan.recipe.irreps:
            degree, columns, _ = part.taps.shape
            before, after = columns * channels, degree * filters
            shapes = [(points, before), (before, after), (points, after)]
            self.factors += [[self.add_weight(shape) for shape in shapes] for _ in part.rows]
        self.built = True

    def call(self, x):
        found = []
        for factors in self.factors:
            f, psi, do = map(ops.convert_to_tensor, factors)
            found += [self.product(f, psi), self.product(do, ops.transpose(psi))]
            found.append(matmul(ops.transpose(f), do))
        return found


def layers_of(model):
    """Pairs of a layer with one input and the shape of that, the blocks unfolded."""
    for layer in model.layers[1:]:
        if isinstance(layer.input, list):  # it adds maps up
            continue
        shape = (BATCH, *layer.input.shape[1:])
        if isinstance(layer, BaseBlock):
            yield from ((part, before) for part, before, _ in layer.steps(shape))
        else:
            yield layer, shape


def runnables(layer, shape, side):
    """By name, the functions that are timed for a layer."""
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    compiled = keras.backend.backend() == "jax"
    found = {side: backend.training_step(layer, x, compiled)}
    if side == "p4m" and isinstance(layer, kg.layers.GroupConv2D):
        for name, make in {"products": TrainingProducts, "traffic": work.Traffic}.items():
            found[name] = backend.forward(make(layer, shape), x[:1], compiled)
    return found


def measured(name):
    """Seconds of a training step, by `"z2"` and `"p4m"`, `"products"` and `"traffic"`."""
    found, counts = {}, Counter()
    for side in SIDES:
        for layer, shape in layers_of(network(name, side)):
            options = {key: of for key, of in layer.get_config().items() if key != "name"}
            alike = side, type(layer).__name__, shape, repr(options)
            counts[alike] += 1
            if alike not in found:
                found[alike] = runnables(layer, shape, side)
    times = {(alike, what): [] for alike, of_layer in found.items() for what in of_layer}
    for _ in range(1 + ROUNDS):
        for alike, what in times:
            times[alike, what].append(timing.seconds_of(found[alike][what]))
    totals = Counter()
    for alike, of_layer in found.items():
        seconds = {w: counts[alike] * statistics.median(times[alike, w][1:]) for w in of_layer}
        totals[alike[0]] += seconds[alike[0]]
        if alike[0] == "p4m":
            totals["products"] += seconds.get("products", seconds["p4m"])
            totals["traffic"] += 2 * seconds.get("traffic", 0)
    return totals


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roofline", description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help="all by default")
    warnings.simplefilter("ignore", kg.EquivarianceWarning)
    for name in parser.parse_args(arguments).networks:
        seconds = measured(name)
        plain, bound = seconds["z2"], seconds["products"]
        print(
            f"{name}; {keras.backend.backend()}; plain {plain:.3f} s; "
            f"p4m {seconds['p4m'] / plain:.1f} times as long; "
            f"with products alone {bound / plain:.1f}; "
            f"with f̂ written and read too {(bound + seconds['traffic']) / plain:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
