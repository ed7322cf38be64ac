"""Maps on the group whose axis of H is merged into the channels."""

from dataclasses import dataclass

import keras

from keras_gcnn import stock


@dataclass(frozen=True)
class MergedMap:
    """What a planar map of C·order channels stands for: C functions on G or G/K.

    Args:
        order: The number of elements or cosets. The value of map c at coset j is channel
            c·order + j.
        data_format: Of both maps.
        dimension: Of space.
    """

    order: int
    data_format: str
    dimension: int

    @property
    def axis_on_group(self):
        """The axis of channels in the map on G."""
        return self.dimension + 2 if self.data_format == "channels_last" else 1

    @property
    def rank(self):
        """The rank of the map on G."""
        return self.dimension + 3

    @property
    def merged_axis(self):
        """The axis of channels in the planar map."""
        return self.dimension + 1 if self.data_format == "channels_last" else 1


class ByTensor:
    """A dictionary whose keys are tensors, told apart by identity."""

    def __init__(self):
        self._values = {}

    def __setitem__(self, tensor, value):
        self._values[id(tensor)] = tensor, value  # holds the tensor, so its id stays its own

    def get(self, tensor):
        return self._values.get(id(tensor), (tensor, None))[1]


def structure(model, side):
    """The inputs or outputs of a model, nested as it takes or gives them."""
    if isinstance(model, keras.Sequential):
        return getattr(model, f"{side}s")[0]
    return getattr(model, side)


def model_like(model, inputs, outputs, name):
    """The model between tensors, nested as another takes and gives them."""
    inputs = keras.tree.pack_sequence_as(structure(model, "input"), inputs)
    outputs = keras.tree.pack_sequence_as(structure(model, "output"), outputs)
    return keras.Model(inputs, outputs, name=name)


def is_of_keras(thing):
    """Whether a class or function is Keras' own, so that a planar model can hold it."""
    return getattr(thing, "__module__", "").startswith("keras.")


def no_counterpart(layer, reason="is not known to act on each number by itself"):
    """The error for a layer that cannot be made planar."""
    return ValueError(
        f"`to_planar` knows no planar counterpart of {stock.named(layer)} on a "
        f"feature map on the group: it {reason}. docs/stock_layers.md lists what is known. Pool "
        "the map to the plane before the layer, with coset pooling, or leave it to a second model."
    )
