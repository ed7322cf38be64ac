"""Measures both implementations on this machine, for `implementation="auto"` to choose by.

    KERAS_BACKEND=jax python -m keras_gcnn.tune

times models of one layer, compiled as Keras compiles them, in turns, and keeps the fitted numbers
of `ops.cost_model` for this backend and device in Keras' own folder, `~/.keras`. It takes about
five minutes on 2 CPU cores.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import keras
import numpy as np

from keras_gcnn import groups, layers
from keras_gcnn.ops import cost_model

SIZE, BATCH = 16, 16
# group, kernel size, filters
SWEEP = [
    (group, kernel, filters)
    for group in ("p4", "p4m")
    for kernel in (1, 3)
    for filters in (8, 16, 32, 64, 96)
]


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(prog="python -m keras_gcnn.tune", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each measurement")
    parser.add_argument("--out", type=Path, default=cost_model.fits_file(), help="where to keep")
    options = parser.parse_args(arguments)
    fitted = {}
    for training in (False, True):
        rows, ratios = [], []
        for group, kernel, filters in SWEEP:
            group = groups.get(group)
            shape = (kernel, kernel, group.order, filters, filters)
            rows.append(cost_model.features(group, shape))
            ratios.append(measure(group, kernel, filters, training, options.seconds))
            mode = "training" if training else "inference"
            print(
                f"{group.name} {kernel}×{kernel} {filters} filters, {mode}: {ratios[-1]:.2f}",
                flush=True,
            )
        fitted[cost_model.key(device(), training)] = cost_model.fit(rows, ratios)
    known = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    _write(options.out, {**known, **fitted})
    print(f"Kept in {options.out}.")


def measure(group, kernel, filters, training, seconds):
    """Seconds of a model of one layer with `"fourier"` over those with `"direct"`: the median.

    Of a backend that compiles in several ways the slower one counts.
    """
    ways = (False, True) if keras.backend.backend() == "tensorflow" else (True,)
    return max(_measure(group, kernel, filters, training, seconds, way) for way in ways)


def _measure(group, kernel, filters, training, seconds, jit_compile):
    x = np.random.default_rng(0).normal(size=(BATCH, SIZE, SIZE, group.order, filters))
    x = keras.ops.convert_to_tensor(x.astype("float32"))
    target = np.zeros((BATCH, filters), "float32")
    runs = []
    for implementation in ("fourier", "direct"):
        layer = layers.GroupConv2D(
            filters, kernel, group, data_format="channels_last", implementation=implementation
        )
        # Weights before the layer, so that in training its input has a gradient.
        before = keras.layers.PReLU(shared_axes=(1, 2, 3))
        after = keras.layers.GlobalAveragePooling3D(data_format="channels_last")
        model = keras.Sequential([keras.Input(x.shape[1:]), before, layer, after])
        model.compile("sgd", "mse", jit_compile=jit_compile)
        if training:
            runs.append(lambda model=model: model.train_on_batch(x, target))
        else:
            runs.append(lambda model=model: model.predict_on_batch(x))
    return _ratio(*runs, seconds)


def device():
    """The kind of device that computes here, as `ops.cost_model` names it."""
    return cost_model.device_of(keras.ops.zeros(()))


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
