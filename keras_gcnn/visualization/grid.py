"""Which points an array has, where they are on the screen, and how a group moves them."""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, product

import numpy as np
from keras import ops

from keras_gcnn import groups

GAP = 0.06  # between the slices of a volume, in patches
CURVE = (1.0, 0.7)  # width and height of a curve


def numbers(x, name):
    """A tensor or array as float64 in NumPy."""
    try:
        array = np.asarray(ops.convert_to_numpy(x))
        return array.astype("float64", casting="same_kind" if array.dtype.kind == "c" else "unsafe")
    except Exception:  # of any class, by the backend
        raise ValueError(f"`{name}` must be an array of numbers. Received: {name}={x!r}.") from None


@dataclass(frozen=True)
class Grid:
    """The points of an array on a lattice.

    Values at points are arrays `(points, …)`. A hexagonal image has fewer points than its array.

    Args:
        lattice: The `Lattice`.
        shape: Sizes of the array, a tuple of d integers.
        slices: How many slices of a volume are drawn, the middle ones along depth.
    """

    lattice: groups.Lattice
    shape: tuple
    slices: int = 3

    def values(self, array):
        """The values `(points, …)` of an array `(*space, …)`."""
        return array[self.lattice.indices(self.shape)]

    def array(self, values):
        """The array `(*space, …)` of values, zero outside of the image."""
        array = np.zeros((*self.shape, *values.shape[1:]), values.dtype)
        array[self.lattice.indices(self.shape)] = values
        return array

    def moved(self, values, space, element):
        """L_h f of values `(points, cosets, …)`; an image has one coset."""
        table = groups.left_translation(space.group, element, self.shape, space.subgroup)
        flat = values.reshape(table.size, -1)
        return flat[table.reshape(-1)].reshape(values.shape)

    @cached_property
    def size(self):
        """Width and height of a patch that shows the values; one of them is 1, if not a volume."""
        if len(self.shape) == 1:
            return np.array(CURVE)
        if len(self.shape) == 2:
            return self._extent / self._extent.max()
        width, height = self.slice.size
        number = len(self.drawn_slices)
        return np.array([number * width + (number - 1) * GAP, height])

    @cached_property
    def cells(self):
        """Corners of the cell of each point of a plane, about its middle, `(points, n, 2)`."""
        cells = self._middles[:, None] + cell(self.lattice)
        return cells / self._extent.max()

    @property
    def drawn_slices(self):
        """The depths of the slices that are drawn."""
        depth = self.shape[0]
        number = min(self.slices, depth)
        first = (depth - number) // 2
        return range(first, first + number)

    @cached_property
    def slice(self):
        """The grid of one slice of a volume, a plane."""
        basis = np.linalg.cholesky(self.lattice.gram[1:, 1:]).tolist()
        lattice = groups.Lattice(f"slice of the {self.lattice.name}", tuple(map(tuple, basis)))
        return Grid(lattice, self.shape[1:])

    @cached_property
    def _middles(self):
        return self.lattice.points(self.shape) / 2 @ screen_basis(self.lattice)

    @cached_property
    def _extent(self):
        corners = self._middles[:, None] + cell(self.lattice)
        return np.ptp(corners, axis=(0, 1))


@cache
def screen_basis(lattice):
    """The basis of a plane lattice on the screen, `(2, 2)`: columns to the right, rows downwards.

    Row i is the step (x, y) along axis i of an array, with y counted downwards. The step along axis
    1 has length 1.
    """
    (rows, along), _ = lattice.gram / lattice.gram[1, 1]
    return np.array([[along, np.sqrt(rows - along**2)], [1, 0]])


@cache
def cell(lattice):
    """The corners (x, y) of the part of the plane that is nearest to one point of a lattice.

    It has four corners where the axes are at right angles, and six elsewhere. Corners have the same
    distance to the point and to two of its neighbours, and none is nearer.
    """
    steps = np.array([s for s in product((-1, 0, 1), repeat=2) if any(s)]) @ screen_basis(lattice)
    halves = (steps**2).sum(axis=1) / 2  # x is nearest to the point where steps·x ≤ halves
    corners = set()
    for pair in combinations(range(len(steps)), 2):
        chosen = list(pair)
        if abs(np.linalg.det(steps[chosen])) > 1e-9:
            corner = np.linalg.solve(steps[chosen], halves[chosen])
            if (steps @ corner <= halves + 1e-9).all():
                corners.add(tuple((np.round(corner, 9) + 0.0).tolist()))
    return np.array(sorted(corners, key=lambda c: np.arctan2(c[1], c[0])))
