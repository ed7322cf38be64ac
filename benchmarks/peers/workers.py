"""One library's layer, run once for every line read: `python workers.py escnn 'p4m 3 64 16 16'`.

Runs in the environment of that library alone, so that it imports nothing else of this project but
for our own layers. Written: "ready", and then the seconds of each run of the mode that was asked.
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
    """GroCo's layer, compiled by JAX."""
    import jax
    from groco.layers import GroupConv2D

    layer = GroupConv2D(
        group=group.upper(),
        filters=filters,
        kernel_size=kernel,
        padding="valid",
        allow_non_equivariance=True,
    )
    layer(x)
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
    """The layer of escnn on regular representations, its filters cached where it only evaluates."""
    import torch
    from escnn import gspaces, nn

    space = gspaces.rot2dOnR2(4) if group == "p4" else gspaces.flipRot2dOnR2(4)
    maps = nn.FieldType(space, filters * [space.regular_repr])
    images = torch.tensor(x.transpose(0, 4, 3, 1, 2).reshape(len(x), -1, *x.shape[1:3]))
    layers = [nn.R2Conv(maps, maps, kernel_size=kernel) for _ in range(2)]
    evaluated, trained = layers[0].eval(), layers[1].train()
    parameters = [p for p in trained.parameters() if p.requires_grad]
    watched = images.clone().requires_grad_()

    def forward():
        with torch.no_grad():
            return evaluated(nn.GeometricTensor(images, maps))

    def step():
        loss = (trained(nn.GeometricTensor(watched, maps)).tensor ** 2).mean()
        return torch.autograd.grad(loss, [*parameters, watched])

    return forward, step


def planar_of_escnn(group, kernel, filters, x):
    """PyTorch's convolution of the same feature maps."""
    import torch

    images = torch.tensor(x.transpose(0, 4, 3, 1, 2).reshape(len(x), -1, *x.shape[1:3]))
    layer = torch.nn.Conv2d(images.shape[1], images.shape[1], kernel)
    watched = images.clone().requires_grad_()

    def forward():
        with torch.no_grad():
            return layer(images)

    def step():
        return torch.autograd.grad((layer(watched) ** 2).mean(), [*layer.parameters(), watched])

    return forward, step


def planar_of_groco(group, kernel, filters, x):
    """Keras' convolution of the same feature maps, compiled by JAX."""
    import jax
    import keras

    x = x.reshape(*x.shape[:3], -1)
    layer = keras.layers.Conv2D(x.shape[-1], kernel)
    layer.build(x.shape)
    weights = [variable.value for variable in layer.trainable_variables]

    def loss(weights, x):
        return (layer.stateless_call(weights, [], x)[0] ** 2).mean()

    forward = jax.jit(lambda weights, x: layer.stateless_call(weights, [], x)[0])
    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    return (
        lambda: jax.block_until_ready(forward(weights, x)),
        lambda: jax.block_until_ready(step(weights, x)),
    )


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
