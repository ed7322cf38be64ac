"""The G-correlation by the Fourier transform: which plan, and which gradient."""

from dataclasses import replace
from functools import partial

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.ops import backend, policy
from keras_gcnn.ops.conv.fourier_gradient import correlation_with_gradient
from keras_gcnn.ops.conv.plan import Plan, TransformedKernel, apply_in_parts, correlation, widened


def takes_size(x, sampling, data_format):
    """Whether sums over shifted maps can pad and slice a map whose sizes may be unknown.

    They slice no map whose sizes are symbols, as in `jax.export`.
    """
    size = arguments.size_of(x, len(sampling.kernel_size), data_format)
    return not backend.has_symbols(x) and not (None in size and sampling.depends_on_size())


def fourier_correlation(x, kernel, space, data_format, settings):
    """Like `direct_correlation`, but only for channels_last. Also accepts a `TransformedKernel`."""
    sampling, compilation = settings.sampling, settings.compilation
    dtype = backend.standard_dtype(x)
    is_slow = _are_bfloat16(x, kernel) and policy.widens_bfloat16(compilation)
    if is_slow:
        x, kernel = ops.cast(x, "float32"), ops.cast(kernel, "float32")
    x = widened(x)
    x = x if space.has_axis else ops.expand_dims(x, -2)  # (batch, *space, 1, C)
    shape = backend.known_shape(kernel)
    amounts = _padding_amounts(x, sampling)
    plan = Plan(space.group, shape, sampling, amounts, compilation)
    if isinstance(kernel, TransformedKernel):
        y = apply_in_parts(plan, x, kernel)
    else:
        is_strided, is_open = max(sampling.strides) > 1, None in x.shape[1:-2]
        own_gradient = settings.training and space.has_axis and not (is_strided and is_open)
        correlate = correlation_with_gradient if own_gradient else correlation
        if policy.shares_traces(compilation):
            correlate = partial(backend.traced_once, correlate, not own_gradient)
        y = _of_blocks(correlate, plan, x, widened(kernel), settings.groups)
    return ops.cast(y, dtype) if is_slow or dtype == "float16" else y


def _are_bfloat16(x, kernel):
    tensors = () if isinstance(kernel, TransformedKernel) else (x, kernel)
    return {backend.standard_dtype(tensor) for tensor in tensors} == {"bfloat16"}


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
