"""The G-correlation by the Fourier transform on the point group: fewer multiplications.

`groups.correlation_recipe` says what is summed, and why. To tensors it is done in three steps:

    1. for each irrep ρ, sums and differences of shifted maps, and likewise of the filter's taps;
    2. one matrix product per irrep, over all orbits and channels at once;
    3. sums and differences of its results, for each element of H.
"""

import itertools

import keras
from keras import ops

from keras_gcnn.ops import layout, tables


def fourier_conv(x, kernel, group, sampling):
    """The G-correlation of a feature map with a filter.

    Args:
        x: `(batch, *space, channels)` or `(batch, *space, |H|, channels)`.
        kernel: `(*kernel_size, channels, filters)`, or `(*kernel_size, |H|, channels, filters)`.
        group: The `PointGroup` H.
        sampling: The `groups.Sampling` of strides, padding and dilation.

    Returns:
        `(batch, *new_space, |H|, filters)`.
    """
    neighbours = _neighbours(x, group, sampling)
    sums = tables.fourier_sums(group, layout.static_shape(kernel))
    terms = [[] for _ in range(group.order)]
    for (rows, outputs), taps in zip(sums, _transformed_taps(kernel, group, sums), strict=True):
        entries = []  # of m rows of ô(ρ)
        for row in rows:
            columns = [_weighted_sum(weights, neighbours) for weights in row]
            product = _product(ops.concatenate(columns, axis=-1), taps)
            entries += ops.split(product, len(outputs[0]) // len(rows), axis=-1)
        for h, weights in enumerate(outputs):
            terms[h].append(_weighted_sum(weights, entries))
    return ops.stack([sum(parts[1:], parts[0]) for parts in terms], axis=-2)


def _neighbours(x, group, sampling):
    """What lies at each pair of a tap and a coset: maps `(batch, *new_space, channels)`."""
    x = ops.convert_to_tensor(x)
    if len(x.shape) == group.dimension + 2:
        x = ops.expand_dims(x, -2)  # one coset
    x = _padded(x, sampling)
    shifts = itertools.product(*(_shifts(sampling, axis) for axis in range(group.dimension)))
    return [x[(slice(None), *shift, coset)] for shift in shifts for coset in range(x.shape[-2])]


def _shifts(sampling, axis):
    """For each tap along an axis, the slice of the points that it sees."""
    taps, span = sampling.kernel_size[axis], sampling.effective_kernel_size[axis]
    dilation, stride = sampling.dilation_rate[axis], sampling.strides[axis]
    starts = [tap * dilation for tap in range(taps)]
    return [slice(start, start - span + 1 or None, stride) for start in starts]


def _padded(x, sampling):
    if sampling.padding == "valid":
        return x
    size = x.shape[1:-2]
    if None in size and max(sampling.strides) > 1:
        raise ValueError(
            "The Fourier implementation pads an input of unknown size only where strides are 1. "
            f"Received: x.shape={tuple(x.shape)}, strides={sampling.strides}, padding='same'. Set "
            "height and width in `keras.Input`, or use implementation='direct'."
        )
    if max(sampling.strides) == 1:
        size = sampling.effective_kernel_size  # the padding is the same for all sizes
    return ops.pad(x, [(0, 0), *sampling.padding_widths(size), (0, 0), (0, 0)])


def _transformed_taps(kernel, group, sums):
    """ψ̂(ρ) for each irrep, as a matrix `(columns·channels, d·filters)`."""
    shape = layout.static_shape(kernel)
    channels, filters = shape[-2:]
    table = ops.cast(tables.fourier_taps(group, shape), kernel.dtype)
    # Not ops.matmul: on PyTorch, Keras 3.15 multiplies float64 in float32.
    transform = table @ ops.reshape(kernel, (-1, channels * filters))
    matrices, end = [], 0
    for rows, outputs in sums:
        columns, degree = len(rows[0]), len(outputs[0]) // len(rows)
        start, end = end, end + columns * degree
        matrix = ops.reshape(transform[start:end], (columns, degree, channels, filters))
        matrix = ops.transpose(matrix, (0, 2, 1, 3))
        matrices.append(ops.reshape(matrix, (columns * channels, degree * filters)))
    return matrices


def _product(x, matrix):
    """The product of the channels of a map with a matrix, in each backend's fastest way."""
    if keras.backend.backend() == "torch":
        ones = (1,) * (len(x.shape) - 2)
        kernel = ops.reshape(matrix, (*ones, *matrix.shape))
        return ops.conv(x, kernel, data_format="channels_last")
    flat = ops.reshape(x, (-1, x.shape[-1]))
    return ops.reshape(flat @ matrix, (*ops.shape(x)[:-1], matrix.shape[-1]))


def _weighted_sum(weights, terms):
    """Σ weights · terms, with no product for 1 and -1, and nothing for 0."""
    total = None
    for weight, term in zip(weights, terms, strict=True):
        if weight == 0:
            continue
        term = term if abs(weight) == 1 else abs(weight) * term
        if total is None:
            total = term if weight > 0 else -term
        else:
            total = total + term if weight > 0 else total - term
    return total
