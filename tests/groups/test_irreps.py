import itertools

import numpy as np
import pytest

from keras_gcnn import groups
from keras_gcnn.groups import PointGroup, irreps
from tests import oracle


def generated(name, *generators):
    return PointGroup(name, oracle.generated(*generators))


class Abstract(PointGroup):
    """A group given by its Cayley table, where no integer matrices of size 3 have it."""

    def __init__(self, elements):
        self.order = len(elements)
        self.cayley_table = np.array(
            [[oracle.index_of(a @ b, elements) for b in elements] for a in elements]
        )
        self.inverses = np.argmin(self.cayley_table, axis=1)

    def irreps(self):
        return irreps.find(self.cayley_table, self.inverses)


def quaternions():
    powers = [np.eye(4, dtype=int), np.array(I_TIMES), -np.eye(4, dtype=int), -np.array(I_TIMES)]
    return Abstract([*powers, *(power @ np.array(J_TIMES) for power in powers)])


HEXAGONAL_TURN = [[1, -1], [1, 0]]
CYCLE = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
I_TIMES = [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]]
J_TIMES = [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]]
# Degrees over ℝ, and over ℂ, as the character tables of these groups have them.
GROUPS = {
    "p1": (groups.get("p1"), [1], [1]),
    "p2": (groups.get("p2"), [1, 1], [1, 1]),
    "p4": (groups.get("p4"), [1, 1, 2], [1, 1, 1, 1]),
    "pm": (groups.get("pm"), [1, 1], [1, 1]),
    "pmm": (groups.get("pmm"), [1] * 4, [1] * 4),
    "p4m": (groups.get("p4m"), [1, 1, 1, 1, 2], [1, 1, 1, 1, 2]),
    "p6": (generated("p6", HEXAGONAL_TURN), [1, 1, 2, 2], [1] * 6),
    "p6m": (generated("p6m", HEXAGONAL_TURN, [[0, 1], [1, 0]]), [1] * 4 + [2, 2], [1] * 4 + [2, 2]),
    "tetrahedral": (generated("T", CYCLE, np.diag([1, -1, -1])), [1, 2, 3], [1, 1, 1, 3]),
    "cubic": (
        generated("Oh", CYCLE, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], -np.eye(3, dtype=int)),
        [1] * 4 + [2] * 2 + [3] * 4,
        [1] * 4 + [2] * 2 + [3] * 4,
    ),
    "quaternions": (quaternions(), [1] * 4 + [4], [1] * 4 + [2]),
}
with_degrees = pytest.mark.parametrize("name", list(GROUPS))
# What holds of every group is tested of every group in the catalogue.
GROUPS |= {name: (groups.get(name),) for name in oracle.GROUPS if name not in GROUPS}
GROUPS |= {f"{name} in space": (groups.get(name, 3),) for name in groups.names(dimension=3)}
every_group = pytest.mark.parametrize("name", GROUPS)


def degrees_over_complex(irrep):
    """The degrees of the irreps over ℂ of which ρ is the real form."""
    d = irrep.degree
    return {1: (d,), 2: (d // 2,) * 2, 4: (d // 2,)}[irrep.endomorphisms]


@with_degrees
def test_degrees_and_that_their_squares_make_up_the_order(name):
    group, real, over_complex = GROUPS[name]
    found = group.irreps()
    assert [irrep.degree for irrep in found] == real
    complex_degrees = sorted(d for irrep in found for d in degrees_over_complex(irrep))
    assert complex_degrees == over_complex
    assert sum(d**2 for d in complex_degrees) == group.order
    assert sum(irrep.multiplicity * irrep.degree for irrep in found) == group.order
    assert (found[0].matrices == 1).all()


@every_group
def test_they_are_orthogonal_representations(name):
    group = GROUPS[name][0]
    for irrep in group.irreps():
        for a, b in itertools.product(range(group.order), repeat=2):
            product = irrep.matrices[group.cayley_table[a, b]]
            assert np.allclose(irrep.matrices[a] @ irrep.matrices[b], product, atol=1e-12)
        inverses = irrep.matrices[group.inverses]
        assert np.allclose(inverses, irrep.matrices.transpose(0, 2, 1), atol=1e-12)


@every_group
def test_characters_are_orthogonal(name):
    group = GROUPS[name][0]
    characters = np.stack([irrep.character for irrep in group.irreps()])
    products = characters @ characters.T / group.order
    endomorphisms = [irrep.endomorphisms for irrep in group.irreps()]
    assert np.allclose(products, np.diag(endomorphisms), atol=1e-12)
    types = {1: 1, 2: 0, 4: -2}  # the indicator 1/|H| Σ χ(h²) of Frobenius and Schur
    squares = np.diag(group.cayley_table)
    indicators = characters[:, squares].mean(axis=1)
    assert np.allclose(indicators, [types[e] for e in endomorphisms], atol=1e-12)


@every_group
def test_entries_in_the_chosen_rows_are_a_basis_of_the_functions_on_the_group(name):
    group = GROUPS[name][0]
    entries = [i.matrices[:, i.rows].reshape(group.order, -1) for i in group.irreps()]
    basis = np.concatenate(entries, axis=1)
    assert basis.shape == (group.order, group.order)
    assert np.linalg.cond(basis) < 10


@pytest.mark.parametrize("name", oracle.GROUPS)
def test_the_catalogue_has_irreps_of_integers(name):
    for irrep in groups.get(name).irreps():
        assert np.isin(irrep.matrices, [-1, 0, 1]).all()


def test_they_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        groups.get("p4").irreps()[0].matrices[0] = 0
