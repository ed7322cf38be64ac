"""How a point group moves the points of a kernel or an image, as index tables.

A function on G/K that lives on a finite grid, be it a filter or a feature map, is moved by

    (L_h f)(x, gK) = f(h⁻¹x, h⁻¹gK)                            (Cohen & Welling 2016, section 4.4)

This permutes its values. `left_translation` is the permutation, for every group, lattice,
dimension, parity of the grid and subgroup K: K = H for an image, K = {e} for a map on G. All other
tables here are made from it.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from keras_gcnn.groups import checks
from keras_gcnn.groups.immutable import read_only
from keras_gcnn.groups.point_group import PointGroup


def left_translation(
    group: PointGroup, element: int, shape: Sequence[int], subgroup: PointGroup
) -> np.ndarray:
    """The index table of L_h for functions on G/K over a grid.

    Args:
        group: The `PointGroup` H.
        element: The index of h in H.
        shape: The grid's size along each axis, d integers.
        subgroup: The `PointGroup` K.

    Returns:
        Integers `(points, cosets)`. Entry `[x, j]` is the position of (h⁻¹x, h⁻¹cⱼK) in the
        function's values when these are flattened to `points · cosets`.

    Raises:
        ValueError: If h does not map the grid to itself, as a quarter turn does not map a 3×5 grid.
    """
    _check(group, shape)
    element = checks.integer(element, "element", 0, group.order - 1)
    lattice, inverse = group.lattice, group.inverses[element]
    moved = lattice.points(shape) @ group.elements[inverse].T
    positions = lattice.positions(moved, shape)
    if (positions < 0).any():
        raise ValueError(
            f"Every element of {group.name} must map the grid to itself. Received: a grid of shape "
            f"{tuple(shape)} on the {lattice.name}. Use the shape "
            f"{lattice.nearest_shape(group, shape)}{_other_groups(group, shape)}."
        )
    cosets = group.coset_action(subgroup)[inverse]
    return positions[:, None] * len(cosets) + cosets


def _check(group, shape):
    """Raises if it is no group, or no grid of its dimension."""
    checks.is_a(group, PointGroup, "group")
    checks.integers(shape, "shape", group.dimension)


def _other_groups(group, shape):
    names = group.names_of_groups(lambda other: other.lattice.keeps_shape(other, shape))
    return f", or one of the groups {names}" if names else ""


def filter_orbits(
    group: PointGroup,
    kernel_size: tuple[int, ...],
    subgroup: PointGroup,
    output_subgroup: PointGroup,
) -> np.ndarray:
    """Which values of a filter on G/K must be equal for its correlation to be a map on G/L.

    They are those of an orbit of L on the pairs of a tap and a coset: ψ(ly, lgK) = ψ(y, gK).

    Args:
        group: The `PointGroup` H.
        kernel_size: Taps along each axis.
        subgroup: The `PointGroup` K.
        output_subgroup: The `PointGroup` L.

    Returns:
        Integers `(taps, cosets)`: the number of the orbit, in the order of their first pairs.

    Raises:
        ValueError: As `left_translation`.
    """
    _check(group, kernel_size)
    members = group.indices(output_subgroup)
    tables = [left_translation(group, h, kernel_size, subgroup) for h in members]
    first = np.min(tables, axis=0)
    return np.searchsorted(np.unique(first), first)


@cache
def quotient_bank_indices(
    group: PointGroup,
    kernel_size: tuple[int, ...],
    subgroup: PointGroup,
    output_subgroup: PointGroup,
) -> np.ndarray:
    """The index table that turns a filter from G/K to G/L into the filters of its bank.

    Its arguments are those of `filter_orbits`.

    Returns:
        Integers `(taps, cosets of K, cosets of L)`. Entry `[y, j, i]` is the number of the orbit
        (`filter_orbits`) of (gᵢ⁻¹y, gᵢ⁻¹cⱼK), for the representative gᵢ of a coset of L. Read-only.

    Raises:
        ValueError: As `left_translation`.
    """
    orbits = filter_orbits(group, kernel_size, subgroup, output_subgroup)
    bank = filter_bank_indices(group, kernel_size, subgroup)
    return read_only(orbits.reshape(-1)[bank[..., group.left_cosets(output_subgroup)[:, 0]]])


@cache
def filter_bank_indices(
    group: PointGroup, kernel_size: tuple[int, ...], subgroup: PointGroup
) -> np.ndarray:
    """The index table that turns one filter into |H| transformed filters, made once and cached.

    Args:
        group: The `PointGroup` H.
        kernel_size: Taps along each axis.
        subgroup: The `PointGroup` K, for a filter on G/K.

    Returns:
        Integers `(taps, cosets, |H|)`. Entry `[y, j, h]` is the position, in the flattened filter
        ψ, of the value (L_h ψ)(y, cⱼK) = ψ(h⁻¹y, h⁻¹cⱼK). Read-only.

    Raises:
        ValueError: As `left_translation`.
    """
    _check(group, kernel_size)
    tables = [left_translation(group, h, kernel_size, subgroup) for h in range(group.order)]
    return read_only(np.stack(tables, axis=-1))


def filter_bank_adjoint_indices(
    group: PointGroup, kernel_size: tuple[int, ...], subgroup: PointGroup
) -> np.ndarray:
    """The index table of the adjoint of `filter_bank_indices`.

    The bank copies each value of a filter ψ to |H| places. Its adjoint adds up what a bank b has in
    these places:

        Σ_h Σ_p (L_h ψ)(p) b_h(p) = Σ_p ψ(p) Σ_h (L_h⁻¹ b_h)(p)

    Its arguments are those of `filter_bank_indices`.

    Returns:
        Integers `(taps · cosets, |H|)`. Entry `[p, h]` is the position of (L_h⁻¹ b_h)(p) in the
        flattened bank b, whose last axis is H.

    Raises:
        ValueError: As `left_translation`.
    """
    bank = filter_bank_indices(group, kernel_size, subgroup).reshape(-1, group.order)
    return bank[:, group.inverses] * group.order + np.arange(group.order)


def adjoint_filter_indices(group: PointGroup, kernel_size: tuple[int, ...]) -> np.ndarray:
    """The index table of ψ*(y, h) = ψ(-h⁻¹y, h⁻¹), the filter of the adjoint correlation.

        Σ_{x,h} [f ⋆ ψ](x, h) o(x, h) = Σ_{y,h′} f(y, h′) [o ⋆ ψ*](y, h′)      for maps f and o

    Its arguments are those of `filter_bank_indices`.

    Returns:
        Integers `(taps, |H|)`. Entry `[y, h]` is the position of ψ*(y, h), which is (L_h ψ)(-y, e),
        in the flattened filter ψ on G. Read-only.

    Raises:
        ValueError: As `left_translation`.
    """
    _check(group, kernel_size)
    bank = filter_bank_indices(group, kernel_size, group.trivial)
    return bank[::-1, 0]  # the points of a grid in reverse order are -y


def orbits(group: PointGroup, kernel_size: tuple[int, ...], subgroup: PointGroup) -> np.ndarray:
    """The orbits of H on the pairs (y, gK) of a tap and a coset, h·(y, gK) = (hy, hgK).

    Its arguments are those of `filter_bank_indices`.

    Returns:
        Integers `(orbits, |H|)`. Entry `[o, h]` is the position, in a flattened filter, of h·p for
        the first pair p of orbit o. Read-only.

    Raises:
        ValueError: As `left_translation`.
    """
    _check(group, kernel_size)
    tables = [left_translation(group, h, kernel_size, subgroup) for h in group.inverses]
    moved = np.stack([table.reshape(-1) for table in tables], axis=-1)  # (pairs, |H|)
    is_first = moved.min(axis=1) == np.arange(len(moved))
    return read_only(moved[is_first])
