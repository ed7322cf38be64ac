"""One feature map on G: its patches on circles, and where each goes."""

import numpy as np

from keras_gcnn import arguments, groups
from keras_gcnn.annotations import Figure, Group, Integer, Tensor
from keras_gcnn.groups import Space, rings_of
from keras_gcnn.visualization.canvas import LABEL, Canvas, Patch, Scale
from keras_gcnn.visualization.grid import Grid, numbers, screen_basis
from keras_gcnn.visualization.names import element_names, labels

TURN, OTHER = "#d62728", "#1f77b4"  # red and blue, as in the paper
# In patches of size 1:
SPACING = 2.0  # between neighbours on a ring: a diagonal and an arrow
BETWEEN_RINGS = 1.6
MARGIN = (0.5, 0.9)  # around the patches of a map, with its title


def feature_map(
    values: Tensor,
    group: Group,
    element: Integer | None = None,
    slices: Integer = 3,
    figure: Figure = None,
) -> Figure:
    """One channel of a feature map on G, a patch for each element of H, as in the paper's figures.

        (L_g f)(x, h) = f(g⁻¹x, g⁻¹h)

    Turns stand on a circle, and mirrors on a smaller one inside. An arrow leads from each patch h
    to g·h, where g takes it: red for the turn r and its powers, blue for the mirror m and others. A
    line without a head leads both ways. Large groups of volumes have several such pairs of circles.

    Args:
        values: The map f, `(*space, |H|)`, in one to three dimensions.
        group: Name of the point group H, or a `PointGroup`.
        element: Index of an element g. The map L_g f is drawn too, and the arrows are those of g.
            `None`: only f, with the arrows of r and m.
        slices: How many slices of a volume are drawn, the middle ones along depth.
        figure: A matplotlib `Figure` or `SubFigure` to draw in. `None`: a new one.

    Returns:
        The figure.

    Raises:
        ValueError: If `values` has another rank or H axis, or if the element is not in the group or
            does not map the grid to itself.
        ImportError: If matplotlib is not installed.

    Example:
    >>> f = np.random.rand(9, 9, 8)
    >>> figure = keras_gcnn.visualization.feature_map(f, "p4m", element=1)
    >>> figure.savefig(file, dpi=100)

    Reference: Cohen & Welling 2016, section 4.4, figures 1 and 2.
    """
    values = numbers(values, "values")
    if values.ndim not in (2, 3, 4) or values.size == 0:
        raise ValueError(
            "`values` must be one channel of one map, (*space, |H|), of rank 2, 3 or 4. Received: "
            f"values.shape={values.shape}. Take `maps[0, ..., 0]` of a batch of maps."
        )
    group = groups.get(group, values.ndim - 1)
    if values.shape[-1] != group.order:
        raise ValueError(
            f"`values` must have a last axis of length {group.order}, for the elements of "
            f"{group.name}. Received: values.shape={values.shape}. Use a group of "
            f"{values.shape[-1]} elements, or a map on {group.name}."
        )
    grid = Grid(group.lattice, values.shape[:-1], arguments.integer(slices, "slices"))
    f, rings = grid.values(values), rings_of(group)
    maps, generators = {f"f on {group.name}": f}, [rings.turn, rings.partner]
    if element is not None:
        element = arguments.integer(element, "element", 0, group.order - 1)
        title = f"f moved by {labels(group)[element]}"
        maps[title], generators = grid.moved(f, Space.whole(group), element), [element]
    places, extent = _places(group, grid.size)
    is_wide = values.ndim == 4  # then the moved map stands below, or else beside
    step = np.array([0, -extent[1] - 0.5] if is_wide else [extent[0], 0])
    canvas = Canvas(figure, columns=extent[0] * (1 if is_wide else len(maps)))
    for n, (title, f) in enumerate(maps.items()):
        middle = n * step
        canvas.text(middle[0], middle[1] + extent[1] / 2, title, size=11)
        patches = [Patch(f[:, h], grid, Scale.of(values), f"h={h}") for h in range(group.order)]
        drawn = zip(patches, places + middle, labels(group), strict=True)
        frames = [canvas.labelled(*of) for of in drawn]
        _draw_arrows(canvas, frames, middle - (0, extent[1] / 2), group, generators)
    return canvas.finish()


def _places(group, size):
    """The middle of each element's patch, `(|H|, 2)`, and the width and height of all together."""
    table = rings_of(group).table
    orbits, rings, length = table.shape
    inner = 0 if length == 1 else SPACING / (2 * np.sin(np.pi / length))
    radii = inner + BETWEEN_RINGS * np.arange(rings)[::-1]
    angles = _angle(group) * np.arange(length)
    circles = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * radii[:, None, None]
    columns = int(np.ceil(np.sqrt(orbits)))
    step = np.ptp(circles, axis=(0, 1)) + SPACING
    places = np.empty((group.order, 2))
    for orbit, elements in enumerate(table):
        row, column = divmod(orbit, columns)
        places[elements] = circles + step * (column, -row)
    places -= (places.max(axis=0) + places.min(axis=0)) / 2
    places *= 1 + 0.7 * (size - 1)  # wider ones need less than their width
    return places, np.ptp(places, axis=0) + size + MARGIN


def _angle(group):
    """The angle of r on the screen, counter-clockwise. Circles turn as it does."""
    turn = rings_of(group).turn
    if group.dimension != 2:
        return 2 * np.pi / rings_of(group).table.shape[-1]
    x, y = group.elements[turn] @ (0, 1) @ screen_basis(group.lattice)
    return np.arctan2(-y, x)


def _draw_arrows(canvas, frames, place, group, generators):
    """Draws the arrows of these elements g, and says from a place downwards where they lead."""
    turns = rings_of(group).table[0, 0]
    for g in generators:
        if g:  # neither the identity nor `None`
            color = TURN if g in turns else OTHER
            is_directed = group.cayley_table[g, g] != 0
            for h, moved in enumerate(group.cayley_table[g]):
                if is_directed or h < moved:
                    canvas.arrow(frames[h], frames[moved], color, is_directed)
            sign = "→" if is_directed else "↔"
            canvas.text(*place, f"h {sign} {element_names(group)[g]}·h", color=color)
            place = place - (0, LABEL)
