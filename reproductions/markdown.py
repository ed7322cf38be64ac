"""Markdown: tables, and templates that reports fill with numbers."""

import re
from string import Template


def table(head, rows):
    """A table of cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def filled(path, values):
    """A template with `${name}` in place of values.

    A paragraph whose value is empty is left out. So is a section, from one `## ` to the next, of
    which all values are empty.
    """
    sections = re.split(r"\n+(?=## )", path.read_text("utf-8").strip())
    return "\n\n".join(filter(None, (_section(text, values) for text in sections))) + "\n"


def _section(text, values):
    names = Template(text).get_identifiers()
    if names and not any(values[name] for name in names):
        return ""
    paragraphs = text.split("\n\n")
    kept = [p for p in paragraphs if all(values[n] for n in Template(p).get_identifiers())]
    return Template("\n\n".join(kept)).substitute(values)
