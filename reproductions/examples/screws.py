"""Left and right in three dimensions: screws of four cubes, in any orientation.

    python -m reproductions.examples.screws

trains networks on O and on Oh and a plain one of as many parameters for 5 seeds, and writes
`screws.md` and `screws.png` beside this file.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

import keras_gcnn as kg
from reproductions.examples import trials

FOLDER = Path(__file__).parent
SCREW = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)])  # each step along another axis
MIRROR = np.diag([-1, 1, 1])
HANDS = SCREW, SCREW @ MIRROR.T  # left and right
SIZE, MARGIN = 7, 2  # of a volume, and empty around the screw
SAMPLES, TEST = 100, 250
NOISE = 0.15
WIDTHS = {"O": (4, 8), "Oh": (3, 6)}
PLAIN_WIDTHS = 20, 36
TRAINING = {"epochs": 40, "batch_size": 20, "rate": 0.01}
HEADS = ("error %", "parameters", "seconds")
LAST = {"data_format": "channels_last"}


def volumes(count, rng):
    """So many noisy volumes `(SIZE, SIZE, SIZE, 1)` of each screw, turned and placed at random."""
    turns = kg.groups.get("O", dimension=3).elements
    x = NOISE * rng.normal(size=(2, count, *(SIZE,) * 3))
    for hand, sample in np.ndindex(2, count):
        points = HANDS[hand] @ turns[rng.integers(len(turns))].T
        points -= points.min(axis=0) - MARGIN
        points += rng.integers(0, SIZE - MARGIN - points.max(axis=0))
        x[hand, sample][tuple(points.T)] += 1
    return x.reshape(-1, *(SIZE,) * 3, 1).astype("float32"), np.arange(2).repeat(count)


def network(group):
    """Two convolutions with normalization, and the largest value of each map."""
    inputs = keras.Input((SIZE, SIZE, SIZE, 1))
    first, second = WIDTHS[group]
    x = kg.layers.LiftingConv3D(first, 3, group, use_bias=False, **LAST)(inputs)
    x = layers.ReLU()(kg.layers.GroupBatchNormalization(momentum=0.9, **LAST)(x))
    x = kg.layers.GroupConv3D(second, 3, use_bias=False, **LAST)(x)
    x = layers.ReLU()(kg.layers.GroupBatchNormalization(momentum=0.9, **LAST)(x))
    x = kg.layers.GlobalGroupMaxPooling3D(**LAST)(x)
    return keras.Model(inputs, layers.Dense(2)(x))


def plain_network():
    """The same of Conv3D."""
    inputs = x = keras.Input((SIZE, SIZE, SIZE, 1))
    for filters in PLAIN_WIDTHS:
        x = layers.Conv3D(filters, 3, use_bias=False, **LAST)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalMaxPooling3D(**LAST)(x)
    return keras.Model(inputs, layers.Dense(2)(x))


def trial(seed):
    """The rows of one seed."""
    rng = np.random.default_rng(seed)
    (x, y), (test, hands) = volumes(SAMPLES, rng), volumes(TEST, rng)
    networks = {
        "network on O": network("O"),
        "network on Oh": network("Oh"),
        "plain network": plain_network(),
    }
    rows = {}
    for name, model in networks.items():
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        seconds = trials.fitted(model, x, y, loss, **TRAINING)
        wrong = trials.predicted(model, test).argmax(axis=-1) != hands
        rows[name] = [float(100 * wrong.mean()), model.count_params(), seconds]
    return rows


def picture_of():
    """Both screws, and the middle slices of a volume of each."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(7, 3.5))
    x, _ = volumes(1, np.random.default_rng(0))
    for hand, (points, color) in enumerate(zip(HANDS, ("tab:blue", "tab:orange"), strict=True)):
        is_full = np.zeros((2, 2, 2), bool)
        is_full[tuple((points - points.min(axis=0)).T)] = True
        axes = figure.add_subplot(1, 4, 1 + 2 * hand, projection="3d")
        axes.voxels(is_full, facecolors=color, edgecolor="k")
        axes.set_axis_off()
        slices = figure.add_subplot(1, 4, 2 + 2 * hand)
        slices.imshow(x[hand, ..., 0].max(axis=0), cmap="gray")
        slices.set_xticks([])
        slices.set_yticks([])
        slices.set_title("largest value\nalong depth", fontsize=8)
    return figure


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    trials.publish(arguments, "screws", trial, HEADS, lambda _: picture_of(), FOLDER)


if __name__ == "__main__":
    main()
