"""What the examples share: networks of equal size, training, and a table of means."""

import argparse
import statistics
import time

import keras
import numpy as np
from rich.progress import Progress

import keras_gcnn as kg
from reproductions import figures
from reproductions.files import write_json
from reproductions.markdown import filled, table


def fitted(model, x, y, loss, epochs, batch_size, rate, augment=None):
    """Trains a model.

    Args:
        model: The model.
        x: Its inputs.
        y: Its targets.
        loss: As in `keras.Model.compile`.
        epochs: How often it sees them.
        batch_size: How many at once.
        rate: The first learning rate. It falls to 0 by half a cosine.
        augment: A function of `x` and `y` that gives those of an epoch.

    Returns:
        The seconds it took.
    """
    started = time.perf_counter()
    rate = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-len(x) // batch_size))
    model.compile(keras.optimizers.Adam(rate), loss)
    for _ in range(epochs):
        pair = augment(x, y) if augment else (x, y)
        model.fit(*pair, batch_size=batch_size, verbose=0)
    return time.perf_counter() - started


def turning(group):
    """An `augment` that turns images by random elements of a group, and targets that are images."""
    layer = kg.layers.RandomGroupElement(group, "channels_last")

    def augment(x, y):
        pair = layer([x, y], training=True) if y.ndim == 4 else [layer(x, training=True), y]
        return [keras.ops.convert_to_numpy(a) for a in pair]

    return augment


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


def publish(arguments, name, trial, heads, picture_of, folder, seeds=5):
    """Runs the command line of an example, and writes its rows, picture and page.

    Args:
        arguments: The command line, `sys.argv` by default.
        name: Of the example and its files.
        trial: As in `run`.
        heads: The heads of the columns.
        picture_of: A function of the rows of all seeds that draws the picture.
        folder: Where the files are, with the template of the page.
        seeds: How many, unless the command line says so.
    """
    parser = argparse.ArgumentParser(description=f"Makes the page {name}.md.")
    parser.add_argument("--seeds", type=int, default=seeds)
    options = parser.parse_args(arguments)
    rows = run(trial, options.seeds, name)
    write_json(folder / f"{name}.json", rows)
    figures.save(picture_of(rows), folder / f"{name}.png")
    text = page(name, rows, heads, folder)
    (folder / f"{name}.md").write_text(text, "utf-8")
    print(text)


def page(name, rows, heads, folder):
    """The text of a page: its template with a table of the rows."""
    seeds = len(next(iter(rows.values())))
    values = {"table": as_table(rows, heads), "seeds": seeds}
    return filled(folder / f"{name}_template.md", values)


def as_table(rows, heads):
    """A Markdown table of means ± deviations over seeds, with a column for each head.

    A row may hold more numbers, for the picture.
    """
    cells = [
        [name, *map(_spread, list(zip(*numbers, strict=True))[: len(heads)])]
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
