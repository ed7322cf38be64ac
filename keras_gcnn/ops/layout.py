"""Where the axes are: the axis of H stands beside the channels, in either data format.

channels_last   (batch, *space, |H|, C)
channels_first  (batch, C, |H|, *space)
"""

import keras
from keras import ops


def data_format_of(layer_or_model):
    """That of the first layer, at any depth, which has one, or Keras' own default."""
    formats = (getattr(layer, "data_format", None) for layer in layer_or_model._flatten_layers())
    return next(filter(None, formats), keras.config.image_data_format())


def channel_axis(data_format):
    """The axis of channels."""
    return -1 if data_format == "channels_last" else 1


def channels_of(x, data_format):
    """The number of channels of a map, `None` where it is unknown."""
    return x.shape[channel_axis(data_format)]


def around_space(amounts, data_format):
    """Padding amounts for all axes of a planar map, given those of the spatial axes."""
    none = (0, 0)
    return [none, *amounts, none] if data_format == "channels_last" else [none, none, *amounts]


def reshape(x, shape):
    """`ops.reshape`, where one size may be `None`: in a functional model that of the batch is."""
    return ops.reshape(x, [-1 if n is None else n for n in shape])


def merge_group_axis(x, data_format):
    """Makes the axis of H part of the channels, so that any planar operation takes the map.

    `(batch, *space, |H|, C)` becomes `(batch, *space, |H|·C)`, and `(batch, C, |H|, *space)`
    becomes `(batch, C·|H|, *space)`. Nothing is copied.
    """
    shape = ops.shape(x)
    if data_format == "channels_last":
        return reshape(x, (*shape[:-2], shape[-2] * shape[-1]))
    return reshape(x, (shape[0], shape[1] * shape[2], *shape[3:]))


def split_group_axis(x, order, data_format):
    """Undoes `merge_group_axis` for an axis of length `order`."""
    shape = ops.shape(x)
    if data_format == "channels_last":
        return reshape(x, (*shape[:-1], order, shape[-1] // order))
    return reshape(x, (shape[0], shape[1] // order, order, *shape[2:]))


def on_merged_channels(function, x, *vectors):
    """`function(x, *vectors)` of a channels_last map, computed on |H|·C channels.

    The result has the shape of `x`. Each vector has one number for each of C channels, or is
    `None`.
    """
    tiled = (None if vector is None else ops.tile(vector, (x.shape[-2],)) for vector in vectors)
    return reshape(function(merge_group_axis(x, "channels_last"), *tiled), ops.shape(x))


def to_channels_last(x, has_group_axis):
    """A channels_first map with its channels last."""
    return ops.moveaxis(x, *_axes(x, has_group_axis))


def to_channels_first(x, has_group_axis):
    """A channels_last map with its channels first."""
    return ops.moveaxis(x, *_axes(x, has_group_axis)[::-1])


def _axes(x, has_group_axis):
    """The axes of channels, and of H if there is one, channels_first and channels_last."""
    last = len(x.shape) - 1  # ONNX takes no negative ones
    return ((1, 2), (last, last - 1)) if has_group_axis else (1, last)
