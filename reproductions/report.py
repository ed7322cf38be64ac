"""Turns rows of results into a Markdown report beside the paper's tables, with figures."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from reproductions import experiment as experiments
from reproductions import figures, paper
from reproductions.errors import SettingsError
from reproductions.files import write_atomically
from reproductions.markdown import filled, table

TEMPLATE = Path(__file__).with_name("report_template.md")


def write(folder):
    """Writes `README.md` and figures into a folder of rows of results.

    Args:
        folder: Holds one JSON file a row, as `engine.run` writes them.

    Returns:
        The path of the report.

    Raises:
        SettingsError: If there is no row.
    """
    folder = Path(folder)
    rows = read(folder)
    settings = _by_setting(rows)
    values = {
        "claims": _claims(settings),
        "rotated_mnist": _rotated_mnist(settings),
        "samples": _sample_complexity(settings),
        "fashion_mnist": _fashion_mnist(settings),
        "cifar10": _cifar10(settings),
        "cifar10_others": _cifar10_others(),
        "figures": _figures(settings, folder),
        "versions": ", ".join(f"{name} {number}" for name, number in rows[-1]["versions"].items()),
    }
    text = filled(TEMPLATE, values)
    path = folder / "README.md"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def read(folder):
    """The rows of a folder, in the order of their files' names."""
    rows = [_read_row(path) for path in sorted(Path(folder).glob("[!.]*.json"))]
    if not rows:
        raise SettingsError(
            f"There are no results in {folder}. `python -m reproductions run … --results {folder}` "
            "writes some."
        )
    return rows


def _read_row(path):
    """A row of results.

    Raises:
        SettingsError: If the file is damaged; the message names it.
    """
    try:
        row = json.loads(path.read_text("utf-8"))
        missing = [name for name in _NEEDED if name not in row]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        experiments.get(row["experiment"])
        return row
    except (OSError, ValueError, TypeError, ImportError) as error:
        raise SettingsError(
            f"{path} is no row of results ({error}). Remove it, or run its experiment again."
        ) from error


_NEEDED = ("experiment", "seed", "fraction", "epochs", "test_error_percent", "history", "versions")


def short_table(rows):
    """Test errors beside the paper's, for a terminal."""
    width = max(len(row["experiment"]) for row in rows) + 2
    head = f"{'experiment':<{width}}{'test error %':>14}{'paper %':>10}{'epochs':>8}"
    lines = [f"\n{head}{'seed':>6}{'seconds':>9}"]
    for row in rows:
        published = row["paper_error_percent"]
        lines.append(
            f"{row['experiment']:<{width}}{row['test_error_percent']:>14.2f}"
            f"{'' if published is None else format(published, '.2f'):>10}{row['epochs']:>8}"
            f"{row['seed']:>6}{row['wall_time_seconds']:>9.0f}"
        )
    return "\n".join(lines)


_MEASURES = ["here %", "seeds", "epochs", "training images", "parameters", "minutes a seed"]


def _claims(settings):
    """What the paper says, and we, in one line each with its number."""

    def mean(name, fraction=1.0):
        rows = settings.get((name, fraction, experiments.get(name).epochs))
        return np.mean(_errors(rows)) if rows else None

    z2, p4, p8 = (mean(f"rotated_mnist_{name}") for name in ("z2cnn", "p4cnn", "p8cnn"))
    comparisons = [
        ("P4CNN against Z2CNN", p4, z2, 0.5),
        (
            "P4CNN against Z2CNN, trained as the original",
            mean("rotated_mnist_p4cnn_original"),
            mean("rotated_mnist_z2cnn_original"),
            0.5,
        ),
        (
            "P4CNNRotationPooling against Z2CNN",
            mean("rotated_mnist_p4cnn_rotation_pooling"),
            z2,
            1.0,
        ),
        ("P4CNN on a quarter of the samples against Z2CNN on all", mean(*_QUARTER), z2, 1.0),
        ("P8CNN (ours) against P4CNN", p8, p4, 0.8),
        ("P8CNN against P4CNN with P8CNN's schedule", p8, mean("rotated_mnist_p4cnn_cosine"), 1.0),
    ]
    rows = [
        [what, f"{ours:.2f} / {theirs:.2f}", f"{ours / theirs:.2f}", f"≤ {goal}"]
        for what, ours, theirs, goal in comparisons
        if ours is not None and theirs is not None
    ]
    if not rows:
        return ""
    return table(["", "errors %", "ratio", "goal"], rows)


_QUARTER = ("rotated_mnist_p4cnn", 0.25)


def _rotated_mnist(settings):
    names = sorted({name for name, _, _ in settings if name.startswith("rotated_mnist")})
    known = {experiments.get(name).paper_row for name in names}
    others = [
        [method, _percent(error), *_measured(None), ""]
        for method, error in paper.ROTATED_MNIST.items()
        if method not in known
    ]
    ours = [
        [
            experiments.get(name).label,
            _percent(experiments.get(name).paper_error),
            *_measured(_longest(settings, name)),
            f"`{name}`",
        ]
        for name in sorted(names, key=_place_in_paper)
    ]
    return table(["method", "paper %", *_MEASURES, "experiment"], [*others, *ours])


def _place_in_paper(name):
    """Rows of the paper in its order, each before the same in our way; then our own."""
    e = experiments.get(name)
    order = [*paper.ROTATED_MNIST, e.paper_row]
    return order.index(e.paper_row), not e.original, name


def _sample_complexity(settings):
    curves = figures.sample_curves(settings)
    counts = sorted({count for points in curves.values() for count in points})
    if len(counts) < 2:
        return ""
    rows = [
        [f"{count:,}", *(_spread(points.get(count)) for points in curves.values())]
        for count in counts
    ]
    return table(["training images", *curves], rows)


def _cifar10(settings):
    ours = _by_paper_row(settings, "cifar10")
    rows = []
    for (network, group), (plain, plus, millions) in paper.CIFAR10.items():
        measured = [
            _spread(_errors(ours.get(f"{network}, {group}, {regime}")))
            for regime in ("CIFAR10", "CIFAR10+")
        ]
        rows.append(
            [
                network,
                group,
                f"{plain:.2f}",
                measured[0],
                f"{plus:.2f}",
                measured[1],
                f"{millions:.2f} M",
            ]
        )
    head = [
        "network",
        "group",
        "CIFAR10, paper %",
        "here %",
        "CIFAR10+, paper %",
        "here %",
        "parameters",
    ]
    return table(head, rows)


def _cifar10_others():
    rows = [
        [name, _percent(plain), _percent(plus)]
        for name, (plain, plus) in paper.CIFAR10_OTHERS.items()
    ]
    return table(["method", "CIFAR10 %", "CIFAR10+ %"], rows)


def _figures(settings, folder):
    """Draws the figures that there are results for."""
    lines = []
    for name, (title, draw) in figures.OF_RESULTS.items():
        figure = draw(settings)
        if figure is not None:
            figures.save(figure, folder / f"{name}.png")
            lines.append(f"![{title}]({name}.png)\n\n*{title}*")
    return "\n\n".join(lines)


def _fashion_mnist(settings):
    """The networks of table 2 in small, with what became of their equivariance."""
    rows = [
        [
            experiments.get(name).label,
            *_measured(same),
            _spread([row["rotated_test_error_percent"] for row in same]),
            f"{max(row['equivariance_error'] for row in same):.0e}",
        ]
        for (name, fraction, _), same in sorted(settings.items())
        if name.startswith("fashion_mnist") and fraction == experiments.get(name).fraction
    ]
    if not rows:
        return ""
    head = ["network", *_MEASURES, "turned test images %", "equivariance error"]
    return table(head, rows)


def _by_setting(rows):
    """Rows that differ only by their seed, by (experiment, fraction, epochs)."""
    settings = defaultdict(list)
    for row in rows:
        settings[row["experiment"], row["fraction"], row["epochs"]].append(row)
    return dict(settings)


def _longest(settings, name):
    """The rows of an experiment on all its samples, trained for the most epochs."""
    own = {
        epochs: rows
        for (n, fraction, epochs), rows in settings.items()
        if n == name and fraction == experiments.get(name).fraction
    }
    return own[max(own)] if own else []


def _by_paper_row(settings, prefix):
    names = {name for name, _, _ in settings if name.startswith(prefix)}
    return {experiments.get(name).label: _longest(settings, name) for name in sorted(names)}


def _measured(rows):
    """The cells of `_MEASURES`."""
    if not rows:
        return [""] * len(_MEASURES)
    minutes = np.mean([row["wall_time_seconds"] for row in rows]) / 60
    first = rows[0]
    return [
        _spread(_errors(rows)),
        len(rows),
        first["epochs"],
        f"{first['training_images']:,}",
        f"{first['parameters']:,}",
        f"{minutes:.0f}",
    ]


def _errors(rows):
    return [row["test_error_percent"] for row in rows or []]


def _spread(values):
    """Mean ± standard deviation, or what there is of them."""
    values = [value for value in values or [] if value is not None]
    if not values:
        return ""
    mean = f"{np.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.2f}"


def _percent(value):
    return "" if value is None else f"{value:.2f}"
