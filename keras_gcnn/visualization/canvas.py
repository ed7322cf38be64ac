"""The sheet that all pictures are drawn on. Nothing else here imports matplotlib."""

import importlib
from dataclasses import dataclass

import numpy as np

from keras_gcnn.visualization.grid import GAP, Grid

INCHES = 1.0  # a patch is as wide or high, in a figure of ours
WIDEST = 24.0  # inches of a figure of ours
BETWEEN = 0.12  # patches of a table, in patches
LABEL = 0.22  # the height of a label above a patch, in patches


def matplotlib(module):
    """A module of matplotlib, which is imported when something is drawn and not before.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ModuleNotFoundError as error:
        raise ImportError(
            "`keras_gcnn.visualization` draws with matplotlib, which is not installed. Install it "
            'by `pip install matplotlib`, or with the extra "visualization" of this package.'
        ) from error


def checked_figure(figure):
    """A `Figure` or `SubFigure`; a new one for `None`, which needs no display."""
    if figure is None:
        return matplotlib("figure").Figure()
    if not isinstance(figure, matplotlib("figure").FigureBase):
        raise ValueError(
            "`figure` must be a matplotlib Figure or SubFigure, or None for a new one. Received: "
            f"figure={figure!r}. For a part of your figure use `figure.subfigures(1, 2)[0]`."
        )
    return figure


@dataclass(frozen=True)
class Scale:
    """How numbers become colours, or heights of a curve."""

    colors: str
    smallest: float
    largest: float

    @property
    def span(self):
        """From the smallest to the largest number."""
        return self.largest - self.smallest

    @classmethod
    def of(cls, values):
        """From the smallest to the largest value, about zero where there are negative ones."""
        smallest, largest = float(np.min(values)), float(np.max(values))
        if smallest >= 0:
            return cls("viridis", 0.0, largest or 1.0)
        return cls.about_zero(values)

    @classmethod
    def about_zero(cls, values):
        """Blue for negative numbers, white for zero and red for positive ones."""
        largest = float(np.max(np.abs(values))) or 1.0
        return cls("RdBu_r", -largest, largest)

    @classmethod
    def of_image(cls, values):
        """Shades of gray, from the smallest to the largest value."""
        return cls("gray", float(np.min(values)), float(np.max(values)))


@dataclass(frozen=True)
class Patch:
    """What is drawn in one place.

    Attributes:
        values: Numbers `(points,)`; the red, green and blue of a plane, `(points, 3)`; or several
            curves, `(points, n)`.
        grid: The `Grid` of the points.
        scale: The `Scale` of the numbers.
        name: What the artists say by `get_gid()`.
    """

    values: np.ndarray
    grid: Grid
    scale: Scale
    name: str


class Canvas:
    """Axes without ticks on which patches are placed. A patch is one unit wide or high.

    Args:
        figure: What `checked_figure` takes.
        columns: About how many patches stand side by side. Many make the patches small.
    """

    def __init__(self, figure, columns=1):
        self.is_ours = figure is None
        self.figure = checked_figure(figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.inches = min(INCHES, WIDEST / columns)
        self.corners = []

    def table(self, rows, titles, labels):
        """Draws rows of patches, with a title above each column and a label beside each row."""
        sizes = np.array([[patch.grid.size for patch in row] for row in rows])
        widths, heights = sizes[..., 0].max(axis=0) + BETWEEN, sizes[..., 1].max(axis=1) + BETWEEN
        x, y = np.cumsum(widths) - widths / 2, heights / 2 - np.cumsum(heights)
        for column, title in enumerate(titles):
            self.text(x[column], 0.05, title, va="bottom")
        for row, label in enumerate(labels):
            self.text(-0.1, y[row], label, ha="right")
            for column, patch in enumerate(rows[row]):
                self.patch(patch, (x[column], y[row]))

    def patch(self, patch, center):
        """Draws a `Patch` about a point (x, y). Returns the frame, a `Rectangle`."""
        size = patch.grid.size
        corner = np.subtract(center, size / 2)
        draw = {1: self._curve, 2: self._plane, 3: self._volume}[len(patch.grid.shape)]
        draw(patch, corner)
        frame = matplotlib("patches").Rectangle(
            corner, *size, fill=False, edgecolor="0.6", linewidth=0.6, zorder=3
        )
        frame.set_visible(patch.grid.lattice.is_orthogonal())
        self._cover(corner, corner + size)
        return self.axes.add_artist(frame)

    def labelled(self, patch, center, label):
        """Draws a `Patch` with a label above it. Returns the frame."""
        self.text(center[0], center[1] + (patch.grid.size[1] + LABEL) / 2, label)
        return self.patch(patch, center)

    def arrow(self, start, end, color, is_directed=True):
        """Draws an arrow from one labelled frame to another, or a line between them."""
        arrow = matplotlib("patches").FancyArrowPatch(
            start.get_center(),
            end.get_center(),
            patchA=self._with_label(start),
            patchB=self._with_label(end),
            shrinkA=3,
            shrinkB=3,
            arrowstyle="-|>" if is_directed else "-",
            connectionstyle="arc3,rad=0.15" if is_directed else "arc3",
            mutation_scale=14 * self.inches,
            color=color,
            linewidth=1.6,
            zorder=2,
        )
        self.axes.add_artist(arrow)

    def _with_label(self, frame):
        size = frame.get_width(), frame.get_height() + LABEL
        transform = self.axes.transData
        return matplotlib("patches").Rectangle(frame.get_xy(), *size, transform=transform)

    def text(self, x, y, text, size=9, **options):
        """Writes a text, centred by default, for which the figure makes room."""
        options = {"ha": "center", "va": "center", **options}
        size = max(4, size * self.inches**0.5)
        self.axes.text(x, y, text, fontsize=size, **options)
        lines = text.split("\n")
        line = size / 72 / self.inches  # the size of the letters in patches
        extent = np.array([0.65 * max(map(len, lines)), 1.3 * len(lines)]) * line
        before = {"left": 0, "bottom": 0, "center": 0.5, "right": 1, "top": 1}
        corner = (x, y) - extent * (before[options["ha"]], before[options["va"]])
        self._cover(corner, corner + extent)

    def finish(self):
        """Fits the axes, and a figure of ours, to what was drawn. Returns the figure."""
        (left, bottom), (right, top) = np.min(self.corners, 0) - 0.1, np.max(self.corners, 0) + 0.1
        self.axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        self.axes.axis("off")
        if self.is_ours:
            self.figure.set_size_inches(self.inches * (right - left), self.inches * (top - bottom))
        return self.figure

    def _cover(self, *corners):
        self.corners += corners

    def _curve(self, patch, corner):
        def height(numbers):
            inside = (numbers - patch.scale.smallest) / (patch.scale.span or 1)
            return corner[1] + patch.grid.size[1] * (0.08 + 0.84 * inside)

        x = corner[0] + patch.grid.size[0] * np.linspace(0.05, 0.95, len(patch.values))
        self.axes.plot(x[[0, -1]], [height(0)] * 2, color="0.8", linewidth=0.8)
        curves = height(patch.values.reshape(len(x), -1))
        self.axes.set_prop_cycle(None)  # the first curve of each patch has the first colour
        self.axes.plot(x, curves, marker=".", markersize=3, linewidth=1, gid=patch.name)

    def _plane(self, patch, corner):
        values, grid, scale = patch.values, patch.grid, patch.scale
        options = {"cmap": scale.colors, "clim": (scale.smallest, scale.largest), "zorder": 2.5}
        width, height = grid.size
        if grid.lattice.is_orthogonal():
            extent = (corner[0], corner[0] + width, corner[1], corner[1] + height)
            image = self.axes.imshow(grid.array(values), extent=extent, interpolation="nearest")
        else:
            cells = grid.cells * (1, -1) + corner + (width / 2, height / 2)  # rows go downwards
            image = matplotlib("collections").PolyCollection(cells, linewidth=0.2)
            self.axes.add_collection(image, autolim=False)
            is_rgb = values.ndim == 2
            colors = {"facecolor": values, "edgecolor": values} if is_rgb else {"array": values}
            image.set(**{"edgecolor": "face", **colors})
        image.set(**options, gid=patch.name)

    def _volume(self, patch, corner):
        array, grid = patch.grid.array(patch.values), patch.grid.slice
        for n, depth in enumerate(patch.grid.drawn_slices):
            name = f"{patch.name}, slice {depth}"
            place = np.add(corner, (n * (grid.size[0] + GAP), 0))
            self._plane(Patch(grid.values(array[depth]), grid, patch.scale, name), place)
