"""Rotated digits on the hexagonal lattice, and on the square one by P4CNN.

    python -m reproductions.examples.hexagons

trains each on digits at random angles, and on upright ones, for 3 seeds. It writes `hexagons.md`
and `hexagons.png` beside this file.
"""

from pathlib import Path

import keras
import numpy as np
import scipy.ndimage
from keras import layers

import keras_gcnn as kg
from reproductions.data.rotated_mnist import read_embedded
from reproductions.examples import trials

FOLDER = Path(__file__).parent
TRAINING_DIGITS, TEST_DIGITS = 600, 150
ANGLES = range(0, 190, 10)  # of the test digits, in degrees
RADIUS = 13  # the largest hexagon within 28×28 pixels
WIDTHS = {"p6": (10, 10, 10, 10, 10, 9), "p6m": (7, 7, 7, 7, 7, 6)}
TRAINING = {"epochs": 10, "batch_size": 50, "rate": 0.005}
HEADS = (
    "trained at random angles: error %",
    "trained upright: error at 0° %",
    "at all angles %",
    "parameters",
    "seconds",
)


def turned(images, degrees):
    """Each image about its centre, by an angle of its own or by one for all."""
    degrees = np.broadcast_to(degrees, len(images))
    pairs = zip(images, degrees, strict=True)
    return np.stack([scipy.ndimage.rotate(x, a, reshape=False, order=1) for x, a in pairs])


def on_square(images):
    """Images with a channel, for P4CNN."""
    return images[..., None]


def on_hexagons(images):
    """Images at the points of the hexagonal lattice, as far apart as pixels are."""
    points = kg.ops.square_to_hexagonal(images[..., None], RADIUS, data_format="channels_last")
    return keras.ops.convert_to_numpy(points)


def network(group):
    """P4CNN's seven convolutions on the hexagonal lattice."""
    options = {"data_format": "channels_last"}
    inputs = x = keras.Input((2 * RADIUS + 1, 2 * RADIUS + 1, 1))
    for i, width in enumerate(WIDTHS[group]):
        if i == 0:
            x = kg.layers.LiftingConv2D(width, 3, group=group, use_bias=False, **options)(x)
        else:
            x = kg.layers.GroupConv2D(width, 3, use_bias=False, **options)(x)
        x = kg.layers.GroupBatchNormalization(momentum=0.9, **options)(x)
        x = layers.ReLU()(x)
        if i == 1:
            x = kg.layers.GroupMaxPooling2D(3, 2, **options)(x)
    x = kg.layers.GroupConv2D(10, 3, **options)(x)
    return keras.Model(inputs, kg.layers.GlobalGroupMaxPooling2D(**options)(x))


NETWORKS = {
    "P4CNN": (kg.models.p4cnn, on_square),
    "on p6": (lambda: network("p6"), on_hexagons),
    "on p6m": (lambda: network("p6m"), on_hexagons),
}


def trial(seed):
    """The rows of one seed: first the columns of the table, then the errors at each angle."""
    rng = np.random.default_rng(seed)
    images, labels = read_embedded()
    order = rng.permutation(len(images))[: TRAINING_DIGITS + TEST_DIGITS]
    (upright, test), (y, truth) = (np.split(a[order], [TRAINING_DIGITS]) for a in (images, labels))
    at_random = turned(upright, rng.uniform(0, 360, len(upright)))
    tests = [turned(test, angle) for angle in ANGLES]
    rows = {}
    for name, (make, laid_out) in NETWORKS.items():
        errors, seconds = [], 0.0
        for x in (at_random, upright):
            model, loss = make(), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            seconds += trials.fitted(model, laid_out(x), y, loss, **TRAINING)
            errors.append([error(model, laid_out(x), truth) for x in tests])
        table = [np.mean(errors[0]), errors[1][0], np.mean(errors[1])]
        columns = [*map(float, table), model.count_params(), seconds]
        rows[name] = [*columns, *errors[0], *errors[1]]
    return rows


def error(model, x, labels):
    """How many labels are wrong, in percent."""
    return float(100 * (trials.predicted(model, x, batch_size=250).argmax(-1) != labels).mean())


def picture_of(rows):
    """A digit on both lattices, and the errors against the angle of the test digits."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), width_ratios=(0.8, 1, 1))
    draw_digit(axes[0])
    for axis, title, start in (
        (axes[1], "trained at random angles", len(HEADS)),
        (axes[2], "trained upright", len(HEADS) + len(ANGLES)),
    ):
        for name, numbers in rows.items():
            errors = np.array(numbers)[:, start : start + len(ANGLES)]
            axis.plot(ANGLES, errors.mean(axis=0), marker=".", label=name)
        axis.set(xlabel="angle of the test digits", ylim=0, title=title)
        axis.set_xticks(range(0, 181, 30), [f"{a}°" for a in range(0, 181, 30)])
        axis.grid(alpha=0.3)
    axes[1].set_ylabel("test error, %")
    axes[1].legend(frameon=False, fontsize=9)
    figure.tight_layout()
    return figure


def draw_digit(axis):
    """A digit at the points of the hexagonal lattice."""
    image = on_hexagons(read_embedded()[0][:1])[0, ..., 0]
    lattice = kg.groups.HEXAGONAL
    points = lattice.points(image.shape) / 2
    x, y = (points @ np.array(lattice.basis)).T
    axis.scatter(x, y, c=image[lattice.mask(image.shape)], cmap="Greys", marker="h", s=26)
    axis.set(xticks=[], yticks=[], aspect="equal", title="a digit on the hexagonal lattice")
    axis.invert_yaxis()


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    trials.publish(arguments, "hexagons", trial, HEADS, picture_of, FOLDER, seeds=3)


if __name__ == "__main__":
    main()
