"""The keyword arguments that constructors pass on to their base classes, for a type checker."""

from typing import Any, TypedDict

from keras_gcnn.annotations import (
    Activation,
    Constraint,
    DataFormat,
    Implementation,
    Initializer,
    Integer,
    Number,
    Padding,
    Regularizer,
    Size,
    Subgroup,
)


class LayerOptions(TypedDict, total=False):
    """Keyword arguments of `keras.layers.Layer`."""

    name: str | None
    dtype: Any
    trainable: bool
    autocast: bool
    activity_regularizer: Regularizer


class BiasOptions(LayerOptions, total=False):
    """Keyword arguments of a convolution, except those of its window and its kernel."""

    activation: Activation
    use_bias: bool
    bias_initializer: Initializer
    bias_regularizer: Regularizer
    bias_constraint: Constraint
    lora_rank: Integer | None
    lora_alpha: Number | None


class KernelOptions(BiasOptions, total=False):
    """Keyword arguments of a convolution, except those of its window."""

    kernel_initializer: Initializer
    kernel_regularizer: Regularizer
    kernel_constraint: Constraint


class DepthwiseOptions(BiasOptions, total=False):
    """Keyword arguments of a separable one, except those of its window and pointwise kernel."""

    depthwise_initializer: Initializer
    depthwise_regularizer: Regularizer
    depthwise_constraint: Constraint


class LiftingOptions(KernelOptions, total=False):
    """Keyword arguments of a lifting convolution after `group`."""

    strides: Size
    padding: Padding
    data_format: DataFormat | None
    dilation_rate: Size
    groups: Integer
    implementation: Implementation
    output_subgroup: Subgroup | None


class ConvolutionOptions(LiftingOptions, total=False):
    """Keyword arguments of a convolution on the group after `group`."""

    input_subgroup: Subgroup | None


class BlockOptions(LayerOptions, total=False):
    """Keyword arguments of every block."""

    data_format: DataFormat | None
    momentum: Number
    epsilon: Number
    activation: Activation
    use_bias: bool
    dropout: Number
    kernel_initializer: Initializer
    kernel_regularizer: Regularizer
    bias_regularizer: Regularizer
    implementation: Implementation


class NormalizationOptions(LayerOptions, total=False):
    """Keyword arguments of `keras.layers.BatchNormalization`."""

    momentum: float
    epsilon: float
    center: bool
    scale: bool
    beta_initializer: Initializer
    gamma_initializer: Initializer
    moving_mean_initializer: Initializer
    moving_variance_initializer: Initializer
    beta_regularizer: Regularizer
    gamma_regularizer: Regularizer
    beta_constraint: Constraint
    gamma_constraint: Constraint
    renorm: bool
    renorm_clipping: dict[str, float] | None
    renorm_momentum: float
    synchronized: bool
