"""Pictures of a run: error curves, and feature maps that turn with their input."""

import keras
import matplotlib
import numpy as np

from keras_gcnn.ops import transform_feature_map
from reproductions.files import write_atomically

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def save(figure, path):
    """Writes a figure as PNG, atomically, and closes it."""
    write_atomically(path, lambda p: figure.savefig(p, dpi=120, bbox_inches="tight"))
    plt.close(figure)


def error_curves(histories):
    """Validation error in percent against epochs, a curve per network.

    Args:
        histories: Dict from a network's name to its history, a list of dicts.
    """
    figure, axes = plt.subplots(figsize=(6, 4))
    for network, history in histories.items():
        errors = [100 * (1 - record["val_accuracy"]) for record in history]
        axes.plot(range(1, len(errors) + 1), errors, marker=".", label=network)
    axes.set(xlabel="epoch", ylabel="validation error, %", title="Rotated MNIST", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return figure


def turning_feature_maps(model, image, layer="relu2", channel=None):
    """The paper's figures 1 and 2: an image in four orientations, and a feature map on p4 of each.

    Turning the image turns the four planes of the map and moves each to the next place; the maximum
    over the rotations, in the last column, only turns.

    Args:
        model: A P4CNN.
        image: One input, `(height, width, 1)`, normalised as in training.
        layer: Name of the layer whose output is shown.
        channel: Which of its channels; by default the one with the largest variance.
    """
    features = keras.Model(model.inputs, model.get_layer(layer).output)
    turned = [
        transform_feature_map(image[None], "p4", r, data_format="channels_last") for r in range(4)
    ]
    maps = [keras.ops.convert_to_numpy(features(x, training=False))[0] for x in turned]
    if channel is None:
        channel = int(np.argmax(maps[0].var(axis=(0, 1, 2))))
    maps = [m[..., channel] for m in maps]
    figure, axes = plt.subplots(4, 6, figsize=(9, 6.2))
    titles = ["input", "h = 0°", "h = 90°", "h = 180°", "h = 270°", "maximum over h"]
    for row, (x, m) in enumerate(zip(turned, maps, strict=True)):
        plain = keras.ops.convert_to_numpy(x)[0, ..., 0]
        planes = [plain, *np.moveaxis(m, -1, 0), m.max(axis=-1)]
        for column, (plane, title) in enumerate(zip(planes, titles, strict=True)):
            cell = axes[row, column]
            high = None if column == 0 else max(m.max() for m in maps)
            cell.imshow(plane, cmap="gray" if column == 0 else "viridis", vmin=None, vmax=high)
            cell.set(xticks=[], yticks=[])
            if row == 0:
                cell.set_title(title, fontsize=10)
        axes[row, 0].set_ylabel(f"turned by {90 * row}°")
    return figure
