"""GroupBatchNormalization: Keras' batch normalisation, with all of H beside the channels."""

import keras
from keras import ops

from keras_gcnn.ops import layout


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` of a feature map on G, computed on |H|·C channels.

        y[b, x, h, c] = γ[c] (map[b, x, h, c] - μ[c]) / √(σ²[c] + ε) + β[c]
        μ[c] = mean over h of μ[h, c]
        σ²[c] = mean over h of σ²[h, c] + (μ[h, c] - μ[c])²

    where μ[h, c] and σ²[h, c] are the mean and variance over batch and space. It is the same
    function as `BatchNormalization(axis=-1)`, with the same weights, which may be used as well.
    XLA's loops run over |H|·C numbers here and over C there, which is slow where C is small or no
    multiple of a vector register. So it is on JAX; on TensorFlow, where this took longer, and on
    PyTorch the computation is Keras' own.

    Args:
        axis: -1 for `"channels_last"`. With 1, for `"channels_first"`, with `renorm` and with a
            mask the computation is Keras' own.
        kwargs: As in `keras.layers.BatchNormalization`.

    Input shape:
        `(batch, *space, |H|, C)`

    Output shape:
        That of the input.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: As `keras.layers.BatchNormalization`.

    Example:
    >>> x = np.random.rand(4, 26, 26, 4, 10)
    >>> keras_gcnn.layers.GroupBatchNormalization()(x).shape
    (4, 26, 26, 4, 10)

    Reference: Ioffe & Szegedy 2015; one scale per map on G: Cohen & Welling 2016, section 8.2.
    """

    def call(self, inputs, training=None, mask=None):
        order = inputs.shape[-2]
        is_last = self.axis in (-1, len(inputs.shape) - 1)
        on_group = is_last and order not in (None, 1)
        if keras.backend.backend() != "jax" or not on_group or self.renorm or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        # Not keras.backend.result_type: on JAX, that of float64 and float32 is float32.
        is_double = keras.backend.standardize_dtype(inputs.dtype) == "float64"
        x = ops.cast(inputs, "float64" if is_double else "float32")
        x = layout.merge_group_axis(x, "channels_last")
        moments = self.moving_mean, self.moving_variance
        if training and self.trainable:
            moments = self._moments_on_group(x, order)
            self._move(moments)
        mean, variance, offset, scale = (
            None if numbers is None else ops.tile(ops.cast(numbers, x.dtype), (order,))
            for numbers in (*moments, self.beta, self.gamma)
        )
        y = ops.batch_normalization(x, mean, variance, -1, offset, scale, self.epsilon)
        y = layout.split_group_axis(y, order, "channels_last")
        return ops.cast(y, self.compute_dtype)

    def _moments_on_group(self, x, order):
        axes = list(range(len(x.shape) - 1))
        moments = ops.moments(x, axes=axes)
        means, variances = (ops.reshape(moment, (order, -1)) for moment in moments)
        mean, between = ops.moments(means, axes=[0])
        within, _ = ops.moments(variances, axes=[0])
        return mean, within + between

    def _move(self, moments):
        for moving, new in zip((self.moving_mean, self.moving_variance), moments, strict=True):
            old = ops.cast(moving, new.dtype)
            moving.assign(old * self.momentum + new * (1 - self.momentum))
