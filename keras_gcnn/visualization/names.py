"""What the elements of a group are called in pictures."""

import numpy as np

from keras_gcnn.groups import rings_of

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def element_names(group):
    """Each element as a product of powers of r and m, or s if that is no mirror: `"mr²"`.

    In a group of several orbits under these, `"mr²·8"` is the product with element 8.
    """
    rings, names = rings_of(group), [""] * group.order
    letter = "m" if rings.partner is not None and _is_mirror(group.elements[rings.partner]) else "s"
    for (orbit, ring, k), h in np.ndenumerate(rings.table):
        power = str(k).translate(SUPERSCRIPTS) if k > 1 else ""
        word = ring * letter + (f"r{power}" if k else "")
        first = [str(rings.table[orbit, 0, 0])] if orbit else []
        names[h] = "·".join(filter(None, [word, *first])) or "e"
    return names


def labels(group):
    """The index and the name of each element: `"6: mr²"`."""
    return [f"{h}: {name}" for h, name in enumerate(element_names(group))]


def _is_mirror(matrix):
    """Whether a matrix of finite order takes one direction to its opposite and keeps the others."""
    return np.linalg.det(matrix) < 0 and np.trace(matrix) == len(matrix) - 2
