"""The one base of lifting and group convolutions, of every dimension."""

from typing import Any

from keras import activations, constraints, initializers, ops, regularizers

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import (
    Activation,
    Config,
    Constraint,
    DataFormat,
    Group,
    Implementation,
    Initializer,
    Integer,
    Number,
    Padding,
    Regularizer,
    Shape,
    Size,
    Tensor,
)
from keras_gcnn.layers import guard
from keras_gcnn.layers.base_window import BaseWindow
from keras_gcnn.layers.low_rank import LowRankKernel
from keras_gcnn.ops.conv.filters import drawn_flat
from keras_gcnn.ops.image import on_image


class BaseGroupConv(LowRankKernel, BaseWindow):
    """Standardizes the arguments, owns kernel and bias, and calls `ops.group_conv`.

    The arguments are those of `keras.layers.Conv2D`, by the same names, and `group`. Subclasses say
    which of them their constructor does not take (`left_out`) or calls otherwise (`renamed`).
    """

    left_out: tuple[str, ...] = ()
    renamed: dict[str, str] = {}

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size,
        group: Group | None = None,
        strides: Size = 1,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        dilation_rate: Size = 1,
        groups: Integer = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        activity_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        implementation: Implementation = "auto",
        lora_rank: Integer | None = None,
        lora_alpha: Number | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            group,
            strides,
            padding,
            data_format,
            dilation_rate,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = arguments.integer(filters, "filters")
        self.groups = arguments.integer(groups, "groups")
        self.kernel_size = self._window
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.implementation = arguments.one_of(
            implementation, arguments.IMPLEMENTATIONS, "implementation"
        )
        arguments.divisible(self.filters, self.groups, "`filters`")
        self.lora_rank = lora_rank and arguments.integer(lora_rank, "lora_rank")
        self.lora_alpha = lora_alpha

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        guard.warn_of_activation(self, self.compute_output_shape(input_shape))
        _, channels = self._size_and_channels(input_shape)
        arguments.divisible(channels, self.groups, "The number of input channels")
        self._kernel = self.add_weight(
            name="kernel",
            shape=self._kernel_shape(channels),
            initializer=drawn_flat(self.kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self._output_channels(channels),),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        if self.lora_rank:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        kernel = ops.convert_to_tensor(self.kernel)
        outputs = self.convolution_op(inputs, kernel, training=arguments.flag(training))
        if self.use_bias:
            bias = ops.convert_to_tensor(self.bias)
            outputs = group_ops.add_bias(outputs, bias, self.data_format)
        outputs = self.activation(outputs)
        return on_image(outputs, self.lattice, self.data_format)

    def convolution_op(
        self, inputs: Tensor, kernel: Tensor, training: bool | None = False
    ) -> Tensor:
        """The G-correlation itself, without bias and activation: the seam for subclasses."""
        return group_ops.group_conv(
            inputs,
            kernel,
            self.group,
            groups=self.groups,
            implementation=self.implementation,
            training=training,
            **self._window_options(),
        )

    def _window_options(self):
        """The arguments that every convolution of `kg.ops` takes."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def get_config(self) -> Config:
        config = self._whole_config()
        return {self.renamed.get(k, k): v for k, v in config.items() if k not in self.left_out}

    def _whole_config(self):
        lora = {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        return {
            **super().get_config(),
            **(lora if self.lora_rank else {}),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "implementation": self.implementation,
        }

    def _kernel_shape(self, channels):
        return *self._domain(), channels // self.groups, self.filters

    def _domain(self):
        """The axes of taps and of H in the kernel."""
        taps = self.lattice.kernel_axes(self.kernel_size)
        return *taps, *self.input_space.axis_lengths

    def is_between_quotients(self) -> bool:
        """Whether its input or output was said to be on a quotient of the group."""
        return False

    def _output_channels(self, channels):
        return self.filters
