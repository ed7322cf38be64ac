"""Sums over the group, written from the paper's formulas in d dimensions.

A point is a vector in half-steps about the centre of its grid. A group is a list of matrices.
Nothing here calls the package. The catalogue's matrices are read as data, and `test_point_group.py`
compares them with the paper's.
"""

import itertools
import os

import numpy as np

from keras_gcnn.groups import catalogue

MATRICES = {name: [np.array(h) for h in rows] for name, rows in catalogue.GROUPS[2].items()}
GROUPS = list(MATRICES)
# JAX compiles every shape by itself, so there one group of each kind stands for its like.
if os.environ.get("KERAS_BACKEND") == "jax" and "EVERY_GROUP" not in os.environ:
    GROUPS = ["p1", "pm", "p4", "cm", "p4m"]
SQUARE_GROUPS = [  # some element exchanges the axes
    name for name, rows in MATRICES.items() if any(h[0, 1] for h in rows)
]
RECTANGULAR_GROUPS = [name for name in MATRICES if name not in SQUARE_GROUPS]


def matrices(group):
    """The elements of H: of a name in the catalogue, or the matrices themselves."""
    return MATRICES[group] if isinstance(group, str) else [np.asarray(h) for h in group]


def g(m, r):
    """The paper's g(m, r) = diag((-1)^m, 1) · R(r·90°)."""
    angle = r * np.pi / 2
    rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.diag([(-1) ** m, 1]) @ np.rint(rotation).astype(int)


def generated(*generators):
    """All products of integer matrices."""
    generators = [np.array(g) for g in generators]
    elements = [np.eye(len(generators[0]), dtype=int)]
    for element in elements:  # which grows
        for product in (element @ g for g in generators):
            if not any((product == known).all() for known in elements):
                elements.append(product)
    return elements


def index_of(matrix, elements):
    return next(i for i, other in enumerate(elements) if (other == matrix).all())


def inverse(matrix):
    return np.rint(np.linalg.inv(matrix)).astype(int)


def about_centre(index, shape):
    return 2 * np.array(index) - (np.array(shape) - 1)


def position(point, shape):
    return tuple((point + np.array(shape) - 1) // 2)


def transform(f, group, element, on_group):
    """(L_h f)(x) = f(h⁻¹x), and (L_h f)(x, h′) = f(h⁻¹x, h⁻¹h′) on G; f is (*size, [|H|,] C)."""
    elements = matrices(group)
    back = inverse(elements[element])
    size = f.shape[: len(back)]
    moved = np.empty_like(f)
    for x in np.ndindex(*size):
        source = position(back @ about_centre(x, size), size)
        if not on_group:
            moved[x] = f[source]
            continue
        for h, matrix in enumerate(elements):
            moved[(*x, h)] = f[(*source, index_of(back @ matrix, elements))]
    return moved


def group_correlation(f, psi, group, strides=None, dilation=None, padding="valid"):
    """[f ⋆ ψ](x, h) = Σ_y Σ_h′ f(y, h′) ψ(h⁻¹(y - x), h⁻¹h′), with f (*size, [|H|,] C).

    ψ is (*kernel_size, [|H|,] C, filters). Each value of L_h ψ is looked up by itself.
    """
    elements = matrices(group)
    d = len(elements[0])
    strides, dilation = strides or (1,) * d, dilation or (1,) * d
    size, on_group = psi.shape[:d], psi.ndim == d + 3
    f = padded(f, size, strides, dilation, padding)
    span = [(k - 1) * s + 1 for k, s in zip(size, dilation, strict=True)]
    steps = [(n - k) // s + 1 for n, k, s in zip(f.shape, span, strides, strict=False)]
    out = np.zeros((*steps, len(elements), psi.shape[-1]), dtype=np.result_type(f, psi))
    for h, tap in itertools.product(range(len(elements)), np.ndindex(*size)):
        back = inverse(elements[h])
        source = position(back @ about_centre(tap, size), size)
        for x in np.ndindex(*steps):
            y = tuple(np.multiply(x, strides) + np.multiply(tap, dilation))
            if not on_group:
                out[(*x, h)] += f[y] @ psi[source]
                continue
            for h2, other in enumerate(elements):
                psi_moved = psi[(*source, index_of(back @ other, elements))]
                out[(*x, h)] += f[(*y, h2)] @ psi_moved
    return out


def adjoint_correlation(f, psi, group, size, strides, dilation, padding):
    """o(z, h′) = Σ_x Σ_h f(x, h) ψ(h⁻¹(z - x), h⁻¹h′)ᵀ on a grid of this size.

    Every value of the correlation from that grid to f's is given back to what it was made of.
    """
    elements = matrices(group)
    d, taps = len(elements[0]), psi.shape[: len(elements[0])]
    whole = padded(
        np.zeros((*size, len(elements), psi.shape[-2])), taps, strides, dilation, padding
    )
    for h, tap in itertools.product(range(len(elements)), np.ndindex(*taps)):
        back = inverse(elements[h])
        source = position(back @ about_centre(tap, taps), taps)
        for x in np.ndindex(*f.shape[:d]):
            z = tuple(np.multiply(x, strides) + np.multiply(tap, dilation))
            for h2, other in enumerate(elements):
                psi_moved = psi[(*source, index_of(back @ other, elements))]
                whole[(*z, h2)] += psi_moved @ f[(*x, h)]
    added = np.subtract(whole.shape[:d], size)
    inside = [slice(a // 2, a // 2 + n) for a, n in zip(added, size, strict=True)]
    return whole[tuple(inside)]


def padded(f, size, strides, dilation, padding):
    """f with zeros around it.

    For "same", enough that ceil(n / s) windows fit; of an odd number the last one stands behind,
    as in Keras. For "centered", the span of the kernel less one, half of it in front.
    """
    amounts = []
    for n, k, s, d in zip(f.shape, size, strides, dilation, strict=False):
        span = (k - 1) * d + 1
        total = {"same": (-(-n // s) - 1) * s + span - n, "centered": span - 1}.get(padding, 0)
        total = max(total, 0)
        amounts.append((total // 2, total - total // 2))
    return np.pad(f, amounts + [(0, 0)] * (f.ndim - len(amounts)))


def to_data_format(f, data_format, on_group=None):
    """From (batch, *space, [|H|,] C) to `data_format`; the rank tells which, in two dimensions."""
    if data_format == "channels_last":
        return f
    on_group = f.ndim == 5 if on_group is None else on_group
    return np.moveaxis(f, (-1, -2), (1, 2)) if on_group else np.moveaxis(f, -1, 1)


def assert_close(actual, expected, tolerance=1e-5):
    """max |a - b| ≤ tolerance · max |b|, the contract's measure."""
    actual, expected = np.asarray(actual, "float64"), np.asarray(expected, "float64")
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    scale = np.abs(expected).max()
    assert scale > 0
    error = np.abs(actual - expected).max() / scale
    assert error <= tolerance, f"relative error {error:.2e} exceeds {tolerance:.0e}"
