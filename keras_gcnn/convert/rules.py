"""What each layer becomes: a rule is a function of the conversion, the layer and its inputs."""

import keras
import numpy as np
from keras import activations, layers, ops

from keras_gcnn import stock
from keras_gcnn.convert.merged import MergedMap, no_counterpart, structure
from keras_gcnn.layers import CosetPooling2D, HighwayBlock2D, ResidualBlock2D
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.group_pooling import BaseGroupPooling, GroupMaxPooling2D
from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.conv.filters import planar_kernel, transform_filters

# Stock layers in three dimensions that do nothing along H: the planar layer, its argument that has
# an entry for each axis, and the entry for H.
_WITHOUT_H = {
    layers.UpSampling3D: (layers.UpSampling2D, "size", 1),
    layers.ZeroPadding3D: (layers.ZeroPadding2D, "padding", (0, 0)),
    layers.Cropping3D: (layers.Cropping2D, "cropping", (0, 0)),
    layers.MaxPooling3D: (layers.MaxPooling2D, "pool_size", 1),
    layers.AveragePooling3D: (layers.AveragePooling2D, "pool_size", 1),
}


def group_convolution(conversion, layer, x):
    """The planar convolution with the filter bank."""
    order = layer.group.order
    if not stock.is_pointwise(layer.activation):
        raise no_counterpart(layer, "has an activation that is not known to be pointwise")
    x, padding = _padded(conversion, layer, x)

    def make():
        bank = transform_filters(ops.convert_to_tensor(layer.kernel), layer.group)
        kernel = planar_kernel(bank, layer.dimension, layer.groups, "channels_first")
        bias = [np.repeat(_array(layer.bias), order)] if layer.use_bias else []
        planar = layers.Conv2D(
            layer.filters * order,
            layer.kernel_size,
            strides=layer.strides,
            padding=padding,
            data_format=_format_inside(layer.data_format),
            dilation_rate=layer.dilation_rate,
            groups=layer.groups,
            activation=layer.activation,
            use_bias=layer.use_bias,
            kernel_initializer=policy.INITIALIZER_OF_KNOWN_KERNELS,
            **_named_as(layer),
        )
        shape = _shape_inside(planar, x.shape, layer.data_format)
        return _with_weights(planar, shape, [_array(kernel), *bias])

    outputs = _convolved(conversion, conversion.once(layer, make), x, layer.data_format)
    return conversion.mark(outputs, MergedMap(order, layer.data_format))


def planar_convolution(conversion, layer, x):
    """Itself, remembered for the batch normalization that may follow."""
    if conversion.spaces.get(x) is not None:
        raise no_counterpart(layer, "is no convolution on the group")
    inside = _format_inside(layer.data_format)
    if layer.data_format == inside:
        return _convolved(conversion, conversion.itself(layer), x, layer.data_format)

    def make():
        planar = type(layer).from_config({**layer.get_config(), "data_format": inside})
        shape = _shape_inside(planar, x.shape, layer.data_format)
        return _with_weights(planar, shape, layer.get_weights())

    return _convolved(conversion, conversion.once(layer, make), x, layer.data_format)


def batch_normalization(conversion, layer, x):
    """Folded into the convolution before it, or with each of its numbers |H| times."""
    space = conversion.spaces.get(x)
    axis = layer.axis % (5 if space else len(x.shape))
    if space and axis != space.axis_on_group:
        raise no_counterpart(layer, "has another axis than that of the channels")
    axis = space.merged_axis if space else axis
    numbers = {w.name: np.repeat(_array(w), space.order if space else 1) for w in layer.weights}
    convolution, source, data_format = conversion.convolutions.get(x) or (None, None, None)
    if convolution and axis == (3 if data_format == "channels_last" else 1):
        shape = _shape_inside(convolution, source.shape, data_format)
        planar = conversion.once(
            (convolution, layer), lambda: _folded(convolution, layer, numbers, shape)
        )
        return conversion.mark(_apply(conversion, planar, source, data_format), space)

    def make():
        config = {**layer.get_config(), "axis": axis}
        config.pop("data_format", None)
        planar = layers.BatchNormalization.from_config(config)
        return _with_weights(planar, x.shape, list(numbers.values()))

    return conversion.mark(conversion.once(layer, make)(x), space)


def coset_pooling(conversion, layer, x):
    """The pooling of |K| neighbouring channels at a time."""
    cosets = layer.group.left_cosets(layer.subgroup)
    count, size = cosets.shape
    x = _reordered(conversion, layer, x, cosets.reshape(-1))
    y = _pooled_channels(conversion, layer, x, size, layer.reduction)
    return conversion.mark(y, MergedMap(count, layer.data_format) if count > 1 else None)


def global_pooling(conversion, layer, x):
    """The pooling over H, and then over space."""
    space = conversion.spaces.get(x)
    is_max = isinstance(layer, layers.GlobalMaxPooling3D)
    if space is None or layer.keepdims or layer.data_format != space.data_format:
        raise no_counterpart(layer, "has another data_format than the map, or keepdims")
    x = _pooled_channels(conversion, layer, x, space.order, "max" if is_max else "mean")
    kind = layers.GlobalMaxPooling2D if is_max else layers.GlobalAveragePooling2D
    return conversion.once(
        (layer, "space"), lambda: kind(data_format=layer.data_format, **_named_as(layer))
    )(x)


def space_pooling(conversion, layer, x):
    """The pooling of the planar map."""
    kind = layers.MaxPooling2D
    if not isinstance(layer, GroupMaxPooling2D):
        kind = layers.AveragePooling2D

    def make():
        return kind(
            layer.pool_size,
            layer.strides,
            layer.padding,
            data_format=layer.data_format,
            **_named_as(layer),
        )

    return conversion.mark(conversion.once(layer, make)(x), conversion.spaces.get(x))


def without_h(conversion, layer, x):
    """The planar counterpart of a stock layer in three dimensions that leaves H as it is."""
    space = conversion.spaces.get(x)
    kind, name, nothing_along_h = _WITHOUT_H[type(layer)]
    if space is None:
        return conversion.itself(layer)(x)
    config = layer.get_config()
    position_of_h = 0 if layer.data_format == "channels_first" else -1
    for argument in {name, "strides"} & set(config):
        entries = list(getattr(layer, argument))
        along_h = entries.pop(position_of_h)
        config[argument] = entries
        neutral = nothing_along_h if argument == name else 1
        if along_h != neutral or space.data_format != layer.data_format:
            raise no_counterpart(layer, "acts along H")
    y = conversion.once(layer, lambda: kind.from_config(config))(x)
    return conversion.mark(y, space)


def concatenation(conversion, layer, tensors):
    """The concatenation of the planar maps."""
    space, *others = [conversion.spaces.get(x) for x in tensors]
    axis = layer.axis % (5 if space else len(tensors[0].shape))
    if any(other != space for other in others) or (space and axis != space.axis_on_group):
        raise no_counterpart(layer, "combines maps along another axis than that of the channels")
    axis = space.merged_axis if space else axis
    make = lambda: layers.Concatenate(axis=axis, **_named_as(layer))  # noqa: E731
    return conversion.mark(conversion.once(layer, make)(tensors), space)


def residual_block(conversion, block, x):
    """s(x) + branch(x)."""
    residual = shortcut = x
    for layer in block.branch:
        residual = conversion.call(layer, residual)
    for layer in block.shortcut:
        shortcut = conversion.call(layer, shortcut)
    add = conversion.once(block, lambda: layers.Add(**_named_as(block)))
    return conversion.mark(add([shortcut, residual]), conversion.spaces.get(residual))


def highway_block(conversion, block, x):
    """The sum t · relu(norm(conv(x))) + (1 - t) · x."""
    if not stock.is_pointwise(block.activation):
        raise no_counterpart(block, "has an activation that is not known to be pointwise")

    def step(kind, part, *options):
        return conversion.once((block, part), lambda: kind(*options, **_named_as(block, part)))

    gate = conversion.call(block.gate, x)
    transformed = conversion.call(block.normalization, conversion.call(block.convolution, x))
    transformed = step(layers.Activation, "activation", block.activation)(transformed)
    rest = step(layers.Rescaling, "rest", -1.0, 1.0)(gate)
    taken = step(layers.Multiply, "taken")([gate, transformed])
    carried = step(layers.Multiply, "carried")([rest, x])
    return conversion.mark(step(layers.Add, "sum")([taken, carried]), conversion.spaces.get(x))


def nested_model(conversion, model, *inputs):
    """The planar model, called."""
    flat = keras.tree.flatten(inputs)
    planar = conversion.once(model, lambda: conversion.of_model(model, flat))
    outputs = keras.tree.flatten(planar(flat))
    for inside, outside in zip(planar.outputs, outputs, strict=True):
        conversion.mark(outside, conversion.spaces.get(inside))
    return keras.tree.pack_sequence_as(structure(model, "output"), outputs)


def _padded(conversion, layer, x):
    """The input of a convolution and its padding, with zeros of a layer where it is "centered"."""
    if layer.padding != "centered":
        return x, layer.padding
    amounts = layer.sampling.padding_amounts((None,) * layer.dimension)
    options = {"data_format": layer.data_format, **_named_as(layer, "padding")}
    pad = conversion.once((layer, "pad"), lambda: layers.ZeroPadding2D(amounts, **options))
    return pad(x), "valid"


def _format_inside(data_format):
    return data_format if backend.takes_channels_first() else "channels_last"


def _convolved(conversion, convolution, x, data_format):
    y = _apply(conversion, convolution, x, data_format)
    if convolution.activation is activations.linear:
        conversion.convolutions[y] = convolution, x, data_format
    return y


def _apply(conversion, convolution, x, data_format):
    """The convolution of a map in this data format, which may be another than its own."""
    if convolution.data_format == data_format:
        return convolution(x)
    last = conversion.channels_last.get(x)
    last = layers.Permute((2, 3, 1))(x) if last is None else last
    y = convolution(last)
    first = layers.Permute((3, 1, 2))(y)
    conversion.channels_last[first] = y
    return first


def _shape_inside(convolution, shape, data_format):
    """The shape that a convolution sees of a map in this data format."""
    if convolution.data_format == data_format:
        return shape
    return (shape[0], *shape[2:], shape[1])


def _pooled_channels(conversion, layer, x, window, reduction):
    """The pooling of `window` neighbouring channels, by a layer that takes them for space."""
    kind = layers.MaxPooling2D if reduction == "max" else layers.AveragePooling2D
    last = layer.data_format == "channels_last"
    y = conversion.once(
        (layer, "pool"),
        lambda: kind(
            (1, window) if last else (window, 1),
            data_format="channels_first" if last else "channels_last",
            **_named_as(layer, "channels"),
        ),
    )(x)
    if reduction != "sum":
        return y
    make = lambda: layers.Rescaling(window, **_named_as(layer, "sum"))  # noqa: E731
    return conversion.once((layer, "sum"), make)(y)


def _reordered(conversion, layer, x, elements):
    """Each map's values over H in another order, by a convolution with a permutation matrix."""
    if list(elements) == list(range(len(elements))):
        return x
    axis = conversion.spaces.get(x).merged_axis
    matrix = np.kron(np.eye(x.shape[axis] // len(elements)), np.eye(len(elements))[:, elements])

    def make():
        planar = layers.Conv2D(
            len(matrix),
            1,
            use_bias=False,
            data_format=_format_inside(layer.data_format),
            kernel_initializer=policy.INITIALIZER_OF_KNOWN_KERNELS,
            **_named_as(layer, "cosets"),
        )
        shape = _shape_inside(planar, x.shape, layer.data_format)
        return _with_weights(planar, shape, [matrix[None, None]])

    planar = conversion.once((layer, "cosets"), make)
    return _apply(conversion, planar, x, layer.data_format)


def _folded(convolution, normalization, numbers, input_shape):
    """The convolution followed by γ (y - μ) / √(σ² + ε) + β, as one."""
    kernel, *bias = convolution.get_weights()
    scale = numbers.get("gamma", 1.0) / np.sqrt(
        numbers["moving_variance"] + normalization.epsilon, dtype="float64"
    )
    shift = numbers.get("beta", 0.0) + (sum(bias) - numbers["moving_mean"]) * scale
    config = {**convolution.get_config(), "use_bias": True}
    config["kernel_initializer"] = policy.INITIALIZER_OF_KNOWN_KERNELS
    config["name"] = f"{convolution.name}_{normalization.name}"
    folded = type(convolution).from_config(config)
    return _with_weights(folded, input_shape, [kernel * scale, shift])


def _with_weights(layer, input_shape, weights):
    layer.build(input_shape)
    layer.set_weights(weights)
    return layer


def _named_as(layer, part=None):
    return {"name": f"{layer.name}_{part}" if part else layer.name, "dtype": layer.dtype_policy}


def _array(tensor):
    return ops.convert_to_numpy(tensor)


RULES = {
    BaseGroupConv: group_convolution,
    CosetPooling2D: coset_pooling,
    BaseGroupPooling: space_pooling,
    ResidualBlock2D: residual_block,
    HighwayBlock2D: highway_block,
    keras.Model: nested_model,
    layers.BatchNormalization: batch_normalization,
    layers.Conv2D: planar_convolution,
    layers.Concatenate: concatenation,
    (layers.GlobalMaxPooling3D, layers.GlobalAveragePooling3D): global_pooling,
    tuple(_WITHOUT_H): without_h,
}
