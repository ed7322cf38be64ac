"""What the examples share: networks of equal size, training, and a table of means."""

import statistics
import time

import keras
import numpy as np
from rich.progress import Progress

import keras_gcnn as kg
from reproductions.markdown import table


def fitted(model, x, y, loss, epochs, batch_size, rate, augment=None):
    """Trains a model, on random elements of a group where one is named.

    Targets that are images turn with them.

    Returns:
        The seconds it took.
    """
    started = time.perf_counter()
    rate = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-len(x) // batch_size))
    model.compile(keras.optimizers.Adam(rate), loss)
    layer = augment and kg.layers.RandomGroupElement(augment, "channels_last")
    for _ in range(epochs):
        pair = [x, y]
        if augment:
            pair = layer(pair, training=True) if y.ndim == 4 else [layer(x, training=True), y]
        pair = [keras.ops.convert_to_numpy(a) for a in pair]
        model.fit(*pair, batch_size=batch_size, verbose=0)
    return time.perf_counter() - started


def run(trial, seeds, title):
    """Runs `trial(seed)`, a dict of rows of numbers, for several seeds, with a bar.

    Returns:
        A dict from the name of a row to lists of its numbers, one list for each seed.
    """
    rows = {}
    with Progress() as progress:
        for seed in progress.track(range(seeds), description=title):
            keras.utils.set_random_seed(seed)
            for name, numbers in trial(seed).items():
                rows.setdefault(name, []).append(numbers)
    return rows


def as_table(rows, heads):
    """A Markdown table of means ± deviations over seeds."""
    cells = [
        [name, *(_spread(column) for column in zip(*numbers, strict=True))]
        for name, numbers in rows.items()
    ]
    return table(["", *heads], cells)


def _spread(values):
    if isinstance(values[0], int):
        return f"{values[0]:,}"
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def predicted(model, x, batch_size=32):
    """The outputs of a model as an array."""
    parts = [
        keras.ops.convert_to_numpy(model(x[i : i + batch_size], training=False))
        for i in range(0, len(x), batch_size)
    ]
    return np.concatenate(parts)
