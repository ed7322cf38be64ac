"""How many images at a time the Fourier implementation takes, so that memory holds f̂."""

import math

import keras
from keras import ops

from keras_gcnn.ops import layout

# The largest f̂, over what the direct implementation holds: both maps and the filter bank. With
# these the peak memory on JAX, measured, is below twice the direct one's, which in training holds
# as many gradients too.
LARGEST_TRANSFORM = {"inference": 0.7, "training": 4.5}


def number_of_chunks(x_shape, kernel_shape, group, sampling, widths, mode):
    """The fewest equal parts of a batch in which f̂ is no larger than `LARGEST_TRANSFORM`.

    One on other backends than JAX, where a loop takes longer, and where no tap is shifted, since f̂
    is no larger than the map then.
    """
    batch, *size, cosets, channels = x_shape
    taps = math.prod(sampling.kernel_size)
    if keras.backend.backend() != "jax" or not layout.is_known(x_shape) or taps == 1:
        return 1
    windows = zip(size, widths, sampling.effective_kernel_size, sampling.strides, strict=True)
    points = math.prod((n + sum(around) - span) // step + 1 for n, around, span, step in windows)
    inputs, outputs = cosets * channels, group.order * kernel_shape[-1]
    direct = batch * (math.prod(size) * inputs + points * outputs) + taps * inputs * outputs
    parts = batch * points * taps * inputs / (LARGEST_TRANSFORM[mode] * direct)
    enough = (n for n in range(1, batch + 1) if batch % n == 0 and n >= parts)
    return next(enough, max(batch, 1))


def in_chunks(x, chunks):
    """A batch `(batch, …)` as `(chunks, batch / chunks, …)`."""
    return ops.reshape(x, (chunks, -1, *x.shape[1:]))
