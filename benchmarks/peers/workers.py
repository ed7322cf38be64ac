"""Runs one library's layer, once for every line it reads.

    python workers.py escnn 'p4m 3 64 16 16'

A worker runs in the environment of its library, so it imports nothing of this project but our
layers. It writes "ready". Then each line names a mode, and the worker writes the seconds of a run.
"""

import sys
import time

import numpy as np

ORDERS = {"p4": 4, "p4m": 8}


def keras_gcnn(group, kernel, filters, x):
    """Our layer, on the backend of `KERAS_BACKEND`."""
    import keras_gcnn as kg
    from benchmarks import backend

    layer = kg.layers.GroupConv2D(filters, kernel, group=group, data_format="channels_last")
    layer.build(x.shape)
    return backend.forward(layer, x), backend.training_step(layer, x)


def groco(group, kernel, filters, x):
    """The layer of GroCo, compiled by JAX."""
    from groco.layers import GroupConv2D

    layer = GroupConv2D(
        group=group.upper(),
        filters=filters,
        kernel_size=kernel,
        padding="valid",
        allow_non_equivariance=True,
    )
    return _compiled_by_jax(layer, x)


def planar_of_groco(group, kernel, filters, x):
    """Keras' convolution of the same feature maps, compiled by JAX."""
    import keras

    x = x.reshape(*x.shape[:3], -1)
    return _compiled_by_jax(keras.layers.Conv2D(x.shape[-1], kernel), x)


def _compiled_by_jax(layer, x):
    import jax

    x = jax.device_put(x)
    layer(x)  # builds
    weights = [variable.value for variable in layer.trainable_variables]

    def loss(weights, x):
        return (layer.stateless_call(weights, [], x)[0] ** 2).mean()

    forward = jax.jit(lambda weights, x: layer.stateless_call(weights, [], x)[0])
    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    return (
        lambda: jax.block_until_ready(forward(weights, x)),
        lambda: jax.block_until_ready(step(weights, x)),
    )


def escnn(group, kernel, filters, x):
    """The layer of escnn on regular representations. It caches its filters in evaluation."""
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(4) if group == "p4" else gspaces.flipRot2dOnR2(4)
    maps = nn.FieldType(space, filters * [space.regular_repr])
    evaluated, trained = (nn.R2Conv(maps, maps, kernel_size=kernel) for _ in range(2))
    return _run_by_torch(
        lambda images: evaluated.eval()(nn.GeometricTensor(images, maps)).tensor,
        lambda images: trained.train()(nn.GeometricTensor(images, maps)).tensor,
        trained.parameters(),
        x,
    )


def planar_of_escnn(group, kernel, filters, x):
    """PyTorch's convolution of the same feature maps."""
    import torch

    maps = x.shape[-2] * x.shape[-1]
    layer = torch.nn.Conv2d(maps, maps, kernel)
    return _run_by_torch(layer, layer, layer.parameters(), x)


def _run_by_torch(evaluate, train, parameters, x):
    import torch

    images = torch.tensor(x.transpose(0, 4, 3, 1, 2).reshape(len(x), -1, *x.shape[1:3]))
    watched = images.clone().requires_grad_()
    parameters = [p for p in parameters if p.requires_grad]

    def forward():
        with torch.no_grad():
            return evaluate(images)

    def step():
        return torch.autograd.grad((train(watched) ** 2).mean(), [*parameters, watched])

    return forward, step


def main(library, specification):
    """Prepares both modes, and runs the one that each line names."""
    group, *numbers = specification.split()
    kernel, filters, size, batch = map(int, numbers)
    shape = (batch, size, size, ORDERS[group], filters)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    forward, step = globals()[library](group, kernel, filters, x)
    for _ in range(2):
        forward(), step()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        forward() if line.strip() == "forward" else step()
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
