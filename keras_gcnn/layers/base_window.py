"""What convolution and pooling share: a window that slides over space, and the guard."""

from typing import Any

from keras_gcnn import arguments
from keras_gcnn.annotations import Config, DataFormat, Group, Padding, Shape, Size, Tensor
from keras_gcnn.groups import Sampling
from keras_gcnn.layers import guard
from keras_gcnn.layers.base_layer import BaseGroupLayer


class BaseSampled(BaseGroupLayer):
    """A layer whose output is at the points of a `sampling` of its input's, and its guard.

    Subclasses say what they call their window (`window_argument`).
    """

    window_argument = "kernel_size"

    def __init__(self, group: Group | None, data_format: DataFormat | None, **kwargs: Any) -> None:
        super().__init__(group, data_format, **kwargs)
        self._sizes: set[tuple] = set()  # that the guard has seen

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        outputs = super().__call__(inputs, *args, **kwargs)
        self._guard(tuple(inputs.shape))  # `build` saw only the first size
        return outputs

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self._guard(tuple(input_shape))

    def keeps_equivariance(self, input_shape: Shape) -> bool:
        size, _ = self._size_and_channels(input_shape)
        return self.sampling.preserves(self.output_space.group, size)

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        size, channels = self._size_and_channels(input_shape)
        arguments.fits(self.sampling, size, self.window_argument)
        return self._shape(
            input_shape[0],
            self.sampling.output_size(size),
            self.output_space.axis_lengths,
            self._output_channels(channels),
        )

    def _output_channels(self, channels):
        return channels

    def _guard(self, shape):
        is_known = all(n is None or isinstance(n, int) for n in shape)
        if is_known and shape[1:] not in self._sizes:
            size, _ = self._size_and_channels(shape)
            arguments.fits(self.sampling, size, self.window_argument)
            guard.warn_if_lost(self, self.sampling, size, self.window_argument)
            self._sizes.add(shape[1:])


class BaseWindow(BaseSampled):
    """A layer that slides a window over the space of a feature map.

    Subclasses say, as class attributes, what they call their window (`window_argument`), how it may
    be padded (`paddings`), and whether padded points enter the result as zeros or are left out
    (`sees_padding`).

    Args:
        window: Size of the window, one integer or d.
        group, data_format: As in `BaseGroupLayer`.
        strides, padding, dilation_rate: As in Keras' convolutions and poolings.
    """

    paddings: tuple[str, ...] = arguments.PADDINGS
    sees_padding = True

    def __init__(
        self,
        window: Size,
        group: Group | None,
        strides: Size | None,
        padding: Padding,
        data_format: DataFormat | None,
        dilation_rate: Size = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self._window = arguments.integer_tuple(window, self.dimension, self.window_argument)
        self.padding = arguments.one_of(padding, self.paddings, "padding")
        self.strides, self.dilation_rate = arguments.strides_and_dilation(
            self._window if strides is None else strides, dilation_rate, self.dimension
        )
        self.sampling = self._sampling()
        if self.group is not None:
            self.fit_group()

    def _sampling(self):
        return Sampling(
            self._window, self.strides, self.padding, self.dilation_rate, self.sees_padding
        )

    def fit_group(self) -> None:
        arguments.symmetric(self._window, self.group, self.window_argument)
        arguments.symmetric(self.dilation_rate, self.group, "dilation_rate", is_window=False)

    def get_config(self) -> Config:
        return {**super().get_config(), "strides": self.strides, "padding": self.padding}
