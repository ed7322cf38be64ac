"""Pooling over gU for any finite subset U of the group (paper, section 6.3)."""

import math

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import (
    DataFormat,
    Group,
    PoolingPadding,
    Reduction,
    Size,
    Subgroup,
    Subset,
    Tensor,
)
from keras_gcnn.groups import PointGroup, Sampling, Space
from keras_gcnn.ops import backend, layout
from keras_gcnn.ops.image import on_image
from keras_gcnn.ops.pooling import amounts_around, reduction_of_seen
from keras_gcnn.ops.symbolic import operation


@operation
def subset_pool(
    x: Tensor,
    group: Group,
    subset: Subset,
    strides: Size = 1,
    padding: PoolingPadding = "valid",
    reduction: Reduction = "max",
    subgroup: Subgroup | None = None,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Pools a function on G over gU, for any finite U ⊂ G, at every g or at those of a subgroup.

        o_c(g) = max over u in U of f_c(gu)                     or the mean, or the sum

    With g = (x, h) and u = (t, r), gu is (x + ht, hr). Poolings of windows are the case that all r
    are the identity, and coset poolings the case that all t are 0.

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        group: Name of the point group H, or a `PointGroup`.
        subset: U, a list of pairs `(t, r)`: d integers, in steps of the lattice, and the index of
            an element of H.
        strides: Integer, or one per axis: x are the points strides·Zᵈ.
        padding: `"valid"` or `"same"`, for the smallest window around all ht. Padded points are
            left out; where no other is left, the result is 0.
        reduction: `"max"`, `"mean"` or `"sum"`.
        subgroup: H′, if h runs only over its elements. `None`: all of H.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Returns:
        Feature map on strides·Zᵈ ⋊ H′, `(batch, *new_space, |H′|, channels)`, or `(batch, channels,
        |H′|, *new_space)`.

    Raises:
        ValueError: If an argument is invalid, H′ is no subgroup of H, or `x` is no map on G.

    Reference: Cohen & Welling 2016, section 6.3.
    """
    x, group = backend.tensor(x), arguments.group(group)
    arguments.floating(x, "x")
    data_format = arguments.data_format(data_format)
    reduction = arguments.one_of(reduction, arguments.REDUCTIONS, "reduction")
    arguments.space_of(x, [Space.whole(group)], data_format)
    subset = arguments.subset(subset, group)
    if not isinstance(subgroup, PointGroup):
        subgroup = group if subgroup is None else group.subgroup(subgroup)
    sampling = subset_sampling(group, subset, strides, padding)
    size = arguments.size_of(x, group.dimension, data_format)
    arguments.fits(sampling, size, "window")
    if data_format == "channels_first":
        x = layout.to_channels_last(x, has_group_axis=True)
    elements = group.members(subgroup)
    y = reduction_of_seen(
        lambda x, outside: _seen(x, group, subset, elements, sampling, outside), x, reduction
    )
    y = y if data_format == "channels_last" else layout.to_channels_first(y, has_group_axis=True)
    return on_image(y, group.lattice, data_format)


def subset_sampling(group, subset, strides, padding):
    """The `groups.Sampling` of the smallest window around all h·t."""
    elements = range(group.order)
    points = [group.move(h, t, r)[0] for t, r in subset for h in elements]
    window = group.lattice.kernel_around(points)
    rotations = {r for _, r in subset}
    is_full = len(set(subset)) == math.prod(group.lattice.kernel_axes(window)) * len(rotations)
    return Sampling(
        window,
        arguments.integer_tuple(strides, group.dimension, "strides"),
        arguments.one_of(padding, arguments.POOLING_PADDINGS, "padding"),
        sees_padding=not is_full,  # windows with holes tell points apart where all cover the image
    )


def _seen(x, group, subset, elements, sampling, outside):
    """f(gu) for each u, as maps of the size of the output."""
    x = on_image(x, group.lattice, "channels_last", outside)
    amounts = amounts_around(x, sampling, "channels_last")
    x = backend.pad(x, [(0, 0), *amounts, (0, 0), (0, 0)], outside)
    shifts = [sampling.shifts(axis) for axis in range(group.dimension)]
    middle = [k // 2 for k in sampling.kernel_size]
    maps = []
    for t, r in subset:
        planes = []
        for h in elements:
            point, element = group.move(h, t, r)
            places = zip(shifts, middle, point, strict=True)
            window = tuple(along[m + p] for along, m, p in places)
            planes.append(x[(slice(None), *window, element)])
        maps.append(ops.stack(planes, axis=-2))
    return maps
