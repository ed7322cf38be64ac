"""Batch normalization of a feature map on G, computed on |H|·C channels."""

from keras import ops

from keras_gcnn.ops import backend, layout


def moments_on_group(x):
    """Mean and variance of each feature map over batch, space and H.

        μ_c = mean over h of μ_c(h)
        σ²_c = mean over h of σ²_c(h) + (μ_c(h) - μ_c)²

    Here μ_c(h) and σ²_c(h) are the mean and variance over batch and space, computed on |H|·C
    channels.

    Args:
        x: `(batch, *space, |H|, C)`.
    """
    order = x.shape[-2]
    merged = layout.merge_group_axis(x, "channels_last")
    moments = ops.moments(merged, axes=list(range(len(merged.shape) - 1)))
    means, variances = (ops.reshape(moment, (order, -1)) for moment in moments)
    mean, between = ops.moments(means, axes=[0])
    within, _ = ops.moments(variances, axes=[0])
    return mean, within + between


def batch_normalization_on_group(x, mean, variance, offset, scale, epsilon):
    """`ops.batch_normalization` along the last axis of a map on G, with numbers of length C."""

    def normalize(x, mean, variance, offset, scale):
        return ops.batch_normalization(x, mean, variance, -1, offset, scale, epsilon)

    numbers = (
        None if vector is None else ops.cast(vector, x.dtype)
        for vector in (mean, variance, offset, scale)
    )
    return layout.on_merged_channels(normalize, x, *numbers)


def in_float32_or_more(x):
    """The map in the precision in which moments are taken."""
    return ops.cast(x, "float64" if backend.standard_dtype(x) == "float64" else "float32")
