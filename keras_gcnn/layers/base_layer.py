"""What every layer here has: a group, a data format, and a feature map that must match them."""

import keras

from keras_gcnn import groups as point_groups
from keras_gcnn.layers import arguments


class BaseGroupLayer(keras.layers.Layer):
    """A layer on feature maps on Zᵈ or on G.

    Subclasses say, as class attributes, on how many dimensions they act (`dimension`) and whether
    their input is a function on G, with an axis |H|, or on Zᵈ (`on_group`).

    Args:
        group: Name of the point group, or a `PointGroup`.
        data_format: As in Keras' convolutions.
    """

    dimension = 2
    on_group = True

    def __init__(self, group, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.group = point_groups.get(group)
        self.data_format = arguments.data_format(data_format)
        if self.group.dimension != self.dimension:
            raise ValueError(
                f"`group` must act on {self.dimension} dimensions in {type(self).__name__}. "
                f"Received: group={self.group!r}."
            )

    def build(self, input_shape):
        _, channels = self._size_and_channels(input_shape)
        channel_axis = -1 if self.data_format == "channels_last" else 1
        self.input_spec = keras.layers.InputSpec(
            ndim=len(input_shape), axes={channel_axis: channels}
        )
        self.built = True

    def get_config(self):
        return {
            **super().get_config(),
            "group": point_groups.serialize(self.group),
            "data_format": self.data_format,
        }

    def _size_and_channels(self, shape):
        """Size of space and number of channels in a shape, once it has been checked."""
        axes = self._axes()
        if len(shape) != len(axes):
            raise ValueError(
                f"{type(self).__name__} '{self.name}' takes a feature map on {self._domain()} of "
                f"rank {len(axes)}, ({', '.join(axes)}). Received: input_shape={tuple(shape)}, of "
                f"rank {len(shape)}. {self._remedy_for_rank(len(shape))}"
            )
        named = dict(zip(axes, shape, strict=True))
        if self.on_group and named["|H|"] != self.group.order:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' takes a feature map on {self.group.name}, "
                f"whose axis |H| has length {self.group.order}. Received: "
                f"input_shape={tuple(shape)}, read as ({', '.join(axes)}) with "
                f"|H|={named['|H|']}. Give every layer the same `group`, and check `data_format`."
            )
        if named["channels"] is None:
            raise ValueError(
                f"The channel axis of the input to {type(self).__name__} '{self.name}' must be "
                f"known. Received: input_shape={tuple(shape)}. Set it in `keras.Input`."
            )
        return tuple(named[axis] for axis in self._space()), named["channels"]

    def _shape(self, batch, size, order, channels):
        """The shape of a feature map whose H axis, if any, has this length."""
        if self.data_format == "channels_last":
            return (batch, *size, *order, channels)
        return (batch, channels, *order, *size)

    def _axes(self):
        return self._shape("batch", self._space(), ["|H|"] if self.on_group else [], "channels")

    def _space(self):
        names = ("depth", "height", "width")
        return names[-self.dimension :]

    def _domain(self):
        return self.group.name if self.on_group else "the plane"

    def _remedy_for_rank(self, rank):
        if self.on_group and rank == self.dimension + 2:
            return "Lift an image to the group first, with LiftingConv2D."
        if not self.on_group and rank == self.dimension + 3:
            return "For a feature map that is on the group already, use GroupConv2D."
        return "Check the shape given to `keras.Input`, without its batch axis."
