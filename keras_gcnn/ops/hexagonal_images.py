"""Images on the hexagonal lattice from those on the square one, from offset rows, and back."""

import math
from typing import Literal

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import DataFormat, Integer, Number, Size, Tensor
from keras_gcnn.groups import HEXAGONAL
from keras_gcnn.groups.hexagons import SHIFTED
from keras_gcnn.ops import backend, layout, tables
from keras_gcnn.ops.image import on_image
from keras_gcnn.ops.resampling import resampled
from keras_gcnn.ops.symbolic import operation


@operation
def square_to_hexagonal(
    images: Tensor,
    radius: Integer | None = None,
    spacing: Number = 1.0,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Samples images at the points of the hexagonal lattice, with bilinear interpolation.

        o(r, q) = f(spacing · (r·√3/2, q + r/2))      in (row, column), from the middle of f

    Points outside of the image are zero.

    Args:
        images: `(batch, height, width, channels)`, or as `data_format` says.
        radius: R. `None`: the largest whose hexagon lies within the image.
        spacing: The distance of neighbours on the hexagonal lattice, in pixels.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Returns:
        Images of size 2R + 1 in axial coordinates, which are zero outside of the hexagon.

    Raises:
        ValueError: If the size is unknown, or an argument is invalid.

    Reference: Hoogeboom et al. 2018, "HexaConv", section 3, for axial coordinates.
    """
    images, data_format = backend.tensor(images), arguments.data_format(data_format)
    arguments.floating(images, "images")
    size = arguments.image_size(images.shape, data_format)
    spacing = arguments.positive(spacing, "spacing")
    if radius is None:
        heights = [(n - 1) / 2 / step for n, step in zip(size, _extent(spacing), strict=True)]
        radius = math.floor(min(heights) + 1e-6)
    radius = arguments.integer(radius, "radius", smallest=0)
    y = resampled(images, _matrix(spacing), data_format, (2 * radius + 1,) * 2)
    return on_image(y, HEXAGONAL, data_format)


@operation
def hexagonal_to_square(
    images: Tensor,
    size: Size | None = None,
    spacing: Number = 1.0,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Samples hexagonal images at the pixels of a square lattice, with bilinear interpolation.

    It reverses `square_to_hexagonal`, up to what interpolation smooths. Interpolation is along r
    and q.

    Args:
        images: Hexagonal images of size 2R + 1, `(batch, 2R + 1, 2R + 1, channels)`, or as
            `data_format` says.
        size: Height and width of the result. `None`: the smallest odd ones that hold the hexagon.
        spacing: The distance of neighbours on the hexagonal lattice, in pixels.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Returns:
        Images of that size, which are zero outside of the hexagon.

    Raises:
        ValueError: If the size is unknown, or an argument is invalid.

    Reference: as `square_to_hexagonal`.
    """
    images, data_format = backend.tensor(images), arguments.data_format(data_format)
    arguments.floating(images, "images")
    height, width = arguments.image_size(images.shape, data_format)
    if not HEXAGONAL.has_image((height, width)):
        raise ValueError(
            "Hexagonal images have an odd size 2R + 1, the same along both axes. Received: "
            f"images.shape={tuple(images.shape)}."
        )
    radius = height // 2
    spacing = arguments.positive(spacing, "spacing")
    if size is None:
        size = tuple(2 * math.ceil(radius * step - 1e-6) + 1 for step in _extent(spacing))
    size = arguments.integer_tuple(size, 2, "size")
    (a, b), (c, d) = _matrix(spacing)
    determinant = a * d - b * c
    inverse = (d / determinant, -b / determinant), (-c / determinant, a / determinant)
    return resampled(on_image(images, HEXAGONAL, data_format), inverse, data_format, size)


@operation
def offset_rows_to_hexagonal(
    images: Tensor,
    shifted: Literal["odd", "even"] = "odd",
    radius: Integer | None = None,
    data_format: DataFormat | None = None,
) -> Tensor:
    """Hexagonal images from arrays whose every second row is shifted by half a step. It is exact.

    Every value is taken to its place in axial coordinates. The middle is row `height // 2`, column
    `width // 2`.

    Args:
        images: `(batch, height, width, channels)`, or as `data_format` says.
        shifted: Which rows are shifted to the right, counted from 0: `"odd"` or `"even"`.
        radius: R. `None`: the smallest whose hexagon holds all of the array.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Returns:
        Images of size 2R + 1 in axial coordinates, which are zero where there was no value.

    Raises:
        ValueError: If the size is unknown, or an argument is invalid.

    Reference: as `square_to_hexagonal`.
    """
    images, data_format = backend.tensor(images), arguments.data_format(data_format)
    shifted = arguments.one_of(shifted, SHIFTED, "shifted")
    size = arguments.image_size(images.shape, data_format)
    radius = None if radius is None else arguments.integer(radius, "radius", smallest=0)
    table = tables.offset_rows(size, shifted, radius)  # (2R + 1, 2R + 1)
    if data_format == "channels_first":
        images = layout.to_channels_last(images, has_group_axis=False)
    batch, *_, channels = ops.shape(images)
    points = layout.reshape(images, (batch, size[0] * size[1], channels))
    y = ops.take(points, ops.maximum(ops.reshape(table, (-1,)), 0), axis=1)
    y = layout.reshape(y, (batch, *table.shape, channels))
    y = ops.where(ops.expand_dims(table >= 0, -1), y, ops.cast(0, y.dtype))
    return y if data_format == "channels_last" else layout.to_channels_first(y, False)


def _matrix(spacing):
    """From axial coordinates (r, q) to (row, column), in pixels."""
    (along_r, across_r), (along_q, across_q) = HEXAGONAL.basis
    return (spacing * across_r, spacing * across_q), (spacing * along_r, spacing * along_q)


def _extent(spacing):
    """How far a hexagon of radius 1 reaches along rows and columns, in pixels."""
    (across, _), _ = _matrix(spacing)
    return across, spacing
