"""The G-correlation as a filter transformation and one planar convolution (paper, section 7)."""

from keras_gcnn.ops import backend, layout
from keras_gcnn.ops.conv.filters import exchange, planar_bank
from keras_gcnn.ops.conv.planar import planar_conv


def direct_correlation(x, kernel, space, sampling, data_format, groups, training, compilation):
    """`correlation.group_conv`, once its arguments are checked.

    Map and filter are on the `groups.Space`, and the `groups.Sampling` holds strides, padding and
    dilation.
    """
    blocks = backend.blocks_of_filters(kernel.shape[-1], groups)
    bank = planar_bank(kernel, space.group, blocks, data_format, training, compilation)
    outputs = space.group.order
    shared = sampling, data_format, groups, training, compilation
    return convolve_maps(x, bank, space, outputs, *shared)


def convolve_maps(x, bank, space, outputs, sampling, data_format, groups, training, compilation):
    """Convolves a map on `space` with a bank of `outputs` filters, one per element or coset."""
    last = data_format == "channels_last"
    if space.has_axis:
        x = exchange(x, space.cosets, groups) if last else x
        x = layout.merge_group_axis(x, data_format)  # (batch, *space, |H|·C)
    padding = sampling.padding
    if padding == "centered":
        amounts = sampling.padding_amounts((None,) * space.dimension)
        x, padding = backend.pad(x, layout.around_space(amounts, data_format)), "valid"
    options = sampling.strides, padding, data_format, sampling.dilation_rate
    y = planar_conv(x, bank, *options, training, compilation)  # (batch, *new_space, |H|·filters)
    y = layout.split_group_axis(y, outputs, data_format)
    return exchange(y, backend.blocks_of_filters(y.shape[-1], groups), outputs) if last else y
