"""Nodules and vessels in synthetic volumes, by a U-Net on O and by plain ones of equal size.

    python -m reproductions.examples.nodules

trains each for 5 seeds, and writes `nodules.md` and `nodules.png` beside this file.
"""

import functools
from pathlib import Path

import keras
import numpy as np
import scipy.ndimage

import keras_gcnn as kg
from reproductions.examples import trials

FOLDER = Path(__file__).parent
TURNS = kg.groups.get("O", dimension=3)
SIZE, SAMPLES, TEST = 12, 8, 40
CLASSES = ("background", "vessel", "nodule")
VESSELS, NODULES = 2, 2  # in a volume
VESSEL_RADII, NODULE_RADII = (1.1, 1.8), (1.8, 2.6)
BLUR, CLOUDS, NOISE = 0.6, 0.25, 0.25
# Widest in front: with 4 maps there, the network on O left out a class on some seeds.
WIDTHS = {"O": (6, 4), "C1": (19, 39)}
TRAINING = {"epochs": 40, "batch_size": 2, "rate": 0.003}
SHOWN = {}  # the networks of the first seed, for the picture
HEADS = ("Dice, nodules %", "Dice, vessels %", "equivariance error", "parameters", "seconds")


def scene(rng):
    """Which class each point of a volume is of, `(SIZE, SIZE, SIZE)`.

    Vessels are straight tubes in any direction, and nodules are balls.
    """
    points = np.moveaxis(np.indices((SIZE,) * 3), 0, -1)
    labels = np.zeros((SIZE,) * 3, int)
    for _ in range(VESSELS):
        along = rng.normal(size=3)
        along /= np.linalg.norm(along)
        apart = points - rng.uniform(0, SIZE - 1, size=3)
        apart = apart - (apart @ along)[..., None] * along  # from the nearest point of the axis
        labels[np.linalg.norm(apart, axis=-1) < rng.uniform(*VESSEL_RADII)] = 1
    for _ in range(NODULES):
        apart = points - rng.uniform(2, SIZE - 3, size=3)
        labels[np.linalg.norm(apart, axis=-1) < rng.uniform(*NODULE_RADII)] = 2
    return labels


def volumes(count, rng):
    """So many volumes `(SIZE, SIZE, SIZE, 1)`, and their classes.

    Vessels and nodules are equally bright, blurred, on clouds and under noise.
    """
    labels = np.array([scene(rng) for _ in range(count)])
    blurred, clouds = (
        scipy.ndimage.gaussian_filter(a, (0, *(width,) * 3), mode="wrap")
        for a, width in ((np.sign(labels).astype(float), BLUR), (rng.normal(size=labels.shape), 3))
    )
    x = blurred + CLOUDS * clouds / clouds.std() + NOISE * rng.normal(size=labels.shape)
    return x[..., None].astype("float32"), labels


def turned(x, y, rng):
    """Each volume and its classes, turned alike at random."""
    turns = rng.integers(TURNS.order, size=len(x))
    moved = (kg.ops.transform_each(a, TURNS, turns, "channels_last") for a in (x, y))
    return map(keras.ops.convert_to_numpy, moved)


def network(group):
    """A U-Net on this group: O, or the group of one element."""
    return kg.models.unet(group, (*(SIZE,) * 3, 1), len(CLASSES), WIDTHS[group])


def trial(seed):
    """The rows of one seed."""
    rng = np.random.default_rng(seed)
    (x, y), (test, labels) = volumes(SAMPLES, rng), volumes(TEST, rng)
    networks = {
        "U-Net on O": ("O", None),
        "plain U-Net": ("C1", None),
        "plain, augmented": ("C1", functools.partial(turned, rng=rng)),
    }
    rows = {}
    for name, (group, augment) in networks.items():
        model = network(group)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        seconds = trials.fitted(model, x, y, loss, augment=augment, **TRAINING)
        found = classes(model, test)
        error = kg.equivariance_error(model, TURNS, x.shape[1:]).max_error
        rows[name] = [
            dice(found == CLASSES.index("nodule"), labels == CLASSES.index("nodule")),
            dice(found == CLASSES.index("vessel"), labels == CLASSES.index("vessel")),
            100 * error,
            model.count_params(),
            seconds,
        ]
        if seed == 0:
            SHOWN[name] = model
    return rows


def classes(model, x):
    """The likeliest class of each point."""
    return trials.predicted(model, x, batch_size=4).argmax(axis=-1)


def dice(found, true):
    """Twice the overlap over both areas, in percent."""
    return float(200 * (found & true).sum() / (found.sum() + true.sum()))


def picture_of(models):
    """Slices of a test volume, its classes, and those that each network finds."""
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(0)
    _, (x, y) = volumes(SAMPLES, rng), volumes(TEST, rng)
    chosen = np.bincount(np.nonzero(y == CLASSES.index("nodule"))[0]).argmax()
    rows = {"truth": y[chosen]}
    rows |= {name: classes(model, x[[chosen]])[0] for name, model in models.items()}
    slices = range(1, SIZE, 2)
    size = 1 + len(rows), len(slices)
    figure, axes = plt.subplots(*size, figsize=(1.2 * size[1] + 1, 1.25 * size[0]))
    for column, depth in enumerate(slices):
        axes[0, column].imshow(x[chosen, depth, ..., 0], cmap="gray", vmin=-1, vmax=2)
        axes[0, column].set_title(f"depth {depth}", fontsize=9)
        for row, volume in enumerate(rows.values(), start=1):
            axes[row, column].imshow(volume[depth], cmap="inferno", vmin=0, vmax=2.5)
    for cell in axes.flat:
        cell.set_xticks([])
        cell.set_yticks([])
    for cell, title in zip(axes[:, 0], ("volume", *rows), strict=True):
        cell.set_ylabel(title, fontsize=9, rotation=0, ha="right", va="center")
    return figure


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    trials.publish(arguments, "nodules", trial, HEADS, lambda _: picture_of(SHOWN), FOLDER)


if __name__ == "__main__":
    main()
