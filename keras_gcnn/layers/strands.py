"""StrandLifting: DNA as a feature map on both of its strands."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn.annotations import Config, DataFormat, Shape, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.layers import guard
from keras_gcnn.layers.base_layer import BaseGroupLayer
from keras_gcnn.layers.options import LayerOptions
from keras_gcnn.ops.layout import channel_axis

COMPLEMENTS = {"A": "T", "T": "A", "C": "G", "G": "C"}


@keras.saving.register_keras_serializable(package="keras_gcnn")
class StrandLifting(BaseGroupLayer):
    """One-hot DNA as a feature map on the group of both strands. The first layer of a network.

        o(x, e) = (A, C) at x,      o(x, m) = (T, G) at x

    The reverse complement of a sequence is the same molecule, read from its other strand. It
    reverses the sequence and exchanges A with T and C with G: `x[:, ::-1, ::-1]` for "ACGT". On
    this map it is the mirror m of the group `"pm"` of the line. So a network of layers on pm, such
    as `GroupConv1D`, is equivariant to the reverse complement, and coset pooling makes it
    invariant.

    Args:
        bases: The letters of the four channels, in their order.
        data_format: As in `keras.layers.Conv1D`.

    Input shape:
        - `"channels_last"`: `(batch, length, 4)`
        - `"channels_first"`: `(batch, 4, length)`

    Output shape:
        - `"channels_last"`: `(batch, length, 2, 2)`
        - `"channels_first"`: `(batch, 2, 2, length)`

    Returns:
        The feature map, of rank 4.

    Raises:
        ValueError: If the letters are not A, C, G and T, or the input has not four channels.

    Warns:
        EquivarianceWarning: If a layer before it may not treat all bases alike.

    Example:
    >>> x = np.random.rand(4, 100, 4)
    >>> keras_gcnn.layers.StrandLifting("ACGT")(x).shape
    (4, 100, 2, 2)

    Reference: Mallet & Vert 2021, "Reverse-Complement Equivariant Networks for DNA Sequences".
    """

    dimension = 1

    def __init__(
        self,
        bases: str = "ACGT",
        data_format: DataFormat | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__("pm", data_format, **kwargs)
        if not isinstance(bases, str) or sorted(bases) != sorted(COMPLEMENTS):
            raise ValueError(
                "`bases` must be the letters A, C, G and T in the order of the channels, such as "
                f"'ACGT'. Received: bases={bases!r}."
            )
        self.bases = bases

    @property
    def input_space(self) -> Space:
        return Space.lattice(self.group)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.compute_output_shape(input_shape)

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if isinstance(inputs, keras.KerasTensor):
            guard.warn_of_bases(self, inputs)
        return super().__call__(inputs, *args, **kwargs)

    def complements(self) -> list[int]:
        """For each channel that of the other base of its pair: A and T, C and G."""
        return [self.bases.index(COMPLEMENTS[base]) for base in self.bases]

    def complement(self, inputs: Tensor) -> Tensor:
        """The sequences with A and T exchanged, and C and G."""
        return keras.ops.take(inputs, self.complements(), axis=channel_axis(self.data_format))

    def pairs(self) -> list[list[int]]:
        """The channels of A and T, and those of C and G."""
        return [[self.bases.index(b) for b in (base, COMPLEMENTS[base])] for base in "AC"]

    def call(self, inputs: Tensor) -> Tensor:
        if self.data_format == "channels_first":
            return keras.ops.take(inputs, self.pairs(), axis=1)
        return keras.ops.take(inputs, list(zip(*self.pairs(), strict=True)), axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        size, channels = self._size_and_channels(input_shape)
        arguments.integer(channels, "the number of channels", smallest=4, largest=4)
        return self._shape(input_shape[0], size, (2,), 2)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["group"]
        return {**config, "bases": self.bases}
