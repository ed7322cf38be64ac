"""Depthwise and separable G-correlations, and products at each point."""

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import DataFormat, Group, Padding, Size, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.ops import backend, layout, policy
from keras_gcnn.ops.conv.correlation import group_conv
from keras_gcnn.ops.conv.direct import direct_correlation
from keras_gcnn.ops.conv.filters import transform_filters
from keras_gcnn.ops.conv.fourier import takes_size
from keras_gcnn.ops.conv.settings import Settings
from keras_gcnn.ops.image import between_maps, on_image
from keras_gcnn.ops.symbolic import operation


@operation
def group_depthwise_conv(
    x: Tensor,
    kernel: Tensor,
    group: Group,
    strides: Size = 1,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    dilation_rate: Size = 1,
    training: bool | None = False,
) -> Tensor:
    """The G-correlation of each channel by itself with filters of its own.

        o_{c·m + j}(x, h) = Σ_y Σ_h′ f_c(y, h′) ψ_c,j(h⁻¹(y - x), h⁻¹h′)

    It is one planar convolution in as many blocks as there are channels. Where the
    gradient of such a convolution is slow, it is one matrix product for each channel, over all
    points (`ops.policy`).

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        kernel: m filters on G for each channel, `(*kernel_size, |H|, channels, m)`.
        group: Name of the point group H, or a `PointGroup`.
        strides: Integer, or one per axis.
        padding: `"valid"`, `"same"` or `"centered"`, as in `group_conv`.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        dilation_rate: Integer, or one per axis.
        training: Whether gradients will be taken.

    Returns:
        Feature map on G of `channels·m` channels.

    Raises:
        ValueError: As `group_conv`.

    Reference: Cohen & Welling 2016, section 6.1, for one channel; depthwise: Chollet 2017,
    "Xception: Deep Learning with Depthwise Separable Convolutions".
    """
    (x, kernel), group = backend.map_and_kernel(x, kernel), arguments.group(group)
    data_format = arguments.data_format(data_format)
    shape = backend.known_shape(kernel)
    whole = arguments.space_of_kernel(shape, group)
    arguments.space_of(x, [whole], data_format)
    channels = layout.channels_of(x, data_format)
    if channels not in (None, shape[-2]):
        raise ValueError(
            "`kernel` must have filters for each channel of `x`. Received: kernel.shape="
            f"{shape}, x.shape={tuple(x.shape)}. Use a kernel with {channels} channels."
        )
    size = arguments.kernel_size(shape, group)
    sampling = arguments.sampling(size, strides, padding, dilation_rate)
    arguments.fits(sampling, arguments.size_of(x, group.dimension, data_format), "kernel_size")
    compilation, training = backend.compilation_of(x), arguments.flag(training)
    by_products = policy.multiplies_channels(compilation) and whole.has_axis and training
    by_products = by_products and takes_size(x, sampling, data_format)

    def correlated(x, data_format):
        if by_products:
            return _by_products(x, kernel, group, sampling)
        blocks, channels = filter_in_blocks(kernel)
        settings = Settings(sampling, channels, training, compilation)
        return direct_correlation(x, blocks, whole, data_format, settings)

    return between_maps(correlated, x, whole, Space.whole(group), data_format, by_products)


def filter_in_blocks(kernel):
    """A depthwise filter as one of `group_conv` in blocks of one channel, and their number."""
    *domain, channels, multiplier = backend.known_shape(kernel)
    return ops.reshape(kernel, (*domain, 1, channels * multiplier)), channels


def _by_products(x, kernel, group, sampling):
    """For each channel, what the windows see as a matrix, times the bank of its filters."""
    *_, channels, multiplier = backend.known_shape(kernel)
    amounts = sampling.padding_amounts(arguments.size_of(x, group.dimension, "channels_last"))
    x = backend.pad(ops.moveaxis(x, -1, 0), [(0, 0), (0, 0), *amounts, (0, 0)])
    seen = [x[(slice(None), slice(None), *window)] for window in sampling.windows(group.lattice)]
    seen = ops.concatenate(seen, axis=-1)  # (channels, batch, *new_space, taps·|H|)
    points = ops.shape(seen)[1:-1]
    bank = transform_filters(kernel, group)  # (*kernel_size, |H|, channels, |H|, m)
    bank = ops.reshape(bank, (seen.shape[-1], channels, group.order * multiplier))
    y = backend.matmul(
        layout.reshape(seen, (channels, -1, seen.shape[-1])), ops.swapaxes(bank, 0, 1)
    )
    y = layout.reshape(y, (channels, *points, group.order, multiplier))
    y = ops.moveaxis(y, 0, -2)  # (batch, *new_space, |H|, channels, m)
    return layout.reshape(y, (*points, group.order, channels * multiplier))


@operation
def pointwise_conv(
    x: Tensor, kernel: Tensor, group: Group, data_format: DataFormat | None = None
) -> Tensor:
    """Combines the channels at each point of G, in the same way at all of them.

        o_k(x, h) = Σ_c f_c(x, h) w_c,k

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        kernel: w, `(channels, filters)`.
        group: Name of the point group H, or a `PointGroup`.
        data_format: As in `group_conv`.

    Returns:
        Feature map on G of `filters` channels.

    Raises:
        ValueError: If `x` is no map on G, or has other channels than the kernel.

    Reference: Chollet 2017, "Xception: Deep Learning with Depthwise Separable Convolutions", the
    second half of a separable convolution.
    """
    (x, kernel), group = backend.map_and_kernel(x, kernel), arguments.group(group)
    data_format = arguments.data_format(data_format)
    arguments.space_of(x, [Space.whole(group)], data_format)
    if len(kernel.shape) != 2:
        raise ValueError(
            "`kernel` must be a matrix (channels, filters). Received: "
            f"kernel.shape={tuple(kernel.shape)}."
        )
    channels, filters = kernel.shape
    if layout.channels_of(x, data_format) not in (None, channels):
        raise ValueError(
            f"`kernel` must have as many rows as `x` has channels. Received: "
            f"kernel.shape={tuple(kernel.shape)}, x.shape={tuple(x.shape)}, "
            f"data_format={data_format!r}."
        )
    channel_axis = layout.channel_axis(data_format)
    x = ops.moveaxis(on_image(x, group.lattice, data_format), channel_axis, -1)
    y = backend.matmul(ops.reshape(x, (-1, channels)), kernel)
    y = layout.reshape(y, (*ops.shape(x)[:-1], filters))
    return ops.moveaxis(y, -1, channel_axis)


@operation
def group_dense(
    x: Tensor,
    kernel: Tensor,
    group: Group,
    data_format: DataFormat | None = None,
    training: bool | None = False,
) -> Tensor:
    """Combines all of H and the channels at each point of space: a convolution over H.

        o_k(x, h) = Σ_h′ Σ_c f_c(x, h′) ψ_c,k(h⁻¹h′)

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        kernel: ψ, `(|H|, channels, units)`.
        group: Name of the point group H, or a `PointGroup`.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        training: Whether gradients will be taken.

    Returns:
        Feature map on G of `units` channels.

    Raises:
        ValueError: As `group_conv`.

    Reference: Cohen & Welling 2016, section 6.1, for a filter of one tap.
    """
    kernel, group = backend.tensor(kernel), arguments.group(group)
    shape = backend.known_shape(kernel)
    if len(shape) != 3 or shape[0] != group.order:
        raise ValueError(
            f"`kernel` must have shape ({group.order}, channels, units), the first axis for H. "
            f"Received: kernel.shape={shape}, group={group.name!r}."
        )
    one_tap = ops.reshape(kernel, (*(1,) * group.lattice.kernel_rank, *shape))
    return group_conv(x, one_tap, group, data_format=data_format, training=training)
