"""Writes the table of stock layers, `docs/stock_layers.md`: `python -m docs.stock_layers`."""

from pathlib import Path

from keras_gcnn import stock
from reproductions.markdown import filled, table

TEMPLATE = Path(__file__).with_name("stock_layers_template.md")
PLANAR = {
    "itself": "stays",
    "dropped": "dropped",
    "rule": "converted",
    "refused": "refused",
    None: "on H",
}
EFFECT = {"keeps": "kept", "condition": "kept, if", "breaks": "**lost**"}


def text():
    """The page."""
    rows = [
        [
            ", ".join(f"`{kind}`" for kind in row.kinds),
            EFFECT[row.effect],
            row.says,
            PLANAR[row.planar],
        ]
        for row in stock.TABLE
    ]
    head = ["layers and operations", "equivariance", "", "`to_planar`"]
    return filled(TEMPLATE, {"table": table(head, rows)})


if __name__ == "__main__":
    Path(__file__).with_name("stock_layers.md").write_text(text(), "utf-8")
