"""What planar tensors stand for, and what is said of layers that have no planar counterpart."""

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class OnGroup:
    """What a planar map stands for: a function on G or G/K, with `order` values at a point."""

    order: int
    data_format: str

    @property
    def rank_5_axis(self):
        """The axis of channels in the map on G."""
        return 4 if self.data_format == "channels_last" else 1

    @property
    def rank_4_axis(self):
        """The axis of channels in the planar map."""
        return 3 if self.data_format == "channels_last" else 1


class ByTensor:
    """A dictionary from tensors, of which two may look alike."""

    def __init__(self):
        self._values = {}

    def __setitem__(self, tensor, value):
        self._values[id(tensor)] = tensor, value  # the tensor too, so that its id stays its own

    def get(self, tensor):
        return self._values.get(id(tensor), (tensor, None))[1]


def structure(model, side):
    """The tensors at one side of a model, nested as it takes or gives them."""
    if isinstance(model, keras.Sequential):
        return getattr(model, f"{side}s")[0]
    return getattr(model, side)


def no_counterpart(layer):
    """What to say of a layer that cannot be made planar."""
    return (
        f"`to_planar` knows no planar counterpart of {type(layer).__name__} '{layer.name}' on a "
        "feature map on the group. It knows convolutions, batch normalisations, poolings, blocks, "
        "concatenations along channels, and pointwise layers. Pool the map to the plane before, "
        "with CosetPooling2D, or leave the layer to a second model."
    )
