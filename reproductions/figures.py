"""Pictures of results, and of feature maps that turn with their input."""

import keras
import matplotlib
import numpy as np

from keras_gcnn import visualization
from reproductions import experiment as experiments
from reproductions.files import write_atomically

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullLocator


def save(figure, path):
    """Writes a figure as PNG, atomically, and closes it."""
    write_atomically(path, lambda p: figure.savefig(p, dpi=120, bbox_inches="tight"))
    plt.close(figure)


def error_curves(settings):
    """Validation error against epochs on rotated MNIST: mean, and least to largest over seeds."""
    curves = {}
    for (name, fraction, epochs), rows in sorted(settings.items()):
        is_validated = all("val_accuracy" in record for row in rows for record in row["history"])
        if name.startswith("rotated_mnist") and fraction == 1 and epochs > 1 and is_validated:
            curves[f"{label(name)}, {len(rows)} seed{'s' * (len(rows) > 1)}"] = np.array(
                [[100 * (1 - record["val_accuracy"]) for record in row["history"]] for row in rows]
            )
    if not curves:
        return None
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for title, errors in curves.items():
        epochs = np.arange(1, errors.shape[1] + 1)
        (line,) = axes.plot(epochs, errors.mean(axis=0), label=title, linewidth=1.2)
        axes.fill_between(
            epochs, errors.min(axis=0), errors.max(axis=0), alpha=0.2, color=line.get_color()
        )
    axes.set(xlabel="epoch", ylabel="validation error, %", yscale="log")
    _finish(axes)
    return figure


def sample_curves(settings):
    """Test errors of rotated MNIST by network and number of training images.

    Returns:
        Dict from a label to a dict from numbers of images to lists of errors, one per seed.
    """
    curves = {}
    for (name, _, epochs), rows in sorted(settings.items()):
        is_full_length = epochs == experiments.get(name).epochs
        if name.startswith("rotated_mnist") and is_full_length:
            points = curves.setdefault(label(name), {})
            points[rows[0]["training_images"]] = [row["test_error_percent"] for row in rows]
    return {title: points for title, points in curves.items() if len(points) > 1}


def sample_complexity(settings):
    """Test error against the number of training images."""
    curves = sample_curves(settings)
    if not curves:
        return None
    figure, axes = plt.subplots(figsize=(6, 4.5))
    for title, points in curves.items():
        counts = sorted(points)
        means = [np.mean(points[count]) for count in counts]
        (line,) = axes.plot(counts, means, marker="o", label=title)
        for count in counts:
            axes.plot([count] * len(points[count]), points[count], ".", color=line.get_color())
    axes.set(xlabel="training images", ylabel="test error, %", xscale="log", yscale="log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    _finish(axes)
    return figure


def error_by_angle(settings):
    """Test error of upright digits turned by each angle: periodic in 90° only for P4CNN."""
    chosen = {
        label(name): [row["test_error_by_angle"] for row in rows]
        for (name, fraction, _), rows in sorted(settings.items())
        if fraction == 1 and all("test_error_by_angle" in row for row in rows)
    }
    if not chosen:
        return None
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for title, tables in chosen.items():
        angles = [*map(float, tables[0]), 360.0]
        errors = np.array([[*table.values()] for table in tables]).mean(axis=0)
        axes.plot(angles, [*errors, errors[0]], marker=".", label=title)
    axes.set(xlabel="angle of the test digits, degrees", ylabel="test error, %", yscale="log")
    axes.set_xticks(range(0, 361, 45))
    _finish(axes)
    return figure


OF_RESULTS = {  # name of the file: title, function of the results
    "error_curves": (
        "Validation error on rotated MNIST; bands from least to largest",
        error_curves,
    ),
    "sample_complexity": ("Test error against the number of training images", sample_complexity),
    "error_by_angle": (
        "Test error of digits turned by each angle: periodic in 90° on p4, and not on Z²",
        error_by_angle,
    ),
}


def label(name):
    """What to call an experiment in a figure."""
    return experiments.get(name).label


def _finish(axes):
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)


def turning_feature_maps(model, image, layer="relu2", channel=None):
    """The paper's figures 1 and 2: an image in four orientations, and a feature map on p4 of each.

    Turning the image turns the four planes of the map and moves each to the next place; the maximum
    over the rotations, in the last column, only turns.

    Args:
        model: A P4CNN.
        image: One input, `(height, width, 1)`, normalized as in training.
        layer: Name of the layer whose output is shown.
        channel: Which of its channels; by default the one with the largest variance.
    """
    features = keras.Model(model.input, model.get_layer(layer).output)
    return visualization.equivariance_figure(features, image, "p4", channel)
