"""What each layer becomes: a rule is a function of the conversion, the layer and its inputs."""

import keras
import numpy as np
from keras import activations, layers, ops

from keras_gcnn.layers import CosetPooling2D, HighwayBlock2D, ResidualBlock2D
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.group_pooling import BaseGroupPooling, GroupMaxPooling2D
from keras_gcnn.ops.group_conv import planar_kernel, transform_filters
from keras_gcnn.planar.pointwise import ALONG_CHANNELS
from keras_gcnn.planar.space import OnGroup, no_counterpart, structure

# For kernels whose values are known: on JAX, random ones take up to a second to compile.
_CHEAP = "zeros"


def group_convolution(conversion, layer, x):
    """The planar convolution with the filter bank."""
    order = layer.group.order
    if layer.activation in ALONG_CHANNELS:
        raise ValueError(no_counterpart(layer))

    def make():
        bank = transform_filters(ops.convert_to_tensor(layer.kernel), layer.group)
        kernel = planar_kernel(bank, layer.dimension, layer.groups, "channels_first")
        bias = [np.repeat(_array(layer.bias), order)] if layer.use_bias else []
        planar = layers.Conv2D(
            layer.filters * order,
            layer.kernel_size,
            strides=layer.strides,
            padding=layer.padding,
            data_format=layer.data_format,
            dilation_rate=layer.dilation_rate,
            groups=layer.groups,
            activation=layer.activation,
            use_bias=layer.use_bias,
            kernel_initializer=_CHEAP,
            **_named_as(layer),
        )
        return _with_weights(planar, x.shape, [_array(kernel), *bias])

    outputs = _convolved(conversion, conversion.once(layer, make), x)
    return conversion.mark(outputs, OnGroup(order, layer.data_format))


def planar_convolution(conversion, layer, x):
    """Itself, remembered for the batch normalisation that may follow."""
    return _convolved(conversion, conversion.itself(layer), x)


def batch_normalisation(conversion, layer, x):
    """Folded into the convolution before it, or with each of its numbers |H| times."""
    space = conversion.spaces.get(x)
    axis = layer.axis % (5 if space else len(x.shape))
    if space and axis != space.rank_5_axis:
        raise ValueError(no_counterpart(layer))
    axis = space.rank_4_axis if space else axis
    numbers = {w.name: np.repeat(_array(w), space.order if space else 1) for w in layer.weights}
    convolution, source = conversion.convolutions.get(x) or (None, None)
    if convolution and axis == (3 if convolution.data_format == "channels_last" else 1):
        planar = conversion.once(
            (convolution, layer), lambda: _folded(convolution, layer, numbers, source.shape)
        )
        return conversion.mark(planar(source), space)

    def make():
        planar = layers.BatchNormalization.from_config({**layer.get_config(), "axis": axis})
        return _with_weights(planar, x.shape, list(numbers.values()))

    return conversion.mark(conversion.once(layer, make)(x), space)


def coset_pooling(conversion, layer, x):
    """The pooling of |K| neighbouring channels at a time."""
    cosets = layer.group.left_cosets(layer.subgroup)
    count, size = cosets.shape
    x = _reordered(conversion, layer, x, cosets.reshape(-1))
    y = _pooled_channels(conversion, layer, x, size, layer.reduction)
    return conversion.mark(y, OnGroup(count, layer.data_format) if count > 1 else None)


def global_pooling(conversion, layer, x):
    """The pooling over H, and then over space."""
    space = conversion.spaces.get(x)
    is_max = isinstance(layer, layers.GlobalMaxPooling3D)
    if space is None or layer.keepdims or layer.data_format != space.data_format:
        raise ValueError(no_counterpart(layer))
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


def concatenation(conversion, layer, tensors):
    """The concatenation of the planar maps."""
    space, *others = [conversion.spaces.get(x) for x in tensors]
    axis = layer.axis % (5 if space else len(tensors[0].shape))
    if any(other != space for other in others) or (space and axis != space.rank_5_axis):
        raise ValueError(no_counterpart(layer))
    axis = space.rank_4_axis if space else axis
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
    """The sum y = t · relu(norm(conv(x))) + (1 - t) · x."""

    def step(kind, part, *options):
        return conversion.once((block, part), lambda: kind(*options, **_named_as(block, part)))

    gate = conversion.call(block.gate, x)
    transformed = conversion.call(block.normalisation, conversion.call(block.convolution, x))
    transformed = step(layers.ReLU, "relu")(transformed)
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


def nothing(conversion, layer, x):
    """The input: the layer acts in training only."""
    return x


def _convolved(conversion, convolution, x):
    y = convolution(x)
    _check_bias(convolution, y)
    if convolution.activation is activations.linear:
        conversion.convolutions[y] = convolution, x
    return y


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
    axis = conversion.spaces.get(x).rank_4_axis
    matrix = np.kron(np.eye(x.shape[axis] // len(elements)), np.eye(len(elements))[:, elements])

    def make():
        planar = layers.Conv2D(
            len(matrix),
            1,
            use_bias=False,
            data_format=layer.data_format,
            kernel_initializer=_CHEAP,
            **_named_as(layer, "cosets"),
        )
        return _with_weights(planar, x.shape, [matrix[None, None]])

    return conversion.once((layer, "cosets"), make)(x)


def _folded(convolution, normalisation, numbers, input_shape):
    """The convolution followed by γ (y - μ) / √(σ² + ε) + β, as one."""
    kernel, *bias = convolution.get_weights()
    scale = numbers.get("gamma", 1.0) / np.sqrt(
        numbers["moving_variance"] + normalisation.epsilon, dtype="float64"
    )
    shift = numbers.get("beta", 0.0) + (sum(bias) - numbers["moving_mean"]) * scale
    config = {**convolution.get_config(), "use_bias": True, "kernel_initializer": _CHEAP}
    config["name"] = f"{convolution.name}_{normalisation.name}"
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


def _check_bias(convolution, y):
    """Refuses a bias that Keras 3.15 adds along the width, on TensorFlow."""
    is_first = convolution.data_format == "channels_first" and convolution.use_bias
    if is_first and y.shape[1] == y.shape[3] and keras.backend.backend() == "tensorflow":
        raise ValueError(
            f"On TensorFlow, Keras adds the bias of a channels_first Conv2D along the width where "
            f"that equals its filters. Received: '{convolution.name}' with output shape "
            f"{tuple(y.shape)}. Use data_format='channels_last', or another backend."
        )


RULES = {
    BaseGroupConv: group_convolution,
    CosetPooling2D: coset_pooling,
    BaseGroupPooling: space_pooling,
    ResidualBlock2D: residual_block,
    HighwayBlock2D: highway_block,
    keras.Model: nested_model,
    layers.BatchNormalization: batch_normalisation,
    layers.Conv2D: planar_convolution,
    layers.Concatenate: concatenation,
    (layers.GlobalMaxPooling3D, layers.GlobalAveragePooling3D): global_pooling,
    (
        layers.Dropout,
        layers.SpatialDropout2D,
        layers.SpatialDropout3D,
        layers.GaussianDropout,
        layers.GaussianNoise,
        layers.ActivityRegularization,
    ): nothing,
}
