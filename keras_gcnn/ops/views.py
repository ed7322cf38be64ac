"""Planar operations of Keras on channels_last maps that are not copied."""

from keras_gcnn.ops import layout, policy


def without_copies(operation, compilation, x, *arguments, data_format):
    """`operation(x, *arguments, data_format=data_format)` for a convolution or pooling of Keras.

    Args:
        operation: A function of Keras.
        compilation: The `backend.Compilation`.
        x: A planar map.
        arguments: Those between map and data format.
        data_format: As in `keras.ops.conv`.
    """
    if data_format == "channels_first" or not policy.views_maps(compilation):
        return operation(x, *arguments, data_format=data_format)
    x = layout.to_channels_first(x, has_group_axis=False)
    y = operation(x, *arguments, data_format="channels_first")
    return layout.to_channels_last(y, has_group_axis=False)
