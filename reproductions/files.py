"""Writes files whole or not at all: a process that is killed while writing leaves the old one."""

import json
import os
from pathlib import Path


def write_atomically(path, write):
    """Calls `write` with a temporary path beside `path`, then puts that file in `path`'s place.

    Args:
        path: Where the file shall be. Missing folders are made.
        write: Function of one `Path`, of the same suffix as `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path, value):
    """Writes `value` as JSON, atomically."""
    text = json.dumps(value, indent=2) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
