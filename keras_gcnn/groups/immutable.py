"""Tables that are computed once and shared by everyone who asks."""

import numpy as np


def read_only(array):
    """The array itself, frozen."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
