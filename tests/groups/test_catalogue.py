"""The groups of the catalogue against their geometry, and groups of a user's own."""

import hashlib
import itertools
import json

import numpy as np
import pytest

from keras_gcnn import groups
from keras_gcnn.groups import PointGroup, catalogue, point_group
from tests import oracle

TURN = [[0, -1], [1, 0]]
SIGNED_PERMUTATIONS = [
    np.diag(signs)[list(order)]
    for order in itertools.permutations(range(3))
    for signs in itertools.product([1, -1], repeat=3)
]


def is_turn(h):
    return round(np.linalg.det(h)) == 1


def keeps_depth(h):
    return abs(h[0, 0]) == 1


def fixes_depth(h):
    return h[0, 0] == 1


def turns_the_slice(h):
    return keeps_depth(h) and round(np.linalg.det(h[1:, 1:])) == 1


def is_diagonal(h):
    return np.array_equal(abs(h), np.eye(3))


def moves_axes_in_a_cycle(h):
    """Or leaves them: an even permutation of the axes."""
    return round(np.linalg.det(abs(h))) == 1


def fixes_the_diagonal(h):
    return np.array_equal(h @ [1, 1, 1], [1, 1, 1])


def keeps_the_diagonal(h):
    return abs((h @ [1, 1, 1]).sum()) == 3


GEOMETRY = {
    "C1": lambda h: np.array_equal(h, np.eye(3)),
    "Ci": lambda h: abs(np.trace(h)) == 3,
    "Cs": lambda h: is_diagonal(h) and h[1, 1] == h[2, 2] == 1,
    "C2": lambda h: is_diagonal(h) and fixes_depth(h) and is_turn(h),
    "C2v": lambda h: is_diagonal(h) and fixes_depth(h),
    "C2h": lambda h: is_diagonal(h) and h[1, 1] == h[2, 2],
    "D2": lambda h: is_diagonal(h) and is_turn(h),
    "D2h": is_diagonal,
    "C3": lambda h: fixes_the_diagonal(h) and is_turn(h),
    "C3i": lambda h: keeps_the_diagonal(h) and moves_axes_in_a_cycle(h),
    "C3v": fixes_the_diagonal,
    "D3": lambda h: keeps_the_diagonal(h) and is_turn(h),
    "D3d": keeps_the_diagonal,
    "C4": lambda h: fixes_depth(h) and is_turn(h),
    "S4": lambda h: turns_the_slice(h) and fixes_depth(h) == is_diagonal(h),
    "C4v": fixes_depth,
    "C4h": turns_the_slice,
    "D4": lambda h: keeps_depth(h) and is_turn(h),
    "D2d": lambda h: keeps_depth(h) and is_diagonal(h) == is_turn(h),
    "D4h": keeps_depth,
    "T": lambda h: is_turn(h) and moves_axes_in_a_cycle(h),
    "Th": moves_axes_in_a_cycle,
    "Td": lambda h: is_turn(h) == moves_axes_in_a_cycle(h),
    "O": is_turn,
    "Oh": lambda h: True,
}


@pytest.mark.parametrize("name", catalogue.GENERATORS[3])
def test_groups_of_the_cube_are_what_their_names_say(name):
    group = groups.get(name, dimension=3)
    expected = {h.tobytes() for h in SIGNED_PERMUTATIONS if GEOMETRY[name](h)}
    assert {h.tobytes() for h in group.elements} == expected
    assert np.array_equal(group.elements[0], np.eye(3))
    assert group.lattice.name == "cubic lattice"


# Of the elements, in their order: the start of the SHA-256 of their 64-bit integers.
DIGESTS = {
    1: {
        "p1": "7c9fa136d441",
        "pm": "db0550d553e2",
    },
    2: {
        "p1": "33679eedd86f",
        "p2": "8d4220eb905f",
        "p4": "fe1ec92d2e80",
        "pm": "4401b3efe5b8",
        "pmm": "e0c3e9770120",
        "cm": "9948d1a893bc",
        "cmm": "1705d1ce7014",
        "p4m": "21f976b301e7",
        "p1_hexagonal": "33679eedd86f",
        "p2_hexagonal": "8d4220eb905f",
        "p3": "d91a58d317ec",
        "p3m1": "68d18363707b",
        "p31m": "af740975c29b",
        "p6": "17ac9bad3c54",
        "p6m": "0868a650b97e",
    },
    3: {
        "C1": "234930f5a7e1",
        "Ci": "4d461b0c76b1",
        "Cs": "396a4859696f",
        "C2": "a4e877d73285",
        "C2v": "6e514d4193ef",
        "C2h": "60b89e1ac54e",
        "D2": "412824408963",
        "D2h": "86c53dbda5ee",
        "C3": "aa092e3040e0",
        "C3i": "6b34266e1693",
        "C3v": "01b99ee67a5c",
        "D3": "08d326ebb85a",
        "D3d": "76227fe15d2d",
        "C4": "a278cc4d2bc0",
        "S4": "d45a56d58efd",
        "C4v": "3370abc705c7",
        "C4h": "0011f327bd8b",
        "D4": "dde29b1d49b7",
        "D2d": "cd8fe8969650",
        "D4h": "58cac582450f",
        "T": "72f59da6bc83",
        "Th": "b1af17078d2f",
        "Td": "a6bc96632431",
        "O": "65e707b3236e",
        "Oh": "874c36cc8b7f",
    },
}


@pytest.mark.parametrize(("dimension", "name"), [(d, name) for d in DIGESTS for name in DIGESTS[d]])
def test_the_order_of_elements_is_that_of_saved_models(dimension, name):
    elements = groups.get(name, dimension).elements.astype("<i8")
    found = hashlib.sha256(elements.tobytes()).hexdigest()[:12]
    assert found == DIGESTS[dimension][name], (
        f"The elements of {name} are others now, or stand in another order, which permutes the "
        "axis H of every saved model on it. Keep the order; a new group needs no digest."
    )


def test_a_quarter_turn_about_depth_turns_slices_as_p4_turns_images():
    turns = groups.get("C4", dimension=3).elements[:, 1:, 1:]
    assert np.array_equal(turns, groups.get("p4").elements)


def test_groups_of_the_line():
    assert groups.get("p1", dimension=1).elements.tolist() == [[[1]]]
    assert groups.get("pm", dimension=1).elements.tolist() == [[[1]], [[-1]]]
    assert groups.names(dimension=1) == ["p1", "pm"]


@pytest.mark.parametrize("name", ["cm", "cmm"])
def test_diagonal_mirrors_of_the_plane(name):
    found = {h.tobytes() for h in groups.get(name).elements}
    mirror = np.array([[0, 1], [1, 0]])
    expected = [np.eye(2, dtype=int), mirror]
    if name == "cmm":
        expected += [-h for h in expected]
    assert found == {h.tobytes() for h in expected}


def test_names_of_each_dimension():
    assert groups.get("Oh").dimension == 3  # a name of one dimension alone needs none
    assert groups.get("C4").dimension == 2
    assert groups.get("C4", dimension=3).dimension == 3
    for dimension in (1, 2, 3):
        for name in groups.names(dimension):
            group = groups.get(name, dimension)
            value = json.loads(json.dumps(groups.serialize(group, dimension)))
            assert groups.get(value, dimension) == group
            assert groups.get(json.loads(json.dumps(groups.serialize(group)))) == group
    assert groups.serialize(groups.get("D4h", 3), 3) == "D4h"


def test_products_of_generators_are_the_group():
    turns = PointGroup.from_generators("turns", [TURN])
    assert np.array_equal(turns.elements, groups.get("p4").elements)
    near = np.array([TURN, [[-1, 0], [0, 1]]]) + 1e-8
    mirrored = PointGroup.from_generators("mirrored", near)
    assert mirrored.order == 8
    assert {h.tobytes() for h in mirrored.elements} == {
        h.tobytes() for h in groups.get("p4m").elements
    }
    hexagonal = PointGroup.from_generators("p6", [[[1, 1], [-1, 0]]])
    assert (hexagonal.order, hexagonal.lattice.name) == (6, "hexagonal lattice")
    same = oracle.generated([[0, 0, 1], [1, 0, 0], [0, 1, 0]], -np.eye(3, dtype=int))
    own = PointGroup.from_generators("own", same[1:])
    assert sorted(h.tobytes() for h in own.elements) == sorted(h.tobytes() for h in same)


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        (
            [[[1, 1], [0, 1]]],
            r"must close to a group of at most 12 elements.*\[\[\[1, 1\], \[0, 1\]\]\]",
        ),
        ([[[0.5, 0], [0, 1]]], r"must be integers, in lattice coordinates.*0\.5"),
        ([[0, 1], [1, 0]], "must be integers, in lattice coordinates"),
        ([[[1, 0]]], "must be integers of shape"),
        ([[["a"]]], "must be integers, in lattice coordinates"),
        ([[[np.nan]]], "must be integers, in lattice coordinates"),
        ([[[10**30, 0], [0, 1]]], "between -1000 and 1000"),
        (np.zeros((0, 2, 2)), "must be integers of shape"),
        ([[[2, 0], [0, 1]]], "must close to a group|must hold the inverse"),
        ([[[0, 0], [0, 0]]], "must hold the inverse"),
    ],
)
def test_matrices_that_make_no_group(matrices, message):
    with pytest.raises(ValueError, match=message):
        PointGroup.from_generators("none", matrices)
    with pytest.raises(ValueError, match="`name` of a PointGroup"):
        PointGroup.from_generators(5, [TURN])


def test_a_group_of_a_users_own_is_known_by_its_name(monkeypatch):
    monkeypatch.setitem(point_group.REGISTRY, 3, dict(point_group.REGISTRY[3]))
    own = PointGroup.from_generators("slices", [[[-1, 0, 0], [0, 1, 0], [0, 0, 1]]])
    groups.register(own)
    assert groups.get("slices") is own
    assert "slices" in groups.names(dimension=3)
    assert groups.serialize(own) == {"name": "slices", "elements": own.elements.tolist()}
    with pytest.raises(ValueError, match=r"must have a name of its own.*the name is that of.*Oh"):
        groups.register(PointGroup.from_generators("Oh", [[[-1, 0, 0], [0, 1, 0], [0, 0, 1]]]))
