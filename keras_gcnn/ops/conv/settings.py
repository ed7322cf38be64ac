"""What a convolution is given besides its map and its kernel."""

from dataclasses import dataclass

from keras_gcnn.groups import Sampling
from keras_gcnn.ops.backend import Compilation


@dataclass(frozen=True)
class Settings:
    """How a kernel moves over a map, and for what it is computed.

    Args:
        sampling: The `groups.Sampling` of strides, padding and dilation.
        groups: The number of blocks of channels that do not mix.
        training: Whether gradients will be taken.
        compilation: The `backend.Compilation` of the map.
    """

    sampling: Sampling
    groups: int
    training: bool
    compilation: Compilation
