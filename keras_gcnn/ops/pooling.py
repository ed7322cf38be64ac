"""Pooling over windows of space, and over cosets of a subgroup (paper, section 6.3)."""

import itertools
import math
from functools import partial

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import (
    DataFormat,
    GlobalReduction,
    Group,
    MapLattice,
    PoolingPadding,
    PoolingReduction,
    Reduction,
    Size,
    Subgroup,
    Tensor,
)
from keras_gcnn.groups import Sampling, Space, coset_axis
from keras_gcnn.groups.lattice import binomial_weights
from keras_gcnn.ops import backend, layout, policy, tables
from keras_gcnn.ops.image import on_image
from keras_gcnn.ops.symbolic import operation
from keras_gcnn.ops.views import without_copies

_REDUCTIONS = {"max": backend.maximum, "mean": ops.mean, "sum": ops.sum}


@operation
def coset_pool(
    x: Tensor,
    group: Group,
    subgroup: Subgroup | None = None,
    reduction: Reduction = "max",
    data_format: DataFormat | None = None,
    input_subgroup: Subgroup | None = None,
) -> Tensor:
    """Coset pooling: a function on G becomes one on G/K.

        o_c(x, hK) = max over h′ in K of f_c(x, hh′)             or the mean, or the sum

    A function on G/L, for L ⊂ K, becomes one on G/K too: the maximum is over the cosets of L in hK.

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        group: Name of the point group H, or a `PointGroup`.
        subgroup: K, by name, as a `PointGroup`, or by the indices of its elements in H. `None` is H
            itself: the result is an image.
        reduction: `"max"`, `"mean"` or `"sum"`.
        data_format: As in `keras.ops.conv`.
        input_subgroup: L, if `x` is on G/L.

    Returns:
        Function on G/K: `x` with an axis `|H|/|K|` for `|H|`, or without it for K = H. Cosets stand
        in the order of `PointGroup.left_cosets`.

    Raises:
        ValueError: If K is no subgroup of H, does not contain L, `x` is on another space, or
            another argument is invalid.

    Reference: Cohen & Welling 2016, section 6.3.
    """
    x, group = backend.tensor(x), arguments.group(group)
    arguments.floating(x, "x")
    data_format = arguments.data_format(data_format)
    reduce = _REDUCTIONS[arguments.one_of(reduction, arguments.REDUCTIONS, "reduction")]
    space = Space(group, group.trivial if input_subgroup is None else input_subgroup, True)
    cosets = tables.cosets_within(group, subgroup, space.subgroup)
    axis = arguments.space_of(x, [space], data_format).axis(data_format)
    x = on_image(x, group.lattice, data_format)
    if cosets.shape[0] == 1:
        return reduce(x, axis=axis)
    return reduce(ops.take(x, cosets, axis=axis), axis=axis + 1)  # (..., |H|/|K|, |K|, ...)


@operation
def group_pool(
    x: Tensor,
    pool_size: Size,
    strides: Size | None = None,
    padding: PoolingPadding = "valid",
    reduction: PoolingReduction = "max",
    data_format: DataFormat | None = None,
    lattice: MapLattice = None,
) -> Tensor:
    """Pools space, leaving the axis of H and the channels as they are.

        o_c(x, h) = max, or mean, over taps y of the window of f_c(strides·x + y, h)

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        pool_size: Integer, or one per axis.
        strides: Integer, or one per axis. `None` is `pool_size`.
        padding: `"valid"` or `"same"`. A maximum or mean leaves padded points out; `"blur"` counts
            them as zeros.
        reduction: `"max"`, `"mean"`, or `"blur"`: a mean with binomial weights, which removes the
            fine detail that strides would alias.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        lattice: `"hexagonal"` for hexagonal windows, or a `groups.Lattice`. `None`: that with axes
            at right angles. Points outside of a hexagon are left out as padded points are.

    Returns:
        The pooled map.

    Raises:
        ValueError: If an argument is invalid, or the window does not fit into the map.

    Reference: Cohen & Welling 2016, section 6.3; `"blur"`: Zhang 2019.
    """
    x, data_format = backend.tensor(x), arguments.data_format(data_format)
    arguments.floating(x, "x")
    dimension = arguments.dimension_of_map(x)
    window = arguments.integer_tuple(pool_size, dimension, "pool_size")
    strides = window if strides is None else arguments.integer_tuple(strides, dimension, "strides")
    padding = arguments.one_of(padding, arguments.POOLING_PADDINGS, "padding")
    reduction = arguments.one_of(reduction, arguments.POOLING_REDUCTIONS, "reduction")
    sampling = Sampling(window, strides, padding, sees_padding=reduction == "blur")
    arguments.fits(sampling, arguments.size_of(x, dimension, data_format), "pool_size")
    lattice = arguments.lattice(lattice, dimension)
    order = x.shape[coset_axis(data_format, dimension)]
    merged = layout.merge_group_axis(x, data_format)  # (batch, *space, |H|·C)
    if lattice.bounds:
        y = _pool_taps(merged, sampling, lattice, reduction, data_format)
        return layout.split_group_axis(y, order, data_format)
    pool = {"max": _max_pool, "mean": _average_pool, "blur": _blur_pool}[reduction]
    return layout.split_group_axis(pool(merged, sampling, data_format), order, data_format)


@operation
def global_group_pool(
    x: Tensor,
    reduction: GlobalReduction = "max",
    keepdims: bool = False,
    data_format: DataFormat | None = None,
    lattice: MapLattice = None,
) -> Tensor:
    """The maximum or mean over space and H: one number for each channel, which is invariant.

        o_c = max, or mean, over x and h of f_c(x, h)

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        reduction: `"max"` or `"mean"`.
        keepdims: Whether space and H stay, as axes of length 1.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        lattice: As in `group_pool`.

    Returns:
        `(batch, channels)`, or with axes of length 1 between or after them.

    Raises:
        ValueError: If an argument is invalid.

    Reference: Cohen & Welling 2016, section 6.3.
    """
    x, data_format = backend.tensor(x), arguments.data_format(data_format)
    arguments.floating(x, "x")
    dimension = arguments.dimension_of_map(x)
    reduction = arguments.one_of(reduction, ("max", "mean"), "reduction")
    keepdims = arguments.boolean(keepdims, "keepdims")
    lattice = arguments.lattice(lattice, dimension)
    x = on_image(x, lattice, data_format, outside=-math.inf if reduction == "max" else 0)
    first = 1 if data_format == "channels_last" else 2
    axes = tuple(range(first, first + dimension + 1))
    y = _REDUCTIONS[reduction](x, axis=axes, keepdims=keepdims)
    if lattice.bounds and reduction == "mean":
        (share,) = tables.share_of_image(lattice, arguments.size_of(x, dimension, data_format))
        y = y / share
    return y


@operation
def restrict_group(
    x: Tensor, group: Group, subgroup: Subgroup, data_format: DataFormat | None = None
) -> Tensor:
    """Reads a function on G as several functions on a subgroup G′, in the channels.

        o_{c·n + j}(x, h′) = f_c(x, h′·tⱼ)        for the n cosets H′tⱼ of H′ in H

    Nothing is lost: the numbers are the same. The result is equivariant only to H′.

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        group: Name of the point group H, or a `PointGroup`.
        subgroup: H′, by name, as a `PointGroup`, or by the indices of its elements in H.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Returns:
        Feature map on G′, with an axis `|H′|` and n times the channels. Cosets stand in the order
        of `PointGroup.right_cosets`.

    Raises:
        ValueError: If H′ is no subgroup of H, or `x` is no map on G.

    Reference: Cohen & Welling 2016, section 6.3, a stride onto a subgroup.
    """
    x, group = backend.tensor(x), arguments.group(group)
    data_format = arguments.data_format(data_format)
    cosets = tables.right_cosets(group, subgroup)  # (n, |H′|)
    axis = arguments.space_of(x, [Space.whole(group)], data_format).axis(data_format)
    y = ops.take(on_image(x, group.lattice, data_format), cosets, axis=axis)  # (..., n, |H′|, ...)
    if data_format == "channels_last":
        y = ops.moveaxis(y, axis, -1)  # (batch, *space, |H′|, channels, n)
        return layout.reshape(y, (*ops.shape(y)[:-2], y.shape[-2] * y.shape[-1]))
    shape = ops.shape(y)  # (batch, channels, n, |H′|, *space)
    return layout.reshape(y, (shape[0], shape[1] * shape[2], *shape[3:]))


def _max_pool(x, sampling, data_format):
    window, strides = sampling.kernel_size, sampling.strides
    tiles = data_format == "channels_last" and window == strides
    compilation = backend.compilation_of(x)
    if tiles and policy.tiles_are_reduced(compilation, x.shape[1:-1], window):
        return _maximum_of_tiles(x, window)
    options = window, strides, sampling.padding
    return without_copies(ops.max_pool, compilation, x, *options, data_format=data_format)


def _maximum_of_tiles(x, window):
    """The maximum over the points of each window, once axes of space are split into both.

    Equal entries share the gradient, so it turns with the input.
    """
    pairs = zip(x.shape[1:-1], window, strict=True)
    tiles = itertools.chain.from_iterable((n // w, w) for n, w in pairs)
    x = layout.reshape(x, (-1, *tiles, x.shape[-1]))
    return ops.max(x, axis=tuple(range(2, len(x.shape) - 1, 2)))


def _average_pool(x, sampling, data_format):
    size = x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]
    amounts = None if None in size else sampling.padding_amounts(size)
    pool, compilation = partial(backend.average_pool, amounts=amounts), backend.compilation_of(x)
    options = sampling.kernel_size, sampling.strides, sampling.padding
    return without_copies(pool, compilation, x, *options, data_format=data_format)


def _pool_taps(x, sampling, lattice, reduction, data_format):
    """The reduction of what each tap of a window sees."""

    def see(x, outside):
        return _seen(x, sampling, lattice, data_format, outside)

    if reduction == "blur":
        weights = tables.binomial_weights(lattice, sampling.kernel_size)
        y = sum(weight * part for weight, part in zip(weights, see(x, 0), strict=True))
    else:
        y = reduction_of_seen(see, x, reduction)
    return on_image(y, lattice, data_format)


def reduction_of_seen(see, x, reduction):
    """The maximum, sum or mean over windows, ignoring positions outside the map.

    It is 0 where a window covers no point.

    Args:
        see: A function of a map and a number for what lies outside. It gives what each place of a
            window sees, in a list of maps of the size of the output.
        x: The map.
        reduction: `"max"`, `"mean"` or `"sum"`.
    """
    if reduction == "max":
        y = backend.maximum(ops.stack(see(x, -math.inf), axis=-1), axis=-1)
        return ops.where(y == -math.inf, ops.cast(0, y.dtype), y)
    total = sum(see(x, 0))
    if reduction == "sum":
        return total
    counts = sum(see(ops.ones_like(x[:1]), 0))
    return total / ops.maximum(counts, ops.ones_like(counts))


def amounts_around(x, sampling, data_format):
    """Padded points in front of and behind each axis, also where a size is not known yet."""
    first = 1 if data_format == "channels_last" else 2
    size = ops.shape(x)[first : first + len(sampling.strides)]
    return sampling.padding_amounts(size, backend.larger)


def _with_points_around(x, sampling, data_format, outside=0):
    amounts = amounts_around(x, sampling, data_format)
    return backend.pad(x, layout.around_space(amounts, data_format), outside)


def _seen(x, sampling, lattice, data_format, outside):
    """What each tap of a window sees, in maps of the size of the output."""
    x = on_image(x, lattice, data_format, outside)
    x = _with_points_around(x, sampling, data_format, outside)
    before = (slice(None),) * (1 if data_format == "channels_last" else 2)
    return [x[(*before, *window)] for window in sampling.windows(lattice)]


def _blur_pool(x, sampling, data_format):
    """The weighted sum over the window, axis by axis, with zeros outside of the map."""
    first = 1 if data_format == "channels_last" else 2
    x = _with_points_around(x, sampling, data_format)
    for axis, k in enumerate(sampling.kernel_size):
        before = (slice(None),) * (first + axis)
        taps = zip(binomial_weights(k), sampling.shifts(axis), strict=True)
        x = sum(weight * x[(*before, shift)] for weight, shift in taps)
    return x
