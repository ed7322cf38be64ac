"""A group laid out in rings, as Cayley graphs are drawn: orbits of a turn and of its partner."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from keras_gcnn.groups import checks
from keras_gcnn.groups.immutable import read_only
from keras_gcnn.groups.point_group import PointGroup


@dataclass(frozen=True)
class Rings:
    """Where the elements of a group stand when it is drawn.

    Attributes:
        turn: The index of r, the first turn of the largest order.
        partner: The index of s, a mirror where there is one, such that the powers of r, and s times
            these powers, form a group. `None` where no element does.
        table: Integers `(orbits, rings, order of r)`. Entry `[o, i, k]` is the index of sⁱ·rᵏ·a,
            with a the smallest index in no earlier orbit. Without a partner there is one ring.
    """

    turn: int
    partner: int | None
    table: np.ndarray


@cache
def rings_of(group: PointGroup) -> Rings:
    """The `Rings` of a `PointGroup`, made once and cached.

    p4m has one orbit of two rings: the four turns, and the four mirrors M·Rᵏ.
    """
    checks.is_a(group, PointGroup, "group")
    is_turn = np.linalg.det(group.elements) > 0
    orders = [len(_powers(group, a)) for a in range(group.order)]
    turn = max(np.flatnonzero(is_turn).tolist(), key=lambda a: orders[a])
    powers = _powers(group, turn)
    partners = [a for a in range(group.order) if _is_partner(group, a, powers)]
    partner = min(partners, key=lambda a: (is_turn[a], orders[a], a), default=None)
    product = group.cayley_table
    rings = [powers] if partner is None else [powers, product[partner, powers]]
    orbits, seen = [], set()
    for a in range(group.order):
        if a not in seen:
            orbits.append(product[np.array(rings), a])
            seen.update(orbits[-1].reshape(-1).tolist())
    return Rings(turn, partner, read_only(orbits))


def _powers(group, a):
    """The indices of e, a, a², … up to the last before e."""
    powers = [0]
    while (following := int(group.cayley_table[a, powers[-1]])) != 0:
        powers.append(following)
    return powers


def _is_partner(group, a, powers):
    """Whether the powers of r and a times these form a group twice as large."""
    product = group.cayley_table
    conjugate = product[product[a, powers], group.inverses[a]]
    return a not in powers and product[a, a] in powers and set(conjugate.tolist()) == set(powers)
