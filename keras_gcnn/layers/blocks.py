"""Blocks of several layers on the group: residual and highway."""

import keras
from keras import initializers, ops

from keras_gcnn.layers import arguments
from keras_gcnn.layers.base_layer import BaseGroupLayer
from keras_gcnn.layers.group_conv import GroupConv2D
from keras_gcnn.layers.group_pooling import GroupAveragePooling2D
from keras_gcnn.layers.normalisation import GroupBatchNormalization

DOWNSAMPLINGS = ("stride", "pooling")


class BaseBlock2D(BaseGroupLayer):
    """A block with "same" padding, made of convolutions on G and batch normalisations.

    Every part acts on G or pointwise on it, so the block is equivariant wherever its strides are.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        group="p4",
        data_format=None,
        momentum=0.9,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(group, data_format, **kwargs)
        self.filters = arguments.positive_integer(filters, "filters")
        self.kernel_size = arguments.integer_tuple(kernel_size, self.dimension, "kernel_size")
        self.momentum = momentum
        self.kernel_initializer = initializers.get(kernel_initializer)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "momentum": self.momentum,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }

    def _convolution(self, name, kernel_size=None, strides=1, **options):
        return GroupConv2D(
            self.filters,
            kernel_size or self.kernel_size,
            group=self.group,
            strides=strides,
            padding="same",
            data_format=self.data_format,
            # A copy: an initializer with a seed of its own would give equal kernels.
            kernel_initializer=initializers.get(initializers.serialize(self.kernel_initializer)),
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
            **options,
        )

    def _normalisation(self, name):
        axis = -1 if self.data_format == "channels_last" else 1
        return GroupBatchNormalization(
            axis=axis, momentum=self.momentum, dtype=self.dtype_policy, name=f"{self.name}_{name}"
        )


@keras.saving.register_keras_serializable(package="keras_gcnn")
class ResidualBlock2D(BaseBlock2D):
    """A pre-activation residual block on the group.

        y = s(x) + conv(relu(norm(conv(relu(norm(x))))))

    The first convolution has the stride. The shortcut s is the identity, or where the width or the
    size changes a 1×1 convolution with that stride.

    Args:
        filters: Integer, the number of feature maps on the group.
        kernel_size: Integer or two.
        group: The point group, the same as the layer before.
        strides: Integer or two.
        downsampling: `"stride"` strides the convolutions, which on even sizes is not exactly
            equivariant; `"pooling"` leaves them dense and averages over windows of that size.
        data_format: As in `keras.layers.Conv2D`.
        momentum: Of the batch normalisations.
        kernel_initializer: As in `keras.layers.Conv2D`.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, new_height, new_width)`

    Returns:
        A tensor of rank 5.

    Raises:
        ValueError: On a bad argument or an input that is not on this group.

    Warns:
        EquivarianceWarning: At build time, if the strides break equivariance.

    Example:
    >>> x = np.random.rand(4, 28, 28, 8, 16)
    >>> keras_gcnn.layers.ResidualBlock2D(32, group="p4m", strides=2, downsampling="pooling")(x)

    Reference: Cohen & Welling 2016, section 8.2; He et al. 2016, "Identity Mappings".
    """

    def __init__(
        self, filters, kernel_size=3, group="p4", strides=1, downsampling="stride", **kwargs
    ):
        super().__init__(filters, kernel_size, group, **kwargs)
        self.strides = arguments.integer_tuple(strides, self.dimension, "strides")
        self.downsampling = arguments.one_of(downsampling, DOWNSAMPLINGS, "downsampling")

    def build(self, input_shape):
        super().build(input_shape)
        _, channels = self._size_and_channels(input_shape)
        self.branch = [
            self._normalisation("norm_a"),
            keras.layers.ReLU(dtype=self.dtype_policy),
            *self._downsampled("conv_a", self.kernel_size),
            self._normalisation("norm_b"),
            keras.layers.ReLU(dtype=self.dtype_policy),
            self._convolution("conv_b"),
        ]
        changes = channels != self.filters or max(self.strides) > 1
        self.shortcut = self._downsampled("shortcut", 1) if changes else []
        for path in (self.branch, self.shortcut):
            shape = input_shape
            for layer in path:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def call(self, inputs, training=None):
        residual, shortcut = inputs, inputs
        for layer in self.branch:
            is_norm = isinstance(layer, GroupBatchNormalization)
            residual = layer(residual, training=training) if is_norm else layer(residual)
        for layer in self.shortcut:
            shortcut = layer(shortcut)
        return shortcut + residual

    def compute_output_shape(self, input_shape):
        size, _ = self._size_and_channels(input_shape)
        size = [
            n if n is None else -(-n // stride) if self.downsampling == "stride" else n // stride
            for n, stride in zip(size, self.strides, strict=True)
        ]
        return self._shape(input_shape[0], size, [self.group.order], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "strides": self.strides,
            "downsampling": self.downsampling,
        }

    def _downsampled(self, name, kernel_size):
        if max(self.strides) == 1 or self.downsampling == "stride":
            return [self._convolution(name, kernel_size, self.strides)]
        pooling = GroupAveragePooling2D(
            self.strides,
            group=self.group,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}_pool",
        )
        return [self._convolution(name, kernel_size), pooling]


@keras.saving.register_keras_serializable(package="keras_gcnn")
class HighwayBlock2D(BaseBlock2D):
    """A highway block on the group: a gate chooses between a transform and the input.

        y = t · relu(norm(conv(x))) + (1 - t) · x,      t = sigmoid(conv_t(x))

    The gate is a function on G like the rest, so that it turns with the input too.

    Args:
        filters: Integer, the number of feature maps on the group, in and out.
        kernel_size: Integer or two.
        group: The point group, the same as the layer before.
        gate_bias: The gate's bias at the start; a negative one carries the input through.
        data_format: As in `keras.layers.Conv2D`.
        momentum: Of the batch normalisation.
        kernel_initializer: As in `keras.layers.Conv2D`.

    Input shape, output shape:
        - `"channels_last"`: `(batch, height, width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, height, width)`

    Returns:
        A tensor of rank 5, of the shape of the input.

    Raises:
        ValueError: On a bad argument, an input that is not on this group, or one with another
            number of channels than `filters`.

    Example:
    >>> x = np.random.rand(4, 28, 28, 4, 16)
    >>> keras_gcnn.layers.HighwayBlock2D(16, group="p4")(x).shape
    (4, 28, 28, 4, 16)

    Reference: Srivastava, Greff & Schmidhuber 2015; on G: Cohen & Welling 2016, section 6.
    """

    def __init__(self, filters, kernel_size=3, group="p4", gate_bias=-2.0, **kwargs):
        super().__init__(filters, kernel_size, group, **kwargs)
        self.gate_bias = float(gate_bias)

    def build(self, input_shape):
        super().build(input_shape)
        _, channels = self._size_and_channels(input_shape)
        if channels != self.filters:
            raise ValueError(
                f"`filters` of HighwayBlock2D '{self.name}' must be the number of its input's "
                f"channels, {channels}, since the gate mixes the two. Received: "
                f"filters={self.filters}. Put a GroupConv2D with {self.filters} filters before it."
            )
        self.convolution = self._convolution("conv", use_bias=False)
        self.normalisation = self._normalisation("norm")
        bias = initializers.Constant(self.gate_bias)
        self.gate = self._convolution("gate", bias_initializer=bias, activation="sigmoid")
        for layer in (self.convolution, self.normalisation, self.gate):
            layer.build(input_shape)

    def call(self, inputs, training=None):
        gate = self.gate(inputs)
        transformed = ops.relu(self.normalisation(self.convolution(inputs), training=training))
        return gate * transformed + (1 - gate) * inputs

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "gate_bias": self.gate_bias}
