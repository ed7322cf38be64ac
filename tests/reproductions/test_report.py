import json

import pytest

from reproductions import experiment as experiments
from reproductions import figures, paper, report


def row(name, seed, error, epochs=None, fraction=1.0, **more):
    e = experiments.get(name)
    epochs = epochs or e.epochs
    return {
        "experiment": name,
        "seed": seed,
        "fraction": fraction,
        "training_images": int(7000 * fraction),
        "epochs": epochs,
        "test_error_percent": error,
        "equivariance_error": 1e-6,
        "paper_error_percent": e.paper_error,
        "parameters": 24_800,
        "wall_time_seconds": 600.0,
        "versions": {"python": "3.11", "keras": "3.15"},
        "history": [{"val_accuracy": 1 - 0.1 / (i + 1)} for i in range(epochs)],
        **more,
    }


def angles(function):
    return {"test_error_by_angle": {f"{a}": function(a) for a in range(0, 360, 15)}}


ROWS = [
    row("rotated_mnist_p4cnn", 0, 2.0, **angles(lambda a: 2 + (a % 90) / 90)),
    row("rotated_mnist_p4cnn", 1, 3.0, **angles(lambda a: 2 + (a % 90) / 90)),
    row("rotated_mnist_p4cnn", 0, 4.5, fraction=0.25),
    row("rotated_mnist_p4cnn", 0, 9.0, epochs=8),
    row("rotated_mnist_z2cnn", 0, 6.0, **angles(lambda a: 6 + a / 360)),
    row("rotated_mnist_p8cnn", 0, 1.5),
    row("cifar10_plus_resnet44_p4m", 0, 5.1),
    row("fashion_mnist_all_cnn_p4m", 0, 9.5, fraction=0.1, rotated_test_error_percent=30.0),
]


@pytest.fixture
def folder(tmp_path):
    for i, one in enumerate(ROWS):
        (tmp_path / f"{i}.json").write_text(json.dumps(one))
    return tmp_path


def cells(text, first):
    """The cells of the line that begins with `first`."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_report_has_means_beside_the_whole_tables_of_the_paper(folder):
    text = report.write(folder).read_text("utf-8")
    for method, error in paper.ROTATED_MNIST.items():
        assert cells(text, method)[1] == f"{error:.2f}"
    # Of the seeds of the full length alone, with all samples: 2 and 3.
    assert cells(text, "P4CNN")[2:6] == ["2.50 ± 0.71", "2", "100", "7,000"]
    assert cells(text, "Schmidt & Roth (2012)")[2] == ""
    assert cells(text, "1,750")[1:] == ["4.50"]
    (line,) = [x for x in text.splitlines() if x.startswith("| ResNet44 | p4m")]
    assert [cell.strip() for cell in line.strip("|").split("|")][4:6] == ["4.94", "5.10"]
    assert cells(text, "All-CNN-C, p4m")[-2] == "30.00"
    assert cells(text, "P4CNN against Z2CNN")[1:] == ["2.50 / 6.00", "0.42", "≤ 0.5"]
    assert cells(text, "P8CNN (ours) against P4CNN")[2] == "0.60"
    assert "P4CNNAutoRotation" in text
    for name in figures.OF_RESULTS:
        assert (folder / f"{name}.png").stat().st_size > 5_000


def lines(figure):
    (axes,) = figure.axes
    return {line.get_label(): line for line in axes.get_lines()}


def test_figures_draw_the_rows():
    settings = report._by_setting(ROWS)
    curve = lines(figures.error_by_angle(settings))
    assert list(curve["P4CNN"].get_xdata()) == list(range(0, 361, 15))
    errors = list(curve["P4CNN"].get_ydata())
    assert errors[:7] == pytest.approx([2 + (a % 90) / 90 for a in range(0, 91, 15)])
    assert errors[:18] == pytest.approx(errors[6:24])
    planar = list(curve["Z2CNN"].get_ydata())
    assert planar[0] == planar[-1] != planar[6]

    samples = lines(figures.sample_complexity(settings))["P4CNN"]
    assert (list(samples.get_xdata()), list(samples.get_ydata())) == ([1750, 7000], [4.5, 2.5])

    history = [{"accuracy": 0.9}] * 2  # as with --no-held-out
    unseen = {
        ("rotated_mnist_p4cnn", 1.0, 2): [row("rotated_mnist_p4cnn", 0, 3.0, history=history)]
    }
    assert figures.error_curves(unseen) is None
    validation = lines(figures.error_curves(settings))
    assert validation["P4CNN, 2 seeds"].get_ydata()[[0, 9]] == pytest.approx([10, 1])
    assert validation["Z2CNN, 1 seed"].get_ydata()[0] == pytest.approx(10)


def test_without_rows_it_says_how_to_get_some(tmp_path):
    with pytest.raises(ValueError, match=r"no results in .*python -m reproductions run"):
        report.write(tmp_path)
    assert figures.error_by_angle({}) is figures.sample_complexity({}) is None
