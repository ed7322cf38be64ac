"""The G-correlation between quotients: from maps on G/K to maps on G/L."""

import math

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import DataFormat, Integer, Padding, Size, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.ops import backend, layout, tables
from keras_gcnn.ops.conv.direct import convolve_maps
from keras_gcnn.ops.conv.filters import planar_kernel
from keras_gcnn.ops.conv.settings import Settings
from keras_gcnn.ops.image import between_maps
from keras_gcnn.ops.symbolic import operation


@operation
def quotient_conv(
    x: Tensor,
    kernel: Tensor,
    input_space: Space,
    output_space: Space,
    kernel_size: Size,
    strides: Size = 1,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    dilation_rate: Size = 1,
    groups: Integer = 1,
    training: bool | None = False,
) -> Tensor:
    """The G-correlation of a map on G/K with a filter, as a map on G/L.

        [f ⋆ ψ]_k(x, gL) = Σ_y Σ_h′K Σ_c f_c(y, h′K) ψ_c,k(g⁻¹(y - x), g⁻¹h′K)

    It does not depend on which g of a coset gL is taken if ψ(ly, lh′K) = ψ(y, h′K) for l in L. So
    the filter has one weight for each orbit of L on the pairs of a tap and a coset. `group_conv` is
    the case L = {e}, K = {e}; lifting is K = H.

    Args:
        x: Map on G/K, `(batch, *space, |H|/|K|, channels)`, or `(batch, channels, |H|/|K|,
            *space)`; for K = H an image.
        kernel: Filter `(orbits, channels // groups, filters)`, orbits as in `groups.filter_orbits`.
            For L = {e} each pair is an orbit of its own.
        input_space: The `groups.Space` G/K.
        output_space: The `groups.Space` G/L.
        kernel_size: Integer, or one per axis.
        strides: Integer, or one per axis.
        padding: As in `group_conv`.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.
        dilation_rate: Integer, or one per axis.
        groups: As in `group_conv`.
        training: Whether gradients will be taken.

    Returns:
        Map on G/L with `filters` channels; for L = H an image.

    Raises:
        TypeError: If `input_space` or `output_space` is no `groups.Space`.
        ValueError: If an argument is invalid, or the map is not on G/K or has other channels.

    Reference: Cohen & Welling 2016, sections 6.1 and 6.3; maps on quotients: Cohen, Geiger &
    Weiler 2019, "A General Theory of Equivariant CNNs on Homogeneous Spaces".
    """
    for name, space in {"input_space": input_space, "output_space": output_space}.items():
        arguments.is_a(space, Space, name)
    (x, kernel), group = backend.map_and_kernel(x, kernel), input_space.group
    if not tables.are_equal(group, output_space.group):
        raise ValueError(
            "`input_space` and `output_space` must be on the same group. Received: "
            f"input_space={input_space.name}, output_space={output_space.name}."
        )
    data_format = arguments.data_format(data_format)
    groups = arguments.integer(groups, "groups")
    kernel_size = arguments.integer_tuple(kernel_size, group.dimension, "kernel_size")
    arguments.space_of(x, [input_space], data_format)
    sampling = arguments.sampling(kernel_size, strides, padding, dilation_rate)
    arguments.fits(sampling, arguments.size_of(x, group.dimension, data_format), "kernel_size")
    _check_kernel(x, kernel, input_space, output_space, kernel_size, data_format, groups)

    settings = Settings(sampling, groups, arguments.flag(training), backend.compilation_of(x))

    def correlated(x, data_format):
        return _correlated(x, kernel, input_space, output_space, data_format, settings)

    return between_maps(correlated, x, input_space, output_space, data_format)


def _check_kernel(x, kernel, input_space, output_space, kernel_size, data_format, groups):
    """Raises if a kernel has not one number for each orbit, channel and filter."""
    shape = backend.known_shape(kernel)
    channels = layout.channels_of(x, data_format)
    orbits = number_of_orbits(input_space, output_space, kernel_size)
    fits = len(shape) > 2 and 0 not in shape and math.prod(shape[:-2]) == orbits
    if not fits or channels not in (None, shape[-2] * groups):
        raise ValueError(
            f"`kernel` must have shape ({orbits}, channels // groups, filters), for {kernel_size} "
            f"taps from {input_space.name} to {output_space.name}. Received: kernel.shape={shape}, "
            f"x.shape={tuple(x.shape)}, groups={groups}."
        )
    arguments.divisible(shape[-1], groups, "The number of filters")


def number_of_orbits(input_space, output_space, kernel_size):
    """How many weights a filter from G/K to G/L has for each channel and filter."""
    subgroups = input_space.subgroup, output_space.subgroup
    return tables.number_of_orbits(input_space.group, kernel_size, *subgroups)


def quotient_bank(kernel, input_space, output_space, kernel_size):
    """The bank of a filter: `(*taps, [|H|/|K|,] channels, |H|/|L|, filters)`."""
    group, outputs = input_space.group, output_space.cosets
    subgroups = input_space.subgroup, output_space.subgroup
    *_, channels, filters = backend.known_shape(kernel)
    indices = tables.quotient_bank(group, kernel_size, *subgroups)
    bank = ops.reshape(backend.take_rows(kernel, indices), (-1, outputs, channels, filters))
    bank = ops.transpose(bank, (0, 2, 1, 3))
    domain = *group.lattice.kernel_axes(kernel_size), *input_space.axis_lengths
    return ops.reshape(bank, (*domain, channels, outputs, filters))


def _correlated(x, kernel, input_space, output_space, data_format, settings):
    bank = quotient_bank(kernel, input_space, output_space, settings.sampling.kernel_size)
    blocks = backend.blocks_of_filters(bank.shape[-1], settings.groups)
    bank = planar_kernel(bank, input_space.group.lattice, blocks, data_format)
    y = convolve_maps(x, bank, input_space, output_space.cosets, data_format, settings)
    if output_space.has_axis:
        return y
    return ops.squeeze(y, axis=-2 if data_format == "channels_last" else 2)
