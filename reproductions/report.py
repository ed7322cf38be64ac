"""Turns rows of results into a Markdown report beside the paper's tables, with figures."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from reproductions import experiment as experiments
from reproductions import figures, paper
from reproductions.errors import SettingsError
from reproductions.files import write_atomically


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
    parts = (_claims, _rotated_mnist, _sample_complexity, _fashion_mnist, _cifar10)
    sections = [_HEAD, *(part(settings) for part in parts)]
    for name, (title, draw) in figures.OF_RESULTS.items():
        figure = draw(settings)
        if figure is not None:
            figures.save(figure, folder / f"{name}.png")
            sections.append(f"![{title}]({name}.png)\n\n*{title}*")
    sections.append(_provenance(rows))
    text = "\n\n".join(section for section in sections if section) + "\n"
    path = folder / "README.md"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def read(folder):
    """The rows of a folder, in the order of their files' names."""
    rows = [json.loads(path.read_text("utf-8")) for path in sorted(Path(folder).glob("*.json"))]
    if not rows:
        raise SettingsError(
            f"There are no results in {folder}. `python -m reproductions run … --results {folder}` "
            "writes some."
        )
    return rows


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


_HEAD = """# Results

Made by `python -m reproductions report` from the JSON files beside it, one for each experiment and
seed. Errors are in percent of the test images, mean ± standard deviation over seeds. A network is
that of the epoch which did best on validation data, or the last one where the schedule has brought
the learning rate to 0. Every file names its command, versions, hardware and time; times are of one
core of two, the other at work on the same."""

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
    table = _table(["", "errors %", "ratio", "goal"], rows)
    return f"## Rotated MNIST in short\n\n{table}\n\n{_WHY_P8CNN}"


_WHY_P8CNN = """**Why P8CNN wins.** The digits are turned by any angle, but a square grid knows
four. Under these P4CNN gives the same logits exactly; for the angles between it has to learn
that a digit turned by 45° is the same digit, from its weights and from augmentation. P8CNN asks
one P4CNN twice, about the image and about the image turned by 45°, and takes the mean of the
logits. So it is invariant under eighths of a turn, four exactly and four up to the interpolation
of the image; no feature map is ever interpolated. The mean also cancels what is particular to
one orientation, as an ensemble does, but the two members share their weights, so that there is
no parameter more than in P4CNN, and every step of training sees each digit at two angles. It
pays with twice the time. Part of its gain over P4CNN is its schedule, a rate that falls to 0, in
fewer epochs: the last line above has both alike."""


_QUARTER = ("rotated_mnist_p4cnn", 0.25)


def _rotated_mnist(settings):
    ours = _by_paper_row(settings, "rotated_mnist")
    methods = [*paper.ROTATED_MNIST, *(name for name in ours if name not in paper.ROTATED_MNIST)]
    table = _table(
        ["method", "paper %", *_MEASURES],
        [[m, _percent(paper.ROTATED_MNIST.get(m)), *_measured(ours.get(m))] for m in methods],
    )
    return f"""## Rotated MNIST (table 1)

{table}

The paper has 12,000 digits for training and validation and 50,000 for testing; here there are
7,000, 1,000 and 2,000, the last at ten angles each. The paper trained Z2CNN for 300 epochs; here
the three networks have equal epochs. P4CNNRotationPooling is called P4CNNAutoRotation in some
accounts."""


def _sample_complexity(settings):
    curves = figures.sample_curves(settings)
    counts = sorted({count for points in curves.values() for count in points})
    if len(counts) < 2:
        return ""
    rows = [
        [f"{count:,}", *(_spread(points.get(count)) for points in curves.values())]
        for count in counts
    ]
    return f"## With fewer samples\n\n{_table(['training images', *curves], rows)}"


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
    others = [
        [name, _percent(plain), _percent(plus)]
        for name, (plain, plus) in paper.CIFAR10_OTHERS.items()
    ]
    return f"""## CIFAR-10 (table 2)

{_table(head, rows)}

The paper's comparison with other methods:

{_table(["method", "CIFAR10 %", "CIFAR10+ %"], others)}"""


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
    return f"""## Fashion-MNIST: the networks of table 2, in small

{_table(head, rows)}

Narrow networks of about equal parameters, trained on few images, each turned by a new angle in
every epoch. The test images are upright; "turned" are the same, each turned by a random angle.
Only rows of as many epochs compare.
Networks with strides lose exact equivariance as the paper's do; those with pooling in place of
strides keep it: the equivariance error is the largest change of a logit under any of the rotations
and mirrors of p4m, over the largest logit."""


def _provenance(rows):
    versions = rows[-1]["versions"]
    return "Made with " + ", ".join(f"{name} {number}" for name, number in versions.items()) + "."


def _by_setting(rows):
    """Rows that differ by their seed alone, by (experiment, fraction, epochs)."""
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


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
