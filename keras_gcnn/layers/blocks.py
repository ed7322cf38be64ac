"""Blocks of several layers on the group: residual and highway."""

from typing import Self, Unpack

import keras
from keras import initializers

from keras_gcnn import arguments, stock
from keras_gcnn.annotations import (
    BlockPadding,
    Config,
    Downsampling,
    Group,
    Integer,
    Number,
    Shape,
    Size,
    Tensor,
)
from keras_gcnn.layers.base_block import BaseBlock
from keras_gcnn.layers.dimensions import counterpart, like
from keras_gcnn.layers.group_pooling import GroupAveragePooling2D
from keras_gcnn.layers.normalization import GroupBatchNormalization
from keras_gcnn.layers.options import BlockOptions
from keras_gcnn.ops.image import on_image

DOWNSAMPLINGS = ("stride", "pooling")


class ResidualBlock(BaseBlock):
    """The residual block on the group, in every dimension."""

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size = 3,
        group: Group | None = None,
        strides: Size = 1,
        downsampling: Downsampling = "stride",
        padding: BlockPadding = "centered",
        **kwargs: Unpack[BlockOptions],
    ) -> None:
        super().__init__(filters, kernel_size, group, **kwargs)
        self.strides = arguments.integer_tuple(strides, self.dimension, "strides")
        self.downsampling = arguments.one_of(downsampling, DOWNSAMPLINGS, "downsampling")
        self.padding = arguments.one_of(padding, ("same", "centered"), "padding")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        arguments.floating(inputs, "inputs")
        inputs = on_image(inputs, self.lattice, self.data_format)
        residual, shortcut = inputs, inputs
        for layer in self.branch:
            if isinstance(layer, (GroupBatchNormalization, keras.layers.Dropout)):
                residual = layer(residual, training=training)
            else:
                residual = layer(residual)
        for layer in self.shortcut:
            shortcut = layer(shortcut)
        return shortcut + residual

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        size, _ = self._size_and_channels(input_shape)
        size = [
            n if n is None else -(-n // stride) if self.downsampling == "stride" else n // stride
            for n, stride in zip(size, self.strides, strict=True)
        ]
        return self._shape(input_shape[0], size, self.output_space.axis_lengths, self.filters)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "strides": self.strides,
            "downsampling": self.downsampling,
            "padding": self.padding,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return super().from_config({"padding": "same", **config})  # as release 0.1 had it

    def parts(self) -> list[keras.layers.Layer]:
        return [*self.branch, *self.shortcut]

    def paths(self) -> list[list[keras.layers.Layer]]:
        return [self.branch, self.shortcut]

    def _make_parts(self, input_shape):
        _, channels = self._size_and_channels(input_shape)
        self.branch = [
            self._normalization("norm_a"),
            self._activation(),
            *self._downsampled("conv_a", self.kernel_size),
            self._normalization("norm_b"),
            self._activation(),
            *self._dropout(),
            self._convolution("conv_b"),
        ]
        changes = channels != self.filters or max(self.strides) > 1
        self.shortcut = self._downsampled("shortcut", 1) if changes else []
        for path in (self.branch, self.shortcut):
            shape = input_shape
            for layer in path:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def _downsampled(self, name, kernel_size):
        if max(self.strides) == 1:
            return [self._convolution(name, kernel_size)]
        if self.downsampling == "stride":
            return [self._convolution(name, kernel_size, self.strides, self.padding)]
        pooling = counterpart(GroupAveragePooling2D, self.dimension)(
            self.strides,
            group=self.group,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}_pool",
        )
        return [self._convolution(name, kernel_size), pooling]


@keras.saving.register_keras_serializable(package="keras_gcnn")
class ResidualBlock2D(ResidualBlock):
    """A pre-activation residual block on the group.

        o = s(f) + conv(relu(norm(conv(relu(norm(f))))))

    The first convolution has the stride. The shortcut s is the identity. If the number of channels
    or the size changes, it is a convolution of one tap with that stride.

    Args:
        filters: Integer, the number of feature maps on the group.
        kernel_size: Integer or two.
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        strides: Integer or two.
        downsampling: `"stride"` strides the convolutions, which on even sizes is not exactly
            equivariant. `"pooling"` leaves them dense and averages over windows of that size.
        padding: Of the strided convolution. `"centered"`: branch and shortcut sample the same
            points. `"same"`: on even sizes they are one pixel apart, as in release 0.1.
        data_format: As in `keras.layers.Conv2D`.
        momentum, epsilon: Of the batch normalizations.
        activation: In place of relu.
        use_bias: Whether convolutions have a bias.
        dropout: The rate of dropout before the second convolution.
        kernel_initializer, kernel_regularizer, bias_regularizer, implementation: As in
            `GroupConv2D`.

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
        EquivarianceWarning: At build time, if the strides break equivariance.

    Example:
    >>> x = np.random.rand(4, 28, 28, 8, 16)
    >>> keras_gcnn.layers.ResidualBlock2D(32, group="p4m", strides=2, downsampling="pooling")(x)

    Reference: Cohen & Welling 2016, section 8.2; He et al. 2016, "Identity Mappings".
    """

    dimension = 2


@like(ResidualBlock2D)
class ResidualBlock1D(ResidualBlock):
    """`ResidualBlock2D` in one dimension."""

    dimension = 1


@like(ResidualBlock2D)
class ResidualBlock3D(ResidualBlock):
    """`ResidualBlock2D` in three dimensions."""

    dimension = 3


class HighwayBlock(BaseBlock):
    """The highway block on the group, in every dimension."""

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size = 3,
        group: Group | None = None,
        gate_bias: Number = -2.0,
        **kwargs: Unpack[BlockOptions],
    ) -> None:
        super().__init__(filters, kernel_size, group, **kwargs)
        self.gate_bias = arguments.number(gate_bias, "gate_bias")

    @property
    def normalisation(self) -> keras.layers.Layer:
        """`normalization`, by the name that saved weights have it under."""
        return self.normalization

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        arguments.floating(inputs, "inputs")
        inputs = on_image(inputs, self.lattice, self.data_format)
        gate, x = self.gate(inputs), inputs
        for layer in self.before:
            x = layer(x, training=training)
        x = self.normalization(self.convolution(x), training=training)
        return gate * self.activation(x) + (1 - gate) * inputs

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "gate_bias": self.gate_bias}

    def parts(self) -> list[keras.layers.Layer]:
        return [*self.before, self.convolution, self.normalization, self.gate]

    def _make_parts(self, input_shape):
        _, channels = self._size_and_channels(input_shape)
        if channels != self.filters:
            raise ValueError(
                f"`filters` of {stock.named(self)} must be the number of its input's "
                f"channels, {channels}, since the gate adds them to its output. Received: "
                f"filters={self.filters}. Put a convolution with {self.filters} filters before it."
            )
        self.before = self._dropout()
        self.convolution = self._convolution("conv", use_bias=False)
        self.normalization = self._normalization("norm")
        bias = {"bias_initializer": initializers.Constant(self.gate_bias)} if self.use_bias else {}
        self.gate = self._convolution("gate", activation="sigmoid", **bias)
        for layer in self.parts():
            layer.build(input_shape)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class HighwayBlock2D(HighwayBlock):
    """A highway block on the group: a gate chooses between a transform and the input.

        o = t · relu(norm(conv(f))) + (1 - t) · f,      t = sigmoid(conv_t(f))

    The gate is a function on G like the rest, so it turns with the input too.

    Args:
        filters: Integer, the number of feature maps on the group, in and out.
        kernel_size: Integer or two.
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        gate_bias: The gate's bias at the start. A negative one carries the input through.
        data_format: As in `keras.layers.Conv2D`.
        momentum, epsilon: Of the batch normalization.
        activation: In place of relu.
        use_bias: Whether the gate has a bias. The other convolution has none, since a batch
            normalization follows it.
        dropout: The rate of dropout before that convolution.
        kernel_initializer, kernel_regularizer, bias_regularizer, implementation: As in
            `GroupConv2D`.

    Input shape, output shape:
        - `"channels_last"`: `(batch, height, width, |H|, filters)`
        - `"channels_first"`: `(batch, filters, |H|, height, width)`

    Returns:
        A tensor of rank 5, of the shape of the input.

    Raises:
        ValueError: If an argument is invalid, the input is not on this group, or it has another
            number of channels than `filters`.

    Example:
    >>> x = np.random.rand(4, 28, 28, 4, 16)
    >>> keras_gcnn.layers.HighwayBlock2D(16, group="p4")(x).shape
    (4, 28, 28, 4, 16)

    Reference: Srivastava, Greff & Schmidhuber 2015; on G: Cohen & Welling 2016, section 6.
    """

    dimension = 2


@like(HighwayBlock2D)
class HighwayBlock1D(HighwayBlock):
    """`HighwayBlock2D` in one dimension."""

    dimension = 1


@like(HighwayBlock2D)
class HighwayBlock3D(HighwayBlock):
    """`HighwayBlock2D` in three dimensions."""

    dimension = 3
