"""The points of an array that belong to an image: on the hexagonal lattice not all do."""

import math

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.ops import backend, layout, tables


def on_image(x, lattice, data_format, outside=0):
    """A map whose values at points that do not belong to the image are replaced by one number.

    Args:
        x: `(batch, *space, …)`, or `(batch, …, *space)` for `"channels_first"`.
        lattice: The `groups.Lattice`.
        data_format: Of `x`.
        outside: The number.

    Raises:
        ValueError: If the size of a hexagonal image is not known.
    """
    if not lattice.bounds:
        return x
    size = arguments.size_of(x, lattice.dimension, data_format)
    arguments.known_size(size, lattice)
    mask, others = tables.image_mask(lattice, size), len(x.shape) - len(size) - 1
    if data_format == "channels_last":
        mask = ops.reshape(mask, (*size, *(1,) * others))
    return ops.where(mask, x, ops.cast(outside, x.dtype))


def between_maps(function, x, source, target, data_format, needs_channels_last=False):
    """`function(x, data_format)`, which takes maps on one space to maps on another.

    Points that do not belong to the image are zero before and after. Channels are moved to the end
    and back where there is no function of a channels_first map.

    Args:
        function: Takes a map and its data format.
        x: A map.
        source: The `groups.Space` of `x`.
        target: The `groups.Space` of the result.
        data_format: Of `x` and of the result.
        needs_channels_last: Whether the function takes no channels_first maps on any backend.
    """
    lattice = source.group.lattice
    x = on_image(x, lattice, data_format)
    takes_first = backend.takes_channels_first() and not needs_channels_last
    if data_format == "channels_last" or takes_first:
        y = function(x, data_format)
    else:
        y = function(layout.to_channels_last(x, source.has_axis), "channels_last")
        y = layout.to_channels_first(y, target.has_axis)
    return on_image(y, lattice, data_format)


def points_of(x, lattice, data_format):
    """The points of an image along the first axis of space, and one point along the others.

    Args:
        x: As in `on_image`.
        lattice: A hexagonal `groups.Lattice`.
        data_format: Of `x`.
    """
    size = arguments.size_of(x, lattice.dimension, data_format)
    arguments.known_size(size, lattice)
    return _taken(x, tables.places_of_points(lattice, size), size, data_format)


def array_of(points, lattice, size, data_format):
    """Undoes `points_of` for an array of this size, with zeros outside of the image."""
    places = tables.points_at_places(lattice, size)
    kept = arguments.size_of(points, lattice.dimension, data_format)
    y = _taken(points, places, kept, data_format)
    shape = list(ops.shape(y))
    first = 1 if data_format == "channels_last" else len(shape) - len(size)
    shape[first : first + len(size)] = size
    return on_image(layout.reshape(y, shape), lattice, data_format)


def _taken(x, places, size, data_format):
    """Some points of an array, by their places where the axes of space are one."""
    shape = list(ops.shape(x))
    first = 1 if data_format == "channels_last" else len(shape) - len(size)
    before, behind = shape[:first], shape[first + len(size) :]
    flat = layout.reshape(x, (*before, math.prod(size), *behind))
    taken = ops.take(flat, places, axis=first)
    return layout.reshape(taken, (*before, places.shape[0], *(1,) * (len(size) - 1), *behind))
