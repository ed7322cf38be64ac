"""Lattices: which points a kernel or an image has, and which of them a group keeps."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras_gcnn.groups.point_group import PointGroup


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
    basis: tuple[tuple[float, ...], ...]
    bounds: tuple[tuple[int, ...], ...] = ()

    @property
    def dimension(self) -> int:
        """The integer d."""
        return len(self.basis)

    @cached_property
    def gram(self) -> np.ndarray:
        """The products of the basis vectors, `(d, d)`."""
        return np.asarray(self.basis) @ np.asarray(self.basis).T

    def is_orthogonal(self) -> bool:
        """Whether the basis vectors are at right angles and equally long."""
        return _is_near(self.gram, self.gram[0, 0] * np.eye(self.dimension))

    def is_kept_by(self, matrices: np.ndarray) -> bool:
        """Whether integer matrices, in lattice coordinates, keep all lengths and angles."""
        moved = matrices.transpose(0, 2, 1) @ self.gram @ matrices
        return _is_near(moved, self.gram)

    @property
    def kernel_rank(self) -> int:
        """The number of axes that the taps of a filter have."""
        return 1 if self.bounds else self.dimension

    def kernel_axes(self, kernel_size: Sequence[int]) -> tuple[int, ...]:
        """The lengths of these axes. A hexagonal filter has one: only its taps have weights."""
        if not self.bounds:
            return tuple(kernel_size)
        taps = itertools.product(*map(range, kernel_size))
        return (sum(self.has_point(tap, kernel_size) for tap in taps),)

    def kernel_size(self, axes: Sequence[int]) -> tuple[int, ...] | None:
        """The sizes of the kernel that has these `kernel_axes`, `None` if there is none."""
        if not self.bounds:
            return tuple(axes)
        sizes = ((k,) * self.dimension for k in itertools.count(1, 2))
        size = next(size for size in sizes if self.kernel_axes(size)[0] >= axes[0])
        return size if self.kernel_axes(size) == tuple(axes) else None

    def binomial_weights(self, size: Sequence[int]) -> np.ndarray:
        """The weights of a blur over the taps of a kernel of this size, with a sum of 1.

        Along each axis at right angles they are binomial, (1, 2, 1)/4 for 3 taps. On the hexagonal
        lattice sums over two neighbours are taken equally often along each of its three directions.
        """
        if not self.bounds:
            along = map(np.array, map(binomial_weights, size))
            return functools.reduce(np.multiply.outer, along).reshape(-1)
        weights = np.zeros(size)
        weights[0, size[1] // 2] = 1.0
        for _ in range(size[0] // 2):
            for shift in ((1, 0), (0, 1), (1, -1)):
                weights = (weights + np.roll(weights, shift, axis=(0, 1))) / 2
        return weights[self.indices(size)]

    def kernel_around(self, points: Sequence[Sequence[int]]) -> tuple[int, ...]:
        """The size of the smallest kernel, with a tap in its middle, that has these points."""
        reach = [max(abs(x) for x in along) for along in zip(*points, strict=True)]
        if self.bounds:
            reach = [max(*reach, *(d for p in points for d in self._across(p)))] * self.dimension
        return tuple(2 * r + 1 for r in reach)

    def has_point(self, index: Sequence[int], shape: Sequence[int]) -> bool:
        """Whether an index of an array of this shape is that of a point of the image."""
        point = [2 * i - (n - 1) for i, n in zip(index, shape, strict=True)]
        return all(distance < min(shape) for distance in self._across(point))

    def mask(self, shape: Sequence[int]) -> np.ndarray:
        """Which points of an array belong to the image: booleans of this shape."""
        mask = np.zeros(shape, bool)
        mask[self.indices(shape)] = True
        return mask

    def indices(self, shape: Sequence[int]) -> tuple[np.ndarray, ...]:
        """Where the `points` stand in the array: a tuple of one array of integers for each axis."""
        return self._indices(self.points(shape), shape)

    def points(self, shape: Sequence[int]) -> np.ndarray:
        """The points of an array of this shape, counted from its centre in half steps.

        Along an axis of n points these are 2i - (n - 1): even numbers about the middle point for
        odd n, odd numbers about the centre between two points for even n.

        Returns:
            Integers `(points, d)`, in the order of the array.
        """
        axes = [2 * np.arange(n) - (n - 1) for n in shape]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
        return points[self._is_inside(points, shape)]

    def positions(self, points: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Where points stand in `points(shape)`: integers `(points,)`, -1 for one outside."""
        own = self.points(shape)
        position = np.full(shape, -1)
        position[self._indices(own, shape)] = np.arange(len(own))
        indices = self._indices(points, shape)
        inside = np.all([(i >= 0) & (i < n) for i, n in zip(indices, shape, strict=True)], axis=0)
        clipped = tuple(np.clip(i, 0, n - 1) for i, n in zip(indices, shape, strict=True))
        return np.where(inside, position[clipped], -1)

    def has_image(self, shape: Sequence[int | None]) -> bool:
        """Whether an array of this shape holds an image: a hexagon has a point in its middle.

        An axis of size `None` is taken to suit the others.
        """
        known = {n for n in shape if n is not None}
        return not self.bounds or (len(known) <= 1 and all(n % 2 for n in known))

    def are_alike(self, group: PointGroup, lengths: Sequence[int]) -> bool:
        """Whether lengths are equal along axes that an element of a group exchanges."""
        return len(set(lengths)) == 1 if self.bounds else group.fixes_lengths(lengths)

    def keeps_amounts(self, group: PointGroup, amounts: Sequence[Sequence[int]]) -> bool:
        """Whether padding or cropping keeps the centre and is alike along exchanged axes.

        Args:
            group: The `PointGroup`.
            amounts: A pair for each axis, in front and behind.
        """
        centre = [behind - front for front, behind in amounts]
        return group.fixes(centre) and self.are_alike(group, [sum(pair) for pair in amounts])

    def keeps_shape(self, group: PointGroup, shape: Sequence[int]) -> bool:
        """Whether every element of a group maps the points of an array of this shape to itself."""
        return self.has_image(shape) and self.are_alike(group, shape)

    def moves_within(self, matrix: np.ndarray, shape: Sequence[int]) -> bool:
        """Whether a matrix maps the points of an array of this shape to themselves."""
        return bool((self.positions(self.points(shape) @ matrix.T, shape) >= 0).all())

    def nearest_shape(self, group: PointGroup, shape: Sequence[int]) -> tuple[int, ...]:
        """The smallest shape around this one that `keeps_shape`."""
        size = max(shape)
        if self.bounds:
            return (size + 1 - size % 2,) * len(shape)
        return tuple(map(int, (np.abs(group.elements) @ np.diag(shape)).max(axis=(0, 2))))

    def keeps_sublattice(
        self, group: PointGroup, strides: Sequence[int], centre: Sequence[int]
    ) -> bool:
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

    def _across(self, point):
        """|a·x| for each of the bounds, by lists, since compilers trace it."""
        products = (zip(bound, point, strict=True) for bound in self.bounds)
        return [abs(sum(a * x for a, x in pairs)) for pairs in products]

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


def binomial_weights(size: int) -> list[float]:
    """The weights of a blur along an axis: (1, 2, 1)/4 for 3 taps."""
    return [math.comb(size - 1, tap) / 2 ** (size - 1) for tap in range(size)]


def named(name: str) -> Lattice:
    """The known `Lattice` of that name.

    Raises:
        ValueError: If there is none.
    """
    for lattice in LATTICES:
        if lattice.name == name:
            return lattice
    raise ValueError(
        f"`lattice` must be one of {[lattice.name for lattice in LATTICES]}. Received: "
        f"lattice={name!r}."
    )


def lattice_of(matrices: np.ndarray) -> Lattice:
    """The first known `Lattice` that these integer matrices keep, or one made for them."""
    for lattice in LATTICES:
        if lattice.dimension == matrices.shape[-1] and lattice.is_kept_by(matrices):
            return lattice
    # x·y averaged over the group does not change when an element moves x and y.
    gram = (matrices.transpose(0, 2, 1) @ matrices).mean(axis=0)
    basis = np.linalg.cholesky(gram).tolist()
    return Lattice("oblique lattice", tuple(map(tuple, basis)))
