"""What convolution and pooling share: a window that slides over space, and the guard."""

from keras_gcnn import groups as point_groups
from keras_gcnn.layers import arguments, guard
from keras_gcnn.layers.base_layer import BaseGroupLayer


class BaseWindow(BaseGroupLayer):
    """A layer that slides a window over the space of a feature map.

    Subclasses say, as class attributes, what they call their window (`window_argument`), and
    whether padding enters their result as zeros, or is left out (`sees_padding`).

    Args:
        window: Size of the window, one integer or d.
        group, data_format: As in `BaseGroupLayer`.
        strides, padding, dilation_rate: As in Keras' convolutions and poolings.
    """

    window_argument = "kernel_size"
    sees_padding = True

    def __init__(self, window, group, strides, padding, data_format, dilation_rate=1, **kwargs):
        super().__init__(group, data_format, **kwargs)
        rank = self.dimension
        self._window = arguments.integer_tuple(window, rank, self.window_argument)
        self.strides = arguments.integer_tuple(strides, rank, "strides")
        self.padding = arguments.one_of(padding, arguments.PADDINGS, "padding")
        self.dilation_rate = arguments.integer_tuple(dilation_rate, rank, "dilation_rate")
        self._sampling = point_groups.Sampling(
            self._window, self.strides, self.padding, self.dilation_rate, self.sees_padding
        )
        self._check_symmetric(self.window_argument, self._window)
        self._check_symmetric("dilation_rate", self.dilation_rate)
        self._size_is_open = False

    def build(self, input_shape):
        super().build(input_shape)
        size, _ = self._size_and_channels(input_shape)
        self._check_fits(size)
        self._guard(size)
        self._size_is_open = None in size

    def compute_output_shape(self, input_shape):
        size, channels = self._size_and_channels(input_shape)
        self._check_fits(size)
        size = self._sampling.output_size(size)
        return self._shape(
            input_shape[0], size, [self.group.order], self._output_channels(channels)
        )

    def get_config(self):
        return {**super().get_config(), "strides": self.strides, "padding": self.padding}

    def _output_channels(self, channels):
        return channels

    def _guard_open_size(self, x):
        """Checks what `build` could not: an axis whose size was `None` there and is known now."""
        if self._size_is_open:
            size, _ = self._size_and_channels(tuple(x.shape))
            self._guard(size)

    def _guard(self, size):
        guard.warn_if_lost(self, self.group, self._sampling, size, self.window_argument)

    def _check_symmetric(self, name, window):
        if not self.group.fixes_lengths(window):
            raise ValueError(
                f"`{name}` must be the same along axes that {self.group.name} exchanges. "
                f"Received: {name}={window}. Use {max(window)}, or a group that exchanges no "
                "axes, such as 'p2' or 'pmm'."
            )

    def _check_fits(self, size):
        span = self._sampling.effective_kernel_size
        too_small = any(n is not None and n < k for n, k in zip(size, span, strict=True))
        if self.padding == "valid" and too_small:
            raise ValueError(
                f"The window of {type(self).__name__} '{self.name}' must fit into its input. "
                f"Received: an input of size {size} for {self.window_argument}={self._window}, "
                f"which spans {span} with dilation_rate={self.dilation_rate}. Use a larger input, "
                f"a smaller {self.window_argument}, or padding='same'."
            )
