"""GroupBatchNormalization: Keras' batch normalization of a feature map on G."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn.annotations import Config, DataFormat, Integer, MapLattice, Shape, Tensor
from keras_gcnn.layers import guard
from keras_gcnn.layers.options import NormalizationOptions
from keras_gcnn.ops import backend
from keras_gcnn.ops.image import array_of, points_of
from keras_gcnn.ops.layout import channel_axis
from keras_gcnn.ops.normalization import (
    batch_normalization_on_group,
    in_float32_or_more,
    merges_channels,
    moments_on_group,
    moved_average,
)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` of a feature map on G, one scale for each map.

        o_c(x, h) = γ_c (f_c(x, h) - μ_c) / √(σ²_c + ε) + β_c

    The mean μ_c and variance σ²_c are taken over batch, space and H. It is the same function as
    `BatchNormalization` along the channels, with the same weights. Where it is faster, it is
    computed on |H|·C channels (`ops.normalization`).

    Args:
        axis: The axis of channels: -1 for `"channels_last"`, 1 for `"channels_first"`. `None`: as
            `data_format` says.
        data_format: As in `keras.layers.Conv2D`. `None`: as `axis` says, or Keras' default.
        lattice: `"hexagonal"` for maps on a hexagonal lattice, whose mean and variance are taken
            over the points of the hexagon. `None`: that of the input in a functional or Sequential
            model, or one with axes at right angles.
        kwargs: As in `keras.layers.BatchNormalization`.

    Input shape:
        - `"channels_last"`: `(batch, *space, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, *space)`

    Output shape:
        That of the input.

    Returns:
        A tensor of that shape.

    Raises:
        ValueError: If the axis is not that of the channels, and as
            `keras.layers.BatchNormalization`.

    Example:
    >>> x = np.random.rand(4, 26, 26, 4, 10)
    >>> keras_gcnn.layers.GroupBatchNormalization()(x).shape
    (4, 26, 26, 4, 10)

    Reference: Ioffe & Szegedy 2015; one scale per map on G: Cohen & Welling 2016, section 8.2.
    """

    lattice: Any

    def __init__(
        self,
        axis: Integer | None = None,
        *args: Any,
        data_format: DataFormat | None = None,
        lattice: MapLattice = None,
        **kwargs: Unpack[NormalizationOptions],
    ) -> None:
        axis = None if axis is None else arguments.integer(axis, "axis", smallest=-6)
        if data_format is None and axis is not None:
            data_format = "channels_first" if axis == 1 else "channels_last"
        self.data_format = arguments.data_format(data_format)
        axis = channel_axis(self.data_format) if axis is None else axis
        super().__init__(axis, *args, **kwargs)
        dimension = getattr(lattice, "dimension", 2)
        self.lattice = None if lattice is None else arguments.lattice(lattice, dimension)

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.lattice is None:
            self.lattice = guard.lattice_of_source(self, inputs)
        return super().__call__(inputs, *args, **kwargs)

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        expected = channel_axis(self.data_format) % rank
        if rank < 4 or self.axis not in (expected, expected - rank):
            raise ValueError(
                f"`axis` of GroupBatchNormalization '{self.name}' must be that of the channels, "
                f"{expected} or {expected - rank} with data_format={self.data_format!r}, of a map "
                f"with an axis of H. Received: axis={self.axis}, "
                f"input_shape={tuple(input_shape)}. Leave `axis` out."
            )
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        if not self._is_hexagonal():
            return self._normalized(inputs, training, mask)
        points = points_of(inputs, self.lattice, self.data_format)
        if mask is not None and len(mask.shape) == len(inputs.shape) - 1:
            shape = list(keras.ops.shape(inputs))
            del shape[self.axis]
            mask = keras.ops.broadcast_to(mask, shape)
            mask = points_of(mask, self.lattice, self.data_format)
        y = self._normalized(points, training, mask)
        size = arguments.size_of(inputs, self.lattice.dimension, self.data_format)
        return array_of(y, self.lattice, size, self.data_format)

    def _normalized(self, inputs, training, mask=None):
        is_plain = mask is None and not self.renorm and not self.synchronized
        if not is_plain or not merges_channels(inputs, self.data_format):
            return super().call(inputs, training=training, mask=mask)
        x = in_float32_or_more(inputs)
        moments = self.moving_mean, self.moving_variance
        if training and self.trainable:
            moments = moments_on_group(x)
            self.moving_mean.assign(moved_average(self.moving_mean, moments[0], self.momentum))
            self.moving_variance.assign(
                moved_average(self.moving_variance, moments[1], self.momentum)
            )
        y = batch_normalization_on_group(x, *moments, self.beta, self.gamma, self.epsilon)
        return keras.ops.cast(y, self.compute_dtype)

    def get_config(self) -> Config:
        lattice = {"lattice": "hexagonal"} if self._is_hexagonal() else {}
        return {**super().get_config(), "data_format": self.data_format, **lattice}

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        return backend.rematerialized(super().rematerialized_call, layer_call, args, kwargs)

    def _is_hexagonal(self):
        return self.lattice is not None and bool(self.lattice.bounds)
