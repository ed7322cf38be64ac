"""The left action of G's point group on feature maps (paper, section 4.4)."""

import keras
from keras import ops

from keras_gcnn import groups as point_groups
from keras_gcnn.ops import layout, tables


def transform_feature_map(x, group, element, subgroup=None, data_format=None):
    """Turns a feature map by an element h of the point group, about the centre of its grid.

        (L_h f)(x)     = f(h⁻¹x)              an image
        (L_h f)(x, gK) = f(h⁻¹x, h⁻¹gK)       a function on G/K: it turns and its H axis permutes

    Args:
        x: Image, `(batch, *space, channels)`, or function on G or G/K, with an axis `|H|/|K|`
            before the channels; or the same in `"channels_first"`. Quarter turns need a square.
        group: Name of the point group H, or a `PointGroup`.
        element: Index of h in the group.
        subgroup: K for a function on G/K. `None` is {e}: a function on G.
        data_format: As in `keras.ops.conv`.

    Returns:
        The transformed feature map, of `x`'s shape.

    Raises:
        ValueError: If `x` has the wrong rank or H axis, the element is not in the group, or the
            element does not map the grid to itself.

    Reference: Cohen & Welling 2016, section 4.4.
    """
    group = point_groups.get(group)
    data_format = data_format or keras.config.image_data_format()
    is_image = len(x.shape) == group.dimension + 2
    space = group if is_image else group.subgroup([0] if subgroup is None else subgroup)
    if data_format == "channels_first":
        x = ops.moveaxis(x, 1, -1) if is_image else ops.moveaxis(x, (1, 2), (-1, -2))
    _check(x, group, element, is_image, group.order // space.order)

    size = tuple(x.shape[1 : group.dimension + 1])
    indices = tables.left_translation(group, element, size, space)
    shape = ops.shape(x)
    points = ops.reshape(x, (shape[0], indices.shape[0], shape[-1]))
    moved = ops.take(points, indices, axis=1)
    moved = ops.reshape(moved, shape)

    if data_format == "channels_first":
        return ops.moveaxis(moved, -1, 1) if is_image else ops.moveaxis(moved, (-1, -2), (1, 2))
    return moved


def _check(x, group, element, is_image, cosets):
    if not 0 <= element < group.order:
        raise ValueError(
            f"`element` must be an index from 0 to {group.order - 1} into {group.name}. "
            f"Received: element={element}."
        )
    is_on_group = layout.is_on_group(x, group) and x.shape[-2] == cosets
    if not is_image and not is_on_group:
        raise ValueError(
            f"`x` must be an image of rank {group.dimension + 2}, or a feature map of rank "
            f"{group.dimension + 3} whose H axis has length {cosets}. Received: a tensor of shape "
            f"{tuple(x.shape)} (in channels_last order)."
        )
