"""Makes arrays read-only, so that cached tables cannot be changed by accident."""

import numpy as np
from numpy.typing import ArrayLike


def read_only(array: ArrayLike) -> np.ndarray:
    """The array, contiguous and read-only. It is a copy if the array is not contiguous."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
