"""Measures both implementations on this machine, for `implementation="auto"` to choose by.

    KERAS_BACKEND=jax python -m keras_gcnn.tune

times models of one layer, compiled as Keras compiles them. It keeps the fitted numbers of
`ops.conv.cost_model` for this backend and device in Keras' own folder, `~/.keras`. On 2 CPU cores,
with `--seconds 3` (the default), it takes about five minutes on JAX, ten on TensorFlow, and half an
hour on PyTorch.
"""

import argparse
import itertools
import json
import math
import os
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from keras_gcnn import groups, layers, timing
from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.conv import cost_model

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


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(prog="python -m keras_gcnn.tune", description=__doc__)
    parser.add_argument("--seconds", type=_seconds, default=3.0, help="time for each measurement")
    parser.add_argument("--out", type=Path, default=cost_model.fits_file(), help="where to keep")
    options = parser.parse_args(arguments)
    problem = _cannot_write(options.out)
    if problem:
        parser.error(f"argument --out: {options.out} cannot be written: {problem}")
    known = cost_model.read_fits(options.out)
    for compiler, training in itertools.product(backend.compilers(), (False, True)):
        compilation = backend.compilation_by(compiler, keras.ops.zeros(()))
        name = cost_model.key(compilation, training)
        known[name] = _fit(compilation, training, options.seconds, name)
        _write(options.out, known)
    cost_model.fits.cache_clear()
    print(f"Kept in {options.out}.")


def _seconds(text):
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError
    return seconds


def _cannot_write(path):
    """Why a file cannot be written there, `None` if it can."""
    try:
        if path.is_dir():
            return "it is a folder"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            return None
    except OSError as error:
        return error.strerror


def _fit(compilation, training, seconds, name):
    """`cost_model.fit` of the sweep, each measurement printed after `name`."""
    rows, ratios = [], []
    smallest = 1 if policy.transforms_single_taps(compilation) else 2
    for group, kernel, filters, size, batch in SWEEP:
        if kernel < smallest:
            continue
        order = groups.get(group).order
        shape = (kernel, kernel, order, filters, filters)
        joined = policy.joins_sums(compilation.compiler)
        rows.append(cost_model.features(groups.get(group), shape, joined))
        x = np.random.default_rng(0).normal(size=(batch, size, size, order, filters))
        x = keras.ops.convert_to_tensor(x.astype("float32"))
        ratios.append(measure(x, group, kernel, compilation.compiler, training, seconds))
        what = f"{group} {kernel}×{kernel} {filters} filters {size}×{size} batch {batch}"
        print(f"{name}: {what}: {ratios[-1]:.2f}", flush=True)
    return cost_model.fit(rows, ratios)


def measure(x, group, kernel, compiler, training, seconds):
    """The median ratio of a layer's times on `x`, with `"fourier"` over `"direct"`."""
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
    return timing.paired_ratio(*runs, seconds)


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
    """Only the layer and its gradients. torch.compile takes half a minute for a Keras model."""
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
    """Reads a number of each tensor. A GPU must have finished for that."""
    return [tensor.reshape(-1)[0].item() for tensor in tensors]


def _write(path, value):
    """Writes JSON to a temporary file and puts that in place."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}-", delete=False, encoding="utf-8"
    ) as file:
        try:
            file.write(json.dumps(value, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


if __name__ == "__main__":
    main()
