"""The one table of stock Keras layers: what each of them does to a map on a space.

A layer keeps a map's equivariance, keeps it under a condition, or breaks it. The guard follows the
graph of a functional model back by this table, and `to_planar` converts by it.
"""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_gcnn.groups import Sampling, Space


@dataclass(frozen=True)
class Found:
    """What the graph tells of a tensor.

    Attributes:
        space: The `Space` of the map, `None` where it is unknown or the tensor is no map.
        maker: The layer of this library that made the map, if one did.
        losses: Why equivariance was lost since then, one sentence for each layer.
        broken: Why the axis of H is no longer that of the space, if it is not.
    """

    space: Space | None = None
    maker: Any = None
    losses: tuple = ()
    broken: str | None = None


@dataclass(frozen=True)
class Call:
    """A call of a stock layer or operation on a map on a space.

    Attributes:
        operation: The layer or operation.
        space: The `Space` of its input.
        data_format: That of the map.
        tensors: Its symbolic inputs.
        others: Its other arguments, constants among them.
        output: Its output.
    """

    operation: Any
    space: Space
    data_format: str
    tensors: list = field(default_factory=list)
    others: list = field(default_factory=list)
    output: Any = None

    @property
    def rank(self):
        """The rank of the map."""
        return self.space.rank

    @property
    def space_axes(self):
        """The axes of space."""
        d = self.space.dimension
        first = 1 if self.data_format == "channels_last" else self.rank - d
        return tuple(range(first, first + d))

    @property
    def coset_axes(self):
        """The axis of H or of cosets, as a tuple of one or none."""
        if not self.space.has_axis:
            return ()
        return (self.space.dimension + 1 if self.data_format == "channels_last" else 2,)

    @property
    def channel_axis(self):
        """The axis of channels."""
        return self.rank - 1 if self.data_format == "channels_last" else 1

    @property
    def size(self):
        """The sizes of space."""
        shape = self.tensors[0].shape
        return tuple(shape[axis] for axis in self.space_axes)

    def get(self, name, default=None):
        """An attribute of the operation."""
        return getattr(self.operation, name, default)

    def axes(self, name="axis"):
        """An attribute of axes as a set of non-negative integers; all axes for `None`."""
        value = self.get(name)
        if value is None:
            return set(range(self.rank))
        values = value if isinstance(value, (tuple, list)) else [value]
        return {int(axis) % self.rank for axis in values}

    def split(self, per_axis):
        """A tuple over the axes of space and H, as a stock layer has it: of space, and of H."""
        inner = [a for a in range(1, self.rank) if a != self.channel_axis]
        by_axis = dict(zip(inner, per_axis, strict=True))
        return [by_axis[a] for a in self.space_axes], [by_axis[a] for a in self.coset_axes]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        kinds: Names of classes of Keras: layers, and operations of `keras.ops`.
        effect: `"keeps"`, `"condition"` or `"breaks"`.
        says: What documentation says of it: the condition, or the reason.
        check: A function of a `Call` that returns why equivariance is lost, or `None`.
        planar: What `to_planar` makes of it: `"itself"`, for it acts on each number by itself;
            `"nothing"`, for it acts in training alone; `"rule"`, by a rule of `convert.rules`.
            `None`: it is refused.
    """

    kinds: tuple
    effect: str
    says: str
    check: Any = lambda call: None
    planar: str | None = None


POINTWISE_ACTIVATIONS = (
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu"),
    *("hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu"),
    *("sigmoid", "silu", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid"),
    *("squareplus", "tanh", "tanh_shrink", "threshold"),
)


def is_pointwise_activation(activation):
    """Whether a layer's activation is known to act on each number by itself."""
    if activation is None:
        return True
    if isinstance(activation, keras.layers.Layer):
        row = row_of(activation)
        return row is not None and row.planar == "itself" and not is_along_axis(activation)
    name = getattr(activation, "__name__", None)
    return name in POINTWISE_ACTIVATIONS and getattr(keras.activations, name, None) is activation


def is_along_axis(layer):
    """Whether a layer has an activation that is not known to be pointwise."""
    return isinstance(layer, keras.layers.Activation) and not is_pointwise_activation(
        layer.activation
    )


def _merge(call):
    """Constants and other maps must not tell points of space, or elements of H, apart."""
    for other in call.others:
        shape = getattr(other, "shape", ())
        aligned = (1,) * (call.rank - len(shape)) + tuple(shape)
        if any(aligned[a] != 1 for a in (*call.space_axes, *call.coset_axes) if a < len(aligned)):
            return f"a constant of shape {tuple(shape)} differs between points"
    return None


def _activation(call):
    activation = call.get("activation")
    if is_pointwise_activation(activation) or not isinstance(activation, keras.layers.Layer):
        along = getattr(activation, "__name__", "") in (
            "softmax",
            "log_softmax",
            "sparsemax",
            "glu",
        )
        if along and call.channel_axis != call.rank - 1:
            return "its activation acts along the width"
    return None


def _along_axes(call):
    """An axis of space alone is not kept, all of them are; H is kept."""
    touched = call.axes() & set(call.space_axes)
    if touched and touched != set(call.space_axes):
        return f"it acts along axis {call.get('axis')}, and not all axes of space"
    return None


def _per_channel(call):
    if call.axes() != {call.channel_axis}:
        return f"its axis {call.get('axis')} is not that of the channels"
    return None


def _on_last_axis(call):
    return None if call.channel_axis == call.rank - 1 else "it acts on the last axis, the width"


def _shared_axes(call):
    shared = set(call.get("shared_axes") or ())
    if not shared >= {*call.space_axes, *call.coset_axes}:
        needed = [*call.space_axes, *call.coset_axes]
        return f"it has a weight for each point. Set shared_axes={needed}"
    return None


def _kernel(call):
    size, on_cosets = call.split(call.get("kernel_size"))
    if max((*size, *on_cosets)) > 1:
        return "its kernel is not shared over the group. Use a layer of keras_gcnn"
    return _window(call, size, on_cosets, sees_padding=True)


def _pooling(call):
    size, on_cosets = call.split(call.get("pool_size"))
    if max(on_cosets, default=1) > 1:
        return "it pools neighbours along H, which are no cosets. Use a CosetPooling"
    return _window(call, size, on_cosets, sees_padding=False)


def _window(call, window, on_cosets, sees_padding):
    group = call.space.group
    strides, coset_strides = call.split(call.get("strides"))
    if max(coset_strides, default=1) > 1:
        return "it leaves out elements of H"
    padding = call.get("padding")
    sampling = Sampling(tuple(window), tuple(strides), padding, sees_padding=sees_padding)
    fits = group.lattice.keeps_shape(group, window) and sampling.preserves(group, call.size)
    return None if fits else f"its windows do not turn with an input of size {call.size}"


def _amounts(call):
    value = call.get("padding") if call.get("padding") is not None else call.get("cropping")
    amounts, on_cosets = call.split(value)
    if any(map(any, on_cosets)):
        return "it changes the axis of H"
    group = call.space.group
    centre = [behind - front for front, behind in amounts]
    total = [behind + front for front, behind in amounts]
    if not (group.fixes(centre) and group.fixes_lengths(total)):
        return f"{tuple(amounts)} is not symmetric. Use the same amount in front and behind"
    return None


def _repeat(call):
    size, on_cosets = call.split(call.get("size"))
    if max(on_cosets, default=1) > 1:
        return "it repeats elements of H"
    return None if call.space.group.fixes_lengths(size) else f"{tuple(size)} is not symmetric"


def _same_shape(call):
    if tuple(call.output.shape) == tuple(call.tensors[0].shape) or _is_of_one_point(call):
        return None
    kept = [n for n in call.output.shape if n != 1]
    return None if kept == [n for n in call.tensors[0].shape if n != 1] else "it mixes up axes"


def _identity_permutation(call):
    order = call.get("dims") or call.get("axes")
    start = 1 if call.get("dims") else 0
    if order is not None and list(order) == list(range(start, start + len(order))):
        return None
    return "it exchanges axes"


def _is_of_one_point(call):
    return all(n == 1 for n in call.size) and not (call.space.has_axis and call.space.cosets > 1)


def _flatten(call):
    return None if _is_of_one_point(call) else "it gives every point weights of its own"


def _slice(call):
    keys = [key for key in call.others if not hasattr(key, "shape")]
    key = call.get("key", keys[0] if keys else None)
    key = list(key) if isinstance(key, (tuple, list)) else [key]
    if Ellipsis in key:
        middle = key.index(Ellipsis)
        missing = call.rank - (len(key) - 1)
        key[middle : middle + 1] = [slice(None)] * missing
    if any(entry is None for entry in key):
        return None if all(e in (None, slice(None)) for e in key) else "it mixes up axes"
    for axis, entry in enumerate(key):
        if axis in (*call.space_axes, *call.coset_axes) and entry != slice(None):
            what = "elements of H" if axis in call.coset_axes else "points of space"
            return f"it takes some {what} and leaves out or exchanges others"
    return None


def _moves_points(call):
    axes = call.axes()
    if axes & {*call.space_axes, *call.coset_axes}:
        return "it moves points of space or elements of H"
    return None


def _permutes(call):
    axes = call.axes()
    if axes & set(call.space_axes):
        return "it moves points of space"
    if axes & set(call.coset_axes):
        places = np.arange(call.space.cosets)
        shift = call.get("shift")
        order = places[::-1] if shift is None else np.roll(places, shift)
        action = call.space.group.coset_action(call.space.subgroup)
        if not np.array_equal(action[:, order], order[action]):
            return "it exchanges elements of H"
    return None


def _mirrors(call):
    has_mirror = any(round(np.linalg.det(h)) < 0 for h in call.space.group.elements)
    return "a rotation is reversed by mirrors" if has_mirror else None


def _names(text):
    return tuple(text.split())


def _ranks(*names):
    return tuple(f"{name}{d}D" for name in names for d in (1, 2, 3))


TABLE = (
    Row(
        _names("ReLU LeakyReLU ELU Identity Rescaling"),
        "keeps",
        "acts on each number",
        planar="itself",
    ),
    Row(
        _names("Activation"),
        "condition",
        "it acts on each number, or along channels that are last",
        _activation,
        planar="itself",
    ),
    Row(
        _names("Add Average Subtract Multiply Maximum Minimum Divide TrueDivide Power"),
        "condition",
        "both maps are on the same space, or a constant is the same at all points",
        _merge,
        planar="itself",
    ),
    Row(
        _names(
            "Absolute Negative Square Sqrt Rsqrt Exp Log Log1p Sign Relu Relu6 Sigmoid Silu Gelu "
            "Elu Selu Softplus Softsign Tanh LeakyRelu HardSigmoid HardSilu Celu Clip Floor Round"
        ),
        "keeps",
        "operations of keras.ops that act on each number",
        planar="itself",
    ),
    Row(
        (
            *_names("Dropout AlphaDropout GaussianDropout GaussianNoise ActivityRegularization"),
            *_ranks("SpatialDropout"),
        ),
        "keeps",
        "acts in training alone",
        planar="nothing",
    ),
    Row(
        _names(
            "RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomShear "
            "RandomBrightness"
        ),
        "keeps",
        "acts in training alone",
    ),
    Row(
        _names("BatchNormalization GroupBatchNormalization"),
        "condition",
        "its axis is that of the channels",
        _per_channel,
        planar="rule",
    ),
    Row(
        _names("GroupNormalization LayerNormalization RMSNormalization Normalization"),
        "condition",
        "its axis is that of the channels",
        _per_channel,
    ),
    Row(
        _names("UnitNormalization Softmax LogSoftmax"),
        "condition",
        "it acts along channels, along H, or along all of space",
        _along_axes,
    ),
    Row(
        _names("Max Min Mean Sum Prod Var Std Amax Amin Any All Logsumexp"),
        "condition",
        "it goes over channels, over H, or over all of space",
        _along_axes,
    ),
    Row(_names("Dense"), "condition", "channels are last, as Dense takes them", _on_last_axis),
    Row(_names("PReLU"), "condition", "all axes of space and H are in `shared_axes`", _shared_axes),
    Row(
        (
            *_ranks("Conv"),
            *(f"{name}Transpose" for name in _ranks("Conv")),
            *_names("SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D"),
        ),
        "condition",
        "its kernel has size 1 along space and H",
        _kernel,
    ),
    Row(
        _ranks("MaxPooling", "AveragePooling"),
        "condition",
        "its pool size is 1 along H, and its windows turn with an input of that size",
        _pooling,
        planar="rule",
    ),
    Row(
        _ranks("GlobalMaxPooling", "GlobalAveragePooling"),
        "keeps",
        "gives invariant numbers",
        planar="rule",
    ),
    Row(
        _ranks("ZeroPadding", "Cropping"),
        "condition",
        "it is equal in front and behind, and none along H",
        _amounts,
        planar="rule",
    ),
    Row(_ranks("UpSampling"), "condition", "its size is 1 along H", _repeat, planar="rule"),
    Row(
        _names("Concatenate"),
        "condition",
        "its axis is that of the channels",
        _moves_points,
        planar="rule",
    ),
    Row(_names("Flatten"), "breaks", "gives every point weights of its own", _flatten),
    Row(
        _names("Reshape Squeeze ExpandDims"),
        "condition",
        "only axes of length 1 come and go",
        _same_shape,
    ),
    Row(_names("Permute Transpose"), "breaks", "exchanges axes", _identity_permutation),
    Row(
        _names("GetItem"),
        "condition",
        "slices are of channels",
        _slice,
    ),
    Row(
        _names("Flip Roll"),
        "condition",
        "its axis is that of the channels, or it commutes with the group on H",
        _permutes,
    ),
    Row(_names("RotatedImage"), "condition", "the group has no mirrors", _mirrors),
)
_BY_NAME = {name: row for row in TABLE for name in row.kinds}


def row_of(operation):
    """The `Row` of a layer or operation of Keras or of this library, or `None`."""
    kind = type(operation)
    if kind.__module__.split(".")[0] not in ("keras", "keras_gcnn"):
        return None
    return _BY_NAME.get(kind.__name__)


def follow(x, space, data_format):
    """Follows the graph from a symbolic tensor back to the layers that made it.

    Args:
        x: A `keras.KerasTensor`.
        space: The `Space` that a layer wants. An input of the model with its rank is taken to be on
            it, and one with the rank of an image on the lattice.
        data_format: The layer's.

    Returns:
        `Found`.
    """
    return _Walk(space, data_format).result(x)


class _Walk:
    def __init__(self, space, data_format, known=()):
        self.space = space
        self.data_format = data_format
        self.found = dict(known)

    def result(self, x):
        """Visits what a tensor is made of before the tensor, without recursion."""
        waiting = [x]
        while waiting:
            tensor = waiting[-1]
            operation, node = _history(tensor)
            sources = _sources(operation, node)
            missing = [s for s in sources if id(s) not in self.found]
            if id(tensor) in self.found or not missing:
                waiting.pop()
                if id(tensor) not in self.found:
                    self.found[id(tensor)] = self._of(tensor, operation, node, sources)
            else:
                waiting += missing
        return self.found[id(x)]

    def _of(self, tensor, operation, node, sources):
        if getattr(operation, "output_space", None) is not None:
            return Found(operation.output_space, operation)
        if not sources:
            return Found(self._space_of_input(tensor))
        if isinstance(operation, keras.Model):
            return self._through_model(tensor, operation, sources)
        return self._through(tensor, operation, node, sources)

    def _space_of_input(self, tensor):
        for space in (self.space, Space.lattice(self.space.group)):
            if len(tensor.shape) == space.rank:
                return space
        return None

    def _through_model(self, tensor, model, sources):
        """Through a model within the model."""
        known = {
            id(inner): self.found[id(outer)]
            for inner, outer in zip(keras.tree.flatten(model.inputs), sources, strict=False)
        }
        outputs = keras.tree.flatten(model.outputs)
        inner = outputs[min(tensor._keras_history.tensor_index, len(outputs) - 1)]
        return _Walk(self.space, self.data_format, known).result(inner)

    def _through(self, tensor, operation, node, sources):
        """Through a stock layer or an operation."""
        found = [self.found[id(source)] for source in sources]
        losses = tuple(dict.fromkeys(loss for f in found for loss in f.losses))
        broken = next(filter(None, (f.broken for f in found)), None)
        maps = [(f, s) for f, s in zip(found, sources, strict=True) if f.space is not None]
        maker = next((f.maker for f in found if f.maker is not None), None)
        if not maps:
            return Found(None, maker, losses, broken)
        first = max(maps, key=lambda pair: pair[0].space.cosets * pair[0].space.has_axis)[0]
        of_others = {f.space for f, s in maps if not _is_invariant(s)} - {first.space}
        if any(s.has_axis and s.cosets > 1 for s in of_others):
            names = " and ".join(sorted(s.name for s in (first.space, *of_others)))
            return Found(None, maker, losses, f"{_named(operation)} combines maps on {names}")
        arguments = [*node.arguments.args, *node.arguments.kwargs.values()]
        others = [a for a in arguments if not _has_tensors(a)]
        main = [s for f, s in maps if f is first]
        data_format = getattr(operation, "data_format", None)
        call = Call(operation, first.space, self._format(first), main, others, tensor)
        row = row_of(operation)
        reason = None
        if row is not None and data_format in (None, call.data_format):
            reason = row.check(call)
        elif row is not None:
            reason = f"its data_format is {data_format!r}"
        if reason:
            losses = (*losses, f"{_named(operation)} loses it: {reason}.")
        space, cut = _space_after(call)
        if cut:
            broken = broken or f"{_named(operation)} makes it {cut} elements long"
        return Found(space, maker if space is not None or cut else None, losses, broken)

    def _format(self, found):
        return getattr(found.maker, "data_format", self.data_format)


def _space_after(call):
    """The space of the output, and the length of an axis of H that is no longer right."""
    shape, space = call.output.shape, call.space
    if len(shape) == space.rank:
        wrong = [shape[a] for a in call.coset_axes if shape[a] not in (None, space.cosets)]
        if not wrong:
            return space, None
        over_all = space.cosets > 1 and wrong[0] == 1 and call.get("keepdims")
        return (Space(space.group, space.group, True), None) if over_all else (None, wrong[0])
    if len(shape) == space.rank - 1 and space.has_axis:
        is_reduced = call.get("axis") is not None and call.axes() == set(call.coset_axes)
        return (
            (Space.lattice(space.group), None) if is_reduced or space.cosets == 1 else (None, None)
        )
    if len(shape) == space.rank + 1 and not space.has_axis:
        return Space(space.group, space.group, True), None
    return None, None


def _is_invariant(tensor):
    """Whether a tensor has one number for each channel alone."""
    return all(n == 1 for n in tensor.shape[1:-1]) or all(n == 1 for n in tensor.shape[2:])


def _named(operation):
    return f"{type(operation).__name__} '{operation.name}'"


def _has_tensors(argument):
    return any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(argument))


def _history(tensor):
    """The operation that made a symbolic tensor and the node of that call.

    Keras 3.15 tells this by `_keras_history` alone.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None or history.operation is None:
        return None, None
    return history.operation, history.operation._inbound_nodes[history.node_index]


def _sources(operation, node):
    """The symbolic tensors that an operation was called on; none for those of this library."""
    if operation is None or getattr(operation, "output_space", None) is not None:
        return []
    return list(node.input_tensors)
