"""The G-correlation of a feature map with a filter: its formula, its checks, and the choice."""

import functools

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import DataFormat, Group, Implementation, Integer, Padding, Size, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.ops import backend, layout, policy, tables
from keras_gcnn.ops.conv import cost_model
from keras_gcnn.ops.conv.direct import direct_correlation
from keras_gcnn.ops.conv.fourier import fourier_correlation, takes_size
from keras_gcnn.ops.conv.plan import TransformedKernel
from keras_gcnn.ops.conv.settings import Settings
from keras_gcnn.ops.image import between_maps
from keras_gcnn.ops.symbolic import operation


@operation
def group_conv(
    x: Tensor,
    kernel: Tensor | TransformedKernel,
    group: Group,
    strides: Size = 1,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    dilation_rate: Size = 1,
    groups: Integer = 1,
    implementation: Implementation = "auto",
    training: bool | None = False,
) -> Tensor:
    """The G-correlation of a feature map with a filter. The result is a function on G.

        [f ⋆ ψ]_k(x, h) = Σ_y Σ_h′ Σ_c f_c(y, h′) ψ_c,k(h⁻¹(y - x), h⁻¹h′)       f on G
        [f ⋆ ψ]_k(x, h) = Σ_y      Σ_c f_c(y)     ψ_c,k(h⁻¹(y - x))              f on Zᵈ (lifting)

    On the hexagonal lattice points outside of the hexagon count as zeros, and are zero in the
    result.

    There are two implementations with equal outputs. The direct one is `transform_filters` and one
    planar convolution. The other takes the Fourier transform on H. It needs 12 multiplications in
    place of 64 on p4m, and 6 in place of 16 on p4, and more additions.

    Args:
        x: Feature map on Zᵈ, `(batch, *space, channels)`, or on G, `(batch, *space, |H|, channels)`
            with `"channels_last"`; `(batch, channels, *space)` or `(batch, channels, |H|, *space)`
            with `"channels_first"`.
        kernel: Filter on the same space as `x`, laid out as for `transform_filters` in either data
            format. For inference it may also be the result of `transform_kernel`.
        group: Name of the point group H, or a `PointGroup`.
        strides: Integer, or one per axis.
        padding: `"valid"`, `"same"`, or `"centered"`, which pads with kernel size - 1 zeros at
            every stride, half of them in front.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        dilation_rate: Integer, or one per axis.
        groups: The channels and filters are split into this many blocks that do not mix, as in
            `keras.layers.Conv2D`. The kernel then holds `channels // groups` channels.
        implementation: `"direct"`, `"fourier"`, or `"auto"`: the one that `ops.conv.cost_model`
            predicts to be faster.
        training: Whether gradients will be taken. `"fourier"` then has a gradient of its own, of
            which JAX takes derivatives in reverse mode only.

    Returns:
        Feature map on G, `(batch, *new_space, |H|, filters)`, or `(batch, filters, |H|,
        *new_space)` with `"channels_first"`.

    Raises:
        ValueError: If an argument is invalid, if map and filter are on different spaces or have
            different numbers of channels, if the filter is larger than the map, and as
            `transform_filters`.

    Reference: Cohen & Welling 2016, sections 6.1, 6.2 and 7.2; for the transform,
        `groups/fourier.py`.
    """
    group = arguments.group(group)
    data_format = arguments.data_format(data_format)
    groups = arguments.integer(groups, "groups")
    implementation = arguments.one_of(implementation, arguments.IMPLEMENTATIONS, "implementation")
    if not isinstance(kernel, TransformedKernel):
        x, kernel = backend.map_and_kernel(x, kernel)
    elif implementation == "direct" or groups > 1:
        raise ValueError(
            "A transformed kernel is for the Fourier implementation with one block of channels. "
            f"Received: implementation={implementation!r}, groups={groups}. Give `group_conv` the "
            "kernel itself."
        )
    elif not tables.are_equal(kernel.group, group):
        raise ValueError(
            "`kernel` must be transformed on the group of the correlation. Received: a transform "
            f"on {kernel.group.name}, group={group.name!r}. Transform the kernel on {group.name}."
        )
    else:
        x, implementation = backend.tensor(x), "fourier"
        arguments.floating(x, "x")
        x = ops.cast(x, kernel.dtype)
    shape = backend.known_shape(kernel)
    space = _common_space(x, shape, group, data_format, groups)
    size = arguments.kernel_size(shape, group)
    sampling = arguments.sampling(size, strides, padding, dilation_rate)
    arguments.fits(sampling, arguments.size_of(x, group.dimension, data_format), "kernel_size")

    compilation = backend.compilation_of(x)
    if implementation == "auto" and not takes_size(x, sampling, data_format):
        implementation = "direct"
    elif implementation == "auto":
        strides = sampling.strides
        implementation = cost_model.choose(compilation, shape, group, strides, training, groups)
    correlate = {"direct": direct_correlation, "fourier": fourier_correlation}[implementation]
    settings = Settings(sampling, groups, arguments.flag(training), compilation)

    def correlated(x, data_format):
        return correlate(x, kernel, space, data_format, settings)

    by_sums = implementation == "fourier"
    return between_maps(correlated, x, space, Space.whole(group), data_format, by_sums)


def _common_space(x, kernel_shape, group, data_format, groups):
    """The `Space` on which map and filter both are functions, with channels that fit."""
    spaces = Space.lattice(group), Space.whole(group)
    space = arguments.space_of(x, spaces, data_format)
    if arguments.space_of_kernel(kernel_shape, group).has_axis != space.has_axis:
        raise ValueError(
            f"`x` and `kernel` must be on the same space. Received: x.shape={tuple(x.shape)}, "
            f"which is on {space.name}, kernel.shape={kernel_shape}, which is not, "
            f"data_format={data_format!r}. Use a kernel of rank {space.rank}."
        )
    channels = layout.channels_of(x, data_format)
    *_, taken, filters = kernel_shape
    arguments.divisible(filters, groups, "The number of filters")
    if channels not in (None, taken * groups):
        raise ValueError(
            "`kernel` must have as many channels as `x` in each block. Received: x.shape="
            f"{tuple(x.shape)} with {channels} channels, kernel.shape={kernel_shape} with "
            f"{taken}, groups={groups}. Use a kernel with {channels // groups} channels."
        )
    return space


@operation
def add_bias(y: Tensor, bias: Tensor, data_format: DataFormat | None = None) -> Tensor:
    """Adds one number per feature map on G, the same for every h and every point of space.

        o_k(x, h) = f_k(x, h) + b_k

    Args:
        y: Feature map f on G, `(batch, *space, |H|, filters)`, or `(batch, filters, |H|, *space)`;
            or an image.
        bias: Vector `(filters,)`.
        data_format: As in `group_conv`.

    Returns:
        A tensor of the shape of `y`.

    Raises:
        ValueError: If the bias is no vector of that length, or the data format is unknown.

    Reference: Cohen & Welling 2016, section 6.2: one bias per G-feature map keeps equivariance.
    """
    y, bias = backend.tensor(y), backend.tensor(bias)
    data_format = arguments.data_format(data_format)
    if len(y.shape) < 3:  # less than an image on the line
        arguments.dimension_of_map(y)
    channels = layout.channels_of(y, data_format)
    if len(bias.shape) != 1 or channels not in (None, bias.shape[0]):
        raise ValueError(
            f"`bias` must be a vector with one number for each of the {channels} feature maps. "
            f"Received: bias.shape={tuple(bias.shape)}, y.shape={tuple(y.shape)}, "
            f"data_format={data_format!r}."
        )
    add = functools.partial(backend.add_bias, data_format=data_format)
    is_known = data_format == "channels_last" and isinstance(y.shape[-2], int)
    if is_known and policy.merges_channels(backend.compilation_of(y)):
        return layout.on_merged_channels(add, y, bias)
    return add(y, bias)
