"""What the rules put together: planar layers with weights that are known, by name and format."""

from functools import partial

import numpy as np
from keras import activations, layers, ops

from keras_gcnn import stock
from keras_gcnn.convert.merged import MergedMap, is_of_keras, no_counterpart
from keras_gcnn.convert.walk import precision
from keras_gcnn.layers.transposed import GroupConvTranspose
from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.conv.filters import planar_kernel, transform_filters
from keras_gcnn.ops.conv.quotient import quotient_bank
from keras_gcnn.ops.layout import channels_of


def by_bank(conversion, layer, x, kernel, groups, part=None):
    """The planar convolution with the bank of a filter; a `part` has no bias and no activation."""
    space, is_transposed = layer.output_space, isinstance(layer, GroupConvTranspose)
    x, padding = (x, "valid") if is_transposed else _padded(conversion, layer, x)

    def make():
        bank = _bank(layer, ops.convert_to_tensor(kernel))
        planar_bank = planar_kernel(bank, layer.lattice, groups, "channels_first")
        planar = stock_conv(
            layer,
            planar_bank.shape[-1],
            layer.kernel_size,
            part,
            strides=1 if is_transposed else layer.strides,
            padding=padding,
            dilation_rate=layer.dilation_rate,
            groups=groups,
            activation=None if part else planar_activation(layer),
        )
        shape = shape_inside(planar, x.shape, layer.data_format)
        return with_weights(planar, shape, [ops.convert_to_numpy(planar_bank), *bias(layer, part)])

    y = convolved(conversion, conversion.once((layer, part), make), x, layer.data_format)
    y = conversion.mark(y, merged_map(layer, space.cosets) if space.has_axis else None)
    return y if part else activated(conversion, layer, y)


def _bank(layer, kernel):
    """The filter bank of a layer."""
    if layer.is_between_quotients():
        return quotient_bank(kernel, layer.input_space, layer.output_space, layer.kernel_size)
    return transform_filters(kernel, layer.group)


def activated(conversion, layer, y):
    """The map after an activation that acts along an axis, such as a softmax."""
    if stock.is_pointwise(layer.activation):
        return y
    if not is_of_keras(layer.activation):
        raise no_counterpart(layer, "has an activation that is not Keras' own")
    name = named_as(layer, "activation")
    make = lambda: layers.Activation(layer.activation, **name)  # noqa: E731
    along = conversion.once((layer, "along"), make)
    return conversion.on_whole_map(along, y) if conversion.spaces.get(y) else along(y)


def planar_activation(layer):
    """The activation, if it acts on each number; `None` leaves it to `activated`."""
    return layer.activation if stock.is_pointwise(layer.activation) else None


def bias(layer, part=None):
    """The bias for each coset, in a list, or an empty one; a `part` has none."""
    if part or not layer.use_bias:
        return []
    return [np.repeat(ops.convert_to_numpy(layer.bias), layer.output_space.cosets)]


def stock_conv(layer, filters, kernel_size, part=None, kind="Conv2D", **options):
    """A convolution of Keras with the options of a layer, whose weights are to be set."""
    return of_keras(kind, layer.dimension)(
        filters,
        kernel_size,
        data_format=format_inside(layer.data_format),
        use_bias=part is None and layer.use_bias,
        kernel_initializer=policy.INITIALIZER_OF_KNOWN_KERNELS,
        **options,
        **named_as(layer, part),
    )


def _padded(conversion, layer, x):
    """The input of a convolution and its padding, with zeros of a layer where it is "centered"."""
    if layer.padding != "centered":
        return x, layer.padding
    amounts = layer.sampling.padding_amounts((None,) * layer.dimension)
    pad = conversion.once((layer, "pad"), lambda: around("ZeroPadding2D", amounts, layer))
    return pad(x), "valid"


def resized(conversion, layer, x, amounts):
    """The planar map with points added or, for negative amounts, cut away."""
    for kind, sign in (("Cropping2D", -1), ("ZeroPadding2D", 1)):
        pairs = tuple(tuple(max(sign * n, 0) for n in pair) for pair in amounts)
        if any(map(any, pairs)):
            planar = conversion.once((layer, kind), lambda: around(kind, pairs, layer))  # noqa: B023
            x = apply(conversion, planar, x, layer.data_format)
    return x


def around(kind, pairs, layer):
    """A planar padding or cropping by pairs for each axis."""
    # Keras' of signals take one pair.
    pairs = pairs[0] if layer.dimension == 1 else pairs
    kind, options = of_keras(kind, layer.dimension), named_as(layer, kind.lower())
    if kind is not layers.Cropping1D:  # which takes only channels_last
        options["data_format"] = layer.data_format
    return kind(pairs, **options)


def convolved(conversion, convolution, x, data_format):
    """What `apply` gives, remembered for a batch normalization that may follow."""
    y = apply(conversion, convolution, x, data_format)
    if convolution.activation is activations.linear:
        conversion.convolutions[y] = convolution, x, data_format
    return y


def apply(conversion, convolution, x, data_format):
    """The layer on a map in this data format, which may be another than its own."""
    if getattr(convolution, "data_format", "channels_last") == data_format:
        return convolution(x)
    last, permute = conversion.channels_last.get(x), partial(layers.Permute, dtype=precision(x))
    axes = range(1, len(x.shape))
    last = permute((*axes[1:], 1), name=conversion.fresh("last"))(x) if last is None else last
    y = convolution(last)
    first = permute((axes[-1], *axes[:-1]), name=conversion.fresh("first"))(y)
    conversion.channels_last[first] = y
    return first


def of_each_channel(conversion, layer, x, windows, padding):
    """The planar convolutions of each channel with m windows, `(*pool_size, m)`."""
    channels = channels_of(x, layer.data_format)
    is_depthwise = layer.dimension < 3  # Keras has no depthwise convolution of volumes
    kind = of_keras("DepthwiseConv2D" if is_depthwise else "Conv2D", layer.dimension)
    initializer = "depthwise_initializer" if is_depthwise else "kernel_initializer"
    number = {"depth_multiplier": windows.shape[-1]} if is_depthwise else {"filters": channels}
    of_channels = np.ones((channels, 1)) if is_depthwise else np.eye(channels)

    def make():
        planar = kind(
            kernel_size=layer.pool_size,
            strides=layer.strides,
            padding=padding,
            data_format=format_inside(layer.data_format),
            use_bias=False,
            **number,
            **{initializer: policy.INITIALIZER_OF_KNOWN_KERNELS},
            **named_as(layer),
        )
        shape = shape_inside(planar, x.shape, layer.data_format)
        return with_weights(planar, shape, [windows[..., None, :] * of_channels])

    return apply(conversion, conversion.once(layer, make), x, layer.data_format)


def scaled(conversion, layer, x, scale, part, offset=0.0):
    """A map times one number, and plus another, for each point of space."""
    last = layer.data_format == "channels_last"

    def numbers(value):
        value = np.asarray(value)
        return np.expand_dims(value, -1 if last else 0).tolist() if value.ndim else value.item()

    key = layer, part, tuple(x.shape)
    make = lambda: layers.Rescaling(  # noqa: E731
        numbers(scale), numbers(offset), **named_as(layer, part)
    )
    return conversion.once(key, make)(x)


def pooled_channels(conversion, layer, x, window, reduction):
    """The pooling of `window` neighbouring channels, by a layer that takes them for space."""
    dimension = len(x.shape) - 2
    kind = of_keras("MaxPooling2D" if reduction == "max" else "AveragePooling2D", dimension)
    last = layer.data_format == "channels_last"
    ones = (1,) * (dimension - 1)
    y = conversion.once(
        (layer, "pool"),
        lambda: kind(
            (*ones, window) if last else (window, *ones),
            data_format="channels_first" if last else "channels_last",
            **named_as(layer, "channels"),
        ),
    )(x)
    if reduction != "sum":
        return y
    make = lambda: layers.Rescaling(window, **named_as(layer, "sum"))  # noqa: E731
    return conversion.once((layer, "sum"), make)(y)


def reordered(conversion, layer, x, elements):
    """Each map's values over H in another order, by a convolution with a permutation matrix."""
    if list(elements) == list(range(len(elements))):
        return x
    axis = conversion.spaces.get(x).merged_axis
    matrix = np.kron(np.eye(x.shape[axis] // len(elements)), np.eye(len(elements))[:, elements])
    return mixed(conversion, layer, x, matrix)


def mixed(conversion, layer, x, matrix):
    """The product of the channels with a matrix, at each point."""

    def make():
        planar = stock_conv(layer, len(matrix), 1, "cosets")
        shape = shape_inside(planar, x.shape, layer.data_format)
        return with_weights(planar, shape, [matrix[(None,) * layer.dimension]])

    planar = conversion.once((layer, "cosets"), make)
    return apply(conversion, planar, x, layer.data_format)


def folded(convolution, normalization, numbers, input_shape):
    """The convolution followed by γ (y - μ) / √(σ² + ε) + β, as one."""
    kernel = ops.convert_to_numpy(convolution.kernel)  # with its low-rank part
    offset = ops.convert_to_numpy(convolution.bias) if convolution.use_bias else 0.0
    scale = numbers.get("gamma", 1.0) / np.sqrt(
        numbers["moving_variance"] + normalization.epsilon, dtype="float64"
    )
    shift = numbers.get("beta", 0.0) + (offset - numbers["moving_mean"]) * scale
    config = {**convolution.get_config(), "use_bias": True}
    for option in ("lora_rank", "lora_alpha"):
        config.pop(option, None)
    config["kernel_initializer"] = policy.INITIALIZER_OF_KNOWN_KERNELS
    config["name"] = f"{convolution.name}_{normalization.name}"
    planar = type(convolution).from_config(config)
    return with_weights(planar, input_shape, [kernel * scale, shift])


def shape_inside(convolution, shape, data_format):
    """The shape that a convolution sees of a map in this data format."""
    if convolution.data_format == data_format:
        return shape
    return (shape[0], *shape[2:], shape[1])


def format_inside(data_format):
    """The data format of the convolutions, which a CPU may have only for channels_last."""
    return data_format if backend.takes_channels_first() else "channels_last"


def with_weights(layer, input_shape, weights):
    """The layer, built with these weights."""
    layer.build(input_shape)
    layer.set_weights(weights)
    return layer


def merged_map(layer, order):
    """The space of a layer's output, H or its cosets merged with the channels."""
    return MergedMap(order, layer.data_format, layer.dimension)


def of_keras(name, dimension):
    """The 1-D or 3-D counterpart of a 2-D layer of Keras; in two dimensions, the layer itself."""
    return getattr(layers, name.replace("2D", f"{dimension}D"))


def named_as(layer, part=None):
    """The name and dtype of what stands for a layer, or for a part of it."""
    return {"name": f"{layer.name}_{part}" if part else layer.name, "dtype": layer.dtype_policy}
