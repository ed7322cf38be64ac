"""Sums on the hexagonal lattice, written from geometry: angles, mirrors and distances in the plane.

A map is a dictionary from points to vectors of channels. A point is a complex number, q + r·ω for
the sixth root of unity ω, rounded. An element is (mirrored, angle): the point z goes to ω^a·z, or
to ω^a·z̄. Nothing here calls the package, or reads its tables.
"""

import cmath
import itertools

import numpy as np

OMEGA = cmath.exp(1j * cmath.pi / 3)
TURNS = {a: cmath.exp(1j * cmath.pi * a / 3) for a in range(6)}
# The elements of each group, in the catalogue's order: first without a mirror, then with one.
# z̄ keeps the neighbour 1 of the origin in place, and -z̄ reverses it.
ELEMENTS = {
    "p1_hexagonal": [(False, 0)],
    "p2_hexagonal": [(False, 0), (False, 3)],
    "p3": [(False, a) for a in (0, 2, 4)],
    "p6": [(False, a) for a in range(6)],
    "p3m1": [(False, 0), (False, 2), (False, 4), (True, 3), (True, 1), (True, 5)],
    "p31m": [(False, 0), (False, 2), (False, 4), (True, 0), (True, 4), (True, 2)],
    "p6m": [(False, a) for a in range(6)] + [(True, -a % 6) for a in range(6)],
}
GROUPS = list(ELEMENTS)


def point(r, q):
    return q + r * OMEGA


def rounded(z):
    """The point nearest to a place in the plane, which must be near."""
    r = round(z.imag / OMEGA.imag)
    nearest = round(z.real - r / 2) + r * OMEGA
    assert abs(nearest - z) < 1e-9
    return nearest


def act(element, z):
    mirrored, angle = element
    return rounded(TURNS[angle] * (z.conjugate() if mirrored else z))


def inverse(element):
    mirrored, angle = element
    return element if mirrored else (False, -angle % 6)


def product(one, other):
    """one·other, told by where it takes two points."""
    moved = [act(one, act(other, z)) for z in (1 + 0j, OMEGA)]
    for candidate in itertools.product((False, True), range(6)):
        if all(abs(act(candidate, z) - m) < 1e-5 for z, m in zip((1, OMEGA), moved, strict=True)):
            return candidate
    raise AssertionError


def radius(z):
    """The number of steps from the origin."""
    r = z.imag / OMEGA.imag
    q = z.real - r / 2
    return round(max(abs(r), abs(q), abs(r + q)))


def places(size):
    """The indices of an array of 2R + 1 points a side whose points are within R steps."""
    middle = size // 2
    for i, j in np.ndindex(size, size):
        z = point(i - middle, j - middle)
        if radius(z) <= middle:
            yield (i, j), z


def to_points(array):
    """A map from an array (size, size, ...)."""
    return {z: array[place] for place, z in places(array.shape[0])}


def to_array(values, size):
    """An array from a map, with zeros outside."""
    like = next(iter(values.values()))
    array = np.zeros((size, size, *np.shape(like)))
    for place, z in places(size):
        array[place] = values.get(z, 0)
    return array


def transform(f, group, h, on_group):
    """(L_h f)(x, g) = f(h⁻¹x, h⁻¹g), for an array (size, size, [|H|,] C)."""
    elements = ELEMENTS[group]
    back, values = inverse(elements[h]), to_points(f)
    order = [elements.index(product(back, g)) for g in elements]
    moved = {z: values[act(back, z)] for z in values}
    if on_group:
        moved = {z: value[order] for z, value in moved.items()}
    return to_array(moved, f.shape[0])


def group_correlation(f, psi, group, strides=1, dilation=1, padding="valid"):
    """[f ⋆ ψ](x, h) = Σ_y Σ_h′ f(y, h′) ψ(h⁻¹(y - x), h⁻¹h′), for arrays on hexagons.

    f is (size, size, [|H|,] C), and ψ is (k, k, [|H|,] C, filters), of which what lies outside of
    the hexagon of taps does not count. The points of the output are strides·x.
    """
    elements, on_group = ELEMENTS[group], f.ndim == 4
    values, taps = to_points(f), to_points(psi)
    reach = dilation * (psi.shape[0] // 2)
    inner = f.shape[0] // 2 - (reach if padding == "valid" else 0)
    size = 2 * (inner // strides) + 1
    out = {}
    for _, x in places(size):
        total = np.zeros((len(elements), psi.shape[-1]))
        for (h, element), tap in itertools.product(enumerate(elements), taps):
            value = values.get(rounded(strides * x + dilation * tap))
            if value is None:
                continue
            back = inverse(element)
            weights = taps[act(back, tap)]
            if not on_group:
                total[h] += value @ weights
                continue
            for g, other in enumerate(elements):
                total[h] += value[g] @ weights[elements.index(product(back, other))]
        out[x] = total
    return to_array(out, size)
