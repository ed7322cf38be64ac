"""Vessels of a retina by a U-Net on p4m, and by plain ones of as many parameters.

    python -m reproductions.examples.segmentation

trains each for 5 seeds, and writes `segmentation.md` and `segmentation.png` beside this file.
"""

from pathlib import Path

import keras
import numpy as np

import keras_gcnn as kg
from reproductions.examples import pictures, trials

FOLDER = Path(__file__).parent
PATCHES, SIZE, TEST = 16, 48, 64
WIDTHS = (4, 8, 16)
PLAIN_WIDTHS = (11, 23, 45)
NOISE = 0.5  # deviations of Gaussian noise added to the picture
TRAINING = {"epochs": 40, "batch_size": 8, "rate": 0.01}
SHOWN = {}  # the networks of the first seed, for the picture
HEADS = ("Dice, upright %", "Dice, turned %", "equivariance error", "parameters", "seconds")


def samples(seed):
    """Training patches of the left half of the retina, test patches of the right one."""
    rng = np.random.default_rng(seed)
    picture, target, inside = pictures.vessels()
    picture = picture + NOISE * rng.normal(size=picture.shape).astype("float32")
    left = np.arange(picture.shape[1]) < picture.shape[1] // 2
    training = pictures.patches((picture, target), inside & left, PATCHES, SIZE, rng)
    return training, pictures.patches((picture, target), inside & ~left, TEST, SIZE, rng)


def dice(model, x, y):
    """Twice the overlap with the target over both areas, in percent."""
    found = trials.predicted(model, x) > 0
    return float(200 * (found & (y > 0)).sum() / (found.sum() + y.sum()))


def trial(seed):
    """The rows of one seed."""
    (x, y), (test_x, test_y) = samples(seed)
    turned_x, turned_y = (np.rot90(a, axes=(1, 2)) for a in (test_x, test_y))
    networks = {
        "U-Net on p4m": ("p4m", WIDTHS, None),
        "plain U-Net": ("z2", PLAIN_WIDTHS, None),
        "plain, augmented": ("z2", PLAIN_WIDTHS, "p4m"),
    }
    rows = {}
    for name, (group, widths, turns) in networks.items():
        model = kg.models.unet(group, (SIZE, SIZE, 1), widths=widths)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        augment = turns and trials.turning(turns)
        seconds = trials.fitted(model, x, y, loss, augment=augment, **TRAINING)
        of = {name: model}
        if group == "z2":
            of[f"{name}, symmetrized"] = kg.symmetrize(model, "p4m", "channels_last")
        for label, network in of.items():
            error = kg.equivariance_error(network, "p4m", (SIZE, SIZE, 1)).max_error
            rows[label] = [
                dice(network, test_x, test_y),
                dice(network, turned_x, turned_y),
                100 * float(error),
                model.count_params(),
                seconds,
            ]
        if seed == 0:
            SHOWN[name] = model
    return rows


def picture_of(models):
    """A test patch, its vessels, and what each network finds."""
    import matplotlib.pyplot as plt

    _, (x, y) = samples(0)
    chosen = int(y.sum(axis=(1, 2, 3)).argmax())
    columns = {"picture": x[chosen], "vessels": y[chosen]}
    columns |= {name: trials.predicted(m, x[[chosen]])[0] > 0 for name, m in models.items()}
    figure, axes = plt.subplots(1, len(columns), figsize=(2.4 * len(columns), 2.7))
    for cell, (title, image) in zip(axes, columns.items(), strict=True):
        cell.imshow(image[..., 0], cmap="gray")
        cell.set_title(title, fontsize=9)
        cell.axis("off")
    return figure


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    trials.publish(arguments, "segmentation", trial, HEADS, lambda _: picture_of(SHOWN), FOLDER)


if __name__ == "__main__":
    main()
