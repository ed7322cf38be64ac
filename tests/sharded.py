"""Layers over 2×4 virtual devices, in a process of their own: `python -m tests.sharded`.

Prints, for each layer, what its outputs and gradients differ by from those on one device, and the
arrays that its compiled program moves between devices; and the losses of a network in training.
"""

import json
import os
import re

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)

import jax
import keras
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from keras import distribution

import keras_gcnn as kg

L = kg.layers
ON_G, IMAGE, VOLUME = (16, 16, 8, 16), (16, 16, 16), (5, 5, 5, 8, 16)
LAYERS = {  # with the shape of an input, without its batch
    "Conv2D": (lambda: keras.layers.Conv2D(128, 3, padding="same"), (16, 16, 128)),
    "LiftingConv2D": (lambda: L.LiftingConv2D(16, 3, "p4m", padding="same"), IMAGE),
    "GroupConv2D": (lambda: L.GroupConv2D(16, 3, "p4m", padding="same"), ON_G),
    "GroupConv2D to a quotient": (
        lambda: L.GroupConv2D(16, 3, "p4m", output_subgroup="p2"),
        ON_G,
    ),
    "GroupConv2DTranspose": (lambda: L.GroupConv2DTranspose(16, 2, "p4m", strides=2), ON_G),
    "GroupConv3D": (lambda: L.GroupConv3D(16, 3, "D4"), VOLUME),
    "GroupDense": (lambda: L.GroupDense(16, "p4m"), ON_G),
}
DEVICES = distribution.DeviceMesh((2, 4), ["batch", "model"], distribution.list_devices("cpu"))
MOVED = re.compile(
    r"= (.+?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)


def loss_and_outputs(layer, values, x):
    y, _ = layer.stateless_call(values, [], x)
    return (y**2).mean(), y


def by_filters(ranks):
    """`ModelParallel`: batches lie over two devices, and kernels over four along their filters."""
    layout = distribution.LayoutMap(DEVICES)
    for path, rank in ranks.items():
        layout[path] = (*(None,) * (rank - 1), "model")
    return distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")


def results(make, shape, is_sharded):
    """Outputs and gradients of a layer, and what its program moves."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    keras.distribution.set_distribution(None)
    layer = make()
    layer.build((None, *shape))
    values = layer.get_weights()
    if is_sharded:
        ranks = {".*kernel": values[0].ndim, ".*bias": 1}
        keras.distribution.set_distribution(by_filters(ranks))
        layer = make()
        layer.build((None, *shape))
        layer.set_weights(values)
        x = jax.device_put(x, NamedSharding(DEVICES.backend_mesh, PartitionSpec("batch")))
    values = [variable.value for variable in layer.trainable_variables]
    step = jax.jit(jax.value_and_grad(lambda v, x: loss_and_outputs(layer, v, x), has_aux=True))
    (_, y), gradients = step(values, x)
    moved = MOVED.findall(step.lower(values, x).compile().as_text())
    return [np.asarray(y), *map(np.asarray, gradients)], moved


def losses(is_sharded):
    """The losses of two epochs of a network."""
    keras.utils.set_random_seed(0)
    ranks = {"lifting.*kernel": 4, "second.*kernel": 5}
    keras.distribution.set_distribution(by_filters(ranks) if is_sharded else None)
    inputs = keras.Input((12, 12, 3))
    x = L.LiftingConv2D(8, 3, group="p4m", name="lifting")(inputs)
    x = keras.layers.ReLU()(L.GroupBatchNormalization()(x))
    x = L.GlobalGroupAveragePooling2D()(L.GroupConv2D(8, 3, name="second")(x))
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(32, 12, 12, 3)), rng.integers(0, 4, 32)
    history = model.fit(images, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    (kernel,) = (w for w in model.weights if w.path.endswith("second/kernel"))
    return {
        "losses": history.history["loss"],
        "shard": kernel.value.addressable_shards[0].data.shape,
    }


def main():
    found = {}
    for name, (make, shape) in LAYERS.items():
        alone, _ = results(make, shape, is_sharded=False)
        sharded, moved = results(make, shape, is_sharded=True)
        errors = [
            float(abs(a - b).max() / abs(a).max()) for a, b in zip(alone, sharded, strict=True)
        ]
        found[name] = {"errors": errors, "moved": moved}
    found["network"] = {"alone": losses(is_sharded=False), "sharded": losses(is_sharded=True)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
