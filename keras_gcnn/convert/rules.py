"""What each layer becomes: a rule is a function of the conversion, the layer and its inputs."""

import keras
import numpy as np
from keras import activations, layers, ops

from keras_gcnn import arguments, stock
from keras_gcnn.convert.merged import MergedMap, is_of_keras, no_counterpart, structure
from keras_gcnn.layers import (
    GroupDense,
    GroupDepthwiseConv2D,
    GroupSeparableConv2D,
    RestrictGroup,
    StrandLifting,
)
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.blocks import HighwayBlock, ResidualBlock
from keras_gcnn.layers.coset_pooling import CosetPooling
from keras_gcnn.layers.group_pooling import (
    BaseGlobalGroupPooling,
    BaseGroupPooling,
    GlobalGroupMaxPooling,
    GroupBlurPooling,
    GroupMaxPooling,
)
from keras_gcnn.layers.resizing import BaseGroupPadding, GroupUpSampling
from keras_gcnn.layers.transposed import GroupConvTranspose
from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.conv.depthwise import filter_in_blocks
from keras_gcnn.ops.conv.filters import adjoint_filter, planar_kernel, transform_filters
from keras_gcnn.ops.conv.quotient import quotient_bank

# Below what a map holds, and a number of float16 too.
LOWEST = -6e4
# Stock layers in three dimensions that do nothing along H: the planar layer, its argument that has
# an entry for each axis, and the entry for H.
_WITHOUT_H = {
    layers.UpSampling3D: (layers.UpSampling2D, "size", 1),
    layers.ZeroPadding3D: (layers.ZeroPadding2D, "padding", (0, 0)),
    layers.Cropping3D: (layers.Cropping2D, "cropping", (0, 0)),
    layers.MaxPooling3D: (layers.MaxPooling2D, "pool_size", 1),
    layers.AveragePooling3D: (layers.AveragePooling2D, "pool_size", 1),
}


# Those that pool the axis of H with space: on maps on the line, in the plane.
_GLOBAL_MAXIMA = layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D
_GLOBAL_MEANS = layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D


def group_convolution(conversion, layer, x):
    """The planar convolution with the filter bank."""
    return _by_bank(conversion, layer, x, layer.kernel, layer.groups)


def depthwise_convolution(conversion, layer, x):
    """The planar convolution in as many blocks as there are channels."""
    return _by_bank(conversion, layer, x, *filter_in_blocks(layer.kernel))


def separable_convolution(conversion, layer, x):
    """The depthwise convolution, and one that combines the channels for each element of H."""
    blocks = filter_in_blocks(layer.kernel)
    between = _by_bank(conversion, layer, x, *blocks, part="depthwise")
    order = layer.group.order
    pointwise = np.kron(_array(layer.pointwise_kernel)[0, 0], np.eye(order))[None, None]

    def make():
        planar = _planar_conv(layer, pointwise.shape[-1], 1, activation=_planar_activation(layer))
        shape = _shape_inside(planar, between.shape, layer.data_format)
        return _with_weights(planar, shape, [pointwise, *_bias(layer)])

    y = _convolved(conversion, conversion.once(layer, make), between, layer.data_format)
    return _activated(conversion, layer, conversion.mark(y, _merged(layer, order)))


def dense(conversion, layer, x):
    """The planar convolution of one tap."""
    one_tap = (None,) * layer.lattice.kernel_rank
    return _by_bank(conversion, layer, x, layer.kernel[one_tap], 1)


def transposed_convolution(conversion, layer, x):
    """A planar transposed convolution and a cropping; or, without strides, a convolution."""
    crops, order = layer.sampling.crops(), layer.group.order
    if max(layer.strides) == 1:
        x = _resized(conversion, layer, x, layer.sampling.adjoint_padding())
        return _by_bank(conversion, layer, x, adjoint_filter(layer.kernel, layer.group), 1)

    def make():
        bank = transform_filters(ops.convert_to_tensor(layer.kernel), layer.group)
        kernel = planar_kernel(bank, layer.lattice, 1, "channels_first")
        planar = _planar_conv(
            layer,
            layer.filters * order,
            layer.kernel_size,
            kind="Conv2DTranspose",
            strides=layer.strides,
            output_padding=tuple(max(-behind, 0) for _, behind in crops),
            activation=_planar_activation(layer),
        )
        shape = _shape_inside(planar, x.shape, layer.data_format)
        return _with_weights(planar, shape, [_array(kernel), *_bias(layer)])

    y = _apply(conversion, conversion.once(layer, make), x, layer.data_format)
    y = _resized(conversion, layer, y, [(-front, min(-behind, 0)) for front, behind in crops])
    return _activated(conversion, layer, conversion.mark(y, _merged(layer, order)))


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
    axis = layer.axis % (space.rank if space else len(x.shape))
    if space and axis != space.axis_on_group:
        return conversion.on_whole_map(layer, x)
    axis = space.merged_axis if space else axis
    numbers = {w.name: np.repeat(_array(w), space.order if space else 1) for w in layer.weights}
    convolution, source, data_format = conversion.convolutions.get(x) or (None, None, None)
    if convolution and axis == (len(x.shape) - 1 if data_format == "channels_last" else 1):
        shape = _shape_inside(convolution, source.shape, data_format)
        planar = conversion.once(
            (convolution, layer), lambda: _folded(convolution, layer, numbers, shape)
        )
        return conversion.mark(_apply(conversion, planar, source, data_format), space)

    def make():
        config = {**layer.get_config(), "axis": axis}
        for argument in ("data_format", "lattice"):  # of our own
            config.pop(argument, None)
        planar = layers.BatchNormalization.from_config(config)
        return _with_weights(planar, x.shape, list(numbers.values()))

    return conversion.mark(conversion.once(layer, make)(x), space)


def coset_pooling(conversion, layer, x):
    """The pooling of |K| neighbouring channels at a time."""
    cosets = layer.group.cosets_within(layer.subgroup, layer.input_space.subgroup)
    count, size = cosets.shape
    x = _reordered(conversion, layer, x, cosets.reshape(-1))
    y = _pooled_channels(conversion, layer, x, size, layer.reduction)
    return conversion.mark(y, _merged(layer, count) if count > 1 else None)


def global_pooling(conversion, layer, x):
    """The pooling over H, and then over space."""
    space = conversion.spaces.get(x)
    if space is None:
        return conversion.itself(layer)(x)
    if layer.data_format != space.data_format:
        return conversion.on_whole_map(layer, x)
    is_max = isinstance(layer, (*_GLOBAL_MAXIMA, GlobalGroupMaxPooling))
    hexagons = isinstance(layer, BaseGlobalGroupPooling) and bool(layer.lattice.bounds)
    if hexagons:
        mask = layer.lattice.mask(arguments.size_of(x, space.dimension, layer.data_format))
        if is_max:
            x = _scaled(conversion, layer, x, 1.0, "lowest", LOWEST * (1 - mask))
    x = _pooled_channels(conversion, layer, x, space.order, "max" if is_max else "mean")
    kind = "GlobalMaxPooling2D" if is_max else "GlobalAveragePooling2D"
    kind = _stock(kind, space.dimension)
    options = {"data_format": layer.data_format, **_named_as(layer)}
    y = conversion.once((layer, "space"), lambda: kind(**options))(x)
    if hexagons and not is_max:
        y = _scaled(conversion, layer, y, 1 / mask.mean(), "mean")
    if not layer.keepdims:
        return y
    ones = (1,) * (space.dimension + 1)
    last = layer.data_format == "channels_last"
    return layers.Reshape((*ones, y.shape[1]) if last else (y.shape[1], *ones))(y)


def space_pooling(conversion, layer, x):
    """The pooling of the planar map."""
    if layer.lattice.bounds:
        return _hexagonal_pooling(conversion, layer, x)
    kind = "MaxPooling2D" if isinstance(layer, GroupMaxPooling) else "AveragePooling2D"

    def make():
        return _stock(kind, layer.dimension)(
            layer.pool_size,
            layer.strides,
            layer.padding,
            data_format=layer.data_format,
            **_named_as(layer),
        )

    return conversion.mark(conversion.once(layer, make)(x), conversion.spaces.get(x))


def _hexagonal_pooling(conversion, layer, x):
    """The reduction of what each tap of a window sees, by a convolution of each channel."""
    space, lattice, size = conversion.spaces.get(x), layer.lattice, layer.pool_size
    points = arguments.size_of(x, lattice.dimension, layer.data_format)
    amounts = layer.sampling.padding_amounts(points)
    mask = np.pad(lattice.mask(points).astype(int), amounts)
    taps = np.zeros((*size, len(lattice.points(size))))
    taps[(*lattice.indices(size), range(taps.shape[-1]))] = 1
    x = _resized(conversion, layer, x, amounts)
    if not isinstance(layer, GroupMaxPooling):
        window = taps.sum(axis=-1, keepdims=True)
        y = _of_each_channel(conversion, layer, x, window, "valid")
        counts = np.maximum(sum(mask[window] for window in layer.sampling.windows(lattice)), 1)
        return conversion.mark(_scaled(conversion, layer, y, 1 / counts, "mean"), space)
    x = _scaled(conversion, layer, x, 1.0, "lowest", LOWEST * (1 - mask))
    y = _of_each_channel(conversion, layer, x, taps, "valid")
    return conversion.mark(_pooled_channels(conversion, layer, y, taps.shape[-1], "max"), space)


def blur_pooling(conversion, layer, x):
    """The planar convolution with binomial weights, of each channel by itself."""
    lattice, size = layer.lattice, layer.pool_size
    window = np.zeros((*size, 1))
    window[lattice.indices(size)] = lattice.binomial_weights(size)[:, None]
    y = _of_each_channel(conversion, layer, x, window, layer.padding)
    return conversion.mark(y, conversion.spaces.get(x))


def _of_each_channel(conversion, layer, x, windows, padding):
    """The planar convolutions of each channel with m windows, `(*pool_size, m)`."""
    channels = x.shape[-1 if layer.data_format == "channels_last" else 1]
    is_depthwise = layer.dimension < 3  # Keras has no depthwise convolution of volumes
    kind = _stock("DepthwiseConv2D" if is_depthwise else "Conv2D", layer.dimension)
    initializer = "depthwise_initializer" if is_depthwise else "kernel_initializer"
    number = {"depth_multiplier": windows.shape[-1]} if is_depthwise else {"filters": channels}
    of_channels = np.ones((channels, 1)) if is_depthwise else np.eye(channels)

    def make():
        planar = kind(
            kernel_size=layer.pool_size,
            strides=layer.strides,
            padding=padding,
            data_format=_format_inside(layer.data_format),
            use_bias=False,
            **number,
            **{initializer: policy.INITIALIZER_OF_KNOWN_KERNELS},
            **_named_as(layer),
        )
        shape = _shape_inside(planar, x.shape, layer.data_format)
        return _with_weights(planar, shape, [windows[..., None, :] * of_channels])

    return _apply(conversion, conversion.once(layer, make), x, layer.data_format)


def on_image(conversion, layer, x, part):
    """The map with zeros outside of the hexagon, by a product with ones and zeros."""
    size = arguments.size_of(x, layer.lattice.dimension, layer.data_format)
    arguments.known_size(size, layer.lattice)
    y = _scaled(conversion, layer, x, layer.lattice.mask(size).astype(int), part)
    return conversion.mark(y, conversion.spaces.get(x))


def _scaled(conversion, layer, x, scale, part, offset=0.0):
    """A map times one number, and plus another, for each point of space."""
    last = layer.data_format == "channels_last"

    def numbers(value):
        value = np.asarray(value)
        return np.expand_dims(value, -1 if last else 0).tolist() if value.ndim else value.item()

    key = layer, part, tuple(x.shape)
    make = lambda: layers.Rescaling(  # noqa: E731
        numbers(scale), numbers(offset), **_named_as(layer, part)
    )
    return conversion.once(key, make)(x)


def resizing(conversion, layer, x):
    """The planar padding or cropping."""
    kind = {"padding": "ZeroPadding2D", "cropping": "Cropping2D"}[layer.argument]
    planar = conversion.once((layer, kind), lambda: _around(kind, layer.amounts, layer))
    y = _apply(conversion, planar, x, layer.data_format)
    return conversion.mark(y, conversion.spaces.get(x))


def upsampling(conversion, layer, x):
    """The planar upsampling."""
    kind = _stock("UpSampling2D", layer.dimension)
    options = {"size": layer.size, "data_format": layer.data_format}
    if layer.dimension == 1:  # Keras' takes one integer, and channels_last alone
        options = {"size": layer.size[0]}
    elif layer.dimension == 2:
        options["interpolation"] = layer.interpolation
    planar = conversion.once(layer, lambda: kind(**options, **_named_as(layer)))
    y = _apply(conversion, planar, x, layer.data_format)
    return conversion.mark(y, conversion.spaces.get(x))


def restriction(conversion, layer, x):
    """The channels of each map in the order of the cosets of the subgroup."""
    cosets = layer.group.right_cosets(layer.subgroup)
    y = _reordered(conversion, layer, x, cosets.reshape(-1))
    if y is x:  # which others may read as a map on the whole group
        y = conversion.once(layer, lambda: layers.Activation("linear", **_named_as(layer)))(x)
    return conversion.mark(y, _merged(layer, cosets.shape[1]))


def strand_lifting(conversion, layer, x):
    """Each base beside its complement, by a convolution with a permutation matrix."""
    y = _mixed(conversion, layer, x, np.eye(4)[:, np.ravel(layer.pairs())])
    return conversion.mark(y, _merged(layer, 2))


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
            return conversion.on_whole_map(layer, x)
    y = conversion.once(layer, lambda: kind.from_config(config))(x)
    return conversion.mark(y, space)


def concatenation(conversion, layer, tensors):
    """The concatenation of the planar maps."""
    space, *others = [conversion.spaces.get(x) for x in tensors]
    axis = layer.axis % (space.rank if space else len(tensors[0].shape))
    if any(other != space for other in others) or (space and axis != space.axis_on_group):
        return conversion.on_whole_map(layer, tensors)
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


def _by_bank(conversion, layer, x, kernel, groups, part=None):
    """The planar convolution with the bank of a filter; for a `part`, without what follows."""
    space, is_transposed = layer.output_space, isinstance(layer, GroupConvTranspose)
    x, padding = (x, "valid") if is_transposed else _padded(conversion, layer, x)

    def make():
        bank = _bank(layer, ops.convert_to_tensor(kernel))
        planar_bank = planar_kernel(bank, layer.lattice, groups, "channels_first")
        options = {"activation": None if part else _planar_activation(layer)}
        planar = _planar_conv(
            layer,
            planar_bank.shape[-1],
            layer.kernel_size,
            part,
            strides=1 if is_transposed else layer.strides,
            padding=padding,
            dilation_rate=layer.dilation_rate,
            groups=groups,
            **options,
        )
        shape = _shape_inside(planar, x.shape, layer.data_format)
        return _with_weights(planar, shape, [_array(planar_bank), *_bias(layer, part)])

    y = _convolved(conversion, conversion.once((layer, part), make), x, layer.data_format)
    y = conversion.mark(y, _merged(layer, space.cosets) if space.has_axis else None)
    return y if part else _activated(conversion, layer, y)


def _bank(layer, kernel):
    """The filter bank of a layer."""
    if layer.is_between_quotients():
        return quotient_bank(kernel, layer.input_space, layer.output_space, layer.kernel_size)
    return transform_filters(kernel, layer.group)


def _planar_conv(layer, filters, kernel_size, part=None, kind="Conv2D", **options):
    return _stock(kind, layer.dimension)(
        filters,
        kernel_size,
        data_format=_format_inside(layer.data_format),
        use_bias=layer.use_bias and part is None,
        kernel_initializer=policy.INITIALIZER_OF_KNOWN_KERNELS,
        **options,
        **_named_as(layer, part),
    )


def _bias(layer, part=None):
    if part or not layer.use_bias:
        return []
    return [np.repeat(_array(layer.bias), layer.output_space.cosets)]


def _planar_activation(layer):
    """The activation, if it acts on each number; `None` leaves it to `_activated`."""
    return layer.activation if stock.is_pointwise(layer.activation) else None


def _activated(conversion, layer, y):
    """The map behind an activation that acts along an axis, such as a softmax."""
    if stock.is_pointwise(layer.activation):
        return y
    if not is_of_keras(layer.activation):
        raise no_counterpart(layer, "has an activation that is not Keras' own")
    name = _named_as(layer, "activation")
    make = lambda: layers.Activation(layer.activation, **name)  # noqa: E731
    along = conversion.once((layer, "along"), make)
    return conversion.on_whole_map(along, y) if conversion.spaces.get(y) else along(y)


def _resized(conversion, layer, x, amounts):
    """The planar map with points added or, for negative amounts, cut away."""
    for kind, sign in (("Cropping2D", -1), ("ZeroPadding2D", 1)):
        pairs = tuple(tuple(max(sign * n, 0) for n in pair) for pair in amounts)
        if any(map(any, pairs)):
            planar = conversion.once((layer, kind), lambda: _around(kind, pairs, layer))  # noqa: B023
            x = _apply(conversion, planar, x, layer.data_format)
    return x


def _around(kind, pairs, layer):
    """A planar padding or cropping by pairs for each axis."""
    # Keras' of signals take one pair.
    pairs = pairs[0] if layer.dimension == 1 else pairs
    kind, options = _stock(kind, layer.dimension), _named_as(layer, kind.lower())
    if kind is not layers.Cropping1D:  # which takes channels_last alone
        options["data_format"] = layer.data_format
    return kind(pairs, **options)


def _padded(conversion, layer, x):
    """The input of a convolution and its padding, with zeros of a layer where it is "centered"."""
    if layer.padding != "centered":
        return x, layer.padding
    amounts = layer.sampling.padding_amounts((None,) * layer.dimension)
    pad = conversion.once((layer, "pad"), lambda: _around("ZeroPadding2D", amounts, layer))
    return pad(x), "valid"


def _stock(name, dimension):
    """The layer of Keras that is in this dimension what another is in two."""
    return getattr(layers, name.replace("2D", f"{dimension}D"))


def _merged(layer, order):
    return MergedMap(order, layer.data_format, layer.dimension)


def _format_inside(data_format):
    return data_format if backend.takes_channels_first() else "channels_last"


def _convolved(conversion, convolution, x, data_format):
    y = _apply(conversion, convolution, x, data_format)
    if convolution.activation is activations.linear:
        conversion.convolutions[y] = convolution, x, data_format
    return y


def _apply(conversion, convolution, x, data_format):
    """The layer on a map in this data format, which may be another than its own."""
    if getattr(convolution, "data_format", "channels_last") == data_format:
        return convolution(x)
    last = conversion.channels_last.get(x)
    axes = range(1, len(x.shape))
    last = layers.Permute((*axes[1:], 1))(x) if last is None else last
    y = convolution(last)
    first = layers.Permute((axes[-1], *axes[:-1]))(y)
    conversion.channels_last[first] = y
    return first


def _shape_inside(convolution, shape, data_format):
    """The shape that a convolution sees of a map in this data format."""
    if convolution.data_format == data_format:
        return shape
    return (shape[0], *shape[2:], shape[1])


def _pooled_channels(conversion, layer, x, window, reduction):
    """The pooling of `window` neighbouring channels, by a layer that takes them for space."""
    dimension = len(x.shape) - 2
    kind = _stock("MaxPooling2D" if reduction == "max" else "AveragePooling2D", dimension)
    last = layer.data_format == "channels_last"
    ones = (1,) * (dimension - 1)
    y = conversion.once(
        (layer, "pool"),
        lambda: kind(
            (*ones, window) if last else (window, *ones),
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
    return _mixed(conversion, layer, x, matrix)


def _mixed(conversion, layer, x, matrix):
    """The product of the channels with a matrix, at each point."""

    def make():
        planar = _stock("Conv2D", layer.dimension)(
            len(matrix),
            1,
            use_bias=False,
            data_format=_format_inside(layer.data_format),
            kernel_initializer=policy.INITIALIZER_OF_KNOWN_KERNELS,
            **_named_as(layer, "cosets"),
        )
        shape = _shape_inside(planar, x.shape, layer.data_format)
        return _with_weights(planar, shape, [matrix[(None,) * layer.dimension]])

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


# The first class that fits is taken.
RULES = {
    GroupConvTranspose: transposed_convolution,
    GroupSeparableConv2D: separable_convolution,
    GroupDepthwiseConv2D: depthwise_convolution,
    GroupDense: dense,
    BaseGroupConv: group_convolution,
    CosetPooling: coset_pooling,
    RestrictGroup: restriction,
    StrandLifting: strand_lifting,
    BaseGroupPadding: resizing,
    GroupUpSampling: upsampling,
    GroupBlurPooling: blur_pooling,
    BaseGroupPooling: space_pooling,
    ResidualBlock: residual_block,
    HighwayBlock: highway_block,
    keras.Model: nested_model,
    layers.BatchNormalization: batch_normalization,
    (layers.Conv1D, layers.Conv2D, layers.Conv3D): planar_convolution,
    layers.Concatenate: concatenation,
    (*_GLOBAL_MAXIMA, *_GLOBAL_MEANS, BaseGlobalGroupPooling): global_pooling,
    tuple(_WITHOUT_H): without_h,
}
