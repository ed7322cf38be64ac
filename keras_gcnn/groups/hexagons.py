"""Where the points of a hexagonal image stand in arrays of other layouts."""

import numpy as np

SHIFTED = ("odd", "even")


def offset_rows(shape, shifted, radius=None):
    """The index table from offset rows to axial coordinates.

    Every second row is shifted by half a step. Column j lies at j + 1/2 in a shifted row, and at j
    in the others. Rows lie √3/2 apart. The middle is row `rows // 2` and column `columns // 2`.

    Args:
        shape: Rows and columns.
        shifted: Which rows are shifted to the right, counted from 0: `"odd"` or `"even"`.
        radius: R. `None`: the smallest whose hexagon holds all of the array.

    Returns:
        Integers `(2R + 1, 2R + 1)`: the position of each point in the flattened array, -1 where
        the array has none.
    """
    rows, columns = np.indices(shape)
    q = columns - (rows + SHIFTED.index(shifted)) // 2
    middle = shape[0] // 2, shape[1] // 2
    r, q = rows - middle[0], q - q[middle]
    steps = np.abs([r, q, r + q]).max(axis=0)  # from the middle
    radius = int(steps.max()) if radius is None else radius
    side = (2 * radius + 1,) * 2
    inside = steps <= radius
    places = np.full(side, -1)
    places[r[inside] + radius, q[inside] + radius] = np.flatnonzero(inside)
    return places
