"""The left action of a point group on feature maps (paper, section 4.4)."""

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.groups import Space
from keras_gcnn.ops import backend, layout, tables


def transform_feature_map(x, group, element, subgroup=None, data_format=None):
    """Transforms a feature map by an element h of the point group, about the centre of its grid.

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
    x, group = backend.tensor(x), arguments.group(group)
    data_format = arguments.data_format(data_format)
    element = arguments.integer(element, "element", smallest=0, largest=group.order - 1)
    space = Space.whole(group) if subgroup is None else Space(group, subgroup, has_axis=True)
    space = arguments.space_of(x, [Space.lattice(group), space], data_format)
    return _moved(x, space, element, data_format)


def _moved(x, space, element, data_format):
    if data_format == "channels_first":
        x = layout.to_channels_last(x, space.has_axis)
        return layout.to_channels_first(_moved(x, space, element, "channels_last"), space.has_axis)
    size = tuple(x.shape[1 : space.dimension + 1])
    indices = tables.left_translation(space.group, element, size, space.subgroup)
    shape = ops.shape(x)
    points = layout.reshape(x, (shape[0], indices.shape[0], shape[-1]))
    return layout.reshape(ops.take(points, indices, axis=1), shape)
