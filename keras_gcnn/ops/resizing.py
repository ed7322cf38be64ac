"""Padding, cropping and upsampling of space, which leave H and the channels as they are."""

from keras_gcnn import arguments
from keras_gcnn.annotations import Amounts, DataFormat, Interpolation, MapLattice, Size, Tensor
from keras_gcnn.groups import coset_axis
from keras_gcnn.ops import backend, layout
from keras_gcnn.ops.image import on_image
from keras_gcnn.ops.symbolic import operation


@operation
def group_pad(
    x: Tensor, padding: Amounts, data_format: DataFormat | None = None, lattice: MapLattice = None
) -> Tensor:
    """Zeros in front of and behind each axis of space.

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        padding: Integer; or one for each axis; or for each axis a pair, in front and behind.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        lattice: As in `group_pool`.

    Returns:
        The larger map.

    Raises:
        ValueError: If an argument is invalid.

    Reference: Cohen & Welling 2016, section 6, for what acts on each plane of a map.
    """
    return _padded_map(x, padding, data_format, lattice, "padding", sign=1)


@operation
def group_crop(
    x: Tensor, cropping: Amounts, data_format: DataFormat | None = None, lattice: MapLattice = None
) -> Tensor:
    """Cuts points away in front of and behind each axis of space.

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        cropping: Integer; or one for each axis; or for each axis a pair, in front and behind.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        lattice: As in `group_pool`.

    Returns:
        The smaller map.

    Raises:
        ValueError: If an argument is invalid, or nothing is left.

    Reference: Cohen & Welling 2016, section 6, for what acts on each plane of a map.
    """
    return _padded_map(x, cropping, data_format, lattice, "cropping", sign=-1)


def _padded_map(x, amounts, data_format, lattice, name, sign):
    x, data_format = backend.tensor(x), arguments.data_format(data_format)
    dimension = arguments.dimension_of_map(x)
    amounts = arguments.amounts(amounts, dimension, name)
    amounts = [(sign * front, sign * behind) for front, behind in amounts]
    lattice = arguments.lattice(lattice, dimension)
    arguments.leaves_something(arguments.size_of(x, dimension, data_format), amounts, name)
    order = x.shape[coset_axis(data_format, dimension)]
    merged = layout.merge_group_axis(on_image(x, lattice, data_format), data_format)
    y = layout.split_group_axis(padded(merged, amounts, data_format), order, data_format)
    return on_image(y, lattice, data_format)


def padded(x, amounts, data_format):
    """A planar map with zeros around space; negative amounts crop it."""
    added = [(max(front, 0), max(behind, 0)) for front, behind in amounts]
    cropped = [slice(max(-front, 0), min(behind, 0) or None) for front, behind in amounts]
    if any(piece != slice(0, None) for piece in cropped):
        first = 1 if data_format == "channels_last" else 2
        x = x[(slice(None),) * first + tuple(cropped)]
    if any(map(any, added)):
        x = backend.pad(x, layout.around_space(added, data_format))
    return x


@operation
def group_upsample(
    x: Tensor,
    size: Size,
    interpolation: Interpolation = "nearest",
    data_format: DataFormat | None = None,
) -> Tensor:
    """Makes each axis of space `size` times as long.

    `"nearest"` repeats every point. `"bilinear"` takes the point i of the output from the place
    (i + 1/2)/size - 1/2 of the input, by linear interpolation along each axis. Points outside of
    the input have the value of the nearest edge. On hexagonal maps neither is equivariant: use
    `group_conv_transpose`.

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        size: Integer, or one per axis of space.
        interpolation: `"nearest"`, or `"bilinear"` in two dimensions.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Returns:
        The larger map.

    Raises:
        ValueError: If an argument is invalid, or sizes are unknown for `"bilinear"`.

    Reference: Cohen & Welling 2016, section 6, for what acts on each plane of a map.
    """
    x, data_format = backend.tensor(x), arguments.data_format(data_format)
    dimension = arguments.dimension_of_map(x)
    factors = arguments.integer_tuple(size, dimension, "size")
    interpolation = arguments.one_of(interpolation, arguments.INTERPOLATIONS, "interpolation")
    order = x.shape[coset_axis(data_format, dimension)]
    merged = layout.merge_group_axis(x, data_format)
    if interpolation == "nearest":
        first = 1 if data_format == "channels_last" else 2
        for axis, factor in enumerate(factors, start=first):
            merged = merged if factor == 1 else backend.repeat(merged, factor, axis)
    else:
        merged = _bilinear(merged, factors, data_format)
    return layout.split_group_axis(merged, order, data_format)


def _bilinear(x, factors, data_format):
    size = x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]
    if len(size) != 2 or None in size:
        raise ValueError(
            "Bilinear upsampling takes maps in two dimensions of a known size. Received: "
            f"x.shape={tuple(x.shape)}. Use interpolation='nearest'."
        )
    new_size = tuple(n * factor for n, factor in zip(size, factors, strict=True))
    return backend.resize(x, new_size, data_format)
