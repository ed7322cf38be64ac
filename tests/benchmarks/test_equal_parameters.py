import json

import pytest

from benchmarks import equal_parameters


def row(seconds, plain, first, plain_first):
    return {
        "parameters": {"p4m": 1000, "z2": 1010},
        "first": {"p4m": first, "z2": plain_first},
        "megabytes": {"p4m": 30.0, "z2": 20.0},
        "seconds": {"p4m": seconds, "z2": plain},
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "equal_parameters"
    folder.mkdir()
    template = equal_parameters.FOLDER.with_name("equal_parameters_template.md")
    (tmp_path / template.name).write_text(template.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(equal_parameters, "FOLDER", folder)
    rows = {"small": row([2.0, 9.0, 3.0], [1.0, 1.0, 1.0], 6.0, 2.0)}
    for backend in ("jax", "torch"):
        found = {"machine": "2 cores of something", "rows": rows}
        (folder / f"{backend}.json").write_text(json.dumps(found), "utf-8")
    return folder


def test_the_page_has_the_median_of_the_ratios_of_pairs(folder):
    equal_parameters.write_page()
    page = folder.with_suffix(".md").read_text("utf-8")
    assert "| jax | 1,000 / 1,010 | 3.0 (3.00 / 1.00 s) | 6 / 2 s | 30 / 20 MB |" in page
    assert folder.with_suffix(".png").stat().st_size > 10_000


def test_the_picture_has_a_bar_for_each_network_and_backend(folder):
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    step, first = equal_parameters.figure(found).axes
    assert [bar.get_width() for bar in step.patches] == [3.0, 3.0]
    assert [bar.get_width() for bar in first.patches] == [3.0, 3.0]


@pytest.mark.filterwarnings("ignore:GroupConv2D 'conv")  # All-CNN's strides, as the paper has them
@pytest.mark.parametrize("name", ["small", "all_cnn"])
def test_networks_have_about_as_many_parameters(name):
    ours, plain = (equal_parameters.network(name, side).count_params() for side in ("p4m", "z2"))
    assert 0.88 < ours / plain < 1.12
