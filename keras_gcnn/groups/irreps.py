"""The real irreducible representations of a finite group, found only from its Cayley table.

A real irrep ρ of degree d gives every h an orthogonal d×d matrix, with ρ(a)·ρ(b) = ρ(a·b). No
subspace but 0 and ℝᵈ is kept by all of these matrices. Over ℂ there are three types. An irrep of
real type stays one irrep of degree d. One of complex type, such as the turns of p4, falls into two
different irreps of degree d/2. One of quaternionic type falls into two equal irreps of degree d/2.
The number ⟨χ, χ⟩ = 1/|H| Σ_h χ(h)² is 1, 2 or 4 accordingly.

The group acts on functions on H by left translation. The maps (P f)(a) = Σ_b c(a⁻¹b) f(b) commute
with that. Take a symmetric one with random numbers c: its eigenspaces are irreducible, and together
they hold every irrep, some of them several times.
"""

from dataclasses import dataclass

import numpy as np

from keras_gcnn.groups.immutable import read_only

ROUNDING = 1e-9  # far above the errors of eigenvectors, far below any entry of an irrep


@dataclass(frozen=True, eq=False)
class Irrep:
    """A real irreducible representation ρ.

    Args:
        matrices: ρ(h), float64 `(|H|, d, d)`, orthogonal, read-only.
    """

    matrices: np.ndarray

    @property
    def degree(self) -> int:
        """The integer d."""
        return self.matrices.shape[-1]

    @property
    def character(self) -> np.ndarray:
        """χ(h) = tr ρ(h), `(|H|,)`."""
        return np.trace(self.matrices, axis1=1, axis2=2)

    @property
    def endomorphisms(self) -> int:
        """⟨χ, χ⟩, the dimension of what commutes with ρ: 1, 2 or 4 by the type of ρ."""
        return round(float(np.mean(self.character**2)))

    @property
    def multiplicity(self) -> int:
        """How many times ρ occurs in the functions on H: d / ⟨χ, χ⟩."""
        return self.degree // self.endomorphisms

    @property
    def rows(self) -> tuple[int, ...]:
        """Indices of `multiplicity` rows of ρ(h) whose entries span those of all rows.

        For real type these are all rows. For a turn, the row (cos, -sin) determines the other one.
        """
        chosen: list[int] = []
        for row in range(self.degree):
            functions = self.matrices[:, [*chosen, row]].reshape(len(self.matrices), -1)
            if np.linalg.matrix_rank(functions) == functions.shape[1]:
                chosen.append(row)
        return tuple(chosen)


def find(cayley_table: np.ndarray, inverses: np.ndarray) -> tuple[Irrep, ...]:
    """Every real irrep of a group once: by degree, the trivial one first.

    Args:
        cayley_table: Integers `(|H|, |H|)`, the index of a·b.
        inverses: Integers `(|H|,)`.

    Returns:
        Tuple of `Irrep`. Bases are chosen such that commuting involutions are diagonal, which makes
        most entries 0, 1 and -1.

    Reference: Serre, "Linear Representations of Finite Groups", 1977, sections 2 and 13.2.
    """
    found: dict[tuple, Irrep] = {}
    for space in _irreducible_spaces(cayley_table, inverses):
        # (L_h f)(g) = f(h⁻¹g) in a basis of the space.
        matrices = space.T @ space[cayley_table[inverses]]
        basis = _adapted_basis(matrices, cayley_table)
        irrep = Irrep(read_only(rounded(basis.T @ matrices @ basis)))
        found.setdefault(tuple(np.round(irrep.character, 6) + 0.0), irrep)
    order = sorted(found, key=lambda character: (character[0], [-x for x in character]))
    return tuple(found[character] for character in order)


def rounded(array: np.ndarray) -> np.ndarray:
    """The array, with integers in place of what is nearly one."""
    whole = np.round(array) + 0.0  # and no -0
    return np.where(np.abs(array - whole) < ROUNDING, whole, array)


def _irreducible_spaces(cayley_table, inverses):
    """Orthonormal bases `(|H|, d)` of irreducible spaces that make up all functions on H."""
    numbers = np.random.default_rng(0).normal(size=len(inverses))
    numbers = numbers + numbers[inverses]
    values, vectors = np.linalg.eigh(numbers[cayley_table[inverses]])
    ends = np.flatnonzero(np.diff(values) > 1e-6) + 1
    return np.split(vectors, ends, axis=1)


def _adapted_basis(matrices, cayley_table):
    """An orthonormal basis in which a largest set of commuting involutions is diagonal."""
    chosen = []
    for a in range(1, len(cayley_table)):
        commutes = all(cayley_table[a, b] == cayley_table[b, a] for b in chosen)
        if cayley_table[a, a] == 0 and commutes:
            chosen.append(a)
    weighted = [matrices[a] / 3.0**i for i, a in enumerate(chosen)]
    return np.linalg.eigh(sum(weighted, np.zeros(matrices.shape[1:])))[1]
