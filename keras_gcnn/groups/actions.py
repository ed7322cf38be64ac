"""How a point group moves the points of a kernel or an image, as index tables.

Every function on G/K that lives on a finite grid, be it a filter or a feature map, is moved by

    (L_h f)(x, gK) = f(h⁻¹x, h⁻¹gK)                            (Cohen & Welling 2016, section 4.4)

which permutes its values. `left_translation` is that permutation, for every group, dimension,
parity of the grid and subgroup K: K = H for an image on Zᵈ, K = {e} for a feature map on G.
"""

from functools import cache

import numpy as np

from keras_gcnn.groups.read_only import read_only


def grid_points(shape):
    """The points of a grid about its centre, in units of half a pixel: `(points, d)` integers.

    Along an axis of n points these are 2i - (n - 1): even numbers about the middle pixel for odd n,
    odd numbers about the half-pixel centre for even n. Halves thus never appear.
    """
    axes = [2 * np.arange(n) - (n - 1) for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))


def left_translation(group, element, shape, subgroup):
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
        ValueError: If the grid is not mapped to itself, as a 3×5 grid by a quarter turn.
    """
    inverse = group.inverses[element]
    points = grid_points(shape)
    moved = points @ group.elements[inverse].T
    positions = (moved + np.asarray(shape) - 1) // 2
    if (positions < 0).any() or (positions >= shape).any():
        raise ValueError(
            f"The grid must be mapped to itself by the elements of {group.name}. Received: a grid "
            f"of shape {tuple(shape)}. Make it square, or choose a group that exchanges no axes, "
            "such as 'p2' or 'pmm'."
        )
    flat = np.ravel_multi_index(tuple(positions.T), tuple(shape))
    cosets = group.coset_action(subgroup)[inverse]
    return flat[:, None] * len(cosets) + cosets


@cache
def filter_bank_indices(group, kernel_size, subgroup):
    """The index table that turns one filter into |H| transformed filters, made once and cached.

    Returns:
        Integers `(taps, cosets, |H|)`. Entry `[y, j, h]` is the position, in the flattened filter
        ψ, of the value (L_h ψ)(y, cⱼK) = ψ(h⁻¹y, h⁻¹cⱼK). Read-only.

    Raises:
        ValueError: As `left_translation`.
    """
    tables = [left_translation(group, h, kernel_size, subgroup) for h in range(group.order)]
    return read_only(np.stack(tables, axis=-1))


def filter_bank_adjoint_indices(group, kernel_size, subgroup):
    """The index table of the adjoint of a filter bank, which sums what became of each value of ψ.

        Σ_h Σ_p (L_h ψ)(p) b_h(p) = Σ_p ψ(p) Σ_h (L_h⁻¹ b_h)(p)

    Returns:
        Integers `(taps · cosets, |H|)`. Entry `[p, h]` is the position of (L_h⁻¹ b_h)(p) in the
        flattened bank b, whose last axis is H.

    Raises:
        ValueError: As `left_translation`.
    """
    bank = filter_bank_indices(group, kernel_size, subgroup).reshape(-1, group.order)
    return bank[:, group.inverses] * group.order + np.arange(group.order)


def adjoint_filter_indices(group, kernel_size):
    """The index table of ψ*(u, a) = ψ(-a⁻¹u, a⁻¹), the filter of the adjoint correlation.

        Σ_{x,h} [f ⋆ ψ](x, h) y(x, h) = Σ_{z,h'} f(z, h') [y ⋆ ψ*](z, h')

    Returns:
        Integers `(taps, |H|)`. Entry `[u, a]` is the position of ψ*(u, a), which is (L_a ψ)(-u, e),
        in the flattened filter ψ on G. Read-only.

    Raises:
        ValueError: As `left_translation`.
    """
    bank = filter_bank_indices(group, kernel_size, group.subgroup([0]))
    return bank[::-1, 0]  # in the opposite order, the points of a grid are -u


def orbits(group, kernel_size, subgroup):
    """The orbits of H on the pairs (y, gK) of a tap and a coset, h·(y, gK) = (hy, hgK).

    Returns:
        Integers `(orbits, |H|)`. Entry `[o, h]` is the position, in a flattened filter, of h·p for
        the first pair p of orbit o. Read-only.

    Raises:
        ValueError: As `left_translation`.
    """
    tables = [left_translation(group, h, kernel_size, subgroup) for h in group.inverses]
    moved = np.stack([table.reshape(-1) for table in tables], axis=-1)  # (pairs, |H|)
    is_first = moved.min(axis=1) == np.arange(len(moved))
    return read_only(moved[is_first])
