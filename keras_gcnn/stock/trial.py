"""Tries what the table does not know: an operation on random maps, before and after an element."""

import contextlib
import inspect

import keras
import numpy as np
from keras import ops

from keras_gcnn.ops import transform_feature_map
from keras_gcnn.ops.image import on_image

LARGEST_MAP = 1_000_000  # numbers; larger maps are not tried
TOLERANCE = 1e-3
SHAKE = 1e-2


def loss(calls, starts, end, space, data_format):
    """Why operations in turn lose equivariance, `None` if they do not or cannot be tried.

    Args:
        calls: Pairs of an operation and a node, each after those that it depends on.
        starts: The tensors that the calls start from, each with its `Space` and its shape. The
            space is `None` if no element moves the tensor.
        end: The tensor that they make.
        space: The `Space` that it should be on.
        data_format: Of all maps.
    """
    rng, starts = np.random.default_rng(0), list(starts)
    sizes = _sizes({id(x): shape for x, _, shape in starts})
    if not all(map(_is_small, sizes.values())):
        return None
    values = {id(x): _drawn(x.dtype, sizes[id(x)], rng) for x, *_ in starts}
    _build(calls, values)

    def outputs(change):
        weights = [_shaken(operation, rng) for operation, _ in calls]
        for h in range(space.group.order):
            known = {
                id(x): _moved(change(values[id(x)]), on, h, data_format) for x, on, _ in starts
            }
            for (operation, node), of_operation in zip(calls, weights, strict=True):
                found = keras.tree.flatten(_applied(operation, node, known, *of_operation))
                known.update(zip(map(id, node.outputs), found, strict=True))
            yield _numbers(known[id(end)])

    return _lost(outputs, space, data_format)


def keeps_zeros(operation, node, shapes):
    """Whether an operation makes zeros of maps that are zero everywhere."""
    sizes = _sizes(shapes)
    if not all(map(_is_small, sizes.values())):
        return False
    zeros = {x: np.zeros(size, "float32") for x, size in sizes.items()}
    try:
        _build([(operation, node)], zeros)
        weights = _shaken(operation, np.random.default_rng(0))
        outputs = keras.tree.flatten(_applied(operation, node, zeros, *weights))
    except Exception:  # an operation that takes no such arrays says nothing
        return False
    return not any(np.any(_numbers(y)) for y in outputs)


def loss_of_activation(activation, space, data_format, shape):
    """Why an activation loses equivariance on a map of this shape, `None` if it does not."""
    size = (2, *shape[1:])
    if not _is_small(size):
        return None
    rng = np.random.default_rng(0)
    x = rng.normal(size=size).astype("float32")

    def outputs(change):
        shaken = _with_shaken_weights(activation, size, rng)
        for h in range(space.group.order):
            yield _numbers(shaken(ops.convert_to_tensor(_moved(change(x), space, h, data_format))))

    return _lost(outputs, space, data_format)


def _sizes(shapes):
    """The shapes of arrays, of a batch of 2 where that is open."""
    return {x: (shape[0] or 2, *shape[1:]) for x, shape in shapes.items()}


def _drawn(dtype, size, rng):
    """Random numbers such as a tensor of a dtype has."""
    if "float" in dtype:
        return rng.normal(size=size).astype("float32")
    return rng.integers(0, 2 if dtype == "bool" else 10, size).astype("float32")


def _build(calls, values):
    """Calls layers once: activations with weights are built as late as that."""
    if not any(isinstance(operation, keras.layers.Layer) for operation, _ in calls):
        return
    known = dict(values)
    with contextlib.suppress(Exception):  # the model raises the same error when it is called
        for operation, node in calls:
            args, kwargs = arguments_with(node, _tensors(node, known))
            found = keras.tree.flatten(operation(*args, **kwargs))
            known.update(zip(map(id, node.outputs), found, strict=True))


def _tensors(node, values):
    return {
        id(x): ops.cast(ops.convert_to_tensor(values[id(x)]), x.dtype) for x in node.input_tensors
    }


def _is_small(size):
    return None not in size and np.prod(size) <= LARGEST_MAP


def _lost(outputs, space, data_format):
    """`_difference` of the outputs for each element in turn, the identity first.

    If they are not all finite, such as roots of random numbers, positive numbers are tried.
    """
    for change in (np.asarray, _positive):
        try:
            before, *moved = outputs(change)
        except Exception:  # an operation that takes no such arrays says nothing
            return None
        if all(np.isfinite(y).all() for y in (before, *moved)):
            return _difference(before, moved, space, data_format)
    return None


def _positive(x):
    return 0.1 + 0.1 * np.abs(x)


def _difference(before, moved, space, data_format):
    """Whether outputs for transformed maps are no transformed outputs, in words."""
    before, *moved = (_on_image(y, space, data_format) for y in (before, *moved))
    try:
        expected = [_moved(before, space, 1 + n, data_format) for n in range(len(moved))]
    except ValueError:  # a size that the group does not map to itself
        return f"its output of shape {before.shape[1:]} cannot turn with the map"
    largest = max((np.abs(a - b).max() for a, b in zip(moved, expected, strict=True)), default=0)
    if largest > TOLERANCE * np.abs(before).max():
        return "it does not commute with the group, as a trial on random maps shows"
    return None


def _on_image(y, space, data_format):
    """A map whose points outside of a hexagon are zero, as every layer here makes them."""
    return _numbers(on_image(ops.convert_to_tensor(y), space.group.lattice, data_format))


def _with_shaken_weights(activation, shape, rng):
    """A copy of an activation that is a layer, since its weights may begin as zeros."""
    if not isinstance(activation, keras.layers.Layer):
        return activation
    copy = type(activation).from_config(activation.get_config())
    copy.build(shape)
    weights, state = _shaken(copy, rng)
    variables = *copy.trainable_variables, *copy.non_trainable_variables
    for w, value in zip(variables, (*weights, *state), strict=True):
        w.assign(value)
    return copy


def _shaken(operation, rng):
    """The weights of a layer, each number made a little larger: biases begin as zeros.

    Returns:
        Those that are trained, and those that are not, of which variances must stay positive.
    """

    def shaken(w):
        if "float" not in str(w.dtype):  # the state of a generator
            return w.value
        return w.value + ops.cast(SHAKE * np.abs(rng.normal(size=w.shape)), w.dtype)

    names = "trainable_variables", "non_trainable_variables"
    return [[shaken(w) for w in getattr(operation, name, [])] for name in names]


def _applied(operation, node, values, weights, state):
    """What an operation makes of maps, a layer with these weights."""
    args, kwargs = arguments_with(node, _tensors(node, values))
    if not isinstance(operation, keras.layers.Layer):
        return operation(*args, **kwargs)
    if "training" in inspect.signature(operation.call).parameters:
        kwargs = {**kwargs, "training": False}
    return operation.stateless_call(weights, state, *args, **kwargs)[0]


def arguments_with(node, known):
    """Positional and keyword arguments of a call, with others in place of its symbolic tensors.

    Args:
        node: The node of the graph.
        known: A dict from the identity of a tensor to what stands for it.
    """

    def other(x):
        return known.get(id(x), x) if isinstance(x, keras.KerasTensor) else x

    return keras.tree.map_structure(other, (node.arguments.args, node.arguments.kwargs))


def _moved(x, space, element, data_format):
    if space is None:
        return x
    subgroup = space.subgroup if space.has_axis else None
    y = transform_feature_map(x, space.group, element, subgroup, data_format)
    return _numbers(y)


def _numbers(y):
    return np.asarray(ops.convert_to_numpy(y), "float32")
