"""Padding, cropping and upsampling of space."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import (
    Amounts,
    Config,
    DataFormat,
    Group,
    Interpolation,
    Shape,
    Size,
    Tensor,
)
from keras_gcnn.layers import guard
from keras_gcnn.layers.base_layer import BaseGroupLayer
from keras_gcnn.layers.dimensions import like
from keras_gcnn.layers.options import LayerOptions


class BaseGroupPadding(BaseGroupLayer):
    """Adds or cuts points around space.

    Subclasses say what they call the amounts (`argument`), and whether they add them or cut them
    (`sign`).
    """

    argument: Any = None
    sign: Any = None

    def __init__(
        self,
        amounts: Amounts,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self.amounts = arguments.amounts(amounts, self.dimension, self.argument)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.compute_output_shape(input_shape)  # which refuses to leave nothing
        size, _ = self._size_and_channels(input_shape)
        guard.warn_if_shifted(self, self.amounts, size, self.argument, self.sign)

    def keeps_equivariance(self, input_shape: Shape) -> bool:
        return self.lattice.keeps_amounts(self.group, self.amounts)

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        size, channels = self._size_and_channels(input_shape)
        signed = [(self.sign * front, self.sign * behind) for front, behind in self.amounts]
        arguments.leaves_something(size, signed, self.argument)
        pairs = zip(size, signed, strict=True)
        new_size = tuple(None if n is None else n + sum(around) for n, around in pairs)
        return self._shape(input_shape[0], new_size, self.output_space.axis_lengths, channels)

    def get_config(self) -> Config:
        return {**super().get_config(), self.argument: self.amounts}


class GroupZeroPadding(BaseGroupPadding):
    """Zeros around space, in every dimension."""

    argument = "padding"
    sign = 1

    def __init__(
        self,
        padding: Amounts = 1,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(padding, group, data_format, **kwargs)
        self.padding = self.amounts

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.group_pad(inputs, self.padding, self.data_format, self.lattice)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupZeroPadding2D(GroupZeroPadding):
    """Zeros in front of and behind each axis of space, for each element of H by itself.

    Amounts that differ in front and behind move the centre of the map, so that it no longer turns
    with its input. The layer warns of that when it is built.

    Args:
        padding: Integer, two of them, or two pairs ((top, bottom), (left, right)).
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        data_format: As in `keras.layers.ZeroPadding2D`.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, new_height, new_width)`

    Returns:
        The larger map, of rank 5.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Warns:
        EquivarianceWarning: At build time, if the amounts break equivariance.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupZeroPadding2D(1, group="p4")(x).shape
    (4, 26, 26, 4, 10)

    Reference: Cohen & Welling 2016, section 6, for what acts on each plane of a map.
    """

    dimension = 2


@like(GroupZeroPadding2D)
class GroupZeroPadding1D(GroupZeroPadding):
    """`GroupZeroPadding2D` in one dimension."""

    dimension = 1


@like(GroupZeroPadding2D)
class GroupZeroPadding3D(GroupZeroPadding):
    """`GroupZeroPadding2D` in three dimensions."""

    dimension = 3


class GroupCropping(BaseGroupPadding):
    """Points of space cut away, in every dimension."""

    argument = "cropping"
    sign = -1

    def __init__(
        self,
        cropping: Amounts = 1,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(cropping, group, data_format, **kwargs)
        self.cropping = self.amounts

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.group_crop(inputs, self.cropping, self.data_format, self.lattice)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupCropping2D(GroupCropping):
    """Cuts points away in front of and behind each axis of space, for each element of H by itself.

    Amounts that differ in front and behind move the centre of the map, so that it no longer turns
    with its input. The layer warns of that when it is built.

    Args:
        cropping: Integer, two of them, or two pairs ((top, bottom), (left, right)).
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        data_format: As in `keras.layers.Cropping2D`.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, new_height, new_width)`

    Returns:
        The smaller map, of rank 5.

    Raises:
        ValueError: If an argument is invalid, the input is not on this group, or nothing is left.

    Warns:
        EquivarianceWarning: At build time, if the amounts break equivariance.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GroupCropping2D(2, group="p4")(x).shape
    (4, 20, 20, 4, 10)

    Reference: Cohen & Welling 2016, section 6, for what acts on each plane of a map.
    """

    dimension = 2


@like(GroupCropping2D)
class GroupCropping1D(GroupCropping):
    """`GroupCropping2D` in one dimension."""

    dimension = 1


@like(GroupCropping2D)
class GroupCropping3D(GroupCropping):
    """`GroupCropping2D` in three dimensions."""

    dimension = 3


class GroupUpSampling(BaseGroupLayer):
    """A larger space, in every dimension."""

    def __init__(
        self,
        size: Size = 2,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        interpolation: Interpolation = "nearest",
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self.size = arguments.integer_tuple(size, self.dimension, "size")
        allowed = arguments.INTERPOLATIONS if self.dimension == 2 else ("nearest",)
        self.interpolation = arguments.one_of(interpolation, allowed, "interpolation")
        if self.group is not None:
            self.fit_group()

    def fit_group(self) -> None:
        arguments.symmetric(self.size, self.group, "size", is_window=False)
        if self.lattice.bounds:
            raise ValueError(
                f"{type(self).__name__} is not defined on the "
                f"{self.lattice.name}. Received: group={self.group.name!r}. Use "
                "GroupConv2DTranspose."
            )

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.group_upsample(inputs, self.size, self.interpolation, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        size, channels = self._size_and_channels(input_shape)
        pairs = zip(size, self.size, strict=True)
        new_size = tuple(None if n is None else n * factor for n, factor in pairs)
        return self._shape(input_shape[0], new_size, self.output_space.axis_lengths, channels)

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size, "interpolation": self.interpolation}


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupUpSampling2D(GroupUpSampling):
    """Makes space larger, for each element of H by itself.

    `"nearest"` repeats every point. `"bilinear"` takes the point i of the output from the place
    (i + 1/2)/size - 1/2 of the input, by linear interpolation along each axis. Points outside of
    the input have the value of the nearest edge. Both are equivariant at every size of the input.

    Args:
        size: Integer or two, the factors of the axes. Groups with quarter turns need equal ones.
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        data_format: As in `keras.layers.UpSampling2D`.
        interpolation: `"nearest"` or `"bilinear"`.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, new_height, new_width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, new_height, new_width)`

        New sizes are those of the input times `size`.

    Returns:
        The larger map, of rank 5.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Example:
    >>> x = np.random.rand(4, 12, 12, 4, 10)
    >>> keras_gcnn.layers.GroupUpSampling2D(2, group="p4")(x).shape
    (4, 24, 24, 4, 10)

    Reference: Cohen & Welling 2016, section 6, for what acts on each plane of a map.
    """

    dimension = 2


@like(GroupUpSampling2D)
class GroupUpSampling1D(GroupUpSampling):
    """`GroupUpSampling2D` in one dimension."""

    dimension = 1


@like(GroupUpSampling2D)
class GroupUpSampling3D(GroupUpSampling):
    """`GroupUpSampling2D` in three dimensions."""

    dimension = 3
