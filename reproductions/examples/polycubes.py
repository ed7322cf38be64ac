"""Left and right in three dimensions: polycubes that are no mirror image of themselves.

    python -m reproductions.examples.polycubes

trains networks on O, on Oh and plain ones of as many parameters for 5 seeds, and writes
`polycubes.md` and `polycubes.png` beside this file.
"""

import itertools
from pathlib import Path

import keras
import numpy as np
from keras import layers

import keras_gcnn as kg
from reproductions.examples import trials

FOLDER = Path(__file__).parent
CUBES = 4, 5
SIZE = 8
SAMPLES, TEST = 12, 50
NOISE = 0.25
WIDTHS = {"O": (4, 6, 8), "Oh": (3, 4, 6)}
PLAIN_WIDTHS = 20, 28, 37
TRAINING = {"epochs": 40, "batch_size": 14, "rate": 0.005}
HEADS = ("error, each orientation %", "error, mirror images alone %", "parameters", "seconds")
ORIENTATIONS = kg.groups.get("O", dimension=3).elements
MIRROR = np.diag([-1, 1, 1])
LAST = {"data_format": "channels_last"}


def polycubes(cubes):
    """Every polycube of so many cubes, up to turns, as sorted tuples of integer points."""
    found = {((0, 0, 0),)}
    steps = [sign * unit for unit in np.eye(3, dtype=int) for sign in (1, -1)]
    for _ in range(cubes - 1):
        grown = set()
        for cube, step in itertools.product(found, steps):
            for point in cube:
                new = tuple((np.array(point) + step).tolist())
                if new not in cube:
                    grown.add(standard((*cube, new)))
        found = grown
    return sorted(found)


def standard(points):
    """The one of all orientations of a polycube that comes first, in the corner."""
    return min(in_corner(np.array(points) @ h.T) for h in ORIENTATIONS)


def in_corner(points):
    """Points moved to where the least coordinate along each axis is 0, sorted."""
    return tuple(sorted(map(tuple, (points - points.min(axis=0)).tolist())))


def chiral():
    """The polycubes that differ from their mirror images, each pair side by side."""
    pairs = []
    for cube in itertools.chain(*map(polycubes, CUBES)):
        mirrored = standard(np.array(cube) @ MIRROR.T)
        if cube < mirrored:
            pairs += [cube, mirrored]
    return pairs


def volumes(count, rng):
    """Noisy volumes `(count·classes, SIZE, SIZE, SIZE, 1)` in random orientations and places."""
    shapes = chiral()
    x = NOISE * rng.normal(size=(len(shapes), count, *(SIZE,) * 3, 1))
    for kind, sample in np.ndindex(len(shapes), count):
        points = np.array(in_corner(np.array(shapes[kind]) @ ORIENTATIONS[rng.integers(24)].T))
        points += rng.integers(0, SIZE - points.max(axis=0))
        x[kind, sample][tuple(points.T)] += 1
    return x.reshape(-1, *x.shape[2:]).astype("float32"), np.arange(len(shapes)).repeat(count)


def network(group):
    """Three convolutions with normalization, and the largest response of each filter."""
    inputs = x = keras.Input((SIZE, SIZE, SIZE, 1))
    for stage, filters in enumerate(WIDTHS[group]):
        options = {"use_bias": False, **LAST}
        if stage == 0:
            x = kg.layers.LiftingConv3D(filters, 3, group, **options)(x)
        else:
            x = kg.layers.GroupConv3D(filters, 3, **options)(x)
        x = layers.ReLU()(kg.layers.GroupBatchNormalization(momentum=0.9, **LAST)(x))
    x = kg.layers.GlobalGroupMaxPooling3D(**LAST)(x)
    return keras.Model(inputs, layers.Dense(len(chiral()))(x))


def plain_network():
    """The same of Conv3D, with about as many parameters."""
    inputs = x = keras.Input((SIZE, SIZE, SIZE, 1))
    for filters in PLAIN_WIDTHS:
        x = layers.Conv3D(filters, 3, use_bias=False, **LAST)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalMaxPooling3D(**LAST)(x)
    return keras.Model(inputs, layers.Dense(len(chiral()))(x))


def trial(seed):
    """The rows of one seed."""
    rng = np.random.default_rng(seed)
    (x, y), test = volumes(SAMPLES, rng), volumes(TEST, rng)
    networks = {"on O": network("O"), "on Oh": network("Oh"), "plain": plain_network()}
    rows = {}
    for name, model in networks.items():
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        seconds = trials.fitted(model, x, y, loss, **TRAINING)
        rows[name] = [*_errors(model, *test), model.count_params(), seconds]
    return rows


def _errors(model, x, y):
    """Errors in percent: among all polycubes, and between each and its mirror image."""
    logits = trials.predicted(model, x)
    mirror = y ^ 1  # pairs stand side by side
    samples = np.arange(len(y))
    return (
        float(100 * (logits.argmax(axis=-1) != y).mean()),
        # A tie is half an error.
        float(
            50
            * (
                (logits[samples, y] < logits[samples, mirror]).mean()
                + (logits[samples, y] <= logits[samples, mirror]).mean()
            )
        ),
    )


def picture_of():
    """Every polycube with its mirror image below."""
    import matplotlib.pyplot as plt

    shapes = chiral()
    figure = plt.figure(figsize=(1.5 * len(shapes) / 2, 3.2))
    for i, points in enumerate(shapes):
        place = 1 + i // 2 + (len(shapes) // 2) * (i % 2)
        axes = figure.add_subplot(2, len(shapes) // 2, place, projection="3d")
        filled = np.zeros((4, 4, 4), bool)
        filled[tuple(np.array(points).T)] = True
        axes.voxels(filled, facecolors="tab:blue" if i % 2 == 0 else "tab:orange", edgecolor="k")
        axes.set_axis_off()
    return figure


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    trials.publish(arguments, "polycubes", trial, HEADS, picture_of, FOLDER)


if __name__ == "__main__":
    main()
