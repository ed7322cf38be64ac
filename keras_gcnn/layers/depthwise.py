"""Depthwise and separable convolutions on the group, and the dense layer."""

from typing import Unpack

import keras
from keras import constraints, initializers, ops, regularizers

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import (
    Constraint,
    DataFormat,
    Group,
    Initializer,
    Integer,
    Padding,
    Regularizer,
    Shape,
    Size,
    Tensor,
)
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.options import BiasOptions, DepthwiseOptions, KernelOptions


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupDepthwiseConv2D(BaseGroupConv):
    """A convolution on the group of each channel by itself.

        o_k(x, h) = activation(b_k + Σ_y Σ_h′ f_c(x + y, h′) ψ_c,j(h⁻¹y, h⁻¹h′)),      k = c·m + j

    Taps y are counted from the centre of the kernel ψ. Each of the C channels has
    m = `depth_multiplier` filters of its own. The kernel is `(kh, kw, |H|, C, m)`.

    Args:
        kernel_size, group, strides, padding, data_format, dilation_rate, activation, use_bias: As
            in `GroupConv2D`.
        depth_multiplier: Integer, the number of filters of each channel.
        depthwise_initializer, bias_initializer, depthwise_regularizer, bias_regularizer,
        activity_regularizer, depthwise_constraint, bias_constraint: As in
            `keras.layers.DepthwiseConv2D`.
        lora_rank, lora_alpha: As in `keras.layers.Conv2D`, for the depthwise kernel. `enable_lora`
            is there too.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C·depth_multiplier)`
        - `"channels_first"`: `(batch, C·depth_multiplier, |H|, new_height, new_width)`

    Returns:
        A tensor of rank 5.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 26, 26, 4, 10)
    >>> keras_gcnn.layers.GroupDepthwiseConv2D(3, group="p4", depth_multiplier=2)(x).shape
    (4, 24, 24, 4, 20)

    Reference: Cohen & Welling 2016, section 6.1; depthwise: Chollet 2017,
    "Xception: Deep Learning with Depthwise Separable Convolutions".
    """

    dimension = 2
    left_out: tuple[str, ...] = ("filters", "groups", "implementation")
    renamed = {
        "kernel_initializer": "depthwise_initializer",
        "kernel_regularizer": "depthwise_regularizer",
        "kernel_constraint": "depthwise_constraint",
    }

    def __init__(
        self,
        kernel_size: Size,
        group: Group | None = None,
        strides: Size = 1,
        padding: Padding = "valid",
        depth_multiplier: Integer = 1,
        data_format: DataFormat | None = None,
        dilation_rate: Size = 1,
        depthwise_initializer: Initializer = "glorot_uniform",
        depthwise_regularizer: Regularizer = None,
        depthwise_constraint: Constraint = None,
        **kwargs: Unpack[BiasOptions],
    ) -> None:
        super().__init__(
            1,
            kernel_size,
            group,
            strides,
            padding,
            data_format,
            dilation_rate,
            kernel_initializer=depthwise_initializer,
            kernel_regularizer=depthwise_regularizer,
            kernel_constraint=depthwise_constraint,
            **kwargs,
        )
        self.depth_multiplier = arguments.integer(depth_multiplier, "depth_multiplier")

    def convolution_op(
        self, inputs: Tensor, kernel: Tensor, training: bool | None = False
    ) -> Tensor:
        options = {"training": training, **self._window_options()}
        return group_ops.group_depthwise_conv(inputs, kernel, self.group, **options)

    def _whole_config(self):
        return {**super()._whole_config(), "depth_multiplier": self.depth_multiplier}

    def _kernel_shape(self, channels):
        return *self._domain(), channels, self.depth_multiplier

    def _output_channels(self, channels):
        return channels * self.depth_multiplier


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupSeparableConv2D(GroupDepthwiseConv2D):
    """A depthwise convolution on the group, and then a combination of channels at each point.

        o_k(x, h) = activation(b_k + Σ_c d_c(x, h) w_c,k)

    d is what `GroupDepthwiseConv2D` gives, of C·`depth_multiplier` channels. The pointwise kernel w
    is `(1, 1, C·depth_multiplier, filters)`, as in `keras.layers.SeparableConv2D`.

    Args:
        filters: Integer, the number of feature maps on the group.
        kernel_size, group, strides, padding, depth_multiplier, data_format, dilation_rate,
        activation, use_bias, depthwise_initializer, bias_initializer, depthwise_regularizer,
        bias_regularizer, activity_regularizer, depthwise_constraint, bias_constraint, lora_rank,
        lora_alpha: As in `GroupDepthwiseConv2D`.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: Of the pointwise kernel.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, new_height, new_width)`

    Returns:
        A tensor of rank 5.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 26, 26, 4, 10)
    >>> keras_gcnn.layers.GroupSeparableConv2D(16, 3, group="p4")(x).shape
    (4, 24, 24, 4, 16)

    Reference: Cohen & Welling 2016, section 6.1; separable: Chollet 2017,
    "Xception: Deep Learning with Depthwise Separable Convolutions".
    """

    left_out = ("groups", "implementation")

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size,
        group: Group | None = None,
        strides: Size = 1,
        padding: Padding = "valid",
        depth_multiplier: Integer = 1,
        data_format: DataFormat | None = None,
        dilation_rate: Size = 1,
        pointwise_initializer: Initializer = "glorot_uniform",
        pointwise_regularizer: Regularizer = None,
        pointwise_constraint: Constraint = None,
        **kwargs: Unpack[DepthwiseOptions],
    ) -> None:
        super().__init__(
            kernel_size,
            group,
            strides,
            padding,
            depth_multiplier,
            data_format,
            dilation_rate,
            **kwargs,
        )
        self.filters = arguments.integer(filters, "filters")
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        _, channels = self._size_and_channels(input_shape)
        channels *= self.depth_multiplier
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(*(1,) * self.dimension, channels, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )

    def convolution_op(
        self, inputs: Tensor, kernel: Tensor, training: bool | None = False
    ) -> Tensor:
        outputs = super().convolution_op(inputs, kernel, training)
        pointwise = ops.convert_to_tensor(self.pointwise_kernel)
        pointwise = ops.reshape(pointwise, pointwise.shape[-2:])
        return group_ops.pointwise_conv(outputs, pointwise, self.group, self.data_format)

    def _whole_config(self):
        return {
            **super()._whole_config(),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }

    def _output_channels(self, channels):
        return self.filters


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupDense(BaseGroupConv):
    """The dense layer on H: combines all of H and the channels at each point of space.

        o_k(x, h) = activation(b_k + Σ_h′ Σ_c f_c(x, h′) ψ_c,k(h⁻¹h′))

    The kernel is `(|H|, C, units)`. In two dimensions this is a `GroupConv2D` of one tap. Maps may
    have any dimension. `keras.layers.Dense` acts on a map on the group too, and combines only the
    channels.

    Args:
        units: Integer, the number of feature maps on the group.
        group, data_format, activation, use_bias, kernel_initializer, bias_initializer,
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint: As in `GroupConv2D`.
        lora_rank, lora_alpha: As in `keras.layers.Conv2D`; `enable_lora` is there too.

    Input shape:
        - `"channels_last"`: `(batch, *space, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, *space)`

    Output shape:
        - `"channels_last"`: `(batch, *space, |H|, units)`
        - `"channels_first"`: `(batch, units, |H|, *space)`

    Returns:
        A tensor of the input's rank.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupDense(16, group="p4")(x).shape
    (4, 24, 24, 4, 16)

    Reference: Cohen & Welling 2016, section 6.1, for a filter of one tap.
    """

    left_out = (
        "kernel_size",
        "strides",
        "padding",
        "dilation_rate",
        "groups",
        "implementation",
    )
    renamed = {"filters": "units"}

    def __init__(
        self,
        units: Integer,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Unpack[KernelOptions],
    ) -> None:
        self.units = arguments.integer(units, "units")
        self.dimension = 2  # until the group is known
        super().__init__(units, 1, group, data_format=data_format, **kwargs)

    def fit_group(self) -> None:
        one = (1,) * self.dimension
        self._window = self.kernel_size = self.strides = self.dilation_rate = one
        self.sampling = self._sampling()

    def convolution_op(
        self, inputs: Tensor, kernel: Tensor, training: bool | None = False
    ) -> Tensor:
        return group_ops.group_dense(
            inputs, kernel, self.group, self.data_format, training=training
        )

    def _kernel_shape(self, channels):
        return *self.input_space.axis_lengths, channels, self.units
