"""Sums over the group, written from the paper's formulas: nothing here calls the package.

A point is a pair of half-pixel coordinates about the centre of its grid, a group element a matrix.
"""

import itertools

import numpy as np

# The values of m and r of g(m, r) = diag((-1)^m, 1) · R(r·90°), for every group.
PARAMETERS = {
    "p1": ([0], [0]),
    "p2": ([0], [0, 2]),
    "p4": ([0], [0, 1, 2, 3]),
    "pm": ([0, 1], [0]),
    "pmm": ([0, 1], [0, 2]),
    "p4m": ([0, 1], [0, 1, 2, 3]),
}
GROUPS = list(PARAMETERS)
SQUARE_GROUPS = ["p4", "p4m"]


def matrices(group):
    """The elements of H in the order the contract gives."""
    mirrors, quarters = PARAMETERS[group]
    return [_mirror(m) @ _rotation(r) for m in mirrors for r in quarters]


def _mirror(m):
    return np.diag([(-1) ** m, 1])


def _rotation(r):
    angle = r * np.pi / 2
    rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.rint(rotation).astype(int)


def index_of(matrix, elements):
    return next(i for i, other in enumerate(elements) if (other == matrix).all())


def inverse(matrix):
    return np.rint(np.linalg.inv(matrix)).astype(int)


def about_centre(i, j, shape):
    return np.array([2 * i - (shape[0] - 1), 2 * j - (shape[1] - 1)])


def position(point, shape):
    return tuple((point + np.array(shape) - 1) // 2)


def transform(f, group, element, on_group):
    """(L_h f)(x) = f(h⁻¹x), and (L_h f)(x, h') = f(h⁻¹x, h⁻¹h') on G; f is (n, n, [|H|,] C)."""
    elements = matrices(group)
    back = inverse(elements[element])
    moved = np.empty_like(f)
    for i, j in itertools.product(range(f.shape[0]), range(f.shape[1])):
        source = position(back @ about_centre(i, j, f.shape[:2]), f.shape[:2])
        if not on_group:
            moved[i, j] = f[source]
            continue
        for h, matrix in enumerate(elements):
            moved[i, j, h] = f[(*source, index_of(back @ matrix, elements))]
    return moved


def group_correlation(f, psi, group, strides=(1, 1), dilation=(1, 1), padding="valid"):
    """[f ⋆ ψ](x, h) = Σ_y Σ_h' f(y, h') ψ(h⁻¹(y - x), h⁻¹h'), with f (n, n, [|H|,] C).

    ψ is (k, k, [|H|,] C, filters). The filters that L_h moves are found one value at a time.
    """
    elements = matrices(group)
    size = psi.shape[:2]
    on_group = psi.ndim == 5
    f = _pad(f, size, strides, dilation) if padding == "same" else f
    span = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    steps = [(n - k) // s + 1 for n, k, s in zip(f.shape, span, strides, strict=False)]
    out = np.zeros((*steps, len(elements), psi.shape[-1]), dtype=np.result_type(f, psi))
    for h, t1, t2 in itertools.product(range(len(elements)), range(size[0]), range(size[1])):
        back = inverse(elements[h])
        source = position(back @ about_centre(t1, t2, size), size)
        for x1, x2 in itertools.product(range(steps[0]), range(steps[1])):
            y = (x1 * strides[0] + t1 * dilation[0], x2 * strides[1] + t2 * dilation[1])
            if not on_group:
                out[x1, x2, h] += f[y] @ psi[source]
                continue
            for h2, other in enumerate(elements):
                out[x1, x2, h] += f[(*y, h2)] @ psi[(*source, index_of(back @ other, elements))]
    return out


def _pad(f, size, strides, dilation):
    """Zeros so that ceil(n / s) windows fit, the odd one behind: what Keras calls "same"."""
    widths = []
    for n, k, s, d in zip(f.shape, size, strides, dilation, strict=False):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        widths.append((total // 2, total - total // 2))
    return np.pad(f, widths + [(0, 0)] * (f.ndim - 2))


def to_data_format(f, data_format):
    """From (batch, h, w, [|H|,] C) to `data_format`."""
    if data_format == "channels_last":
        return f
    return np.moveaxis(f, (-1, -2), (1, 2)) if f.ndim == 5 else np.moveaxis(f, -1, 1)


def assert_close(actual, expected, tolerance=1e-5):
    """max |a - b| ≤ tolerance · max |b|, the contract's measure."""
    actual, expected = np.asarray(actual, "float64"), np.asarray(expected, "float64")
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    scale = np.abs(expected).max()
    assert scale > 0
    error = np.abs(actual - expected).max() / scale
    assert error <= tolerance, f"relative error {error:.2e} exceeds {tolerance:.0e}"
