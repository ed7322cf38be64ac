"""A planar convolution, as a matrix product or a sum over rows where that is faster."""

import itertools
import math

from keras import ops

from keras_gcnn.groups import Sampling
from keras_gcnn.ops import backend, policy


def planar_conv(x, kernel, strides, padding, data_format, dilation_rate, compilation):
    """`keras.ops.conv`, with one stride and dilation rate per axis of space.

        y(i, j) = Σ_a Σ_b x(s·i + d·a, s·j + d·b) ψ(a, b) = Σ_a [x(s·i + d·a, ·) ⋆ ψ(a, ·)](j)

    The first sum is what `keras.ops.conv` computes, the second is `convolve_by_rows`. `ops.policy`
    says where the second is faster, for a `backend.Compilation`.
    """
    if data_format == "channels_last" and kernel.shape[-2] == x.shape[-1]:  # one block of channels
        if padding == "valid" and policy.multiplies_whole_maps(x.shape, kernel.shape):
            return _product(x, kernel)
        by_rows = policy.convolves_by_rows(compilation, kernel.shape)
        if by_rows and all(isinstance(n, int) for n in x.shape):
            return convolve_by_rows(x, kernel, strides, padding, dilation_rate)
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def _product(x, kernel):
    *size, channels, filters = kernel.shape
    taps = math.prod(size) * channels
    y = backend.matmul(ops.reshape(x, (-1, taps)), ops.reshape(kernel, (taps, filters)))
    return ops.reshape(y, (-1, *(1 for _ in size), filters))


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
