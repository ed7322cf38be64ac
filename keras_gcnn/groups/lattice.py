"""Lattices: which points a kernel or an image has, and which of them a group keeps."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Lattice:
    """The integer combinations of d basis vectors.

    A kernel or an image is an array. Its points are counted from the centre of the array. Points
    outside of the `bounds` do not belong to it: the image of a hexagonal lattice is a hexagon.

    Args:
        name: What messages call it.
        basis: One vector for each axis of an array, d tuples of d numbers.
        bounds: Tuples of d integers a. A point x of an array of size 2R + 1 belongs to the image
            where |a·x| ≤ R for each of them.
    """

    name: str
    basis: tuple
    bounds: tuple = ()

    @property
    def dimension(self):
        """The integer d."""
        return len(self.basis)

    @cached_property
    def gram(self):
        """The products of the basis vectors, `(d, d)`."""
        return np.asarray(self.basis) @ np.asarray(self.basis).T

    def is_orthogonal(self):
        """Whether the basis vectors are at right angles and equally long."""
        return _is_near(self.gram, self.gram[0, 0] * np.eye(self.dimension))

    def is_kept_by(self, matrices):
        """Whether integer matrices, in lattice coordinates, keep all lengths and angles."""
        moved = matrices.transpose(0, 2, 1) @ self.gram @ matrices
        return _is_near(moved, self.gram)

    def points(self, shape):
        """The points of an array of this shape, counted from its centre in half steps.

        Along an axis of n points these are 2i - (n - 1): even numbers about the middle point for
        odd n, odd numbers about the centre between two points for even n.

        Returns:
            Integers `(points, d)`, in the order of the array.
        """
        axes = [2 * np.arange(n) - (n - 1) for n in shape]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
        return points[self._is_inside(points, shape)]

    def positions(self, points, shape):
        """Where points stand in `points(shape)`: integers `(points,)`, -1 for one outside."""
        own = self.points(shape)
        position = np.full(shape, -1)
        position[self._indices(own, shape)] = np.arange(len(own))
        indices = self._indices(points, shape)
        inside = np.all([(i >= 0) & (i < n) for i, n in zip(indices, shape, strict=True)], axis=0)
        clipped = tuple(np.clip(i, 0, n - 1) for i, n in zip(indices, shape, strict=True))
        return np.where(inside, position[clipped], -1)

    def keeps_shape(self, group, shape):
        """Whether every element of a group maps the points of an array of this shape to itself."""
        if self.bounds:
            return len(set(shape)) == 1 and shape[0] % 2 == 1
        return group.fixes_lengths(shape)

    def nearest_shape(self, group, shape):
        """The smallest shape around this one that `keeps_shape`."""
        size = max(shape)
        if self.bounds:
            return (size + 1 - size % 2,) * len(shape)
        return tuple(map(int, (np.abs(group.elements) @ np.diag(shape)).max(axis=(0, 2))))

    def keeps_sublattice(self, group, strides, centre):
        """Whether every element maps the points centre + Σ strides·integers to themselves.

        That is h·c = c for the centre c, and integers h[i, j]·strides[j] / strides[i].
        """
        rows = group.elements.tolist()
        return group.fixes(centre) and all(
            entry * stride % strides[i] == 0
            for matrix in rows
            for i, row in enumerate(matrix)
            for entry, stride in zip(row, strides, strict=True)
        )

    def _is_inside(self, points, shape):
        if not self.bounds:
            return slice(None)
        return (np.abs(points @ np.transpose(self.bounds)) <= min(shape) - 1).all(axis=1)

    def _indices(self, points, shape):
        return tuple(((points + np.asarray(shape) - 1) // 2).T)


def _is_near(a, b):
    return bool((np.abs(a - b) < 1e-9).all())  # `np.allclose` takes ten times as long


LINE = Lattice("line", ((1,),))
SQUARE = Lattice("square lattice", ((1, 0), (0, 1)))
CUBIC = Lattice("cubic lattice", ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
# An array's index (r, q) is the point r·(1/2, √3/2) + q·(1, 0): axial coordinates.
HEXAGONAL = Lattice("hexagonal lattice", ((0.5, 3**0.5 / 2), (1, 0)), bounds=((1, 1),))
LATTICES = (LINE, SQUARE, CUBIC, HEXAGONAL)


def lattice_of(matrices):
    """The first known `Lattice` that these integer matrices keep, or one made for them."""
    for lattice in LATTICES:
        if lattice.dimension == matrices.shape[-1] and lattice.is_kept_by(matrices):
            return lattice
    # x·y averaged over the group does not change when an element moves x and y.
    gram = (matrices.transpose(0, 2, 1) @ matrices).mean(axis=0)
    basis = np.linalg.cholesky(gram).tolist()
    return Lattice("oblique lattice", tuple(map(tuple, basis)))
