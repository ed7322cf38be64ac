"""CosetPooling2D: from the group to a quotient of it, or to the plane."""

import keras

from keras_gcnn import arguments
from keras_gcnn import groups as point_groups
from keras_gcnn import ops as group_ops
from keras_gcnn.groups import Space
from keras_gcnn.layers.base_layer import BaseGroupLayer


@keras.saving.register_keras_serializable(package="keras_gcnn")
class CosetPooling2D(BaseGroupLayer):
    """Coset pooling: pools a feature map on G over the cosets of a subgroup K of H.

        y(x, gK)_c = max over k in K of f_c(x, gk)      or the mean, or the sum

    The result is a function on G/K that still turns with the input. With K = H it is a plain image,
    to which any planar layer applies; a maximum or mean over space then makes it invariant.

    Args:
        group: The point group H, the same as the layer before.
        subgroup: K, by name (`"p2"`), as a `PointGroup`, or by the indices of its elements in H
            (`[0, 4]`). `None` is all of H.
        reduction: `"max"`, `"mean"` or `"sum"`.
        data_format: As in `keras.layers.Conv2D`.

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

    def __init__(self, group="p4", subgroup=None, reduction="max", data_format=None, **kwargs):
        super().__init__(group, data_format, **kwargs)
        self.subgroup = self.group if subgroup is None else self.group.subgroup(subgroup)
        self.reduction = arguments.one_of(reduction, arguments.REDUCTIONS, "reduction")

    @property
    def output_space(self):
        return Space(self.group, self.subgroup)

    def call(self, inputs):
        return group_ops.coset_pool(
            inputs, self.group, self.subgroup, self.reduction, self.data_format
        )

    def compute_output_shape(self, input_shape):
        size, channels = self._size_and_channels(input_shape)
        return self._shape(input_shape[0], size, self.output_space.axis_lengths, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "subgroup": point_groups.serialize(self.subgroup),
            "reduction": self.reduction,
        }
