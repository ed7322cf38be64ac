"""Finite groups of integer matrices: elements, Cayley table, inverses, subgroups and cosets."""

import difflib
from functools import cached_property

import numpy as np

from keras_gcnn.groups import irreps
from keras_gcnn.groups.read_only import read_only


class PointGroup:
    """The stabilizer H of the origin in a split group G = Zᵈ ⋊ H, by its matrices.

    Args:
        name: What the group is called in configurations and messages.
        elements: Integer array of shape `(order, d, d)`. Row `i` is the matrix, in lattice
            coordinates, of the element with index `i`. The identity comes first.

    Raises:
        ValueError: If the matrices are not square integer matrices of one size, repeat, do not
            start with the identity, or are not closed under multiplication.

    Example:
    >>> p4 = keras_gcnn.groups.get("p4")
    >>> p4.order, p4.dimension
    (4, 2)
    >>> p4.cayley_table[1, 3]
    0

    Reference: Cohen & Welling 2016, sections 4.2 and 4.3.
    """

    def __init__(self, name, elements):
        self.name = name
        self.elements = read_only(_integer_matrices(name, elements))
        self.order, self.dimension = self.elements.shape[:2]
        self._index = {matrix.tobytes(): i for i, matrix in enumerate(self.elements)}
        self._rows = self.elements.tolist()
        self._absolute_rows = np.abs(self.elements).tolist()
        self._check_axioms()

    def fixes(self, vector):
        """Whether h·v = v for every h: every element leaves this point where it is."""
        return _all_fix(self._rows, vector)

    def fixes_lengths(self, lengths):
        """Whether |h|·v = v for every h: lengths agree along axes that an element exchanges."""
        return _all_fix(self._absolute_rows, lengths)

    @cached_property
    def cayley_table(self):
        """Integer array `(order, order)`: entry `[a, b]` is the index of the product a·b."""
        products = self.elements[:, None] @ self.elements[None, :]
        return read_only([[self._index[p.tobytes()] for p in row] for row in products])

    @cached_property
    def inverses(self):
        """Integer array `(order,)`: entry `a` is the index of the inverse of a."""
        return read_only(np.argmin(self.cayley_table, axis=1))

    def subgroup(self, subgroup):
        """A subgroup K of this group, as a `PointGroup`.

        Args:
            subgroup: A name (`"p2"`), a `PointGroup`, or the indices of K's elements in this
                group (`[0, 2]`).

        Raises:
            ValueError: If these elements are not all in the group, or are no group.
        """
        if isinstance(subgroup, (str, dict, PointGroup)):
            subgroup = get(subgroup)
            self.indices(subgroup)
            return subgroup
        return self._subgroup_of_indices(subgroup)

    def indices(self, subgroup):
        """Integer array: for each element of the `PointGroup` K, in K's order, its index here."""
        try:
            return read_only([self._index[matrix.tobytes()] for matrix in subgroup.elements])
        except KeyError:
            raise ValueError(
                f"`subgroup` must be made of elements of {self.name}. Received: "
                f"subgroup={subgroup.name!r}, of which some elements are not in {self.name}. "
                f"Subgroups of {self.name} by name: {self._names_of_subgroups()}; any other can be "
                "given by the indices of its elements."
            ) from None

    def left_cosets(self, subgroup):
        """The cosets gK as an integer array `(order / |K|, |K|)` of element indices.

        Row `j` lists g·k for k in K's order, with g the smallest index in no earlier row, so the
        first column holds the representatives.
        """
        members = self.indices(self.subgroup(subgroup))
        rows, seen = [], set()
        for g in range(self.order):
            if g not in seen:
                rows.append(self.cayley_table[g, members])
                seen.update(rows[-1].tolist())
        return read_only(rows)

    def coset_action(self, subgroup):
        """Integer array `(order, cosets)`: entry `[h, j]` is the index of the coset h·(cⱼK).

        For K = {e} this is the Cayley table, for K = H a column of zeros: a function on G and one
        on Zᵈ are the two extremes of a function on G/K.
        """
        cosets = self.left_cosets(subgroup)
        coset_of = np.empty(self.order, dtype=int)
        coset_of[cosets] = np.arange(len(cosets))[:, None]
        return read_only(coset_of[self.cayley_table[:, cosets[:, 0]]])

    def irreps(self):
        """The real irreducible representations of H: a tuple of `Irrep`, the trivial one first."""
        return self._irreps

    @cached_property
    def _irreps(self):
        return irreps.find(self.cayley_table, self.inverses)

    def __eq__(self, other):
        return (
            isinstance(other, PointGroup)
            and self.name == other.name
            and np.array_equal(self.elements, other.elements)
        )

    def __hash__(self):
        return hash((self.name, self.elements.tobytes()))

    def __repr__(self):
        return f"<PointGroup {self.name}, order {self.order}, dimension {self.dimension}>"

    def _check_axioms(self):
        identity = np.eye(self.dimension, dtype=self.elements.dtype)
        if not np.array_equal(self.elements[0], identity):
            raise ValueError(
                f"`elements` must start with the identity. Received for {self.name}: first "
                f"element {self.elements[0].tolist()}. Move the identity to the front."
            )
        if len(self._index) < self.order:
            raise ValueError(f"`elements` must not repeat. Received for {self.name}: a repetition.")
        for a in self.elements:
            for b in self.elements:
                if (a @ b).tobytes() not in self._index:
                    raise ValueError(
                        f"`elements` must be closed under multiplication. Received for "
                        f"{self.name}: {a.tolist()} · {b.tolist()} = {(a @ b).tolist()}, which is "
                        "not among them. Add it, or leave out one of the two."
                    )

    def _subgroup_of_indices(self, indices):
        indices = [int(i) for i in indices]
        if not all(0 <= i < self.order for i in indices):
            raise ValueError(
                f"`subgroup` must hold indices of elements of {self.name}, 0 to {self.order - 1}. "
                f"Received: subgroup={indices}."
            )
        try:
            return PointGroup(f"{self.name}{indices}", self.elements[indices])
        except ValueError as error:
            raise ValueError(
                f"`subgroup` must be a subgroup of {self.name}. Received: subgroup={indices}. "
                f"{error}"
            ) from None

    def _names_of_subgroups(self):
        return sorted(
            name
            for name, group in _CATALOGUE.items()
            if all(matrix.tobytes() in self._index for matrix in group.elements)
        )


_CATALOGUE = {}
_ALIASES = {}


def register(group, alias=None):
    """Adds a group to the catalogue under its name, and under an alias."""
    _CATALOGUE[group.name] = group
    if alias:
        _ALIASES[alias] = group.name


def names():
    """The names and aliases that `get` knows, sorted."""
    return sorted([*_CATALOGUE, *_ALIASES])


def get(group):
    """The point group of that name.

    Args:
        group: A name of the catalogue (`"p1"`, also called `"z2"`, `"p2"`, `"p4"`, `"pm"`,
            `"pmm"`, `"p4m"`), a `PointGroup`, or what `serialize` made of one.

    Raises:
        ValueError: If there is no group of that name; the message lists the nearest and all names.
    """
    if isinstance(group, PointGroup):
        return group
    if isinstance(group, dict):
        return PointGroup(group["name"], group["elements"])
    name = group.lower() if isinstance(group, str) else group
    name = _ALIASES.get(name, name) if isinstance(name, str) else name
    if isinstance(name, str) and name in _CATALOGUE:
        return _CATALOGUE[name]
    near = difflib.get_close_matches(str(group).lower(), names(), cutoff=0.4)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(
        f"`group` must be a PointGroup or one of the names {names()}. Received: group={group!r}."
        f"{hint}"
    )


def serialize(group):
    """A JSON value from which `get` makes the group again: its name, or its matrices."""
    if _CATALOGUE.get(group.name) == group:
        return group.name
    return {"name": group.name, "elements": group.elements.tolist()}


def _all_fix(matrices, vector):
    return all(
        sum(a * v for a, v in zip(row, vector, strict=True)) == fixed
        for matrix in matrices
        for row, fixed in zip(matrix, vector, strict=True)
    )


def _integer_matrices(name, elements):
    matrices = np.asarray(elements)
    is_stack = (
        matrices.ndim == 3 and matrices.shape[0] > 0 and matrices.shape[1] == matrices.shape[2]
    )
    if not is_stack or not np.issubdtype(matrices.dtype, np.integer):
        raise ValueError(
            "`elements` must be integers of shape (order, d, d). Received for "
            f"{name}: shape {matrices.shape}, dtype {matrices.dtype}."
        )
    return matrices.astype(np.int64)
