"""Finite groups of integer matrices: elements, Cayley table, inverses, subgroups and cosets."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Self, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from keras_gcnn.groups import catalogue, checks, irreps
from keras_gcnn.groups import lattice as lattices
from keras_gcnn.groups.immutable import read_only

# No finite group of integer matrices is larger in these dimensions.
LARGEST_ORDER = {1: 2, 2: 12, 3: 48}
LONGEST_NAME = 50  # that is compared with those of groups
LARGEST_ENTRY = 1000  # products of three such matrices are exact


class PointGroup:
    """The stabilizer H of the origin in a split group G = Zᵈ ⋊ H, by its matrices.

    Args:
        name: What the group is called in configurations and messages.
        elements: Integer array of shape `(order, d, d)`. Row `i` is the matrix, in lattice
            coordinates, of the element with index `i`. The identity comes first.
        lattice: A `Lattice`, or the name of a known one, such as `"hexagonal lattice"`. `None`: the
            first known one whose lengths and angles all elements keep.

    Attributes:
        order: The number of elements |H|.
        dimension: The integer d, 1 to 3.
        cayley_table: Integers `(order, order)`. Entry `[a, b]` is the index of the product a·b.
        lattice: The `Lattice` on which the elements keep all lengths and angles.
        has_square_axes: Whether the lattice has axes at right angles and equal steps along them.
        trivial: The subgroup {e}.

    Raises:
        ValueError: If the name is no string, or if the matrices are not square integer matrices of
            one size, repeat, do not start with the identity, are not closed under multiplication,
            have no inverses among them, or do not keep the lattice.

    Example:
    >>> p4 = keras_gcnn.groups.get("p4")
    >>> p4.order, p4.dimension
    (4, 2)
    >>> p4.cayley_table[1, 3]
    0

    Reference: Cohen & Welling 2016, sections 4.2 and 4.3.
    """

    name: str
    order: int
    dimension: int
    cayley_table: np.ndarray
    lattice: lattices.Lattice
    trivial: PointGroup

    def __init__(
        self, name: str, elements: ArrayLike, lattice: lattices.Lattice | str | None = None
    ) -> None:
        self.name = _checked_name(name)
        self.elements = read_only(_integer_matrices(name, elements))
        self.order, self.dimension = self.elements.shape[:2]
        self._index = {matrix.tobytes(): i for i, matrix in enumerate(self.elements)}
        self._rows = self.elements.tolist()
        self._absolute_rows = np.abs(self.elements).tolist()
        self.cayley_table = self._checked_cayley_table()
        self._products = self.cayley_table.tolist()
        self.lattice = self._checked_lattice(lattice)
        self.has_square_axes = self.lattice.is_orthogonal()
        self.trivial = self if self.order == 1 else self._of(f"{name}[0]", self.elements[:1])

    @classmethod
    def from_generators(cls, name: str, matrices: ArrayLike) -> Self:
        """The group of all products of these matrices, the identity first.

        Args:
            name: What the group is called.
            matrices: Array `(generators, d, d)`. Floats within 1e-6 of an integer are taken for it.

        Returns:
            The `PointGroup`. Its elements stand in the order in which they are found: each is
            multiplied by all generators before the next one is.

        Raises:
            ValueError: As `PointGroup`, and if the products do not close within the largest order
                of their dimension, as those of a shear do not.

        Example:
        >>> group = keras_gcnn.groups.PointGroup.from_generators("turns", [[[0, -1], [1, 0]]])
        >>> group.order
        4
        """
        return cls(_checked_name(name), _closure(name, _near_integers(name, matrices)))

    def fixes(self, vector: Sequence[int]) -> bool:
        """Whether h·v = v for every h."""
        checks.is_sequence(vector, "vector", self.dimension)
        return _all_fix(self._rows, vector)

    def fixes_lengths(self, lengths: Sequence[int]) -> bool:
        """Whether |h|·v = v for every h: equal lengths along axes that an element exchanges."""
        checks.is_sequence(lengths, "lengths", self.dimension)
        return _all_fix(self._absolute_rows, lengths)

    def move(self, element: int, point: Sequence[int], other: int) -> tuple[tuple[int, ...], int]:
        """Moves the pair (t, r) of a point and an element by h, to (h·t, h·r).

        Args:
            element: The index of h.
            point: t, one integer per axis.
            other: The index of r.

        Returns:
            The point h·t, and the index of h·r.

        Raises:
            ValueError: If an index is no element's, or the point has another dimension.
        """
        element = checks.integer(element, "element", 0, self.order - 1)
        other = checks.integer(other, "other", 0, self.order - 1)
        checks.is_sequence(point, "point", self.dimension)
        moved = [sum(a * t for a, t in zip(row, point, strict=True)) for row in self._rows[element]]
        return tuple(moved), self._products[element][other]

    @cached_property
    def inverses(self) -> np.ndarray:
        """Integer array `(order,)`: entry `a` is the index of the inverse of a."""
        return read_only(np.argmin(self.cayley_table, axis=1))

    def subgroup(self, subgroup: Subgroup) -> PointGroup:
        """A subgroup K of this group, as a `PointGroup`.

        Args:
            subgroup: A name (`"p2"`), a `PointGroup`, or the indices of K's elements in this
                group (`[0, 2]`).

        Returns:
            The `PointGroup` K, on the lattice of this group.

        Raises:
            ValueError: If these elements are not all in the group, or are no group.
        """
        if isinstance(subgroup, (str, dict, PointGroup)):
            subgroup = get(subgroup, self.dimension)
            self.members(subgroup)
            same = subgroup.lattice == self.lattice
            return subgroup if same else self._of(subgroup.name, subgroup.elements)
        return self._subgroup_of_indices(subgroup)

    def indices(self, subgroup: PointGroup) -> np.ndarray:
        """`members` as an integer array `(|K|,)`."""
        return read_only(self.members(subgroup))

    def members(self, subgroup: PointGroup) -> list[int]:
        """For each element of the `PointGroup` K, in K's order, its index here, in a list.

        It uses only lists, since compilers trace it.

        Raises:
            ValueError: If one of them is not in this group.
        """
        checks.is_a(subgroup, PointGroup, "subgroup")
        if not all(row in self._rows for row in subgroup._rows):
            raise ValueError(
                f"`subgroup` must be made of elements of {self.name}. Received: "
                f"subgroup={subgroup.name!r}, of which some elements are not in {self.name}. "
                f"Subgroups of {self.name} by name: {self.names_of_groups(self._is_subgroup)}. "
                "Give any other by the indices of its elements."
            )
        return [self._rows.index(row) for row in subgroup._rows]

    def left_cosets(self, subgroup: Subgroup) -> np.ndarray:
        """The cosets gK as an integer array `(order / |K|, |K|)` of element indices.

        Row `j` lists g·k for k in K's order, with g the smallest index in no earlier row, so the
        first column holds the representatives.

        Args:
            subgroup: K, as `subgroup` takes it.

        Raises:
            ValueError: If K is no subgroup.
        """
        members = self.indices(self.subgroup(subgroup))
        return _distinct(self.cayley_table[:, members])

    def right_cosets(self, subgroup: Subgroup) -> np.ndarray:
        """The cosets Kg as an integer array `(order / |K|, |K|)` of element indices.

        Row `j` lists k·g for k in K's order, with g the smallest index in no earlier row.
        `subgroup` is K, as for `left_cosets`.
        """
        members = self.indices(self.subgroup(subgroup))
        return _distinct(self.cayley_table[members].T)

    def cosets_within(self, subgroup: Subgroup, smaller: Subgroup) -> np.ndarray:
        """For each coset of L, the cosets of K that it contains.

        Args:
            subgroup: L, as `subgroup` takes it.
            smaller: K, which L contains, as `subgroup` takes it.

        Returns:
            Integer array `(cosets of L, |L|/|K|)` of positions among the cosets of K, in order.

        Raises:
            ValueError: If L does not contain K.
        """
        subgroup, smaller = self.subgroup(subgroup), self.subgroup(smaller)
        subgroup.indices(smaller)
        coset_of = _coset_of(self.left_cosets(smaller))
        found = [sorted(set(coset_of[row].tolist())) for row in self.left_cosets(subgroup)]
        return read_only(found)

    def coset_action(self, subgroup: Subgroup) -> np.ndarray:
        """Integer array `(order, cosets)`: entry `[h, j]` is the index of the coset h·(cⱼK).

        For K = {e} this is the Cayley table, for K = H a column of zeros: a function on G and one
        on Zᵈ are the two extremes of a function on G/K. `subgroup` is K, as for `left_cosets`.
        """
        cosets = self.left_cosets(subgroup)
        return read_only(_coset_of(cosets)[self.cayley_table[:, cosets[:, 0]]])

    def irreps(self) -> tuple[irreps.Irrep, ...]:
        """The real irreducible representations of H: a tuple of `Irrep`, the trivial one first."""
        return self._irreps

    @cached_property
    def _irreps(self):
        return irreps.find(self.cayley_table, self.inverses)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PointGroup)
            and self.name == other.name
            and self.lattice == other.lattice
            and np.array_equal(self.elements, other.elements)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.elements.tobytes()))

    def __repr__(self) -> str:
        return f"<PointGroup {self.name}, order {self.order}, dimension {self.dimension}>"

    def names_of_groups(self, condition: Callable[[PointGroup], bool]) -> list[str]:
        """The names of registered groups of this dimension that meet a condition, sorted."""
        return sorted(name for name, group in REGISTRY[self.dimension].items() if condition(group))

    def _checked_cayley_table(self):
        """The Cayley table, once it is known that this is a group."""
        if not np.array_equal(self.elements[0], np.eye(self.dimension)):
            raise ValueError(
                f"`elements` must start with the identity. Received for {self.name}: first "
                f"element {self.elements[0].tolist()}. Move the identity to the front."
            )
        if len(self._index) < self.order:
            raise ValueError(f"`elements` must not repeat. Received for {self.name}: a repetition.")
        products = self.elements[:, None] @ self.elements
        table = np.array([[self._index.get(p.tobytes(), -1) for p in row] for row in products])
        for a, b in np.argwhere(table < 0)[:1]:
            raise ValueError(
                f"`elements` must be closed under multiplication. Received for {self.name}: "
                f"{self._rows[a]} · {self._rows[b]} = {products[a, b].tolist()}, which is not "
                "among them. Add it, or leave out one of the two."
            )
        for a in np.flatnonzero(table.min(axis=1) > 0)[:1]:
            raise ValueError(
                f"`elements` must hold the inverse of each element. Received for {self.name}: "
                f"{self._rows[a]}, which has none among them. Leave it out."
            )
        return read_only(table)

    def _checked_lattice(self, lattice):
        if lattice is None:
            return lattices.lattice_of(self.elements)
        if not isinstance(lattice, lattices.Lattice):
            lattice = lattices.named(lattice)
        if lattice.dimension != self.dimension or not lattice.is_kept_by(self.elements):
            raise ValueError(
                f"`elements` must keep lengths and angles on the {lattice.name}. Received for "
                f"{self.name}: {self.elements.tolist()}. Leave `lattice` out."
            )
        return lattice

    def _of(self, name, elements):
        """A group of some of the elements, on the same lattice."""
        return PointGroup(name, elements, self.lattice)

    def _subgroup_of_indices(self, indices):
        members = _as_indices(indices)
        if members is None or not all(0 <= i < self.order for i in members):
            raise ValueError(
                f"`subgroup` must be the name of a group, a PointGroup, or a list of indices of "
                f"elements of {self.name}, 0 to {self.order - 1}. Received: subgroup={indices!r}."
            )
        try:
            return self._of(f"{self.name}{members}", self.elements[members])
        except ValueError as error:
            raise ValueError(
                f"`subgroup` must be a subgroup of {self.name}. Received: subgroup={indices}. "
                f"{error}"
            ) from None

    def _is_subgroup(self, group):
        return group.lattice == self.lattice and self.contains(group)

    def contains(self, group: PointGroup) -> bool:
        """Whether all elements of another group are in this one."""
        return all(matrix.tobytes() in self._index for matrix in _checked(group).elements)


# What `get` and `PointGroup.subgroup` take.
Group: TypeAlias = PointGroup | str | dict[str, Any]
Subgroup: TypeAlias = Group | Sequence[SupportsIndex] | np.ndarray

REGISTRY: dict[int, dict[str, PointGroup]] = {dimension: {} for dimension in LARGEST_ORDER}
_KEYS = {"name", "elements", "lattice"}  # of what `serialize` makes


def register(group: PointGroup) -> None:
    """Adds a `PointGroup` to those that layers take by name.

    Raises:
        TypeError: If it is no `PointGroup`.
        ValueError: If another group of that dimension has the name.
    """
    known = _found_by_name(_checked(group).name, group.dimension)
    if known not in (None, group):
        raise ValueError(
            f"`group` must have a name of its own. Received: {group!r}, and the name is that of "
            f"{known!r}. Give it another name."
        )
    REGISTRY[group.dimension][group.name] = group


def names(dimension: int | None = None) -> list[str]:
    """The names and aliases that `get` knows, sorted, in one dimension or in all.

    Raises:
        ValueError: If there is no such dimension.
    """
    dimensions = REGISTRY if dimension is None else [_checked_dimension(dimension)]
    aliases = [catalogue.ALIASES.get(d, {}) for d in dimensions]
    known: list[dict[str, Any]] = [*map(REGISTRY.__getitem__, dimensions), *aliases]
    return sorted({name for named in known for name in named})


def get(group: Group, dimension: int | None = None) -> PointGroup:
    """The point group of that name.

    Args:
        group: One of `names(dimension)`, in capitals or not; a `PointGroup`; or what `serialize`
            made of one.
        dimension: The dimension that the group must act on. `None`: any. A name then stands for the
            group of that name in 2 dimensions, if there is one.

    Returns:
        The `PointGroup`.

    Raises:
        ValueError: If there is no such group. The message lists the nearest names and all names.
    """
    found = _found(group, None if dimension is None else _checked_dimension(dimension))
    if dimension is not None and found.dimension != dimension:
        raise ValueError(
            f"`group` must act on {dimension} dimensions. Received: group={found!r}. Use one of "
            f"{names(dimension)}, or a PointGroup of {dimension}×{dimension} matrices."
        )
    return found


def _found(group, dimension):
    if isinstance(group, PointGroup):
        return group
    if isinstance(group, dict) and {"name", "elements"} <= set(group) <= _KEYS:
        return PointGroup(**group)
    if isinstance(group, str):
        for d in (dimension or 2, 2, 1, 3):
            if (found := _found_by_name(group, d)) is not None:
                return found
    known = names(dimension)
    name = group.lower() if isinstance(group, str) else ""
    near = difflib.get_close_matches(name[:LONGEST_NAME], known, cutoff=0.4)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(
        f"`group` must be a PointGroup or one of the names {known}. Received: group={group!r}."
        f"{hint}"
    )


def _found_by_name(name, dimension):
    """The group of this name or alias, in capitals or not; `None` if there is none."""
    known = dict(REGISTRY[dimension])
    for alias, of in catalogue.ALIASES.get(dimension, {}).items():
        known.setdefault(alias, known.get(of))
    return {key.lower(): group for key, group in known.items()}.get(name.lower())


def serialize(group: PointGroup, dimension: int | None = None) -> str | dict[str, Any]:
    """A JSON value from which `get(value, dimension)` makes the group again.

    That is its name if every installation has the group by that name, and its matrices if not.

    Raises:
        TypeError: If it is no `PointGroup`.
    """
    is_shipped = _checked(group).name in _SHIPPED[group.dimension]
    if is_shipped and get(group.name, dimension) == group:
        return group.name
    value = {"name": group.name, "elements": group.elements.tolist()}
    if lattices.lattice_of(group.elements) == group.lattice:
        return value
    return {**value, "lattice": group.lattice.name}


def _coset_of(cosets):
    """The number of the coset that each element is in."""
    numbers = np.empty(cosets.size, dtype=int)
    numbers[cosets] = np.arange(len(cosets))[:, None]
    return numbers


def _distinct(cosets):
    """The rows that share no element with an earlier one, of the coset of each element."""
    rows, seen = [], set()
    for g, row in enumerate(cosets):
        if g not in seen:
            rows.append(row)
            seen.update(row.tolist())
    return read_only(rows)


def _all_fix(matrices, vector):
    return all(
        sum(a * v for a, v in zip(row, vector, strict=True)) == fixed
        for matrix in matrices
        for row, fixed in zip(matrix, vector, strict=True)
    )


def _checked(group):
    checks.is_a(group, PointGroup, "group")
    return group


def _checked_dimension(dimension):
    is_integer = isinstance(dimension, (int, np.integer)) and not isinstance(dimension, bool)
    if not is_integer or dimension not in REGISTRY:
        raise ValueError(f"`dimension` must be 1, 2 or 3. Received: dimension={dimension!r}.")
    return int(dimension)


def _checked_name(name):
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(
            "`name` of a PointGroup must be a string, not empty and without '/', which Keras takes "
            f"in no name. Received: name={name!r}."
        )
    return name


def _as_indices(indices):
    """Integers as a list, `None` for anything else."""
    array = np.asarray(indices if isinstance(indices, (list, tuple, np.ndarray)) else [None])
    return array.tolist() if array.ndim == 1 and np.issubdtype(array.dtype, np.integer) else None


def _integer_matrices(name, elements):
    """The matrices as int64, once their shape and size are known to be those of a group."""
    try:
        matrices = np.asarray(elements)
    except ValueError:  # rows of different lengths
        matrices = np.empty(0)
    is_stack = matrices.ndim == 3 and matrices.size > 0 and matrices.shape[1] == matrices.shape[2]
    if not is_stack or not np.issubdtype(matrices.dtype, np.integer):
        raise ValueError(
            "`elements` must be integers of shape (order, d, d). Received for "
            f"{name}: shape {matrices.shape}, dtype {matrices.dtype}."
        )
    order, dimension = matrices.shape[:2]
    if order > LARGEST_ORDER.get(dimension, 0):
        raise ValueError(
            "`elements` must be a group of integer matrices in 1, 2 or 3 dimensions, of which the "
            f"largest have {', '.join(map(str, LARGEST_ORDER.values()))} elements. Received for "
            f"{name}: {order} matrices of {dimension}×{dimension}."
        )
    if matrices.max() > LARGEST_ENTRY or matrices.min() < -LARGEST_ENTRY:
        raise ValueError(
            f"Entries of `elements` must lie between {-LARGEST_ENTRY} and {LARGEST_ENTRY}. "
            f"Received for {name}: entries from {matrices.min()} to {matrices.max()}. Choose a "
            "basis of the lattice in which they are small."
        )
    return matrices.astype(np.int64)


def _near_integers(name, matrices):
    """The matrices as integers, whatever their number, once they are near them."""
    try:
        given = np.asarray(matrices)
        given = given.astype(float) if given.dtype.kind in "iuf" else np.full(1, np.nan)
    except (ValueError, TypeError):
        given = np.full(1, np.nan)
    is_near = given.ndim == 3 and np.all(np.abs(given - np.round(given)) < 1e-6)
    if not is_near or np.abs(given).max(initial=0) > LARGEST_ENTRY:
        raise ValueError(
            "`matrices` must be integers, in lattice coordinates, of shape (generators, d, d), and "
            f"between {-LARGEST_ENTRY} and {LARGEST_ENTRY}. Received for {name}: "
            f"matrices={matrices!r}."
        )
    return _integer_matrices(name, np.round(given).astype(np.int64))


def _closure(name, generators):
    """All products of integer matrices, the identity first."""
    dimension = generators.shape[-1]
    elements = [np.eye(dimension, dtype=np.int64)]
    known = {elements[0].tobytes()}
    for element in elements:  # which grows
        for product in element @ generators:
            if product.tobytes() not in known:
                known.add(product.tobytes())
                elements.append(product)
        if len(elements) > LARGEST_ORDER[dimension]:
            raise ValueError(
                f"The products of `matrices` must close to a group of at most "
                f"{LARGEST_ORDER[dimension]} elements. Received for {name}: "
                f"matrices={generators.tolist()}, with {len(elements)} products and more. No "
                f"finite group of integer matrices in {dimension} dimensions is larger."
            )
    return np.stack(elements)


for _rows in catalogue.GROUPS.values():
    for _name, _elements in _rows.items():
        register(PointGroup(_name, _elements))
for _name, _elements in catalogue.HEXAGONAL_GROUPS.items():
    register(PointGroup(_name, _elements, lattices.HEXAGONAL))
for _rows in catalogue.GENERATORS.values():
    for _name, _matrices in _rows.items():
        register(PointGroup.from_generators(_name, _matrices))
_SHIPPED = {dimension: frozenset(known) for dimension, known in REGISTRY.items()}
