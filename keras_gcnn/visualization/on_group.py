"""Pictures of a group's products and of one filter's bank."""

import numpy as np

from keras_gcnn import arguments, groups
from keras_gcnn.annotations import Figure, Group, Integer, Tensor
from keras_gcnn.visualization.canvas import Canvas, Patch, Scale, checked_figure
from keras_gcnn.visualization.grid import Grid, numbers
from keras_gcnn.visualization.names import labels


def filter_bank(
    kernel: Tensor,
    group: Group,
    channel: Integer = 0,
    filter_index: Integer = 0,
    slices: Integer = 3,
    figure: Figure = None,
) -> Figure:
    """The |H| transformed filters of one channel of one filter.

        (L_h ψ)(y)     = ψ(h⁻¹y)              a filter on Zᵈ: one row
        (L_h ψ)(y, h′) = ψ(h⁻¹y, h⁻¹h′)       a filter on G: a row for each h′

    There is a column for each h. A layer correlates its input with all of them.

    Args:
        kernel: Filters ψ on Zᵈ, `(*kernel_size, channels, filters)`, or on G,
            `(*kernel_size, |H|, channels, filters)`: the kernel of a layer. On the hexagonal
            lattice `(taps, channels, filters)` or `(taps, |H|, channels, filters)`.
        group: Name of the point group H, or a `PointGroup`.
        channel: Which input channel.
        filter_index: Which filter.
        slices: How many slices of a volume are drawn, the middle ones along depth.
        figure: A matplotlib `Figure` or `SubFigure` to draw in. `None`: a new one.

    Returns:
        The figure.

    Raises:
        ValueError: If `kernel` has another rank or H axis, an index is too large, or the group does
            not map the kernel to itself.
        ImportError: If matplotlib is not installed.

    Example:
    >>> layer = keras_gcnn.layers.LiftingConv2D(4, 3, group="p4m")
    >>> layer.build((None, 9, 9, 1))
    >>> figure = keras_gcnn.visualization.filter_bank(layer.kernel, "p4m", filter_index=2)

    Reference: Cohen & Welling 2016, sections 6.1, 6.2 and 7.1.
    """
    kernel, group = numbers(kernel, "kernel"), groups.get(group)
    space = arguments.space_of_kernel(kernel.shape, group)
    channel = arguments.integer(channel, "channel", 0, kernel.shape[-2] - 1)
    filter_index = arguments.integer(filter_index, "filter_index", 0, kernel.shape[-1] - 1)
    size = arguments.kernel_size(kernel.shape, group)
    grid = Grid(group.lattice, size, arguments.integer(slices, "slices"))
    psi = kernel[..., channel, filter_index]
    bank = psi.reshape(-1)[groups.filter_bank_indices(group, size, space.subgroup)]
    rows = [
        [Patch(b, grid, Scale.of(psi), f"h'={row}, h={h}") for h, b in enumerate(banks.T)]
        for row, banks in enumerate(bank.swapaxes(0, 1))
    ]
    canvas = Canvas(figure, columns=group.order * grid.size[0])
    titles = [f"h = {label}" for label in labels(group)]
    canvas.table(rows, titles, [f"h' = {x}" for x in labels(group)] if space.has_axis else [""])
    return canvas.finish()


def cayley_table(group: Group, figure: Figure = None) -> Figure:
    """The products of all elements of a group: row a, column b, entry a·b.

    Elements stand in the group's own order, that of the axis of H. Colours are those of the row of
    e, so that equal colours are equal elements.

    Args:
        group: Name of the point group, or a `PointGroup`.
        figure: A matplotlib `Figure` or `SubFigure` to draw in. `None`: a new one.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no such group.
        ImportError: If matplotlib is not installed.

    Example:
    >>> figure = keras_gcnn.visualization.cayley_table("p4m")

    Reference: Cohen & Welling 2016, sections 4.2 and 4.3.
    """
    group, is_ours = groups.get(group), figure is None
    figure = checked_figure(figure)
    axes = figure.add_subplot()
    axes.imshow(group.cayley_table, cmap="Spectral", alpha=0.7)
    for (a, b), entry in np.ndenumerate(group.cayley_table):
        axes.text(b, a, str(entry), ha="center", va="center", fontsize=9)
    elements = range(group.order)
    axes.set_xticks(elements, labels(group), rotation=90, fontsize=9)
    axes.set_yticks(elements, labels(group), fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.xaxis.set_label_position("top")
    axes.set(title=f"a·b in {group.name}", xlabel="b", ylabel="a")
    if is_ours:
        figure.set_size_inches(1.5 + 0.4 * group.order, 1.5 + 0.4 * group.order)
        figure.set_layout_engine("constrained")
    return figure
