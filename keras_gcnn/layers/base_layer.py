"""What every layer here has: a group, a data format, and the spaces of its input and output."""

from typing import Any

import keras

from keras_gcnn import arguments, stock
from keras_gcnn import groups as point_groups
from keras_gcnn.annotations import Config, DataFormat, Group, Shape, Tensor
from keras_gcnn.groups import Lattice, PointGroup, Space
from keras_gcnn.layers import guard
from keras_gcnn.ops import backend
from keras_gcnn.ops.layout import channel_axis

AXES_OF_SPACE = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class BaseGroupLayer(keras.layers.Layer):
    """A layer on feature maps on Zᵈ or on G.

    Subclasses say on how many dimensions they act (`dimension`; `None` is that of the group), and
    which spaces their maps are on (`input_space` and `output_space`).

    Args:
        group: Name of the point group, or a `PointGroup`. If `None`, the group of the input, once
            the layer is called on one in a functional or Sequential model.
        data_format: As in Keras' convolutions.
    """

    dimension: Any = None
    group: PointGroup

    def __init__(
        self, group: Group | None = None, data_format: DataFormat | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.group = None  # type: ignore[assignment]
        if group is not None:
            self._take(arguments.group(group, type(self).dimension))
        self.data_format = arguments.data_format(data_format)
        self._misfit: str | None = None  # why weights were not loaded
        self.said: set[str] = set()  # what the guard has said of this layer

    @property
    def lattice(self) -> Lattice:
        """The `Lattice` of the layer's maps."""
        return self.group.lattice

    @property
    def input_space(self) -> Space:
        """The `Space` of the layer's input."""
        return Space.whole(self.group)

    @property
    def output_space(self) -> Space:
        """The `Space` of the layer's output."""
        return Space.whole(self.group)

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.group is None:
            self._take(guard.group_of_source(self, inputs))
            try:
                self.fit_group()
            except ValueError:
                self.group = None
                raise
        if isinstance(inputs, keras.KerasTensor):
            guard.check_source(self, inputs)
        return super().__call__(inputs, *args, **kwargs)

    def _take(self, group):
        self.group = group
        if type(self).dimension is None:
            self.dimension = group.dimension

    def fit_group(self) -> None:
        """Checks the arguments that must fit the group, once it is known."""

    def keeps_equivariance(self, input_shape: Shape) -> bool:
        """Whether the output turns with an input of this shape."""
        return True

    def build(self, input_shape: Shape) -> None:
        size, channels = self._size_and_channels(input_shape)
        arguments.known_size(size, self.lattice)
        axes = {channel_axis(self.data_format): channels}
        self.input_spec = keras.layers.InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "group": self.group and point_groups.serialize(self.group, type(self).dimension),
            "data_format": self.data_format,
        }

    def load_own_variables(self, store: Any) -> None:
        self.check_stored(store)
        super().load_own_variables(store)

    def check_stored(self, store: Any) -> None:
        """Raises if weights have other shapes, as those of another group have.

        Keras tries several places in a file and reports only the last error, which may come from an
        empty place. So the first error is raised again there.
        """
        if not self.built:
            return  # Keras says so
        found = [tuple(store[key].shape) for key in sorted(store.keys(), key=int)]
        wanted = [tuple(variable.shape) for variable in self.stored_variables()]
        if found == wanted:
            self._misfit = None
            return
        if found or self._misfit is None:
            on = "" if self.group is None else f" on {self.group.name}"
            self._misfit = (
                f"{stock.named(self)}{on} takes weights of shapes {wanted}. Received: weights of "
                f"shapes {found}. Make the layer with the group and the arguments that the weights "
                "were saved with."
            )
        raise ValueError(self._misfit)

    def stored_variables(self) -> list[Any]:
        """The variables that a file holds."""
        return [*self._trainable_variables, *self._non_trainable_variables]

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        return backend.rematerialized(super().rematerialized_call, layer_call, args, kwargs)

    def _size_and_channels(self, shape):
        """Size of space and number of channels in a shape, once it has been checked."""
        if self.group is None:
            raise guard.no_group(self)
        space, axes = self.input_space, self._axes()
        if len(shape) != len(axes):
            raise ValueError(
                f"{stock.named(self)} takes a feature map on {space.name} of "
                f"rank {len(axes)}, ({', '.join(axes)}). Received: input_shape={tuple(shape)}, of "
                f"rank {len(shape)}. {self._remedy_for_rank(len(shape))}"
            )
        named = dict(zip(axes, shape, strict=True))
        if space.has_axis and named["|H|"] != space.cosets:
            raise ValueError(
                f"{stock.named(self)} takes a feature map on {space.name}, "
                f"whose axis |H| has length {space.cosets}. Received: "
                f"input_shape={tuple(shape)}, read as ({', '.join(axes)}) with "
                f"|H|={named['|H|']}. Give every layer the same `group`, and check `data_format`."
            )
        if named["channels"] is None:
            raise ValueError(
                f"The channel axis of the input to {stock.named(self)} must be "
                f"known. Received: input_shape={tuple(shape)}. Set it in `keras.Input`."
            )
        return tuple(named[axis] for axis in self._space_axes()), named["channels"]

    def _shape(self, batch, size, axis_lengths, channels):
        """The shape of a feature map, whose axis of H is given as a tuple of one or none."""
        if self.data_format == "channels_last":
            return (batch, *size, *axis_lengths, channels)
        return (batch, channels, *axis_lengths, *size)

    def _axes(self):
        names = ["|H|"] if self.input_space.has_axis else []
        return self._shape("batch", self._space_axes(), names, "channels")

    def _space_axes(self):
        return AXES_OF_SPACE[self.dimension]

    def _remedy_for_rank(self, rank):
        if self.input_space.has_axis and rank == self.dimension + 2:
            return f"Lift an image to the group first, with LiftingConv{self.dimension}D."
        if not self.input_space.has_axis and rank == self.dimension + 3:
            return (
                f"For a feature map that is on the group already, use GroupConv{self.dimension}D."
            )
        return "Check the shape given to `keras.Input`, without its batch axis."


def serialized_subgroup(subgroup):
    """What a configuration holds of a subgroup, given in any of the ways a layer takes it."""
    is_group = isinstance(subgroup, point_groups.PointGroup)
    return point_groups.serialize(subgroup) if is_group else subgroup
