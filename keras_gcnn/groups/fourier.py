"""The Fourier transform on the point group H, and what it makes of a G-correlation.

With the real irreps ρ of H, of degree d and multiplicity m,

    f̂(ρ) = Σ_h f(h) ρ(h)                          f(h) = 1/|H| Σ_ρ m tr(f̂(ρ) ρ(h)ᵀ)

    convolution    o(g) = Σ_h f(h) ψ(h⁻¹g)        ô(ρ) = f̂(ρ) ψ̂(ρ)
    correlation    o(g) = Σ_h f(h) ψ(g⁻¹h)        ô(ρ) = f̂(ρ) ψ̂(ρ)ᵀ

A G-correlation at a point x is a sum over the pairs p = (t, j) of a tap and a coset. An element of
H moves both, so the pairs fall into orbits. Along the orbit of p, the neighbours f(h·p) of x and
the taps ψ(h·p) are functions of h. The sum over the orbit is their correlation on H, divided by the
number of elements of p's stabilizer S.

The transforms of all orbits, side by side, are matrices of d rows. One matrix product per irrep
gives the output's transform. On p4m this takes 4·1³ + 2³ = 12 multiplications in place of 64, on p4
1 + 1 + 4 = 6 in place of 16.

A function on an orbit takes the same value at h and at h·s, for each s in S. Its transform is then
f̂(ρ) = f̂(ρ) P with the projection P onto the vectors that ρ fixes for all of S. So only the columns
of f̂(ρ) in a basis of these vectors are kept.

Reference: Cohen & Welling 2016, section 6 for the correlation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from keras_gcnn.groups import checks
from keras_gcnn.groups.actions import orbits
from keras_gcnn.groups.immutable import read_only
from keras_gcnn.groups.irreps import rounded
from keras_gcnn.groups.point_group import PointGroup


def fourier_transform(group: PointGroup, values: ArrayLike) -> list[np.ndarray]:
    """The transforms of functions on H.

    Args:
        group: The `PointGroup` H.
        values: f, `(..., |H|)`.

    Returns:
        List of f̂(ρ), `(..., d, d)`, one for each ρ of `group.irreps()`.
    """
    checks.is_a(group, PointGroup, "group")
    values = np.asarray(values)
    return [np.einsum("...h,hij->...ij", values, irrep.matrices) for irrep in group.irreps()]


def inverse_fourier_transform(group: PointGroup, coefficients: Sequence[np.ndarray]) -> np.ndarray:
    """The functions `(..., |H|)` whose `fourier_transform` these matrices are."""
    checks.is_a(group, PointGroup, "group")
    checks.is_sequence(coefficients, "coefficients", len(group.irreps()))
    terms = [
        irrep.multiplicity * np.einsum("...ij,hij->...h", matrix, irrep.matrices)
        for irrep, matrix in zip(group.irreps(), coefficients, strict=True)
    ]
    return sum(terms) / group.order


@dataclass(frozen=True, eq=False)
class IrrepRecipe:
    """What a G-correlation needs for one irrep ρ, as read-only tables.

    Args:
        neighbours: `(m, columns, pairs)`, m rows of f̂(ρ) from the values of f at the pairs.
        taps: `(d, columns, pairs)`, ψ̂(ρ) from the values of ψ at the pairs. Each column has the
            factor |S|, and all have the factor that makes the largest entry of `outputs` 1.
        outputs: `(|H|, m, d)`, the part of ρ in the output from m rows of ô(ρ).
    """

    neighbours: np.ndarray
    taps: np.ndarray
    outputs: np.ndarray


@cache
def correlation_recipe(
    group: PointGroup, kernel_size: tuple[int, ...], subgroup: PointGroup
) -> tuple[IrrepRecipe, ...]:
    """What the Fourier implementation of a G-correlation sums up, made once and cached.

        o(g) = Σ_p f(p) ψ(g⁻¹p) = Σ_ρ Σ_ij outputs[g, i, j] ô(ρ)[i, j]
        ô(ρ)[i, j] = Σ_k (Σ_p neighbours[i, k, p] f(p)) (Σ_p taps[j, k, p] ψ(p))

    Args:
        group: The `PointGroup` H.
        kernel_size: Taps along each axis.
        subgroup: The `PointGroup` K of the space G/K on which f and ψ live.

    Returns:
        Tuple of `IrrepRecipe`. Pairs p of a tap and a coset are counted as in a flattened filter.

    Raises:
        ValueError: As `left_translation`.
    """
    pairs = orbits(group, kernel_size, subgroup)
    # The entries ρ(g)[i, j] are a basis of the functions on H. Its inverse gives o from ô.
    functions = [irrep.matrices[:, irrep.rows] for irrep in group.irreps()]
    basis = np.concatenate([f.reshape(group.order, -1) for f in functions], axis=1)
    inverse = np.split(np.linalg.inv(basis), np.cumsum([f[0].size for f in functions])[:-1])
    recipes = []
    for irrep, rows in zip(group.irreps(), inverse, strict=True):
        transform, stabilizers = _transform_of_orbits(irrep, pairs)
        outputs = rows.T.reshape(group.order, len(irrep.rows), irrep.degree)
        scale = np.abs(outputs).max()
        recipes.append(
            IrrepRecipe(
                read_only(transform[list(irrep.rows)]),
                read_only(transform * stabilizers[:, None] * scale),
                read_only(rounded(outputs / scale)),
            )
        )
    return tuple(recipes)


def _transform_of_orbits(irrep, pairs):
    """ρ(h)·B at the pairs h·p of each orbit, `(d, columns, pairs)`, and |S| of each column.

    B is a basis of the vectors that the stabilizer S of p fixes: all of them for a free orbit.
    """
    columns, stabilizers = [], []
    for orbit in pairs:
        stabilizer = np.flatnonzero(orbit == orbit[0])
        fixed = _fixed_vectors(irrep.matrices[stabilizer])
        transform = np.zeros((irrep.degree, fixed.shape[1], pairs.max() + 1))
        transform[:, :, orbit] = (irrep.matrices @ fixed).transpose(1, 2, 0)
        columns.append(transform)
        stabilizers += [len(stabilizer)] * fixed.shape[1]
    return rounded(np.concatenate(columns, axis=1)), np.asarray(stabilizers, float)


def _fixed_vectors(matrices):
    """An orthonormal basis, in columns, of the vectors that all these matrices fix."""
    projection = matrices.mean(axis=0)
    values, vectors = np.linalg.eigh(projection)
    return vectors[:, values > 0.5]
