"""What each layer becomes: a rule is a function of the conversion, the layer and its inputs."""

import keras
import numpy as np
from keras import layers, ops

from keras_gcnn import arguments, stock
from keras_gcnn.convert import parts
from keras_gcnn.convert.merged import no_counterpart
from keras_gcnn.convert.walk import Walk
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
from keras_gcnn.layers.global_pooling import BaseGlobalGroupPooling, GlobalGroupMaxPooling
from keras_gcnn.layers.group_pooling import BaseGroupPooling, GroupBlurPooling, GroupMaxPooling
from keras_gcnn.layers.resizing import BaseGroupPadding, GroupUpSampling
from keras_gcnn.layers.transposed import GroupConvTranspose
from keras_gcnn.ops.conv.depthwise import filter_in_blocks
from keras_gcnn.ops.conv.filters import adjoint_filter, planar_kernel, transform_filters

# Taken to be lower than any value of a map. It is finite in float16.
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


# They pool H and space at once: the 2-D ones maps of signals, the 3-D ones maps of images.
_GLOBAL_MAXIMA = layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D
_GLOBAL_MEANS = layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D


def group_convolution(conversion, layer, x):
    """The planar convolution with the filter bank."""
    return parts.by_bank(conversion, layer, x, layer.kernel, layer.groups)


def depthwise_convolution(conversion, layer, x):
    """The planar convolution in as many blocks as there are channels."""
    return parts.by_bank(conversion, layer, x, *filter_in_blocks(layer.kernel))


def separable_convolution(conversion, layer, x):
    """The depthwise convolution, and one that combines the channels for each element of H."""
    blocks = filter_in_blocks(layer.kernel)
    between = parts.by_bank(conversion, layer, x, *blocks, part="depthwise")
    order = layer.group.order
    of_channels = ops.convert_to_numpy(layer.pointwise_kernel)[0, 0]
    pointwise = np.kron(of_channels, np.eye(order))[None, None]

    def make():
        planar = parts.stock_conv(
            layer, pointwise.shape[-1], 1, activation=parts.planar_activation(layer)
        )
        shape = parts.shape_inside(planar, between.shape, layer.data_format)
        return parts.with_weights(planar, shape, [pointwise, *parts.bias(layer)])

    y = parts.convolved(conversion, conversion.once(layer, make), between, layer.data_format)
    return parts.activated(conversion, layer, conversion.mark(y, parts.merged_map(layer, order)))


def dense(conversion, layer, x):
    """The planar convolution of one tap."""
    one_tap = (None,) * layer.lattice.kernel_rank
    return parts.by_bank(conversion, layer, x, layer.kernel[one_tap], 1)


def transposed_convolution(conversion, layer, x):
    """A planar transposed convolution and a cropping; or, without strides, a convolution."""
    crops, order = layer.sampling.crops(), layer.group.order
    if max(layer.strides) == 1:
        x = parts.resized(conversion, layer, x, layer.sampling.adjoint_padding())
        return parts.by_bank(conversion, layer, x, adjoint_filter(layer.kernel, layer.group), 1)

    def make():
        bank = transform_filters(ops.convert_to_tensor(layer.kernel), layer.group)
        kernel = planar_kernel(bank, layer.lattice, 1, "channels_first")
        planar = parts.stock_conv(
            layer,
            layer.filters * order,
            layer.kernel_size,
            kind="Conv2DTranspose",
            strides=layer.strides,
            output_padding=tuple(max(-behind, 0) for _, behind in crops),
            activation=parts.planar_activation(layer),
        )
        shape = parts.shape_inside(planar, x.shape, layer.data_format)
        return parts.with_weights(planar, shape, [ops.convert_to_numpy(kernel), *parts.bias(layer)])

    y = parts.apply(conversion, conversion.once(layer, make), x, layer.data_format)
    y = parts.resized(conversion, layer, y, [(-front, min(-behind, 0)) for front, behind in crops])
    return parts.activated(conversion, layer, conversion.mark(y, parts.merged_map(layer, order)))


def planar_convolution(conversion, layer, x):
    """Itself, remembered for the batch normalization that may follow."""
    if conversion.spaces.get(x) is not None:
        raise no_counterpart(layer, "is no convolution on the group")
    inside = parts.format_inside(layer.data_format)
    if layer.data_format == inside:
        return parts.convolved(conversion, conversion.itself(layer), x, layer.data_format)

    def make():
        planar = type(layer).from_config({**layer.get_config(), "data_format": inside})
        shape = parts.shape_inside(planar, x.shape, layer.data_format)
        return parts.with_weights(planar, shape, layer.get_weights())

    return parts.convolved(conversion, conversion.once(layer, make), x, layer.data_format)


def batch_normalization(conversion, layer, x):
    """Folded into the convolution before it, or with each of its numbers |H| times."""
    space = conversion.spaces.get(x)
    axis = layer.axis % (space.rank if space else len(x.shape))
    if space and axis != space.axis_on_group:
        return conversion.on_whole_map(layer, x)
    axis = space.merged_axis if space else axis
    numbers = {
        w.name: np.repeat(ops.convert_to_numpy(w), space.order if space else 1)
        for w in layer.weights
    }
    convolution, source, data_format = conversion.convolutions.get(x) or (None, None, None)
    if convolution and axis == (len(x.shape) - 1 if data_format == "channels_last" else 1):
        shape = parts.shape_inside(convolution, source.shape, data_format)
        planar = conversion.once(
            (convolution, layer), lambda: parts.folded(convolution, layer, numbers, shape)
        )
        return conversion.mark(parts.apply(conversion, planar, source, data_format), space)

    def make():
        config = {**layer.get_config(), "axis": axis}
        for argument in ("data_format", "lattice"):  # of our own
            config.pop(argument, None)
        planar = layers.BatchNormalization.from_config(config)
        return parts.with_weights(planar, x.shape, list(numbers.values()))

    return conversion.mark(conversion.once(layer, make)(x), space)


def coset_pooling(conversion, layer, x):
    """The pooling of |K| neighbouring channels at a time."""
    cosets = layer.group.cosets_within(layer.subgroup, layer.input_space.subgroup)
    count, size = cosets.shape
    x = parts.reordered(conversion, layer, x, cosets.reshape(-1))
    y = parts.pooled_channels(conversion, layer, x, size, layer.reduction)
    return conversion.mark(y, parts.merged_map(layer, count) if count > 1 else None)


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
            x = parts.scaled(conversion, layer, x, 1.0, "lowest", LOWEST * (1 - mask))
    x = parts.pooled_channels(conversion, layer, x, space.order, "max" if is_max else "mean")
    kind = "GlobalMaxPooling2D" if is_max else "GlobalAveragePooling2D"
    kind = parts.of_keras(kind, space.dimension)
    options = {"data_format": layer.data_format, **parts.named_as(layer)}
    y = conversion.once((layer, "space"), lambda: kind(**options))(x)
    if hexagons and not is_max:
        y = parts.scaled(conversion, layer, y, 1 / mask.mean(), "mean")
    if not layer.keepdims:
        return y
    ones = (1,) * (space.dimension + 1)
    last = layer.data_format == "channels_last"
    shape = (*ones, y.shape[1]) if last else (y.shape[1], *ones)
    name = conversion.fresh(f"{layer.name}_point")
    return layers.Reshape(shape, dtype=layer.dtype_policy, name=name)(y)


def space_pooling(conversion, layer, x):
    """The pooling of the planar map."""
    if layer.lattice.bounds:
        return _hexagonal_pooling(conversion, layer, x)
    kind = "MaxPooling2D" if isinstance(layer, GroupMaxPooling) else "AveragePooling2D"

    def make():
        return parts.of_keras(kind, layer.dimension)(
            layer.pool_size,
            layer.strides,
            layer.padding,
            data_format=layer.data_format,
            **parts.named_as(layer),
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
    x = parts.resized(conversion, layer, x, amounts)
    if not isinstance(layer, GroupMaxPooling):
        window = taps.sum(axis=-1, keepdims=True)
        y = parts.of_each_channel(conversion, layer, x, window, "valid")
        counts = np.maximum(sum(mask[window] for window in layer.sampling.windows(lattice)), 1)
        return conversion.mark(parts.scaled(conversion, layer, y, 1 / counts, "mean"), space)
    x = parts.scaled(conversion, layer, x, 1.0, "lowest", LOWEST * (1 - mask))
    y = parts.of_each_channel(conversion, layer, x, taps, "valid")
    return conversion.mark(
        parts.pooled_channels(conversion, layer, y, taps.shape[-1], "max"), space
    )


def blur_pooling(conversion, layer, x):
    """The planar convolution with binomial weights, of each channel by itself."""
    lattice, size = layer.lattice, layer.pool_size
    window = np.zeros((*size, 1))
    window[lattice.indices(size)] = lattice.binomial_weights(size)[:, None]
    y = parts.of_each_channel(conversion, layer, x, window, layer.padding)
    return conversion.mark(y, conversion.spaces.get(x))


def on_image(conversion, layer, x, part):
    """The map with zeros outside of the hexagon, by a product with ones and zeros."""
    size = arguments.size_of(x, layer.lattice.dimension, layer.data_format)
    arguments.known_size(size, layer.lattice)
    y = parts.scaled(conversion, layer, x, layer.lattice.mask(size).astype(int), part)
    return conversion.mark(y, conversion.spaces.get(x))


def resizing(conversion, layer, x):
    """The planar padding or cropping."""
    kind = {"padding": "ZeroPadding2D", "cropping": "Cropping2D"}[layer.argument]
    planar = conversion.once((layer, kind), lambda: parts.around(kind, layer.amounts, layer))
    y = parts.apply(conversion, planar, x, layer.data_format)
    return conversion.mark(y, conversion.spaces.get(x))


def upsampling(conversion, layer, x):
    """The planar upsampling."""
    kind = parts.of_keras("UpSampling2D", layer.dimension)
    options = {"size": layer.size, "data_format": layer.data_format}
    if layer.dimension == 1:  # Keras' takes one integer, and only channels_last
        options = {"size": layer.size[0]}
    elif layer.dimension == 2:
        options["interpolation"] = layer.interpolation
    planar = conversion.once(layer, lambda: kind(**options, **parts.named_as(layer)))
    y = parts.apply(conversion, planar, x, layer.data_format)
    return conversion.mark(y, conversion.spaces.get(x))


def restriction(conversion, layer, x):
    """The channels of each map in the order of the cosets of the subgroup."""
    cosets = layer.group.right_cosets(layer.subgroup)
    y = parts.reordered(conversion, layer, x, cosets.reshape(-1))
    if y is x:  # which others may read as a map on the whole group
        y = conversion.once(layer, lambda: layers.Activation("linear", **parts.named_as(layer)))(x)
    return conversion.mark(y, parts.merged_map(layer, cosets.shape[1]))


def strand_lifting(conversion, layer, x):
    """Each base beside its complement, by a convolution with a permutation matrix."""
    y = parts.mixed(conversion, layer, x, np.eye(4)[:, np.ravel(layer.pairs())])
    return conversion.mark(y, parts.merged_map(layer, 2))


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
    make = lambda: layers.Concatenate(axis=axis, **parts.named_as(layer))  # noqa: E731
    return conversion.mark(conversion.once((layer, axis), make)(tensors), space)


def residual_block(conversion, block, x):
    """The sum s(f) + branch(f)."""
    residual = shortcut = x
    for layer in block.branch:
        residual = conversion.call(layer, residual)
    for layer in block.shortcut:
        shortcut = conversion.call(layer, shortcut)
    add = conversion.once(block, lambda: layers.Add(**parts.named_as(block)))
    return conversion.mark(add([shortcut, residual]), conversion.spaces.get(residual))


def highway_block(conversion, block, x):
    """The sum t · relu(norm(conv(f))) + (1 - t) · f."""
    if not stock.is_pointwise(block.activation):
        raise no_counterpart(block, "has an activation that is not known to be pointwise")

    def step(kind, part, *options):
        return conversion.once((block, part), lambda: kind(*options, **parts.named_as(block, part)))

    gate = conversion.call(block.gate, x)
    transformed = conversion.call(block.normalization, conversion.call(block.convolution, x))
    transformed = step(layers.Activation, "activation", block.activation)(transformed)
    rest = step(layers.Rescaling, "rest", -1.0, 1.0)(gate)
    taken = step(layers.Multiply, "taken")([gate, transformed])
    carried = step(layers.Multiply, "carried")([rest, x])
    return conversion.mark(step(layers.Add, "sum")([taken, carried]), conversion.spaces.get(x))


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
    keras.Model: Walk.nested,
    layers.BatchNormalization: batch_normalization,
    (layers.Conv1D, layers.Conv2D, layers.Conv3D): planar_convolution,
    layers.Concatenate: concatenation,
    (*_GLOBAL_MAXIMA, *_GLOBAL_MEANS, BaseGlobalGroupPooling): global_pooling,
    tuple(_WITHOUT_H): without_h,
}
