"""A G-correlation by the Fourier transform on the point group H.

A G-correlation at a point x is a sum over the pairs p = (y, j) of a tap and a coset,

    o(g) = Σ_p f(p) ψ(g⁻¹p)

where f(p) is the number at that pair around x. An element of H moves taps and cosets. So functions
of pairs are sums of functions that H moves as an irrep ρ does. These are found in three steps:

    1. The functions of cosets are sorted into irreps σ, by sums over the cosets at one point.
    2. The functions of the taps of an orbit are sorted into irreps τ, by sums of shifted maps.
    3. The products of both are sorted into irreps ρ, τ ⊗ σ = ⊕ ρ (Clebsch and Gordan).

Each time that ρ is found it gives f̂ a column k of d numbers f̂(i, k), and ψ̂ a column ψ̂(j, k). By
Schur's lemma the sum over p is

    o(g) = Σ_ρ Σ_ij ρ(g)[i, j] ô(i, j)          ô(i, j) = Σ_k f̂(i, k) ψ̂(j, k)

with one matrix product per irrep, over all columns and channels. On p4m this takes 4·1³ + 2³ = 12
multiplications in place of 64, on p4 1 + 1 + 4 = 6 in place of 16. For an irrep of complex type,
such as the turns of p4, a single row i is enough: see `Irrep.rows`.

The sums take few additions. Step 1 is taken once for all taps. Step 2 is taken for all cosets and
channels at once. `groups/sums.py` shares what several sums have in common.

Reference: Cohen & Welling 2016, section 6 for the correlation.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np

from keras_gcnn.groups.actions import orbits
from keras_gcnn.groups.immutable import read_only
from keras_gcnn.groups.irreps import rounded
from keras_gcnn.groups.point_group import PointGroup
from keras_gcnn.groups.sums import Sums, shared_sums

TINY = 1e-6  # far above the errors of irreps, far below any of their averages


@dataclass(frozen=True)
class Slice:
    """Columns of f̂ that are next to each other in a map of step 2, times a weight.

    Args:
        map: Which map of step 2, `(points, cosets, channels)`.
        start, stop: Which of the functions of cosets.
        weight: A number.
    """

    map: int
    start: int
    stop: int
    weight: float


@dataclass(frozen=True, eq=False)
class IrrepRecipe:
    """What a G-correlation needs for one irrep ρ of degree d.

    Args:
        rows: For each of m rows of f̂ its columns, from left to right. Each entry of the tuple is a
            tuple of `Slice`s of equal width, which are added up.
        taps: `(d, columns, pairs)`, ψ̂ from the values of ψ at the pairs. Read-only.
        outputs: `(|H|, m, d)`, the part of ρ in the output from m rows of ô. Read-only.
    """

    rows: tuple[tuple[tuple[Slice, ...], ...], ...]
    taps: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class Recipe:
    """What the Fourier implementation of a G-correlation sums up.

    Args:
        cosets: Step 1, the `Sums` over the cosets at one point.
        orbits: Step 2, for each orbit its taps, and the `Sums` over them. All results, one orbit
            after the other, are the maps that `Slice.map` counts.
        irreps: Step 3 and the products, the `IrrepRecipe` of each irrep that takes part.
        outputs: The `Sums` that make o(h) of the entries ô(i, j) of all irreps, in that order.
        entries: The transpose of `outputs`, which takes the gradient of o to that of ô.
        from_orbits: The transpose of the `Sums` of each orbit.
        from_cosets: The transpose of `cosets`.
    """

    cosets: Sums
    orbits: tuple[tuple[tuple[int, ...], Sums], ...]
    irreps: tuple[IrrepRecipe, ...]
    outputs: Sums
    entries: Sums
    from_orbits: tuple[Sums, ...]
    from_cosets: Sums

    @property
    def additions(self) -> int:
        """How many additions, each of one number for each channel, f̂ takes at a point."""
        of_taps = len(self.cosets.rows) * sum(sums.additions for _, sums in self.orbits)
        columns = (slices for part in self.irreps for row in part.rows for slices in row)
        of_columns = sum((len(of) - 1) * (of[0].stop - of[0].start) for of in columns)
        return self.cosets.additions + of_taps + of_columns


@cache
def correlation_recipe(
    group: PointGroup, kernel_size: tuple[int, ...], subgroup: PointGroup
) -> Recipe:
    """What the Fourier implementation of a G-correlation sums up, made once and cached.

    Args:
        group: The `PointGroup` H.
        kernel_size: Taps along each axis.
        subgroup: The `PointGroup` K of the space G/K on which f and ψ live.

    Returns:
        `Recipe`. Pairs p of a tap and a coset are counted as in a flattened filter.

    Raises:
        ValueError: As `left_translation`.
    """
    taps_of_orbits = orbits(group, kernel_size, group)  # only of taps: G/H has one coset
    (moved,) = orbits(group, (1,) * len(kernel_size), subgroup)
    cosets = _components(group, moved)
    parts = [(np.unique(taps), _components(group, taps)) for taps in taps_of_orbits]
    recipes = [_irrep_recipe(group, n, parts, cosets) for n in range(len(group.irreps()))]
    irreps = tuple(recipe for recipe in recipes if recipe.taps.size)
    outputs = np.concatenate([part.outputs.reshape(group.order, -1) for part in irreps], axis=1)
    return Recipe(
        shared_sums(_matrix(cosets)),
        tuple((tuple(map(int, taps)), shared_sums(_matrix(found))) for taps, found in parts),
        irreps,
        shared_sums(outputs),
        shared_sums(outputs.T),
        tuple(shared_sums(_matrix(found).T) for _, found in parts),
        shared_sums(_matrix(cosets).T),
    )


@dataclass(frozen=True, eq=False)
class _Component:
    """Copies of one irrep in the functions on an orbit.

    Args:
        irrep: Its number.
        values: `(d, copies, points)`.
        first: How many functions there are in the components before this one.
    """

    irrep: int
    values: np.ndarray
    first: int

    def place(self, row, copy=0):
        """The number of a function, counted by component, row and copy."""
        return self.first + row * self.values.shape[1] + copy


def _matrix(components):
    """The values of all functions, one below the other."""
    return np.concatenate([c.values.reshape(-1, c.values.shape[-1]) for c in components])


def _components(group, moved):
    """The irreps in the functions on an orbit.

    With a vector b that ρ(s) fixes for each s in the stabilizer of p, the functions h·p -> ρ(h)b
    are the rows of a copy of ρ.

    Args:
        group: The `PointGroup` H.
        moved: The point h·p for each h, as integers `(|H|,)`.
    """
    points, moved = np.unique(moved, return_inverse=True)
    stabilizer, components, first = moved == moved[0], [], 0
    for number, irrep in enumerate(group.irreps()):
        copies = []
        for b in irrep.matrices[stabilizer].mean(axis=0).T:  # they span the fixed vectors
            if np.abs(b).max() > TINY:
                values = np.zeros((irrep.degree, len(points)))
                values[:, moved] = (irrep.matrices @ (b / np.abs(b).max())).T
                copies = _with_independent(copies, values)
        if copies:
            components.append(_Component(number, rounded(np.stack(copies, axis=1)), first))
            first += components[-1].values[..., 0].size
    return components


def _with_independent(arrays, another):
    """The arrays and another one, if its rows and theirs are independent; without it, if not."""
    rows = np.concatenate([*arrays, another])
    return [*arrays, another] if np.linalg.matrix_rank(rows, TINY) == len(rows) else arrays


def _irrep_recipe(group, number, parts, cosets):
    """The `IrrepRecipe` of the irrep of that number, from the components of steps 1 and 2."""
    irrep = group.irreps()[number]
    width, first = len(_matrix(cosets)), 0
    rows, taps = [[] for _ in irrep.rows], []
    for numbers, components in parts:
        columns = [np.zeros((irrep.degree, 0, len(numbers) * width))]
        for tau, copy, sigma in _pairs(components, cosets):
            of_taps = tau.values[:, copy]
            for tensor in _intertwiners(group, number, tau.irrep, sigma.irrep):
                values = np.einsum("ist,sp,tcq->icpq", tensor, of_taps, sigma.values)
                columns.append(values.reshape(*values.shape[:2], -1))
                for row, weights in zip(rows, tensor[list(irrep.rows)], strict=True):
                    row.append(_slices(weights, first, tau, copy, sigma))
        first += len(numbers)
        dual = _dual(np.concatenate(columns, axis=1), irrep.rows[0])
        of_pairs = (numbers[:, None] * width + np.arange(width)).ravel()
        taps.append((of_pairs, dual))
    return IrrepRecipe(
        tuple(map(tuple, rows)),
        read_only(_side_by_side(taps, first * width)),
        read_only(irrep.matrices[:, irrep.rows]),
    )


def _pairs(components, cosets):
    """Each copy of an irrep on the taps with each irrep on the cosets."""
    for tau, sigma in itertools.product(components, cosets):
        for copy in range(tau.values.shape[1]):
            yield tau, copy, sigma


def _intertwiners(group, number, *others):
    """A basis of the maps from τ ⊗ σ to ρ that commute with H, arrays `(d, d of τ, d of σ)`.

    The average over H of ρ(h)[i, 0] τ(h)[s, a] σ(h)[t, b] is one, for every a and b.
    """
    rho, tau, sigma = (group.irreps()[n].matrices for n in (number, *others))
    found = []
    for a, b in itertools.product(range(tau.shape[1]), range(sigma.shape[1])):
        tensor = np.einsum("hi,hs,ht->ist", rho[..., 0], tau[..., a], sigma[..., b]) / group.order
        size = np.abs(tensor).max()
        if size > TINY:
            candidate = (tensor / size).reshape(1, -1)
            found = _with_independent(found, candidate)
    shape = rho.shape[1], tau.shape[1], sigma.shape[1]
    return [rounded(array.reshape(shape)) for array in found]


def _slices(weights, first, tau, copy, sigma):
    """The columns of one row of f̂ that an intertwiner makes, one for each copy of σ."""
    width = sigma.values.shape[1]
    return tuple(
        Slice(first + tau.place(s, copy), sigma.place(t), sigma.place(t) + width, float(weight))
        for (s, t), weight in np.ndenumerate(weights)
        if weight
    )


def _dual(columns, row):
    """The columns ψ̂ for which Σ_p f(p) ψ(p) is the sum over the products with f̂.

    Args:
        columns: `(d, columns, pairs)`.
        row: A row of ρ. By Schur's lemma it tells columns apart.
    """
    gram = columns[row] @ columns[row].T
    return rounded(np.linalg.solve(gram, columns))


def _side_by_side(taps, pairs):
    """The columns of all orbits, `(d, columns, pairs)`, from what each has at its own pairs."""
    arrays = []
    for of_pairs, values in taps:
        arrays.append(np.zeros((*values.shape[:2], pairs)))
        arrays[-1][..., of_pairs] = values
    return np.concatenate(arrays, axis=1)
