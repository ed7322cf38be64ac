"""Tables that are computed once and shared by everyone who asks."""

import numpy as np
from numpy.typing import ArrayLike


def read_only(array: ArrayLike) -> np.ndarray:
    """The array itself, frozen."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
