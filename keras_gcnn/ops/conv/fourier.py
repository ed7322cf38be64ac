"""The G-correlation by the Fourier transform: which plan, and which gradient."""

from dataclasses import replace

from keras import ops

from keras_gcnn.ops import backend
from keras_gcnn.ops.conv.fourier_gradient import correlation_with_gradient
from keras_gcnn.ops.conv.plan import Plan, TransformedKernel, apply_in_parts, correlation, widened


def fourier_correlation(x, kernel, space, sampling, data_format, groups, training, compilation):
    """As `direct.direct_correlation`, for channels_last alone and for a `TransformedKernel` too."""
    dtype = backend.standard_dtype(x)
    is_transformed = isinstance(kernel, TransformedKernel)
    x = ops.cast(x, kernel.matrices[0].dtype) if is_transformed else widened(x)
    x = x if space.has_axis else ops.expand_dims(x, -2)  # (batch, *space, 1, C)
    shape = backend.known_shape(kernel)
    amounts = _padding_amounts(x, sampling)
    plan = Plan(space.group, shape, sampling, amounts, compilation)
    if is_transformed:
        y = apply_in_parts(plan, x, kernel)
    else:
        own_gradient = training and space.has_axis and max(sampling.strides) == 1
        correlate = correlation_with_gradient if own_gradient else correlation
        y = _of_blocks(correlate, plan, x, ops.cast(kernel, x.dtype), groups)
    return ops.cast(y, dtype)


def _of_blocks(correlate, plan, x, kernel, groups):
    """The correlation of each block of channels and filters."""
    if groups == 1:
        return correlate(plan, x, kernel)
    *domain, filters = plan.kernel_shape
    plan = replace(plan, kernel_shape=(*domain, filters // groups))
    blocks = zip(ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1), strict=True)
    return ops.concatenate([correlate(plan, *block) for block in blocks], axis=-1)


def _padding_amounts(x, sampling):
    size = tuple(x.shape[1:-2])
    if None in size and sampling.depends_on_size():
        raise ValueError(
            "The Fourier implementation pads an input of unknown size only where strides are 1. "
            f"Received: x.shape={tuple(x.shape)}, strides={sampling.strides}, padding='same'. Set "
            "height and width in `keras.Input`, or use implementation='direct'."
        )
    return sampling.padding_amounts(size)
