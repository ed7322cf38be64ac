"""Runs one library's layer, or a network of its layers, once for every line it reads.

    python workers.py escnn 'p4m 3 64 16 16'
    python workers.py escnn network

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


def keras_gcnn_network(x, y):
    """The small network of `benchmarks.equal_parameters` on p4m, trained by Keras' defaults."""
    from benchmarks.equal_parameters import network

    model = network("small", "p4m")
    return lambda: model.predict_on_batch(x), lambda: model.train_on_batch(x, y)


def escnn_network(x, y):
    """The same network of escnn's layers."""
    from escnn import gspaces, nn

    space = gspaces.flipRot2dOnR2(4)
    images = maps = nn.FieldType(space, 3 * [space.trivial_repr])
    layers = []
    for i, filters in enumerate((16, 16, 32, 32)):
        before, maps = maps, nn.FieldType(space, filters * [space.regular_repr])
        layers += [nn.R2Conv(before, maps, kernel_size=3, padding=1)]
        layers += [nn.InnerBatchNorm(maps), nn.ReLU(maps)]
        if i == 1:
            layers += [nn.PointwiseMaxPool(maps, 2)]
    features = nn.SequentialModule(*layers)

    def evaluate(x):
        return features(nn.GeometricTensor(x, images)).tensor.unflatten(1, (filters, -1)).mean(2)

    return _network_by_torch(features, evaluate, filters, x, y)


def planar_of_escnn_network(x, y):
    """The plain network of as many parameters in PyTorch."""
    from torch import nn

    channels, layers = 3, []
    for i, filters in enumerate((45, 45, 90, 90)):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()]
        channels = filters
        if i == 1:
            layers += [nn.MaxPool2d(2)]
    features = nn.Sequential(*layers)
    return _network_by_torch(features, features, filters, x, y)


def _network_by_torch(features, evaluate, filters, x, y):
    """`evaluate`, the mean over space and a dense layer, and their training by SGD."""
    import torch

    images, labels = torch.tensor(x.transpose(0, 3, 1, 2)).contiguous(), torch.tensor(y)
    last = torch.nn.Linear(filters, 10)
    optimizer = torch.optim.SGD([*features.parameters(), *last.parameters()], 0.01)

    def forward():
        features.eval()
        with torch.no_grad():
            return last(evaluate(images).mean((2, 3)))

    def step():
        features.train()
        optimizer.zero_grad()
        logits = last(evaluate(images).mean((2, 3)))
        torch.nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()

    return forward, step


def prepared(library, specification):
    """The two functions of a worker: forward and a training step."""
    rng = np.random.default_rng(0)
    if specification == "network":
        x, y = rng.normal(size=(32, 32, 32, 3)).astype("float32"), rng.integers(0, 10, 32)
        return globals()[f"{library}_network"](x, y)
    group, *numbers = specification.split()
    kernel, filters, size, batch = map(int, numbers)
    x = rng.normal(size=(batch, size, size, ORDERS[group], filters)).astype("float32")
    return globals()[library](group, kernel, filters, x)


def main(library, specification):
    """Prepares both modes, and runs the one that each line names."""
    forward, step = prepared(library, specification)
    for _ in range(2):
        forward(), step()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        forward() if line.strip() == "forward" else step()
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
