"""A planar convolution, in whichever way is fastest."""

import itertools
import math
from functools import partial

from keras import ops

from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.views import without_copies


def planar_conv(x, kernel, data_format, settings):
    """`keras.ops.conv`, with one stride and dilation rate per axis of space.

        o(x) = Σ_y f(s·x + d·y) ψ(y)      with strides s and dilation rates d

    `ops.policy` says where another way to compute it is faster.
    """
    sampling, compilation = settings.sampling, settings.compilation
    strides, padding = sampling.strides, sampling.padding
    if data_format == "channels_last" and kernel.shape[-2] == x.shape[-1]:  # one block of channels
        size = x.shape[1:-1]
        if padding == "valid" and policy.multiplies_whole_maps(x.shape, kernel.shape):
            return _product(x, kernel, (1,) * len(size))
        if all(isinstance(n, int) for n in size):
            if policy.multiplies_points(compilation, kernel.shape):
                seen = x[(slice(None), *(slice(None, None, s) for s in strides))]
                return _product(seen, kernel, seen.shape[1:-1])
            is_padded = policy.pads_planes(compilation, kernel.shape, settings.training)
            if is_padded and padding == "valid":
                return convolve_padded(x, kernel, sampling)
            dtype = backend.standard_dtype(x)
            by_rows = policy.convolves_by_rows(compilation, kernel.shape, dtype)
            if by_rows and isinstance(x.shape[0], int):
                return convolve_by_rows(x, kernel, sampling)
    convolve = partial(
        ops.conv, strides=strides, padding=padding, dilation_rate=sampling.dilation_rate
    )
    return without_copies(convolve, compilation, x, kernel, data_format=data_format)


def _product(x, kernel, points):
    """A matrix product, where `x` holds for each output point the numbers that its taps see."""
    *taps, filters = kernel.shape
    numbers = math.prod(taps)
    y = backend.matmul(ops.reshape(x, (-1, numbers)), ops.reshape(kernel, (numbers, filters)))
    return ops.reshape(y, (-1, *points, filters))


def convolve_padded(x, kernel, sampling):
    """A convolution of planes without padding, of which one row more is computed and left out."""
    points, _ = sampling.output_size(x.shape[1:-1])
    options = sampling.strides, sampling.dilation_rate
    return backend.conv_with_a_row_of_zeros(x, kernel, *options)[:, :points]


def convolve_by_rows(x, kernel, sampling):
    """A convolution along the last axis of space for each tap of the other axes, and their sum."""
    stride, dilation_rate = sampling.strides[-1], sampling.dilation_rate[-1]
    *points, _ = sampling.output_size(x.shape[1:-1])
    *amounts, _ = sampling.padding_amounts(x.shape[1:-1])
    x = backend.pad(x, [(0, 0), *amounts, (0, 0), (0, 0)])
    y = 0
    taps = itertools.product(*map(range, kernel.shape[:-3]))
    shifts = itertools.product(*map(sampling.shifts, range(len(points))))
    for tap, shift in zip(taps, shifts, strict=True):
        rows = ops.reshape(x[(slice(None), *shift)], (-1, *x.shape[-2:]))  # (batch·points, n, C)
        y += ops.conv(rows, kernel[tap], stride, sampling.padding, "channels_last", dilation_rate)
    return ops.reshape(y, (x.shape[0], *points, *y.shape[1:]))
