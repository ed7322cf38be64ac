"""What every block has: parts, the order in which they act, and which of them are frozen."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import keras
from keras import activations, initializers, regularizers

from keras_gcnn import arguments
from keras_gcnn.annotations import (
    Activation,
    Config,
    DataFormat,
    Group,
    Implementation,
    Initializer,
    Integer,
    Number,
    Regularizer,
    Shape,
    Size,
)
from keras_gcnn.layers import guard
from keras_gcnn.layers.base_layer import BaseGroupLayer
from keras_gcnn.layers.dimensions import counterpart
from keras_gcnn.layers.group_conv import GroupConv2D
from keras_gcnn.layers.normalization import GroupBatchNormalization


class BaseBlock(BaseGroupLayer):
    """A block of convolutions on G and batch normalizations.

    Every part acts on G or pointwise on it. So the block is equivariant wherever its strided
    convolutions are.

    Args:
        filters, kernel_size, group, data_format: As in `GroupConv2D`.
        momentum, epsilon: Of the batch normalizations.
        activation: The activation between convolutions.
        use_bias: Whether convolutions have a bias.
        dropout: The rate of dropout before the last convolution.
        kernel_initializer: As in `GroupConv2D`. One with a seed gives each convolution a seed of
            its own.
        kernel_regularizer, bias_regularizer, implementation: As in `GroupConv2D`.
    """

    def __init__(
        self,
        filters: Integer,
        kernel_size: Size = 3,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        momentum: Number = 0.9,
        epsilon: Number = 1e-3,
        activation: Activation = "relu",
        use_bias: bool = True,
        dropout: Number = 0.0,
        kernel_initializer: Initializer = "he_normal",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        implementation: Implementation = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self.filters = arguments.integer(filters, "filters")
        self.kernel_size = arguments.integer_tuple(kernel_size, self.dimension, "kernel_size")
        self.momentum = arguments.number(momentum, "momentum")
        self.epsilon = arguments.number(epsilon, "epsilon")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.dropout = arguments.number(dropout, "dropout")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.implementation = arguments.one_of(
            implementation, arguments.IMPLEMENTATIONS, "implementation"
        )
        self._initializers_given = 0
        self._frozen: Sequence[int] = ()  # positions of the parts that are not trainable

    def build(self, input_shape: Shape) -> None:
        self._make_parts(input_shape)
        super().build(input_shape)  # last, so that a block whose parts do not fit is not built
        guard.warn_of_activation(self, self.compute_output_shape(input_shape))
        parts = self.parts()
        for position in self._frozen if self.trainable else range(len(parts)):
            arguments.integer(position, "frozen", smallest=0, largest=len(parts) - 1)
            parts[position].trainable = False

    def get_config(self) -> Config:
        frozen = self._frozen
        if self.built:
            frozen = [i for i, part in enumerate(self.parts()) if not part.trainable]
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "implementation": self.implementation,
            "frozen": list(frozen),
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        frozen = config.pop("frozen", ())
        block = super().from_config(config)
        block._frozen = tuple(frozen)
        return block

    def parts(self) -> list[keras.layers.Layer]:
        """The layers that the block is made of, once it is built."""
        raise NotImplementedError

    def paths(self) -> list[list[keras.layers.Layer]]:
        """The parts by the order in which each path applies them."""
        return [[part] for part in self.parts()]

    def steps(self, input_shape: Shape) -> Iterator[tuple[keras.layers.Layer, Shape, Shape]]:
        """Each part with the shapes of its input and its output."""
        for path in self.paths():
            shape = input_shape
            for part in path:
                output_shape = part.compute_output_shape(shape)
                yield part, shape, output_shape
                shape = output_shape

    def keeps_equivariance(self, input_shape: Shape) -> bool:
        parts = ((part, shape) for part, shape, _ in self.steps(input_shape))
        of_ours = [(p, shape) for p, shape in parts if isinstance(p, BaseGroupLayer)]
        return all(part.keeps_equivariance(shape) for part, shape in of_ours)

    def _make_parts(self, input_shape):
        """Makes and builds them."""
        raise NotImplementedError

    def _convolution(self, name, kernel_size=None, strides=1, padding="same", **options):
        options = {"activation": None, "use_bias": self.use_bias, **options}
        return counterpart(GroupConv2D, self.dimension)(
            self.filters,
            kernel_size or self.kernel_size,
            group=self.group,
            strides=strides,
            padding=padding,
            data_format=self.data_format,
            kernel_initializer=self._own_initializer(),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            implementation=self.implementation,
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
            **options,
        )

    def _own_initializer(self):
        self._initializers_given += 1
        return own_initializer(self.kernel_initializer, self._initializers_given - 1)

    def _normalization(self, name):
        return GroupBatchNormalization(
            data_format=self.data_format,
            lattice=self.lattice,
            momentum=self.momentum,
            epsilon=self.epsilon,
            dtype=self.dtype_policy,
            name=f"{self.name}_{name}",
        )

    def _activation(self):
        return keras.layers.Activation(self.activation, dtype=self.dtype_policy)

    def _dropout(self):
        return [keras.layers.Dropout(self.dropout, dtype=self.dtype_policy)] * bool(self.dropout)


def own_initializer(initializer: Any, number: int) -> Any:
    """The initializer of one of several kernels, which would start equal with the same one.

    Args:
        initializer: As a user gives it: a name, an instance or a function.
        number: The number of the kernel. An integer seed is moved on by it.
    """
    if not isinstance(initializer, initializers.Initializer):
        return initializer
    if isinstance(getattr(initializer, "seed", None), keras.random.SeedGenerator):
        return initializer  # it moves on by itself
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config = {**config, "seed": config["seed"] + number}
    return type(initializer).from_config(config)
