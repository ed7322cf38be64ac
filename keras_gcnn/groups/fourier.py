"""The Fourier transform on the point group H.

With the real irreps ρ of H, of degree d and multiplicity m,

    f̂(ρ) = Σ_h f(h) ρ(h)                          f(h) = 1/|H| Σ_ρ m tr(f̂(ρ) ρ(h)ᵀ)

    convolution    o(g) = Σ_h f(h) ψ(h⁻¹g)        ô(ρ) = f̂(ρ) ψ̂(ρ)
    correlation    o(g) = Σ_h f(h) ψ(g⁻¹h)        ô(ρ) = f̂(ρ) ψ̂(ρ)ᵀ

`groups/recipe.py` writes a G-correlation as sums of such products.

Reference: Cohen & Welling 2016, section 6 for the correlation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_gcnn.groups import checks
from keras_gcnn.groups.point_group import PointGroup


def fourier_transform(group: PointGroup, values: ArrayLike) -> list[np.ndarray]:
    """The transforms of functions on H.

    Args:
        group: The `PointGroup` H.
        values: f, `(..., |H|)`.

    Returns:
        List of f̂(ρ), `(..., d, d)`, one for each ρ of `group.irreps()`.

    Raises:
        TypeError: If the group is no `PointGroup`.
    """
    checks.is_a(group, PointGroup, "group")
    values = np.asarray(values)
    return [np.einsum("...h,hij->...ij", values, irrep.matrices) for irrep in group.irreps()]


def inverse_fourier_transform(group: PointGroup, coefficients: Sequence[np.ndarray]) -> np.ndarray:
    """The functions whose `fourier_transform` these matrices are.

    Args:
        group: The `PointGroup` H.
        coefficients: List of f̂(ρ), `(..., d, d)`, one for each ρ of `group.irreps()`.

    Returns:
        f, `(..., |H|)`.

    Raises:
        TypeError: If the group is no `PointGroup`.
        ValueError: If there is not one matrix for each ρ.
    """
    checks.is_a(group, PointGroup, "group")
    checks.is_sequence(coefficients, "coefficients", len(group.irreps()))
    terms = [
        irrep.multiplicity * np.einsum("...ij,hij->...h", matrix, irrep.matrices)
        for irrep, matrix in zip(group.irreps(), coefficients, strict=True)
    ]
    return sum(terms) / group.order
