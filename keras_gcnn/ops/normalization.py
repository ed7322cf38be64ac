"""Batch normalization of a feature map on G, computed on |H|·C channels."""

from keras import ops

from keras_gcnn.ops import backend, layout, policy


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


def moved_average(old, new, momentum):
    """`old · momentum + new · (1 - momentum)`, in the dtype of `new`."""
    return ops.cast(old, new.dtype) * momentum + new * (1 - momentum)


def merges_channels(x, data_format):
    """Whether a map on G is normalized on |H|·C channels: see `policy.merges_channels`."""
    if data_format != "channels_last" or x.shape[-2] in (None, 1):
        return False
    return policy.merges_channels(backend.compilation_of(x))
