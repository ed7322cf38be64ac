import re
from string import Template

import pytest

from benchmarks import report as benchmarks_report
from reproductions import report
from reproductions.markdown import filled, table

TEXT = """# Title

Prose.

## First

${a}

Of ${a} and ${b}.

## Second

${c}

More.
"""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"a": "1", "b": "2", "c": "3"},
            "# Title\n\nProse.\n\n## First\n\n1\n\nOf 1 and 2.\n\n## Second\n\n3\n\nMore.\n",
        ),
        (
            {"a": "1", "b": "", "c": "3"},
            "# Title\n\nProse.\n\n## First\n\n1\n\n## Second\n\n3\n\nMore.\n",
        ),
        ({"a": "", "b": "", "c": ""}, "# Title\n\nProse.\n"),
    ],
)
def test_what_has_no_value_is_left_out(values, expected, tmp_path):
    path = tmp_path / "template.md"
    path.write_text(TEXT)
    assert filled(path, values) == expected


@pytest.mark.parametrize("template", [report.TEMPLATE, benchmarks_report.TEMPLATE])
def test_every_placeholder_of_the_reports_is_filled(template):
    names = Template(template.read_text("utf-8")).get_identifiers()
    assert names
    text = filled(template, {name: f"<{name}>" for name in names})
    assert not re.search(r"\$\{?\w", text)
    assert all(f"<{name}>" in text for name in names)


def test_a_table():
    assert table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"


def test_a_report_without_figures_has_no_heading_for_them():
    names = Template(report.TEMPLATE.read_text("utf-8")).get_identifiers()
    values = {name: f"<{name}>" for name in names}
    assert "## Figures" in filled(report.TEMPLATE, values)
    text = filled(report.TEMPLATE, {**values, "figures": ""})
    assert "## Figures" not in text
    assert "Made with <versions>." in text
