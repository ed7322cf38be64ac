"""The guard against equivariance lost without a word: one warning, and the ways out of it."""

import warnings
from dataclasses import replace

from keras_gcnn.groups import Sampling


class EquivarianceWarning(UserWarning):
    """A stride, pooling or padding breaks equivariance at the size a layer is built for.

    Turn it into an error with the standard filter:

    >>> warnings.simplefilter("error", keras_gcnn.EquivarianceWarning)
    """


def warn_if_lost(layer, group, sampling, size, window_argument):
    """Warns if the layer's sampling grid on an input of this size is not mapped to itself by H.

    Args:
        layer: The layer, for its name.
        group: The `PointGroup` H.
        sampling: The layer's `groups.Sampling`.
        size: Points along each axis of the input, `None` where not yet known.
        window_argument: What the layer calls its window: `"kernel_size"` or `"pool_size"`.
    """
    if sampling.preserves(group, size):
        return
    remedies = list(_remedies(group, sampling, size, window_argument))
    dilated = sampling.dilation_rate and max(sampling.dilation_rate) > 1
    dilation = f", dilation_rate={sampling.dilation_rate}" if dilated else ""
    warnings.warn(
        f"{type(layer).__name__} '{layer.name}' loses equivariance to {group.name} on an input of "
        f"size {_times(size)}: with {window_argument}={sampling.kernel_size}, "
        f"strides={sampling.strides}, padding={sampling.padding!r}{dilation} its sampling grid is "
        f"not mapped to itself by the group. To keep equivariance, use "
        f"{'; or '.join(remedies) or 'strides=1'}.",
        EquivarianceWarning,
        stacklevel=3,
    )


def _remedies(group, sampling, size, window_argument):
    """What would mend it, each tried before it is said."""

    def works(candidate):
        return _fits(candidate, size) and candidate.preserves(group, size)

    if None not in size:
        sizes = [_times(near) for near in sampling.nearest_sizes(group, size)]
        if sizes:
            yield f"an input of size {' or '.join(sizes)}"
    windows = [str(c.kernel_size) for c in _other_windows(sampling) if works(c)]
    if windows:
        yield f"{window_argument}={' or '.join(windows)}"
    for padding in {"valid", "same"} - {sampling.padding}:
        if works(replace(sampling, padding=padding)):
            yield f"padding={padding!r}"
    for stride in sorted(set(sampling.strides)):
        strides = (stride,) * len(size)
        if strides != sampling.strides and works(replace(sampling, strides=strides)):
            yield f"strides={strides}"
    if _pooling_instead_of_stride_works(group, sampling, size):
        yield f"strides=1 followed by {_times(sampling.strides)} pooling"


def _other_windows(sampling):
    for change in (-1, 1):
        kernel_size = tuple(k + change for k in sampling.kernel_size)
        if min(kernel_size) > 0:
            yield replace(sampling, kernel_size=kernel_size)


def _pooling_instead_of_stride_works(group, sampling, size):
    dense = replace(sampling, strides=(1,) * len(size))
    pooling = Sampling(sampling.strides, sampling.strides)
    if max(sampling.strides) == 1 or not _fits(dense, size):
        return False
    pooled = dense.output_size(size)
    return (
        dense.preserves(group, size) and _fits(pooling, pooled) and pooling.preserves(group, pooled)
    )


def _fits(sampling, size):
    return all(n is None or n > 0 for n in sampling.output_size(size))


def _times(size):
    return "×".join("?" if n is None else str(n) for n in size)
