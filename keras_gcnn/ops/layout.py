"""Where the axes are: the H axis next to the channels, in either data format.

channels_last   (batch, *space, |H|, C)
channels_first  (batch, C, |H|, *space)
"""

from keras import ops


def group_axis(data_format, dimension):
    """The axis indexed by H, or by the cosets of H, in a feature map on G."""
    return dimension + 1 if data_format == "channels_last" else 2


def merge_group_axis(x, data_format):
    """Makes the H axis part of the channels, so that any planar operation takes the map: free.

    `(batch, *space, |H|, C)` becomes `(batch, *space, |H|·C)`, `(batch, C, |H|, *space)` becomes
    `(batch, C·|H|, *space)`.
    """
    shape = ops.shape(x)
    if data_format == "channels_last":
        return ops.reshape(x, (*shape[:-2], shape[-2] * shape[-1]))
    return ops.reshape(x, (shape[0], shape[1] * shape[2], *shape[3:]))


def split_group_axis(x, order, data_format):
    """Undoes `merge_group_axis` for an H axis of length `order`."""
    shape = ops.shape(x)
    if data_format == "channels_last":
        return ops.reshape(x, (*shape[:-1], order, shape[-1] // order))
    return ops.reshape(x, (shape[0], shape[1] // order, order, *shape[2:]))


def is_on_group(x, group):
    """Whether a map or a filter has an H axis."""
    return len(x.shape) == group.dimension + 3


def per_axis(value, dimension):
    """An integer for each axis of space, or what is one per axis already, as a tuple."""
    return (value,) * dimension if isinstance(value, int) else tuple(value)


def static_shape(x):
    """The shape as integers, which it is not by itself where PyTorch traces for ONNX."""
    return tuple(int(n) for n in x.shape)


def is_known(shape):
    """Whether every size is an integer, which they are not while a model is exported."""
    return all(isinstance(n, int) for n in shape)
