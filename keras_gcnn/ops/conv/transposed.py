"""The transposed G-correlation: the adjoint of `correlation.group_conv`."""

from functools import partial

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import DataFormat, Group, Padding, Size, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.ops import backend, layout
from keras_gcnn.ops.conv.correlation import group_conv
from keras_gcnn.ops.conv.filters import adjoint_filter, planar_bank
from keras_gcnn.ops.image import between_maps
from keras_gcnn.ops.resizing import padded
from keras_gcnn.ops.symbolic import operation
from keras_gcnn.ops.views import without_copies


@operation
def group_conv_transpose(
    x: Tensor,
    kernel: Tensor,
    group: Group,
    strides: Size = 1,
    padding: Padding = "valid",
    output_padding: Size | None = None,
    data_format: DataFormat | None = None,
    dilation_rate: Size = 1,
    training: bool | None = False,
) -> Tensor:
    """The adjoint of the G-correlation with a filter: it spreads a map where that one gathers.

        [f ⋆ᵀ ψ]_k(x, h) = Σ_y Σ_h′ Σ_c f_c(y, h′) ψ_k,c(h′⁻¹(x - strides·y), h′⁻¹h)

    For maps u and v, Σ group_conv(u, ψ)·v = Σ u·group_conv_transpose(v, ψ). With strides of 1 it is
    the G-correlation with the adjoint filter; otherwise it is one planar transposed convolution.

    Args:
        x: Feature map on G, `(batch, *space, |H|, channels)` or `(batch, channels, |H|, *space)`.
        kernel: Filter on G, `(*kernel_size, |H|, filters, channels)`: that of a `group_conv` from
            `filters` to `channels`.
        group: Name of the point group H, or a `PointGroup`.
        strides: Those of the `group_conv`: an integer, or one per axis.
        padding: That of the `group_conv`: `"valid"`, `"same"` or `"centered"`.
        output_padding: Integer, or one per axis, as in `keras.layers.Conv2DTranspose`. Several
            sizes of the output belong to one of the input. It chooses one of them.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        dilation_rate: That of the `group_conv`: an integer, or one per axis.
        training: Whether gradients will be taken.

    Returns:
        Feature map on G, `(batch, *new_space, |H|, filters)`, or `(batch, filters, |H|,
        *new_space)` with `"channels_first"`. `groups.TransposedSampling` says how large it is.

    Raises:
        ValueError: If an argument is invalid, or map and filter are not both on G or have other
            numbers of channels.

    Reference: the adjoint of Cohen & Welling 2016, section 6.1.
    """
    (x, kernel), group = backend.map_and_kernel(x, kernel), arguments.group(group)
    data_format = arguments.data_format(data_format)
    shape = _checked_shape(x, kernel, group, data_format)
    size = arguments.kernel_size(shape, group)
    sampling = arguments.transposed_sampling(size, strides, padding, dilation_rate, output_padding)
    spread = _by_adjoint if max(sampling.strides) == 1 else _by_bank

    def spread_out(x, data_format):
        return spread(x, kernel, group, sampling, data_format, arguments.flag(training))

    whole = Space.whole(group)
    return between_maps(spread_out, x, whole, whole, data_format)


def _by_adjoint(x, kernel, group, sampling, data_format, training):
    x = layout.merge_group_axis(x, data_format)
    x = padded(x, sampling.adjoint_padding(), data_format)
    x = layout.split_group_axis(x, group.order, data_format)
    return group_conv(
        x,
        adjoint_filter(kernel, group),
        group,
        data_format=data_format,
        dilation_rate=sampling.dilation_rate,
        training=training,
    )


def _by_bank(x, kernel, group, sampling, data_format, training):
    x = layout.merge_group_axis(x, data_format)  # (batch, *space, |H|·channels)
    compilation = backend.compilation_of(x)
    bank = planar_bank(kernel, group, 1, data_format, training, compilation)
    convolve = partial(ops.conv_transpose, strides=sampling.strides, padding="valid")
    y = without_copies(convolve, compilation, x, bank, data_format=data_format)
    # Keras adds strides - kernel size zeros at the end, where that is positive.
    windows = zip(sampling.crops(), sampling.strides, sampling.kernel_size, strict=True)
    amounts = [(-front, -behind - max(s - k, 0)) for (front, behind), s, k in windows]
    y = padded(y, amounts, data_format)
    return layout.split_group_axis(y, group.order, data_format)


def _checked_shape(x, kernel, group, data_format):
    """The shape of the filter, which must be on G as the map is."""
    whole, shape = Space.whole(group), backend.known_shape(kernel)
    arguments.space_of(x, [whole], data_format)
    if not arguments.space_of_kernel(shape, group).has_axis:
        raise ValueError(
            f"`kernel` must be a filter on {group.name}, (*kernel_size, {group.order}, filters, "
            f"channels). Received: kernel.shape={shape}."
        )
    channels = layout.channels_of(x, data_format)
    if channels not in (None, shape[-1]):
        raise ValueError(
            f"The last axis of `kernel` must be the channels of `x`. Received: kernel.shape="
            f"{shape}, x.shape={tuple(x.shape)} with {channels} channels, "
            f"data_format={data_format!r}."
        )
    return shape
