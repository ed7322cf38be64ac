"""What a map is a function on: the lattice, the group G, or a quotient G/K."""

from collections.abc import Sequence
from typing import Self

from keras_gcnn.groups import checks
from keras_gcnn.groups.point_group import PointGroup, Subgroup


def coset_axis(data_format: str, dimension: int) -> int:
    """The axis of H, or of the cosets of a subgroup, in a map that has one."""
    return dimension + 1 if data_format == "channels_last" else 2


class Space:
    """The space G/K of functions f(x, gK), for a group G = Zᵈ ⋊ H and a subgroup K of H.

    K = H is the lattice: there is one coset, and a map is an image. K = {e} is G itself. A map on a
    space with an axis has it beside its channels, one entry for each coset.

    Args:
        group: The `PointGroup` H.
        subgroup: K, as `PointGroup.subgroup` takes it.
        has_axis: Whether maps have an axis of cosets. By default they have one unless K = H. On p1,
            where H = {e}, a map on G has an axis of length 1 and an image has none.
    """

    def __init__(self, group: PointGroup, subgroup: Subgroup, has_axis: bool | None = None) -> None:
        checks.is_a(group, PointGroup, "group")
        is_checked = subgroup is group or subgroup is group.trivial
        self.group = group
        self.subgroup: PointGroup = subgroup if is_checked else group.subgroup(subgroup)  # type: ignore[assignment]
        self.has_axis = self.subgroup.order < group.order
        if has_axis is not None:
            self.has_axis = checks.boolean(has_axis, "has_axis")

    @classmethod
    def lattice(cls, group: PointGroup) -> Self:
        """The lattice Zᵈ, on which H acts: the space of images."""
        return cls(group, group, has_axis=False)

    @classmethod
    def whole(cls, group: PointGroup) -> Self:
        """The group G itself."""
        checks.is_a(group, PointGroup, "group")
        return cls(group, group.trivial, has_axis=True)

    @classmethod
    def quotient(cls, group: PointGroup, subgroup: Subgroup | None = None) -> Self:
        """The quotient G/K; for `None`, the group G itself."""
        return cls.whole(group) if subgroup is None else cls(group, subgroup)

    def has_shape(self, shape: Sequence[int | None], data_format: str) -> bool:
        """Whether a batch of maps on this space can have a shape."""
        if len(shape) != self.rank:
            return False
        return not self.has_axis or shape[self.axis(data_format)] == self.cosets

    @property
    def dimension(self) -> int:
        """The integer d."""
        return self.group.dimension

    @property
    def cosets(self) -> int:
        """The number of cosets |H|/|K|, the length of the axis."""
        return self.group.order // self.subgroup.order

    @property
    def axis_lengths(self) -> tuple[int, ...]:
        """The length of the axis of cosets, as a tuple of one or none."""
        return (self.cosets,) if self.has_axis else ()

    def axis(self, data_format: str) -> int:
        """The axis of cosets in a batch of maps, if they have one."""
        return coset_axis(data_format, self.dimension)

    @property
    def rank(self) -> int:
        """The rank of a batch of maps."""
        return self.dimension + 2 + self.has_axis

    @property
    def kernel_rank(self) -> int:
        """The rank of a filter on this space."""
        return self.group.lattice.kernel_rank + 2 + self.has_axis

    @property
    def name(self) -> str:
        """`"the plane"`, `"p4"` or `"p4m/p2"`."""
        if not self.has_axis:
            of_hexagons = "the hexagonal plane" if self.group.lattice.bounds else "the plane"
            return {1: "the line", 2: of_hexagons}.get(self.dimension, "space")
        name = self.group.name
        return name if self.subgroup.order == 1 else f"{name}/{self.subgroup.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<Space {self.name}>"

    @property
    def _key(self):
        """Images are the same on every group; a group is its matrices, by whatever name."""
        lattice = self.dimension, self.group.lattice.bounds
        if not self.has_axis:
            return lattice, None, None
        members = frozenset(self.group.indices(self.subgroup).tolist())
        return lattice, self.group.elements.tobytes(), members
