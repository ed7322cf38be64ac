"""SubsetPooling: the paper's pooling over gU, for any finite subset U of the group."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import (
    Config,
    DataFormat,
    Group,
    PoolingPadding,
    Reduction,
    Size,
    Subgroup,
    Subset,
    Tensor,
)
from keras_gcnn.groups import Space
from keras_gcnn.layers.base_layer import serialized_subgroup
from keras_gcnn.layers.base_window import BaseSampled
from keras_gcnn.layers.options import LayerOptions
from keras_gcnn.ops.subset_pooling import subset_sampling


@keras.saving.register_keras_serializable(package="keras_gcnn")
class SubsetPooling(BaseSampled):
    """Pools a feature map on G over gU, for any finite subset U of G: the paper's general pooling.

        o_c(g) = max over u in U of f_c(gu)      or the mean, or the sum

    With g = (x, h) and u = (t, r), gu is (x + ht, hr). `GroupMaxPooling2D` is the case that U is a
    window of translations, and `CosetPooling2D` the case that U is a subgroup of H. With a
    stride, the result is taken only at the points g of a subgroup of G.

    Args:
        subset: U, a list of pairs `(t, r)`: t are d integers, such as rows and columns,
            and r is the index of an element of H.
        group: The point group H. If `None`, the group of the input, which must come from a layer
            of this library.
        strides: Integer, or one per axis, the stride of translations.
        padding: `"valid"` or `"same"`, for the smallest window around all ht. Padded points are
            left out; where no other is left, the result is 0.
        reduction: `"max"`, `"mean"` or `"sum"`.
        subgroup: H′, the stride of rotations. The result then has only the elements of H′. It turns
            with H′, and no longer with H. `None`: all of H.
        data_format: As in `keras.layers.Conv2D`.

    Input shape:
        - `"channels_last"`: `(batch, *space, |H|, C)`
        - `"channels_first"`: `(batch, C, |H|, *space)`

    Output shape:
        - `"channels_last"`: `(batch, *new_space, |H′|, C)`
        - `"channels_first"`: `(batch, C, |H′|, *new_space)`

    Returns:
        A tensor of the rank of the input.

    Raises:
        ValueError: If an argument is invalid, the input is not on this group, or the window does
            not fit.

    Warns:
        EquivarianceWarning: At build time, if stride or padding break equivariance.

    Example:
    >>> x = np.random.rand(4, 24, 24, 4, 10)
    >>> ahead = [((0, 0), 0), ((-1, 0), 0), ((-2, 0), 1)]
    >>> keras_gcnn.layers.SubsetPooling(ahead, group="p4")(x).shape
    (4, 20, 20, 4, 10)

    Reference: Cohen & Welling 2016, section 6.3.
    """

    window_argument = "window"
    subgroup: Any

    def __init__(
        self,
        subset: Subset,
        group: Group | None = None,
        strides: Size = 1,
        padding: PoolingPadding = "valid",
        reduction: Reduction = "max",
        subgroup: Subgroup | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(group, data_format, **kwargs)
        self.subset = subset
        self.strides = strides
        self.padding = arguments.one_of(padding, arguments.POOLING_PADDINGS, "padding")
        self.reduction = arguments.one_of(reduction, arguments.REDUCTIONS, "reduction")
        self.subgroup = subgroup
        if self.group is not None:
            self.fit_group()

    def fit_group(self) -> None:
        self.subset = arguments.subset(self.subset, self.group)
        self.strides = arguments.integer_tuple(self.strides, self.dimension, "strides")
        self.sampling = subset_sampling(self.group, self.subset, self.strides, self.padding)
        self.subgroup = self.group if self.subgroup is None else self.group.subgroup(self.subgroup)

    @property
    def output_space(self) -> Space:
        return Space.whole(self.subgroup)

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.subset_pool(
            inputs,
            self.group,
            self.subset,
            self.strides,
            self.padding,
            self.reduction,
            self.subgroup,
            self.data_format,
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "subset": self.subset,
            "strides": self.strides,
            "padding": self.padding,
            "reduction": self.reduction,
            "subgroup": serialized_subgroup(self.subgroup),
        }
