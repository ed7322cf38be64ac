"""When does a stock layer keep the equivariance of a map? A check returns the reason why not."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_gcnn.groups import Sampling, Space, TransposedSampling, coset_axis


def always():
    """`True`: the default where there is nothing to ask."""
    return True


@dataclass(frozen=True)
class Call:
    """A call of a stock layer or operation on a map on a space.

    Attributes:
        operation: The layer or operation.
        space: The `Space` of its input.
        data_format: That of the map.
        shape: The shape of the map.
        constants: The arguments that are no symbolic tensors.
        output_shape: The shape of its output.
        others: The shapes of the other tensors that it takes.
        is_masked: A function that says whether points outside of a hexagon are zero in all of them.
        options: The keywords of the call.
    """

    operation: Any
    space: Space
    data_format: str
    shape: tuple
    constants: list
    output_shape: tuple
    others: tuple = ()
    is_masked: Any = always
    options: dict = field(default_factory=dict)

    @property
    def space_axes(self):
        """The axes of space."""
        d = self.space.dimension
        first = 1 if self.data_format == "channels_last" else self.space.rank - d
        return tuple(range(first, first + d))

    @property
    def coset_axes(self):
        """The axis of H or of cosets, as a tuple of one or none."""
        return (self.space.axis(self.data_format),) if self.space.has_axis else ()

    @property
    def channel_axis(self):
        """The axis of channels."""
        return self.space.rank - 1 if self.data_format == "channels_last" else 1

    @property
    def size(self):
        """The sizes of space."""
        return tuple(self.shape[axis] for axis in self.space_axes)

    @property
    def is_of_one_point(self):
        """Whether there is nothing but channels."""
        return all(self.shape[axis] == 1 for axis in (*self.space_axes, *self.coset_axes))

    def commutes(self, matrix):
        """Whether a map of space to itself, by its matrix, commutes with every element."""
        elements = self.space.group.elements
        return np.array_equal(matrix @ elements, elements @ matrix)

    def takes_alike(self, axes):
        """Whether the axes include all or none of the spatial axes that the group exchanges."""
        group = self.space.group
        return group.lattice.are_alike(group, [int(a in axes) for a in self.space_axes])

    def get(self, name):
        """An attribute of the operation."""
        return getattr(self.operation, name, None)

    def axes(self):
        """The operation's axes as a set of non-negative integers; all axes for `None`."""
        axis = self.get("axis")
        if axis is None:
            return set(range(self.space.rank))
        return {int(a) % self.space.rank for a in (axis if np.iterable(axis) else [axis])}

    def split(self, per_axis):
        """What a stock layer has for each axis except batch and channels: of space, and of H."""
        inner = [a for a in range(1, self.space.rank) if a != self.channel_axis]
        by_axis = dict(zip(inner, per_axis, strict=True))
        return tuple(by_axis[a] for a in self.space_axes), [by_axis[a] for a in self.coset_axes]


def always_keeps(call):
    """Whatever its arguments are, it keeps equivariance."""
    return None


def merged(call):
    """What is merged with a map must not tell points of space, or elements of H, apart."""
    is_layer = isinstance(call.operation, keras.layers.Layer)
    for shape in call.others:
        missing = call.space.rank - len(shape)
        batch = 1 if is_layer else 0  # layers align after the batch, operations from the end
        aligned = (*shape[:batch], *(1,) * missing, *shape[batch:])
        if missing and any(aligned[axis] != 1 for axis in (*call.space_axes, *call.coset_axes)):
            return f"a tensor of shape {tuple(shape)} is aligned with other axes of the map"
    return constants(call)


def constants(call):
    """Arrays that it is given must be the same at all points of space, and for all of H."""
    for constant in (*map(_as_array, call.constants), *arrays_of(call.operation)):
        shape = tuple(getattr(constant, "shape", ()))
        missing = max(call.space.rank - len(shape), 0)
        if any(_differs(constant, a - missing) for a in (*call.space_axes, *call.coset_axes)):
            return f"a constant of shape {shape} differs between points"


def _as_array(constant):
    """A list of numbers as an array, anything else as it is."""
    return np.asarray(constant) if isinstance(constant, (list, tuple)) else constant


def _differs(constant, axis):
    """Whether an array has different numbers along an axis, or a variable may come to have."""
    if axis < 0 or constant.shape[axis] == 1:
        return False
    if isinstance(constant, keras.Variable):
        return True
    numbers = keras.ops.convert_to_numpy(constant)
    return not np.array_equal(numbers, np.roll(numbers, 1, axis))


def arrays_of(operation):
    """What a Rescaling or clipping was given, where it is no number."""
    names = "scale", "offset", "x_min", "x_max"
    found = {name: np.asarray(getattr(operation, name, 0)) for name in names}
    if keras.config.image_data_format() == "channels_first" and found["scale"].ndim:
        missing = 3 - found["scale"].ndim  # as Keras aligns it
        found["scale"] = found["scale"].reshape(*found["scale"].shape, *(1,) * missing)
    return [numbers for numbers in found.values() if numbers.ndim]


def activation(call):
    """An activation along the last axis acts along the width where channels are first."""
    along = getattr(call.get("activation"), "__name__", "")
    if along in ("softmax", "log_softmax", "sparsemax", "glu"):
        return on_last_axis(call)


def on_last_axis(call):
    """The last axis must be that of the channels."""
    if call.channel_axis != call.space.rank - 1:
        return "it acts on the last axis, which is not the channels'"


def per_channel(call):
    """The axis must be that of the channels."""
    has_weights = call.get("center") is not False or call.get("scale") is not False
    is_mean = isinstance(call.operation, keras.layers.LayerNormalization) and not has_weights
    if is_mean and call.takes_alike(call.axes()):
        return None
    if call.axes() not in (set(), {call.channel_axis}):
        return f"its axis {call.get('axis')} is not that of the channels"


def along_axes(call):
    """The axes must include all or none of the spatial axes that the group exchanges."""
    if not call.takes_alike(call.axes()):
        return f"it acts along axis {call.get('axis')}, and not along all axes of space"
    weights = [w for w in map(_as_array, call.constants) if np.ndim(w)]
    if type(call.operation).__name__ == "Average" and any(
        _differs(w, axis) for w in weights for axis in range(np.ndim(w))
    ):
        return "its weights differ"
    return constants(call)


def attention(call):
    """It goes along all axes of space, along H, or both; its own kernels go along the last axis."""
    axes = call.get("attention_axes")
    if axes is None:
        axes = range(1, call.space.rank - 1)
    if not call.takes_alike({int(a) % call.space.rank for a in axes}):
        return f"its attention_axes {tuple(axes)} are not all axes of space"
    if call.options.get("use_causal_mask"):
        return "its causal mask tells points apart"
    masks = [mask for mask in map(_as_array, call.constants) if np.ndim(mask)]
    if any(_differs(mask, axis) for mask in masks for axis in range(1, np.ndim(mask))):
        return "its mask differs between points"
    return on_last_axis(call)


def shared_axes(call):
    """Weights must be the same at all points and for all of H."""
    needed = [*call.space_axes, *call.coset_axes]
    if not set(call.get("shared_axes") or ()) >= set(needed):
        return f"it has a weight for each point. Set shared_axes={needed}"


def kernel(call):
    """A stock kernel larger than one tap is not transformed with the map."""
    size, on_cosets = call.split(call.get("kernel_size"))
    if max((*size, *on_cosets)) > 1:
        return "its kernel is not shared over the group. Use a layer of keras_gcnn"
    return _window(call, size, sees_padding=True)


def transposed_kernel(call):
    """As `kernel`. The windows are those of the convolution whose adjoint it is."""
    size, on_cosets = call.split(call.get("kernel_size"))
    if max((*size, *on_cosets)) > 1:
        return "its kernel is not shared over the group. Use a layer of keras_gcnn"
    extra = call.get("output_padding")
    if extra is not None:
        extra, _ = call.split(np.broadcast_to(extra, call.space.rank - 2).tolist())
    strides, coset_strides = call.split(call.get("strides"))
    if max(coset_strides, default=1) > 1:
        return "it puts zeros between elements of H"
    sampling = TransposedSampling(size, strides, call.get("padding"), None, extra)
    return _turns(call, size, sampling)


def pooling(call):
    """Windows must turn with the input, and not reach along H."""
    size, on_cosets = call.split(call.get("pool_size"))
    is_pooled = [call.output_shape[axis] == 1 for axis in call.coset_axes]
    if on_cosets not in ([], [1], [call.space.cosets] * all(is_pooled)):
        return "it pools neighbours along H, which are no cosets. Use a CosetPooling"
    return _window(call, size, sees_padding=False, pools_all=max(on_cosets, default=1) > 1)


def _window(call, size, sees_padding, pools_all=False):
    strides, coset_strides = call.split(call.get("strides"))
    if max(coset_strides, default=1) > 1 and call.space.cosets > 1 and not pools_all:
        return "it leaves out elements of H"
    padding = "valid" if call.get("padding") == "causal" else call.get("padding")  # of one tap
    sampling = Sampling(size, strides, padding, sees_padding=sees_padding)
    return _turns(call, size, sampling)


def _turns(call, size, sampling):
    group = call.space.group
    if group.lattice.bounds and max(size) > 1:
        return "its windows are no hexagons. Use a layer of keras_gcnn"
    if not (group.lattice.keeps_shape(group, size) and sampling.preserves(group, call.size)):
        return f"its windows do not turn with an input of size {call.size}"


def amounts(call):
    """Padding and cropping must be equal in front and behind, and along exchanged axes."""
    value = call.get("cropping") if call.get("padding") is None else call.get("padding")
    of_space, on_cosets = call.split(value if np.ndim(value) > 1 else (value,))  # of a signal
    if any(map(any, on_cosets)):
        return "it changes the axis of H"
    group = call.space.group
    if not group.lattice.keeps_amounts(group, of_space):
        return f"{of_space} is not symmetric. Use the same amount in front and behind"


def repeated(call):
    """Axes that the group exchanges must be repeated alike."""
    size, on_cosets = call.split(np.atleast_1d(call.get("size")).tolist())
    copies = call.space.cosets if call.space.has_axis else 1  # of one coset there may be more
    group = call.space.group
    if group.lattice.bounds and max(size) > 1:
        return "repeated points make no hexagon. Use GroupConv2DTranspose"
    if (copies > 1 and max(on_cosets) > 1) or not group.fixes_lengths(size):
        return f"it does not repeat all axes alike, or repeats elements of H: {call.get('size')}"


def same_shape(call):
    """Only an axis of H of length 1 may come and go."""
    with_axis, without = call.shape, call.output_shape
    if len(with_axis) < len(without):
        with_axis, without = without, with_axis
    if len(with_axis) > len(without):
        axis = coset_axis(call.data_format, call.space.dimension)
        with_axis = [n for a, n in enumerate(with_axis) if (a, n) != (axis, 1)]
    if list(with_axis) != list(without) and not call.is_of_one_point:
        return "it mixes up axes"


def flattened(call):
    """There must be one point."""
    if not call.is_of_one_point:
        return "it gives every point weights of its own"


def in_order(call):
    """Axes must stay where they are, or the exchange must commute with the group."""
    dims = call.get("dims")  # of a Permute, which counts from the axis after the batch
    order = call.get("axes") or () if dims is None else (0, *dims)
    order = [int(axis) % call.space.rank for axis in order]
    if len(order) != call.space.rank or any(
        order[a] != a for a in range(len(order)) if a not in call.space_axes
    ):
        return "it exchanges axes"
    places = [call.space_axes.index(order[axis]) for axis in call.space_axes]
    if not call.commutes(np.eye(call.space.dimension, dtype=int)[places]):
        return "it exchanges axes of space"


def sliced(call):
    """Slices must take all of space and H."""
    (key,) = call.constants
    key = list(key) if isinstance(key, (tuple, list)) else [key]
    if None in key:
        is_whole = all(e in (None, Ellipsis, slice(None)) for e in key)
        return same_shape(call) if is_whole else "it mixes up axes"
    if Ellipsis in key:
        middle = key.index(Ellipsis)
        key[middle : middle + 1] = [slice(None)] * (call.space.rank - len(key) + 1)
    taken, mirrored, cut, steps = dict(enumerate(key)), set(), {}, {}
    for axis in (*call.space_axes, *call.coset_axes):
        of_axis, size = taken.get(axis, slice(None)), call.shape[axis]
        places = range(size)[of_axis] if size and isinstance(of_axis, slice) else None
        cut[axis], steps[axis] = (0, 0), 1
        if isinstance(of_axis, int) and size == 1:
            continue
        if size is None and _is_cut(of_axis):
            cut[axis] = of_axis.start or 0, -(of_axis.stop or 0)
        elif places == range(size or 0)[::-1] != range(size or 0):
            mirrored.add(axis)
        elif places and places.step > 0 and axis in call.space_axes:
            cut[axis], steps[axis] = (places[0], size - 1 - places[-1]), places.step
        elif of_axis != slice(None) and places != range(size or 0):
            return "it takes some points of space or elements of H, and leaves out others"
    group = call.space.group
    if not group.lattice.keeps_amounts(group, [cut[axis] for axis in call.space_axes]):
        return "it cuts off more points on one side, or along one axis, than on another"
    of_space = [steps[axis] for axis in call.space_axes]
    if not group.fixes_lengths(of_space) or (group.lattice.bounds and max(of_space) > 1):
        return "its steps differ between axes, or leave no hexagon"
    return _mirrored(call, mirrored)


def _is_cut(of_axis):
    """Whether a slice of an axis of unknown size cuts off known numbers of points."""
    if not isinstance(of_axis, slice) or of_axis.step not in (None, 1):
        return False
    return (of_axis.start or 0) >= 0 >= (of_axis.stop or 0)


def permuted(call):
    """A flip, or a roll of H, must commute with the group; a roll of space must be fixed by it."""
    if call.get("shift") is None:
        return _mirrored(call, call.axes())
    if call.get("axis") is None:
        return "it rolls all numbers as one row"
    axes = [int(axis) % call.space.rank for axis in np.atleast_1d(call.get("axis"))]
    shifts = dict.fromkeys(axes, 0)
    for axis, shift in zip(axes, np.broadcast_to(call.get("shift"), len(axes)), strict=True):
        shifts[axis] += int(shift)
    sizes = {axis: call.shape[axis] for axis in axes if axis in call.space_axes and shifts[axis]}
    if any(size is None or shifts[axis] % size for axis, size in sizes.items()):
        return "it moves points of space"
    for axis in set(axes) & set(call.coset_axes):
        return _exchanged(call, np.roll(np.arange(call.space.cosets), shifts[axis]))


def _mirrored(call, axes):
    """Mirrors of space and of the order of H must commute with the group."""
    moved = [axis in axes for axis in call.space_axes]
    if any(moved) and not call.commutes(np.diag(1 - 2 * np.array(moved))):
        return "it mirrors space, and the group does not commute with that"
    if axes & set(call.coset_axes):
        return _exchanged(call, np.arange(call.space.cosets)[::-1])


def _exchanged(call, order):
    """Another order of H must commute with the group."""
    action = call.space.group.coset_action(call.space.subgroup)
    if not np.array_equal(action[:, order], order[action]):
        return "it exchanges elements of H"


def concatenated(call):
    """Maps stand side by side in the channels."""
    if call.axes() & {*call.space_axes, *call.coset_axes}:
        return "it does not go along the channels"
    return constants(call)


def rotated(call):
    """A mirror reverses a rotation."""
    if call.space.group.lattice.bounds:
        return "it takes points for those of the square lattice"
    if any(round(np.linalg.det(h)) < 0 for h in call.space.group.elements):
        return "mirrors reverse its rotation"
