"""Makes the pictures of `docs/visualization.md` by the code of that page.

    KERAS_BACKEND=jax python -m docs.visualization

trains the small network of the page, which takes about a minute, and writes `docs/visualization/`.
"""

import io
import re
from pathlib import Path

from PIL import Image

from reproductions.files import write_atomically

PAGE = Path(__file__).with_suffix(".md")
CODE_OR_PICTURE = re.compile(r"```python\n(?P<code>.*?)```|!\[[^]]*\]\((?P<picture>[^)]+)\)", re.S)


def pictures():
    """Runs the page. Yields the path of each picture, and the `figure` that its code has made."""
    names = {}
    for found in CODE_OR_PICTURE.finditer(PAGE.read_text("utf-8")):
        if found["code"]:
            exec(found["code"], names)
        else:
            yield PAGE.parent / found["picture"], names["figure"]


def save(figure, path):
    """Writes a figure as a PNG of 256 colours, which is a third as large."""
    whole = io.BytesIO()
    figure.savefig(whole, dpi=96)
    Image.open(whole).convert("RGB").quantize(256).save(path, optimize=True)


def main():
    """Writes all pictures."""
    for path, figure in pictures():
        write_atomically(path, lambda p, figure=figure: save(figure, p))
        print(path.name, f"{path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
