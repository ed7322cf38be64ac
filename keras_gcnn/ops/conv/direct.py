"""The G-correlation as a filter transformation and one planar convolution (paper, section 7)."""

from dataclasses import replace

from keras_gcnn.ops import backend, layout
from keras_gcnn.ops.conv.filters import exchange, planar_bank
from keras_gcnn.ops.conv.planar import planar_conv


def direct_correlation(x, kernel, space, data_format, settings):
    """`correlation.group_conv` of map and filter on the `groups.Space`, with `Settings`."""
    blocks = backend.blocks_of_filters(kernel.shape[-1], settings.groups)
    options = settings.training, settings.compilation
    bank = planar_bank(kernel, space.group, blocks, data_format, *options)
    return convolve_maps(x, bank, space, space.group.order, data_format, settings)


def convolve_maps(x, bank, space, outputs, data_format, settings):
    """Convolves a map on `space` with a bank of `outputs` filters, one per element or coset."""
    last, sampling = data_format == "channels_last", settings.sampling
    if space.has_axis:
        x = exchange(x, space.cosets, settings.groups) if last else x
        x = layout.merge_group_axis(x, data_format)  # (batch, *space, |H|·C)
    if sampling.padding == "centered":
        amounts = sampling.padding_amounts((None,) * space.dimension)
        x = backend.pad(x, layout.around_space(amounts, data_format))
        settings = replace(settings, sampling=replace(sampling, padding="valid"))
    y = planar_conv(x, bank, data_format, settings)  # (batch, *new_space, |H|·filters)
    y = layout.split_group_axis(y, outputs, data_format)
    blocks = backend.blocks_of_filters(y.shape[-1], settings.groups)
    return exchange(y, blocks, outputs) if last else y
