"""When does a stride, a pooling or a padding keep equivariance? Arithmetic on the sampling grid.

A window of effective size k moves by stride s over n points, with p points of padding in front. It
sits at the positions s·i + (k - 1)/2 - p. The output turns with the input exactly if every h in H
maps these positions, taken about the centre of the input, to themselves. They are the points of the
sublattice with strides s about the centre

    c = (first + last) / 2 - (n - 1) / 2 = (p_behind - p_front - leftover) / 2,
    leftover = (n + p_front + p_behind - k) mod s,

so the condition is that of `Lattice.keeps_sublattice`. On a square lattice it asks for no leftover
and symmetric padding along every axis that the group reverses, and for equal strides along axes
that it exchanges. On the hexagonal lattice input and output must be hexagons too, with a point in
their middle.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keras_gcnn.groups import checks
from keras_gcnn.groups.lattice import Lattice
from keras_gcnn.groups.point_group import PointGroup

PADDINGS = ("valid", "same", "centered")
FARTHEST = 1000  # nobody crops or pads an image by more to keep equivariance


@dataclass(frozen=True)
class Sampling:
    """A sliding window: what a convolution and a pooling have in common.

    Args:
        kernel_size, strides, dilation_rate: One positive integer per axis.
        padding: `"valid"` or `"same"`, as Keras defines them, or `"centered"`: effective size - 1
            points at every size and stride, half of them in front, so that the centre of the first
            window is the first point.
        sees_padding: Whether padded points count, as zeros do in a convolution, or are left out, as
            in a pooling. A pooling whose every window covers the whole axis is symmetric anyway.
    """

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str = "valid"
    dilation_rate: tuple[int, ...] | None = None
    sees_padding: bool = True

    def __post_init__(self):
        _check_windows(self)
        checks.boolean(self.sees_padding, "sees_padding")

    @property
    def effective_kernel_size(self) -> tuple[int, ...]:
        """Points spanned by the window along each axis: (k - 1)·dilation + 1."""
        return _spans(self.kernel_size, self.dilation_rate)

    def output_size(self, size: Sequence[int | None]) -> tuple[Any, ...]:
        """Output points along each axis; `None` where the input's size is `None`."""
        return tuple(None if n is None else self._steps(n, k, s) for n, k, s in self._axes(size))

    def fits(self, size: Sequence[int | None]) -> bool:
        """Whether there is an output, with sizes that are `None` taken to be large enough."""
        return all(n is None or n > 0 for n in self.output_size(size))

    def padding_amounts(
        self, size: Sequence[Any], larger: Callable = max
    ) -> tuple[tuple[Any, Any], ...]:
        """Padded points in front of and behind each axis, as pairs.

        Args:
            size: Points along each axis. One may be `None` unless the amounts depend on it
                (`depends_on_size`).
            larger: The larger of two integers, for sizes that are tensors.

        Raises:
            ValueError: If the amounts depend on a size that is `None`.
        """
        if self.depends_on_size() and any(n is None for n in size):
            raise ValueError(
                f"With padding='same' and strides={self.strides} the padding depends on the size "
                f"of the input. Received: size={tuple(size)}. Set all sizes in `keras.Input`."
            )
        return tuple(self._axis_padding(n, k, s, larger) for n, k, s in self._axes(size))

    def depends_on_size(self) -> bool:
        """Whether the amounts of padding are different for different sizes of the input."""
        moves = zip(self.kernel_size, self.strides, strict=True)
        return self.padding == "same" and any(min(move) > 1 for move in moves)

    def windows(self, lattice: Lattice) -> list[tuple[slice, ...]]:
        """For each tap of a kernel on a lattice, the slices of the padded points that it sees."""
        checks.is_a(lattice, Lattice, "lattice")
        windows = itertools.product(*map(self.shifts, range(len(self.kernel_size))))
        taps = itertools.product(*map(range, self.kernel_size))
        pairs = zip(taps, windows, strict=True)
        return [w for tap, w in pairs if lattice.has_point(tap, self.kernel_size)]

    def shifts(self, axis: int) -> list[slice]:
        """For each tap along an axis, the slice of the padded points that it sees."""
        axis = checks.integer(axis, "axis", 0, len(self.kernel_size) - 1)
        span, stride = self.effective_kernel_size[axis], self.strides[axis]
        dilation = self.dilation_rate[axis] if self.dilation_rate else 1
        starts = [tap * dilation for tap in range(self.kernel_size[axis])]
        return [slice(start, start - span + 1 or None, stride) for start in starts]

    def offset(self, size: Sequence[Any]) -> tuple[int, ...]:
        """Twice the centre c of the sampling grid along each axis, in steps of the lattice."""
        return tuple(self._axis_offset(*axis) for axis in self._axes(size))

    def preserves(self, group: PointGroup, size: Sequence[int | None]) -> bool:
        """Whether the sampling grid on an input of this size is mapped to itself by the group.

        An axis of size `None` counts as if it had a size that suits it, if there is any.
        """
        checks.is_a(group, PointGroup, "group")
        checks.is_sequence(size, "size", len(self.kernel_size))
        lattice = group.lattice
        size = tuple(self._suitable(n, axis, lattice) for axis, n in enumerate(size))
        offset = self.offset(size)
        if not (lattice.has_image(size) and lattice.has_image(self.output_size(size))):
            return False
        if lattice.keeps_sublattice(group, self.strides, offset):
            return True
        same_shape = lattice.keeps_shape(group, self.output_size(size))
        return group.fixes(offset) and same_shape and self._windows_are_alike(size)

    def nearest_sizes(self, group: PointGroup, size: Sequence[int | None]) -> list[tuple[int, ...]]:
        """The nearest smaller and larger sizes that keep equivariance, where there are any."""
        checks.is_a(group, PointGroup, "group")
        checks.is_sequence(size, "size", len(self.kernel_size))
        found = [
            tuple(self._nearest(n, axis, step, group.lattice) for axis, n in enumerate(size))
            for step in (-1, 1)
        ]
        return [near for near in found if None not in near and self.preserves(group, near)]

    def _windows_are_alike(self, size):
        """Whether there are no two different windows by which to tell strides apart."""
        steps = self.output_size(size)
        if max(steps) == 1:
            return True
        return all(self._covers(*axis) for axis in self._axes(size))

    def _axes(self, size):
        """The size, the span of a window and the stride along each axis."""
        checks.is_sequence(size, "size", len(self.kernel_size))
        return zip(size, self.effective_kernel_size, self.strides, strict=True)

    def _steps(self, n, k, s):
        if self.padding == "valid":
            return (n - k) // s + 1
        return -(-n // s)

    def _axis_padding(self, n, k, s, larger=max):
        n = k if n is None else n
        total = {
            "valid": lambda: 0,
            "same": lambda: larger((self._steps(n, k, s) - 1) * s + k - n, 0),
            "centered": lambda: k - 1,
        }[self.padding]()
        return total // 2, total - total // 2

    def _covers(self, n, k, s):
        front, _ = self._axis_padding(n, k, s)
        last = (self._steps(n, k, s) - 1) * s - front
        return not self.sees_padding and last <= 0 and k - front >= n

    def _axis_offset(self, n, k, s):
        if self._covers(n, k, s):
            return 0
        front, behind = self._axis_padding(n, k, s)
        leftover = (n + front + behind - k) % s
        return behind - front - leftover

    def _suitable(self, n, axis, lattice):
        if n is not None:
            return n
        two_steps = self.effective_kernel_size[axis] + self.strides[axis]
        return self._nearest(two_steps, axis, 1, lattice) or two_steps

    def _nearest(self, n, axis, direction, lattice):
        k, s = self.effective_kernel_size[axis], self.strides[axis]
        smallest = k if self.padding == "valid" else 1
        for candidate in range(n, n + min(2 * s, FARTHEST) * direction, direction):
            if candidate < smallest or self._axis_offset(candidate, k, s) != 0:
                continue
            if all(lattice.has_image((n,)) for n in (candidate, self._steps(candidate, k, s))):
                return candidate
        return None


@dataclass(frozen=True)
class TransposedSampling:
    """The windows of a transposed convolution, the adjoint of a convolution with these arguments.

    That convolution C goes from the output, of m points, to the input, of n points. Of all m on
    which C has n windows, Keras takes

        "valid"                     m = (n - 1)·s + max(k, s)
        "same"                      m = n·s
        "centered"                  m = (n - 1)·s + 1
        with output padding p       m = (n - 1)·s + k - 2·q + p,
                                    q = k // 2 for "same", 0 for "valid"; k = 1 for "centered"

    The adjoint is equivariant exactly if C is, on m points. So the condition is `Sampling`'s, for
    the size of the output. It is the same for all n.

    Args:
        kernel_size, strides, padding, dilation_rate: As in `Sampling`.
        output_padding: One integer per axis, or `None`.
    """

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str = "valid"
    dilation_rate: tuple[int, ...] | None = None
    output_padding: tuple[int, ...] | None = None

    def __post_init__(self):
        _check_windows(self)
        if self.output_padding is not None:
            checks.integers(self.output_padding, "output_padding", len(self.kernel_size), 0)

    @property
    def effective_kernel_size(self) -> tuple[int, ...]:
        """As in `Sampling`."""
        return _spans(self.kernel_size, self.dilation_rate)

    @property
    def convolution(self) -> Sampling:
        """The `Sampling` of the convolution C."""
        return Sampling(self.kernel_size, self.strides, self.padding, self.dilation_rate)

    def output_size(self, size: Sequence[int | None]) -> tuple[Any, ...]:
        """Output points along each axis; `None` where the input's size is `None`."""
        checks.is_sequence(size, "size", len(self.kernel_size))
        extra = self.output_padding or (None,) * len(size)
        axes = zip(size, self.effective_kernel_size, self.strides, extra, strict=True)
        return tuple(None if n is None else self._length(n, k, s, p) for n, k, s, p in axes)

    def fits(self, size: Sequence[int | None]) -> bool:
        """Whether the convolution C has as many windows on the output as the input has points."""
        size = self._known(size)
        output = self.output_size(size)
        return min(output) > 0 and self.convolution.output_size(output) == size

    def preserves(self, group: PointGroup, size: Sequence[int | None]) -> bool:
        """Whether the output turns with the input under the group."""
        return self.convolution.preserves(group, self.output_size(self._known(size)))

    def nearest_sizes(self, group: PointGroup, size: Sequence[int | None]) -> list[tuple[int, ...]]:
        """No size is better than another."""
        return []

    def crops(self) -> tuple[tuple[int, int], ...]:
        """Points to cut from the full output, in front and behind; negative: zeros to add.

        The full output has (n - 1)·s + k points: every one that a window touches.
        """
        size = self._known((None,) * len(self.kernel_size))
        output = self.output_size(size)
        fronts = [front for front, _ in self.convolution.padding_amounts(output)]
        spans = zip(size, self.strides, self.effective_kernel_size, strict=True)
        full = [(n - 1) * s + k for n, s, k in spans]
        return tuple((f, n - f - m) for f, n, m in zip(fronts, full, output, strict=True))

    def adjoint_padding(self) -> tuple[tuple[int, int], ...]:
        """What a convolution with strides of 1, which this then is, pads, or cuts if negative."""
        pairs = zip(self.crops(), self.effective_kernel_size, strict=True)
        return tuple((k - 1 - front, k - 1 - behind) for (front, behind), k in pairs)

    def _known(self, size):
        checks.is_sequence(size, "size", len(self.kernel_size))
        axes = zip(size, self.effective_kernel_size, self.strides, strict=True)
        return tuple(k + s if n is None else n for n, k, s in axes)

    def _length(self, n, k, s, extra):
        if extra is None:
            return (n - 1) * s + {"valid": max(k, s), "same": s, "centered": 1}[self.padding]
        span = {"valid": k, "same": k - 2 * (k // 2), "centered": 1}[self.padding]
        return (n - 1) * s + span + extra


def _check_windows(sampling):
    """Raises if numbers are no windows, in the words of layers and operations."""
    checks.is_sequence(sampling.kernel_size, "kernel_size")
    axes = len(sampling.kernel_size)
    checks.integers(sampling.kernel_size, "kernel_size", axes)
    checks.integers(sampling.strides, "strides", axes)
    if sampling.dilation_rate is not None:
        checks.integers(sampling.dilation_rate, "dilation_rate", axes)
    if sampling.padding not in PADDINGS:
        raise ValueError(
            f"`padding` must be one of {list(PADDINGS)}. Received: padding={sampling.padding!r}."
        )


def _spans(kernel_size, dilation_rate):
    dilation = dilation_rate or (1,) * len(kernel_size)
    return tuple((k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True))
