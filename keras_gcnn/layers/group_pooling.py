"""Pooling over space, for each element of H by itself."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import Config, DataFormat, Group, PoolingPadding, Size, Tensor
from keras_gcnn.layers.base_window import BaseWindow
from keras_gcnn.layers.dimensions import like
from keras_gcnn.layers.options import LayerOptions


class BaseGroupPooling(BaseWindow):
    """Pools space with the `reduction` of the subclass."""

    window_argument = "pool_size"
    paddings = arguments.POOLING_PADDINGS
    sees_padding = False
    reduction: Any = None

    def __init__(
        self,
        pool_size: Size = 2,
        strides: Size | None = None,
        padding: PoolingPadding = "valid",
        data_format: DataFormat | None = None,
        group: Group | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(pool_size, group, strides, padding, data_format, **kwargs)
        self.pool_size = self._window

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.group_pool(
            inputs,
            self.pool_size,
            self.strides,
            self.padding,
            self.reduction,
            self.data_format,
            self.lattice,
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "pool_size": self.pool_size}


class GroupMaxPooling(BaseGroupPooling):
    """The maximum over windows of space, in every dimension."""

    reduction = "max"


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupMaxPooling2D(GroupMaxPooling):
    """The maximum over windows of space, for each element of H by itself.

        o_c(x, h) = max over taps y of the window of f_c(strides·x + y, h)

    A stock `keras.layers.MaxPooling3D((2, 2, 1))` (with `"channels_last"`) computes the same. This
    layer also knows the group, so it warns when the windows do not turn with the input.

    Args:
        pool_size: Integer or two, the window.
        strides: Integer or two. `None` is `pool_size`. Equivariance is kept only if no row is left
            over, (size + padding - pool_size) mod stride = 0.
        padding: `"valid"` or `"same"`.
        data_format: As in `keras.layers.MaxPooling2D`.
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, new_height, new_width)`

    Returns:
        The pooled feature map, of rank 5.

    Raises:
        ValueError: If an argument is invalid, the input is not on this group, or the window does
            not fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupMaxPooling2D(2, group="p4")(x).shape
    (4, 12, 12, 4, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    dimension = 2


@like(GroupMaxPooling2D)
class GroupMaxPooling1D(GroupMaxPooling):
    """`GroupMaxPooling2D` in one dimension."""

    dimension = 1


@like(GroupMaxPooling2D)
class GroupMaxPooling3D(GroupMaxPooling):
    """`GroupMaxPooling2D` in three dimensions."""

    dimension = 3


class GroupAveragePooling(BaseGroupPooling):
    """The mean over windows of space, in every dimension."""

    reduction = "mean"


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupAveragePooling2D(GroupAveragePooling):
    """The mean over windows of space, for each element of H by itself.

        o_c(x, h) = mean over taps y of the window of f_c(strides·x + y, h)

    A stock `keras.layers.AveragePooling3D((2, 2, 1))` (with `"channels_last"`) computes the same.
    This layer also knows the group, so it warns when the windows do not turn with the input.

    Args:
        pool_size: Integer or two, the window.
        strides: Integer or two. `None` is `pool_size`. Equivariance is kept only if no row is left
            over, (size + padding - pool_size) mod stride = 0.
        padding: `"valid"` or `"same"`. Padded points are left out of the mean.
        data_format: As in `keras.layers.AveragePooling2D`.
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, new_height, new_width)`

    Returns:
        The pooled feature map, of rank 5.

    Raises:
        ValueError: If an argument is invalid, the input is not on this group, or the window does
            not fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupAveragePooling2D(2, group="p4")(x).shape
    (4, 12, 12, 4, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    dimension = 2


@like(GroupAveragePooling2D)
class GroupAveragePooling1D(GroupAveragePooling):
    """`GroupAveragePooling2D` in one dimension."""

    dimension = 1


@like(GroupAveragePooling2D)
class GroupAveragePooling3D(GroupAveragePooling):
    """`GroupAveragePooling2D` in three dimensions."""

    dimension = 3


class GroupBlurPooling(BaseGroupPooling):
    """The blur over windows of space, in every dimension."""

    reduction = "blur"
    sees_padding = True

    def __init__(
        self,
        pool_size: Size = 3,
        strides: Size | None = 2,
        padding: PoolingPadding = "valid",
        data_format: DataFormat | None = None,
        group: Group | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, group, **kwargs)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupBlurPooling2D(GroupBlurPooling):
    """Anti-aliased pooling: a mean with binomial weights, for each element of H by itself.

        o_c(x, h) = Σ_y w(y) f_c(strides·x + y, h),      w = (1, 2, 1)/4 along each axis for size 3

    It removes the fine detail that a stride would alias, so the result changes less when the input
    moves by one pixel. For an anti-aliased maximum, put it after `GroupMaxPooling2D(2, strides=1)`.
    Padded points count as zeros, as in a convolution.

    Args:
        pool_size: Integer or two, the window. With strides of 2 use an odd window for odd sizes of
            the input, and an even one for even sizes. Otherwise equivariance is lost.
        strides: Integer or two. `None` is `pool_size`. Equivariance is kept only if no row is left
            over, (size + padding - pool_size) mod stride = 0.
        padding: `"valid"` or `"same"`.
        data_format: As in `keras.layers.AveragePooling2D`.
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, new_height, new_width)`

    Returns:
        The pooled feature map, of rank 5.

    Raises:
        ValueError: If an argument is invalid, the input is not on this group, or the window does
            not fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupBlurPooling2D(4, padding="same", group="p4")(x).shape
    (4, 12, 12, 4, 10)

    Reference: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again".
    """

    dimension = 2


@like(GroupBlurPooling2D)
class GroupBlurPooling1D(GroupBlurPooling):
    """`GroupBlurPooling2D` in one dimension."""

    dimension = 1


@like(GroupBlurPooling2D)
class GroupBlurPooling3D(GroupBlurPooling):
    """`GroupBlurPooling2D` in three dimensions."""

    dimension = 3
