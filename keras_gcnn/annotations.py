"""The types of what users give, for a type checker: one name for each, in every signature."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias

from keras_gcnn.groups import Lattice
from keras_gcnn.groups.point_group import Group as Group
from keras_gcnn.groups.point_group import Subgroup as Subgroup

Tensor: TypeAlias = Any  # of any backend, symbolic, or an array
Figure: TypeAlias = Any  # of matplotlib, which need not be installed
Integer: TypeAlias = SupportsIndex  # NumPy's too
Number: TypeAlias = SupportsFloat
Size: TypeAlias = Integer | Sequence[Integer]  # one for all axes, or one for each
Amounts: TypeAlias = Integer | Sequence[Integer | Sequence[Integer]]  # or a pair for each
Shape: TypeAlias = Sequence[int | None]
Subset: TypeAlias = Sequence[tuple[Sequence[Integer], Integer]]
Config: TypeAlias = dict[str, Any]

DataFormat: TypeAlias = Literal["channels_last", "channels_first"]
Padding: TypeAlias = Literal["valid", "same", "centered"]
PoolingPadding: TypeAlias = Literal["valid", "same"]
BlockPadding: TypeAlias = Literal["same", "centered"]
Implementation: TypeAlias = Literal["auto", "direct", "fourier"]
Reduction: TypeAlias = Literal["max", "mean", "sum"]
PoolingReduction: TypeAlias = Literal["max", "mean", "blur"]
GlobalReduction: TypeAlias = Literal["max", "mean"]
Interpolation: TypeAlias = Literal["nearest", "bilinear"]
Downsampling: TypeAlias = Literal["stride", "pooling"]
MapLattice: TypeAlias = Lattice | Literal["hexagonal"] | None  # `None`: axes at right angles

# By name, as an object or a function, or serialized, as Keras takes them.
Initializer: TypeAlias = str | Config | Callable[..., Tensor]
Activation: TypeAlias = str | Config | Callable[..., Tensor] | None
Regularizer: TypeAlias = str | Config | Callable[..., Tensor] | None
Constraint: TypeAlias = str | Config | Callable[..., Tensor] | None
