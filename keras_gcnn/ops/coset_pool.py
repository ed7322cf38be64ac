"""From functions on G to functions on G/K (paper, section 6.3)."""

import keras
from keras import ops

from keras_gcnn import groups as point_groups
from keras_gcnn.ops import layout, tables

REDUCTIONS = {"max": ops.max, "mean": ops.mean, "sum": ops.sum}


def coset_pool(x, group, subgroup=None, reduction="max", data_format=None):
    """Pools a function on G over the cosets of a subgroup K.

        (P f)(x, gK) = max over k in K of f(x, gk)             or the mean, or the sum

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        group: Name of the point group H, or a `PointGroup`.
        subgroup: K, by name, as a `PointGroup`, or by the indices of its elements in H. `None` is H
            itself: the result is an image.
        reduction: `"max"`, `"mean"` or `"sum"`.
        data_format: As in `keras.ops.conv`.

    Returns:
        Function on G/K: `x` with an axis `|H|/|K|` for `|H|`, or without it for K = H. Cosets stand
        in the order of `PointGroup.left_cosets`.

    Raises:
        ValueError: If K is no subgroup of H, or the reduction is unknown.

    Reference: Cohen & Welling 2016, section 6.3.
    """
    group = point_groups.get(group)
    data_format = data_format or keras.config.image_data_format()
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"`reduction` must be one of {sorted(REDUCTIONS)}. Received: reduction={reduction!r}."
        )
    reduce = REDUCTIONS[reduction]
    axis = layout.group_axis(data_format, group.dimension)
    cosets = tables.cosets(group, subgroup)
    if cosets.shape[0] == 1:
        return reduce(x, axis=axis)
    return reduce(ops.take(x, cosets, axis=axis), axis=axis + 1)  # (..., |H|/|K|, |K|, ...)
