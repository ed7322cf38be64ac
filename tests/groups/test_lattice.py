"""Lattices against geometry: angles and distances of points in the plane."""

import itertools

import numpy as np
import pytest

from keras_gcnn import groups
from keras_gcnn.groups import lattice
from keras_gcnn.groups.lattice import CUBIC, HEXAGONAL, LINE, SQUARE

TURN = np.array([[1, 1], [-1, 0]])
MIRROR = np.array([[0, 1], [1, 0]])
P6 = groups.PointGroup("p6", [np.linalg.matrix_power(TURN, k) for k in range(6)])
P6M = groups.PointGroup("p6m", [*P6.elements, *(m @ MIRROR for m in P6.elements)])


def in_the_plane(points):
    """Axial (r, q) as the contract has them: q·(1, 0) + r·(1/2, √3/2)."""
    r, q = np.transpose(points)
    return np.stack([q + r / 2, r * 3**0.5 / 2], axis=-1)


@pytest.mark.parametrize("radius", [0, 1, 2, 3])
def test_a_hexagonal_kernel_has_the_taps_within_its_radius(radius):
    points = HEXAGONAL.points((2 * radius + 1,) * 2) // 2
    assert len(points) == 3 * radius**2 + 3 * radius + 1
    for r, q in itertools.product(range(-radius, radius + 1), repeat=2):
        steps = max(abs(q), abs(r), abs(q + r))
        assert ((points == (r, q)).all(axis=1).any()) == (steps <= radius)


def test_the_hexagonal_turn_is_by_60_degrees():
    assert P6.lattice is HEXAGONAL
    points = HEXAGONAL.points((5, 5)) // 2
    angle = np.pi / 3
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for element in range(6):
        turned = in_the_plane(points @ P6.elements[element].T)
        expected = in_the_plane(points) @ np.linalg.matrix_power(rotation, element).T
        assert np.allclose(turned, expected)


@pytest.mark.parametrize("group", [P6, P6M])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_hexagonal_tables_move_values_as_the_matrices_move_points(group, size):
    points = HEXAGONAL.points((size, size)) // 2
    values = np.random.default_rng(0).normal(size=(len(points), group.order))
    by_point = {tuple(p): i for i, p in enumerate(points)}
    for h in range(group.order):
        table = groups.left_translation(group, h, (size, size), group.trivial)
        moved = values.ravel()[table]
        back = group.inverses[h]
        for x, g in itertools.product(range(len(points)), range(group.order)):
            source = by_point[tuple(group.elements[back] @ points[x])]
            assert moved[x, g] == values[source, group.cayley_table[back, g]]


def test_hexagonal_kernels_have_odd_sizes():
    with pytest.raises(ValueError, match=r"\(4, 4\) on the hexagonal.*Use the shape \(5, 5\)"):
        groups.left_translation(P6, 1, (4, 4), P6)
    assert HEXAGONAL.nearest_shape(P6, (2, 4)) == (5, 5)


@pytest.mark.parametrize(
    ("strides", "centre", "kept"),
    [((2, 2), (0, 0), True), ((2, 1), (0, 0), False), ((2, 2), (1, 0), False)],
)
def test_sublattices_of_the_hexagonal_lattice(strides, centre, kept):
    assert HEXAGONAL.keeps_sublattice(P6, strides, centre) == kept
    reach = range(-6, 7)
    points = {
        (strides[0] * i + centre[0], strides[1] * j + centre[1])
        for i, j in itertools.product(reach, reach)
    }
    inner = [p for p in points if max(map(abs, p)) <= 3]
    moved = {tuple(h @ p) for h in P6.elements for p in map(np.array, inner)}
    assert (moved <= points) == kept


@pytest.mark.parametrize(
    ("matrices", "expected"),
    [
        ([[[1]], [[-1]]], LINE),
        ([np.eye(2, dtype=int), -np.eye(2, dtype=int)], SQUARE),
        ([np.eye(3, dtype=int), -np.eye(3, dtype=int)], CUBIC),
    ],
)
def test_a_group_knows_its_lattice(matrices, expected):
    group = groups.PointGroup("x", matrices)
    assert group.lattice is expected
    assert group.has_square_axes


def test_a_group_of_no_known_lattice_has_one_of_its_own():
    sheared = groups.PointGroup("x", [[[1, 0], [0, 1]], [[1, 3], [0, -1]]])
    assert sheared.lattice not in lattice.LATTICES
    assert sheared.lattice.is_kept_by(sheared.elements)
    assert not sheared.has_square_axes
