"""Reads IDX files, the format of MNIST and Fashion-MNIST, gzipped or not."""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from reproductions.errors import DataError


def read_idx(folder, name):
    """The array of unsigned bytes in the file `name` or `name.gz` of a folder.

    Raises:
        DataError: If it is missing or damaged.
    """
    path = _find(Path(folder), name)
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zeros, kind, rank = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    except (OSError, EOFError, struct.error, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}). Install or unpack it again.") from error
    values = data[4 + 4 * rank :]
    if zeros != 0 or kind != 8 or len(values) != math.prod(shape):
        raise DataError(
            f"{path} is damaged: it announces type {kind} (8 is expected) and {shape} values, and "
            f"holds {len(values)} bytes. Install or unpack it again."
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _find(folder, name):
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise DataError(f"There is no {name} or {name}.gz in {folder}; name its folder with --idx-dir.")
