"""Pooling over space, for each element of H by itself."""

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.layers.base_window import BaseWindow


class BaseGroupPooling(BaseWindow):
    """Pools space with the `reduction` of the subclass."""

    window_argument = "pool_size"
    paddings = arguments.POOLING_PADDINGS
    sees_padding = False
    reduction = None

    def __init__(
        self,
        pool_size=2,
        strides=None,
        padding="valid",
        data_format=None,
        group="p4",
        **kwargs,
    ):
        super().__init__(pool_size, group, strides, padding, data_format, **kwargs)
        self.pool_size = self._window

    def call(self, inputs):
        return group_ops.group_pool(
            inputs,
            self.pool_size,
            self.strides,
            self.padding,
            self.reduction,
            self.data_format,
        )

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size}


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupMaxPooling2D(BaseGroupPooling):
    """The maximum over windows of space, for each element of H by itself.

        y(x, h)_c = max over t in the window of f_c(strides·x + t, h)

    A stock `keras.layers.MaxPooling3D((2, 2, 1))` (with `"channels_last"`) computes the same. This
    layer also knows the group, so it warns when the windows do not turn with the input.

    Args:
        pool_size: Integer or two, the window.
        strides: Integer or two. `None` is `pool_size`. Equivariance is kept only if no row is left
            over, (size + padding - pool_size) mod stride = 0.
        padding: `"valid"` or `"same"`.
        data_format: As in `keras.layers.MaxPooling2D`.
        group: The point group, the same as the layer before.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, new_height, new_width)`

    Returns:
        The pooled feature map, of rank 5.

    Raises:
        ValueError: On a bad argument, an input that is not on this group, or a window that does not
            fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupMaxPooling2D(2)(x).shape
    (4, 12, 12, 4, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    reduction = "max"


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupAveragePooling2D(BaseGroupPooling):
    """The mean over windows of space, for each element of H by itself.

        y(x, h)_c = mean over t in the window of f_c(strides·x + t, h)

    A stock `keras.layers.AveragePooling3D((2, 2, 1))` (with `"channels_last"`) computes the same.
    This layer also knows the group, so it warns when the windows do not turn with the input.

    Args, shapes, errors and warnings are those of `GroupMaxPooling2D`.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupAveragePooling2D(2)(x).shape
    (4, 12, 12, 4, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    reduction = "mean"
