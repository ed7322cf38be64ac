"""The left action of a point group on feature maps (paper, section 4.4)."""

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import DataFormat, Group, Integer, Subgroup, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.ops import backend, layout, tables
from keras_gcnn.ops.image import on_image
from keras_gcnn.ops.symbolic import operation


@operation
def transform_feature_map(
    x: Tensor,
    group: Group,
    element: Integer,
    subgroup: Subgroup | None = None,
    data_format: DataFormat | None = None,
) -> Tensor:
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
    x = on_image(x, group.lattice, data_format)
    return _moved(x, space, element, data_format)


def _moved(x, space, element, data_format):
    if data_format == "channels_first":
        x = layout.to_channels_last(x, space.has_axis)
        return layout.to_channels_first(_moved(x, space, element, "channels_last"), space.has_axis)
    size = tuple(x.shape[1 : space.dimension + 1])
    arguments.size_to_move(size)
    indices = tables.left_translation(space.group, element, size, space.subgroup)
    shape = ops.shape(x)
    points = layout.reshape(x, (shape[0], indices.shape[0], shape[-1]))
    return layout.reshape(ops.take(points, indices, axis=1), shape)


@operation
def transform_each(
    x: Tensor, group: Group, elements: Tensor, data_format: DataFormat | None = None
) -> Tensor:
    """Transforms every image of a batch by an element of its own, about the centre of its grid.

        o_b(x) = f_b(h_b⁻¹x)

    Args:
        x: Images, `(batch, *space, channels)` or `(batch, channels, *space)`; or without channels,
            `(batch, *space)`, as masks are. Quarter turns need a square.
        group: Name of the point group H, or a `PointGroup`.
        elements: Integers `(batch,)`: indices of h_b in the group.
        data_format: As in `keras.ops.conv`.

    Returns:
        The transformed images, of `x`'s shape and dtype.

    Raises:
        ValueError: If `x` has the wrong rank, `elements` are not one index for each image, or the
            group does not map the grid to itself.

    Reference: Cohen & Welling 2016, section 4.4.
    """
    x, group = backend.tensor(x), arguments.group(group)
    data_format = arguments.data_format(data_format)
    has_channels = len(x.shape) == group.dimension + 2
    if not has_channels and len(x.shape) != group.dimension + 1:
        raise ValueError(
            f"`x` must be a batch of images, of rank {group.dimension + 2}, or "
            f"{group.dimension + 1} without channels. Received: x.shape={tuple(x.shape)}."
        )
    if has_channels and data_format == "channels_first":
        x = layout.to_channels_last(x, has_group_axis=False)
        y = transform_each(x, group, elements, "channels_last")
        return layout.to_channels_first(y, has_group_axis=False)
    elements = arguments.elements(elements, group, x.shape[0])
    x = on_image(x, group.lattice, "channels_last")
    size = tuple(x.shape[1 : group.dimension + 1])
    arguments.size_to_move(size)
    shape = ops.shape(x)
    table = tables.left_translations(group, size)  # (|H|, points)
    indices = ops.take(table, elements, axis=0)
    points = layout.reshape(x, (shape[0], table.shape[1], shape[-1] if has_channels else 1))
    moved = ops.take_along_axis(points, ops.expand_dims(indices, -1), axis=1)
    return layout.reshape(moved, shape)
