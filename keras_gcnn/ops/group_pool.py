"""Pooling over windows of space, for each element of H by itself (paper, section 6.3)."""

import itertools

import keras
from keras import ops

from keras_gcnn.groups import Sampling
from keras_gcnn.ops import compiler, layout


def group_pool(x, pool_size, strides=None, padding="valid", reduction="max", data_format=None):
    """Pools space, leaving the H axis and the channels as they are.

        y[b, x, h, c] = max, or mean, over t in the window of x[b, strides·x + t, h, c]

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        pool_size: Integer, or one per axis.
        strides: Integer, or one per axis. `None` is `pool_size`.
        padding: `"valid"` or `"same"`; padded points are left out.
        reduction: `"max"` or `"mean"`.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Reference: Cohen & Welling 2016, section 6.3.
    """
    data_format = data_format or keras.config.image_data_format()
    order = x.shape[layout.group_axis(data_format, len(x.shape) - 3)]
    merged = layout.merge_group_axis(x, data_format)
    dimension = len(merged.shape) - 2
    window = layout.per_axis(pool_size, dimension)
    strides = layout.per_axis(strides or pool_size, dimension)
    pool = _max_pool if reduction == "max" else _average_pool
    pooled = pool(merged, window, strides, padding, data_format)
    return layout.split_group_axis(pooled, order, data_format)


def _max_pool(x, pool_size, strides, padding, data_format):
    if data_format == "channels_last" and pool_size == strides and _windows_tile(x, pool_size):
        return _maximum_of_tiles(x, pool_size)
    return ops.max_pool(x, pool_size, strides, padding, data_format)


def _windows_tile(x, window):
    """Whether windows side by side cover all, in a function that XLA compiles for a CPU.

    There the gradient of a pooling takes 4 to 7 times as long as that of a maximum.
    """
    pairs = zip(x.shape[1:-1], window, strict=True)
    return compiler.is_xla_on_cpu(x) and all(n is not None and n % w == 0 for n, w in pairs)


def _maximum_of_tiles(x, window):
    """Each axis of space split into windows and places in one, and the maximum over the places.

    Entries that are equal share its gradient, which so turns with the input.
    """
    pairs = zip(x.shape[1:-1], window, strict=True)
    tiles = itertools.chain.from_iterable((n // w, w) for n, w in pairs)
    x = ops.reshape(x, (-1, *tiles, x.shape[-1]))
    return ops.max(x, axis=tuple(range(2, len(x.shape) - 1, 2)))


def _average_pool(x, pool_size, strides, padding, data_format):
    if padding == "valid" or keras.backend.backend() != "torch":
        return ops.average_pool(x, pool_size, strides, padding, data_format)
    # On PyTorch, Keras 3.15 repeats the edge where "same" pads unevenly, and counts it; elsewhere
    # padded points are left out. Zeros are left out if their share of the window is divided away.
    size = x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]
    space = Sampling(pool_size, strides, padding).padding_widths(size)
    last = data_format == "channels_last"
    widths = [(0, 0), *space, (0, 0)] if last else [(0, 0), (0, 0), *space]
    inside = ops.ones((1, *size, 1) if last else (1, 1, *size), dtype=x.dtype)
    total, share = (
        ops.average_pool(ops.pad(values, widths), pool_size, strides, "valid", data_format)
        for values in (x, inside)
    )
    return total / share
