"""Pooling over space and H, to invariant vectors."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import Config, DataFormat, Group, Shape, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.layers.base_layer import BaseGroupLayer
from keras_gcnn.layers.dimensions import like
from keras_gcnn.layers.options import LayerOptions


class BaseGlobalGroupPooling(BaseGroupLayer):
    """Pools space and H with the `reduction` of the subclass."""

    reduction: Any = None

    def __init__(
        self,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        keepdims: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self.keepdims = arguments.boolean(keepdims, "keepdims")

    @property
    def output_space(self) -> Space | None:  # type: ignore[override]
        """One point with one coset, or `None` for vectors."""
        return Space(self.group, self.group, has_axis=True) if self.keepdims else None

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.global_group_pool(
            inputs, self.reduction, self.keepdims, self.data_format, self.lattice
        )

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        _, channels = self._size_and_channels(input_shape)
        if not self.keepdims:
            return (input_shape[0], channels)
        return self._shape(input_shape[0], (1,) * self.dimension, (1,), channels)

    def get_config(self) -> Config:
        return {**super().get_config(), "keepdims": self.keepdims}


class GlobalGroupMaxPooling(BaseGlobalGroupPooling):
    """The maximum over space and H, in every dimension."""

    reduction = "max"


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GlobalGroupMaxPooling2D(GlobalGroupMaxPooling):
    """The maximum over space and H: a vector that no element of the group changes.

        o_c = max over x and h of f_c(x, h)

    Args:
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        data_format: As in `keras.layers.GlobalMaxPooling2D`.
        keepdims: Whether space and H stay, as axes of length 1. The result then multiplies or adds
            to a map on G, as in squeeze-and-excitation.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `(batch, C)`
        - with `keepdims`: `(batch, 1, 1, 1, C)` or `(batch, C, 1, 1, 1)`

    Returns:
        A vector for each image, or with `keepdims` a map of rank 5.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GlobalGroupMaxPooling2D("p4")(x).shape
    (4, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    dimension = 2


@like(GlobalGroupMaxPooling2D)
class GlobalGroupMaxPooling1D(GlobalGroupMaxPooling):
    """`GlobalGroupMaxPooling2D` in one dimension."""

    dimension = 1


@like(GlobalGroupMaxPooling2D)
class GlobalGroupMaxPooling3D(GlobalGroupMaxPooling):
    """`GlobalGroupMaxPooling2D` in three dimensions."""

    dimension = 3


class GlobalGroupAveragePooling(BaseGlobalGroupPooling):
    """The mean over space and H, in every dimension."""

    reduction = "mean"


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GlobalGroupAveragePooling2D(GlobalGroupAveragePooling):
    """The mean over space and H: a vector that no element of the group changes.

        o_c = mean over x and h of f_c(x, h)

    Args:
        group: The point group. If `None`, the group of the input, which must come from a layer of
            this library.
        data_format: As in `keras.layers.GlobalAveragePooling2D`.
        keepdims: Whether space and H stay, as axes of length 1. The result then multiplies or adds
            to a map on G, as in squeeze-and-excitation.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `(batch, C)`
        - with `keepdims`: `(batch, 1, 1, 1, C)` or `(batch, C, 1, 1, 1)`

    Returns:
        A vector for each image, or with `keepdims` a map of rank 5.

    Raises:
        ValueError: If an argument is invalid, or the input is not on this group.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.GlobalGroupAveragePooling2D("p4")(x).shape
    (4, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    dimension = 2


@like(GlobalGroupAveragePooling2D)
class GlobalGroupAveragePooling1D(GlobalGroupAveragePooling):
    """`GlobalGroupAveragePooling2D` in one dimension."""

    dimension = 1


@like(GlobalGroupAveragePooling2D)
class GlobalGroupAveragePooling3D(GlobalGroupAveragePooling):
    """`GlobalGroupAveragePooling2D` in three dimensions."""

    dimension = 3
