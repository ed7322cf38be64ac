"""A planar convolution, in whichever way is fastest."""

import itertools
import math
from functools import partial

from keras import ops

from keras_gcnn.groups import Sampling
from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.views import without_copies


def planar_conv(x, kernel, strides, padding, data_format, dilation_rate, training, compilation):
    """`keras.ops.conv`, with one stride and dilation rate per axis of space.

        o(x) = Σ_y f(s·x + d·y) ψ(y)      with strides s and dilation rates d

    `ops.policy` says where another way to compute it is faster, for a `backend.Compilation`.
    """
    if data_format == "channels_last" and kernel.shape[-2] == x.shape[-1]:  # one block of channels
        size = x.shape[1:-1]
        if padding == "valid" and policy.multiplies_whole_maps(x.shape, kernel.shape):
            return _product(x, kernel, (1,) * len(size))
        if all(isinstance(n, int) for n in size):
            if policy.multiplies_points(compilation, kernel.shape):
                seen = x[(slice(None), *(slice(None, None, s) for s in strides))]
                return _product(seen, kernel, seen.shape[1:-1])
            if padding == "valid" and policy.pads_planes(compilation, kernel.shape, training):
                return convolve_padded(x, kernel, strides, dilation_rate)
            dtype = backend.standard_dtype(x)
            by_rows = policy.convolves_by_rows(compilation, kernel.shape, dtype)
            if by_rows and isinstance(x.shape[0], int):
                return convolve_by_rows(x, kernel, strides, padding, dilation_rate)
    convolve = partial(ops.conv, dilation_rate=dilation_rate)
    options = strides, padding
    return without_copies(convolve, compilation, x, kernel, *options, data_format=data_format)


def _product(x, kernel, points):
    """A matrix product, where `x` holds for each output point the numbers that its taps see."""
    *taps, filters = kernel.shape
    numbers = math.prod(taps)
    y = backend.matmul(ops.reshape(x, (-1, numbers)), ops.reshape(kernel, (numbers, filters)))
    return ops.reshape(y, (-1, *points, filters))


def convolve_padded(x, kernel, strides, dilation_rate):
    """A convolution of planes without padding, of which one row more is computed and left out."""
    points, _ = Sampling(kernel.shape[:-2], strides, "valid", dilation_rate).output_size(
        x.shape[1:-1]
    )
    return backend.conv_with_a_row_of_zeros(x, kernel, strides, dilation_rate)[:, :points]


def convolve_by_rows(x, kernel, strides, padding, dilation_rate):
    """A convolution along the last axis of space for each tap of the other axes, and their sum."""
    size = tuple(kernel.shape[:-2])
    sampling = Sampling(size, strides, padding, dilation_rate)
    *points, _ = sampling.output_size(x.shape[1:-1])
    *amounts, _ = sampling.padding_amounts(x.shape[1:-1])
    x = backend.pad(x, [(0, 0), *amounts, (0, 0), (0, 0)])
    y = 0
    taps = itertools.product(*map(range, size[:-1]))
    shifts = itertools.product(*map(sampling.shifts, range(len(points))))
    for tap, shift in zip(taps, shifts, strict=True):
        rows = ops.reshape(x[(slice(None), *shift)], (-1, *x.shape[-2:]))  # (batch·points, n, C)
        y += ops.conv(rows, kernel[tap], strides[-1], padding, "channels_last", dilation_rate[-1])
    return ops.reshape(y, (x.shape[0], *points, *y.shape[1:]))
