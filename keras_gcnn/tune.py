"""Measures both implementations on this machine, for `implementation="auto"` to choose by.

    KERAS_BACKEND=jax python -m keras_gcnn.tune

times models of one layer, compiled as Keras compiles them, in turns, and keeps the fitted numbers
of `ops.cost_model` for this backend and device in Keras' own folder, `~/.keras`. It takes about
five minutes on 2 CPU cores with JAX, ten with TensorFlow and PyTorch.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from pathlib import Path

import keras
import numpy as np

from keras_gcnn import groups, layers
from keras_gcnn.ops import cost_model
from keras_gcnn.ops.compiler import device_of

# Group, kernel size, filters, height and width, batch: narrow layers on large images, wide ones on
# small, as in networks, and widths that no vector register divides.
SWEEP = [
    (group, kernel, *layer)
    for group in ("p4", "p4m")
    for kernel in (1, 3)
    for layer in (
        (8, 32, 8),
        (11, 32, 8),
        (16, 32, 8),
        (23, 16, 16),
        (32, 16, 16),
        (64, 16, 16),
        (96, 8, 32),
    )
]
# What `ops.compiler` can find.
COMPILERS = {"jax": ["xla"], "tensorflow": ["xla", "graph"], "torch": ["torch.compile"]}


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(prog="python -m keras_gcnn.tune", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each measurement")
    parser.add_argument("--out", type=Path, default=cost_model.fits_file(), help="where to keep")
    options = parser.parse_args(arguments)
    fitted = {}
    for compiler, training in itertools.product(COMPILERS[keras.backend.backend()], (False, True)):
        name = cost_model.key(compiler, device(), training)
        fitted[name] = _fit(compiler, training, options.seconds, name)
    known = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    _write(options.out, {**known, **fitted})
    print(f"Kept in {options.out}.")


def _fit(compiler, training, seconds, name):
    """`cost_model.fit` of the sweep, each measurement printed behind `name`."""
    rows, ratios = [], []
    for group, kernel, filters, size, batch in SWEEP:
        order = groups.get(group).order
        shape = (kernel, kernel, order, filters, filters)
        rows.append(cost_model.features(groups.get(group), shape))
        x = np.random.default_rng(0).normal(size=(batch, size, size, order, filters))
        x = keras.ops.convert_to_tensor(x.astype("float32"))
        ratios.append(measure(x, group, kernel, compiler, training, seconds))
        what = f"{group} {kernel}×{kernel} {filters} filters {size}×{size} batch {batch}"
        print(f"{name}: {what}: {ratios[-1]:.2f}", flush=True)
    return cost_model.fit(rows, ratios)


def measure(x, group, kernel, compiler, training, seconds):
    """Seconds of a layer on `x` with `"fourier"` over those with `"direct"`: the median."""
    runs = []
    for implementation in ("fourier", "direct"):
        layer = layers.GroupConv2D(
            x.shape[-1],
            kernel,
            group,
            padding="same",
            data_format="channels_last",
            implementation=implementation,
        )
        run = _torch_run if compiler == "torch.compile" else _keras_run
        runs.append(run(layer, x, training, jit_compile=compiler == "xla"))
    return _ratio(*runs, seconds)


def _keras_run(layer, x, training, jit_compile):
    """A step of a Keras model around the layer."""
    # Weights before the layer, so that in training its input has a gradient.
    before = keras.layers.PReLU(shared_axes=(1, 2, 3))
    after = keras.layers.GlobalAveragePooling3D(data_format="channels_last")
    model = keras.Sequential([keras.Input(x.shape[1:]), before, layer, after])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    target = np.zeros((len(x), layer.filters), "float32")
    if training:
        return lambda: model.train_on_batch(x, target)
    return lambda: model.predict_on_batch(x)


def _torch_run(layer, x, training, jit_compile):
    """The layer and its gradients alone: torch.compile takes half a minute for a Keras model."""
    torch = sys.modules["torch"]
    torch.compiler.reset()  # or all layers count as recompilations of the first
    layer.build(x.shape)
    if not training:
        forward = torch.no_grad()(torch.compile(lambda x: layer(x)))
        return lambda: _await(forward(x))
    loss = torch.compile(lambda x: layer(x, training=True).square().mean())
    x = x.detach().requires_grad_()
    return lambda: _await(*torch.autograd.grad(loss(x), [x, layer.kernel.value]))


def _await(*tensors):
    """Reads a number of each tensor, for which a GPU must have finished."""
    return [tensor.reshape(-1)[0].item() for tensor in tensors]


def device():
    """The kind of device that computes here, as `ops.compiler` names it."""
    return device_of(keras.ops.zeros(()))


def _ratio(candidate, baseline, seconds):
    """The median of candidate / baseline, run in turns so that what slows one slows the other."""
    for _ in range(2):
        candidate(), baseline()  # compiles
    started, ratios = time.perf_counter(), []
    while len(ratios) < 7 or time.perf_counter() - started < seconds:
        ratios.append(_seconds_of(candidate) / _seconds_of(baseline))
    return statistics.median(ratios)


def _seconds_of(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _write(path, value):
    """Writes JSON to a temporary file and puts that in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{path.name}")
    temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    main()
