"""A batch of maps on any space, as values at points, and the patches that show it."""

from dataclasses import dataclass, replace

import numpy as np
from keras import ops

from keras_gcnn import groups
from keras_gcnn.groups import Space
from keras_gcnn.visualization.canvas import Patch, Scale
from keras_gcnn.visualization.grid import Grid, numbers
from keras_gcnn.visualization.names import labels


@dataclass(frozen=True)
class Maps:
    """A batch of maps.

    Attributes:
        values: `(batch, points, cosets, channels)`; a map on the lattice has one coset, and a
            vector is a signal of one channel.
        grid: The `Grid` of the points.
        space: The `Space`; `None` for vectors.
    """

    values: np.ndarray
    grid: Grid
    space: Space | None

    @classmethod
    def of(cls, x, space, data_format, slices=3):
        """The maps in a batch, a tensor or an array, of a data format."""
        array = numbers(x, "x")
        if space is None:
            line = groups.get("p1", 1).lattice
            return cls(array[..., None, None], Grid(line, array.shape[1:]), None)
        if data_format == "channels_first":
            array = np.moveaxis(array, *_axes_of_channels(space))
        size = array.shape[1 : space.dimension + 1]
        grid = Grid(space.group.lattice, size, slices)
        array = array.reshape(len(array), *size, space.cosets, -1)
        return cls(np.stack([grid.values(f) for f in array]), grid, space)

    @property
    def is_on_cosets(self):
        """Whether there is more than one plane for each channel."""
        return self.values.shape[2] > 1

    def moved(self, elements):
        """The batch of L_g f, for elements g of the space's group and the first map f."""
        moved = [self.grid.moved(self.values[0], self.space, g) for g in elements]
        return replace(self, values=np.stack(moved))

    def channel(self, channel):
        """Only one channel."""
        return replace(self, values=self.values[..., channel : channel + 1])

    def tensor(self, data_format):
        """The batch as a layer takes it."""
        array = np.stack([self.grid.array(f) for f in self.values])
        if not self.space.has_axis:
            array = array[..., 0, :]
        if data_format == "channels_first":
            array = np.moveaxis(array, *_axes_of_channels(self.space)[::-1])
        return ops.convert_to_tensor(array.astype("float32"))

    def titles(self, what):
        """A title for each column of `patches` or `pictures`."""
        if not self.is_on_cosets:
            return [what]
        names = labels(self.space.group)
        first = self.space.group.left_cosets(self.space.subgroup)[:, 0]
        sign = "h" if self.space.subgroup.order == 1 else "coset of"
        return [f"{sign} = {names[h]}" if sign == "h" else f"{sign} {names[h]}" for h in first]

    def patches(self, n, scale, name):
        """A `Patch` for each coset of the first channel of map n."""
        planes = self.values[n, ..., 0].T
        return [Patch(f, self.grid, scale, f"{name}, h={h}") for h, f in enumerate(planes)]

    def pictures(self, n, name):
        """A `Patch` for each coset of map n, which shows all channels.

        These are the red, green and blue of a plane, or the curves of a signal. Of any others the
        mean is shown, in shades of gray.
        """
        scale, channels = Scale.of_image(self.values), self.values.shape[-1]
        planes = self.values[n].swapaxes(0, 1)  # (cosets, points, channels)
        if len(self.grid.shape) == 2 and channels == 3:
            planes = (planes - scale.smallest) / (scale.span or 1)
        elif len(self.grid.shape) > 1:
            planes = planes.mean(axis=-1)
            scale = Scale.of_image(self.values.mean(axis=-1))
        return [Patch(f, self.grid, scale, f"{name}, h={h}") for h, f in enumerate(planes)]


def _axes_of_channels(space):
    """The axes of channels and H in a channels_first batch, and those in a channels_last one."""
    return ((1, 2), (-1, -2)) if space.has_axis else (1, -1)
