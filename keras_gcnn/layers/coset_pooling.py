"""Coset pooling and RestrictGroup: from the group to a quotient of it, or to a subgroup."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import Config, DataFormat, Group, Reduction, Shape, Subgroup, Tensor
from keras_gcnn.groups import Space
from keras_gcnn.layers.base_layer import BaseGroupLayer, serialized_subgroup
from keras_gcnn.layers.dimensions import like
from keras_gcnn.layers.options import LayerOptions


class CosetPooling(BaseGroupLayer):
    """Coset pooling, in every dimension."""

    subgroup: Any
    input_subgroup: Any

    def __init__(
        self,
        group: Group | None = None,
        subgroup: Subgroup | None = None,
        reduction: Reduction = "max",
        data_format: DataFormat | None = None,
        input_subgroup: Subgroup | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self.subgroup = subgroup
        self.input_subgroup = input_subgroup
        self.reduction = arguments.one_of(reduction, arguments.REDUCTIONS, "reduction")
        if self.group is not None:
            self.fit_group()

    def fit_group(self) -> None:
        self.subgroup = self.group if self.subgroup is None else self.group.subgroup(self.subgroup)
        if self.input_subgroup is not None:
            self.input_subgroup = self.group.subgroup(self.input_subgroup)
            self.group.cosets_within(self.subgroup, self.input_subgroup)  # which checks them

    @property
    def input_space(self) -> Space:
        return Space.quotient(self.group, self.input_subgroup)

    @property
    def output_space(self) -> Space:
        return Space(self.group, self.subgroup)

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.coset_pool(
            inputs,
            self.group,
            self.subgroup,
            self.reduction,
            self.data_format,
            self.input_subgroup,
        )

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        size, channels = self._size_and_channels(input_shape)
        return self._shape(input_shape[0], size, self.output_space.axis_lengths, channels)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "subgroup": serialized_subgroup(self.subgroup),
            "reduction": self.reduction,
            **self._input_config(),
        }

    def _input_config(self):
        if self.input_subgroup is None:
            return {}
        return {"input_subgroup": serialized_subgroup(self.input_subgroup)}


@keras.saving.register_keras_serializable(package="keras_gcnn")
class CosetPooling2D(CosetPooling):
    """Coset pooling: pools a feature map on G over the cosets of a subgroup K of H.

        o_c(x, hK) = max over h′ in K of f_c(x, hh′)      or the mean, or the sum

    The result is a function on G/K that still turns with the input. With K = H it is a plain image,
    to which any planar layer applies; a maximum or mean over space then makes it invariant.

    Args:
        group: The point group H. If `None`, the group of the input, which must come from a layer
            of this library.
        subgroup: K, by name (`"p2"`), as a `PointGroup`, or by the indices of its elements in H
            (`[0, 4]`). `None` is all of H.
        reduction: `"max"`, `"mean"` or `"sum"`.
        data_format: As in `keras.layers.Conv2D`.
        input_subgroup: L ⊂ K, for an input on the quotient G/L. `None` is {e}: an input on G.

    Input shape:
        - `"channels_last"`: `(batch, height, width, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, height, width)`

    Output shape:
        - `"channels_last"`: `(batch, height, width, |H|/|K|, C)`;
          for K = H `(batch, height, width, C)`
        - `"channels_first"`: `(batch, C, |H|/|K|, height, width)`;
          for K = H `(batch, C, height, width)`

    Returns:
        The pooled feature map. Cosets stand in the order of `PointGroup.left_cosets`.

    Raises:
        ValueError: If K is no subgroup of H, the reduction is unknown, or the input is not on this
            group.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> keras_gcnn.layers.CosetPooling2D("p4")(x).shape
    (4, 24, 24, 10)
    >>> keras_gcnn.layers.CosetPooling2D("p4", subgroup="p2")(x).shape
    (4, 24, 24, 2, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    dimension = 2


@like(CosetPooling2D)
class CosetPooling1D(CosetPooling):
    """`CosetPooling2D` in one dimension."""

    dimension = 1


@like(CosetPooling2D)
class CosetPooling3D(CosetPooling):
    """`CosetPooling2D` in three dimensions."""

    dimension = 3


@keras.saving.register_keras_serializable(package="keras_gcnn")
class RestrictGroup(BaseGroupLayer):
    """Reads a feature map on G as several maps on a subgroup G′, in the channels.

        o_{c·n + j}(x, h′) = f_c(x, h′·tⱼ)        for the n cosets H′tⱼ of H′ in H

    The numbers are the same, so nothing is lost. The layers after it are equivariant only to G′:
    a network can be mirrored in its first layers, and tell left from right in its last ones.

    Args:
        subgroup: H′, by name (`"p4"`), as a `PointGroup`, or by the indices of its elements in H.
        group: The point group H. If `None`, the group of the input, which must come from a layer
            of this library.
        data_format: As in `keras.layers.Conv2D`.

    Input shape:
        - `"channels_last"`: `(batch, *space, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, *space)`

    Output shape:
        - `"channels_last"`: `(batch, *space, |H′|, C·|H|/|H′|)`
        - `"channels_first"`: `(batch, C·|H|/|H′|, |H′|, *space)`

    Returns:
        The feature map on G′. Cosets stand in the order of `PointGroup.right_cosets`.

    Raises:
        ValueError: If H′ is no subgroup of H, or the input is not on this group.

    Example:
    >>> x = np.random.rand(4, 24, 24, 8, 10)
    >>> keras_gcnn.layers.RestrictGroup("p4", group="p4m")(x).shape
    (4, 24, 24, 4, 20)

    Reference: Cohen & Welling 2016, section 6.3, a stride onto a subgroup.
    """

    subgroup: Any

    def __init__(
        self,
        subgroup: Subgroup,
        group: Group | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self.subgroup = subgroup
        if self.group is not None:
            self.fit_group()

    def fit_group(self) -> None:
        self.subgroup = self.group.subgroup(self.subgroup)

    @property
    def output_space(self) -> Space:
        return Space.whole(self.subgroup)

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.restrict_group(inputs, self.group, self.subgroup, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        size, channels = self._size_and_channels(input_shape)
        space = self.output_space
        channels *= self.group.order // self.subgroup.order
        return self._shape(input_shape[0], size, space.axis_lengths, channels)

    def get_config(self) -> Config:
        return {**super().get_config(), "subgroup": serialized_subgroup(self.subgroup)}
