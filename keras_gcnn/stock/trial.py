"""Tries what the table does not know: an operation on random maps, before and after an element."""

import keras
import numpy as np
from keras import ops

from keras_gcnn.ops import transform_feature_map

LARGEST_MAP = 1_000_000  # numbers; larger maps are not tried
TOLERANCE = 1e-3


def loss(call, node, maps, output_space):
    """Why an operation loses equivariance, `None` if it does not or cannot be tried.

    Args:
        call: The `checks.Call`.
        node: The node of the graph.
        maps: A dict from the identity of each tensor that is a map to its `Space`.
        output_space: The `Space` of the output.
    """
    tensors = node.input_tensors
    sizes = [(2, *x.shape[1:]) for x in tensors]
    if any(None in size or np.prod(size) > LARGEST_MAP for size in sizes):
        return None
    rng = np.random.default_rng(0)
    values = [rng.normal(size=size).astype("float32") for size in sizes]
    group = call.space.group
    try:
        before = _numbers(_applied(call.operation, node, values))
        for h in range(1, group.order):
            pairs = zip(tensors, values, strict=True)
            moved = [_moved(v, maps.get(id(x)), h, call.data_format) for x, v in pairs]
            after = _numbers(_applied(call.operation, node, moved))
            expected = _moved(before, output_space, h, call.data_format)
            if np.abs(after - expected).max() > TOLERANCE * np.abs(before).max():
                return "it does not commute with the group, as a trial on random maps shows"
    except Exception:  # an operation that takes no such arrays says nothing
        return None
    return None


def _applied(operation, node, values):
    tensors = map(ops.convert_to_tensor, values)
    args, kwargs = arguments_with(
        node, dict(zip(map(id, node.input_tensors), tensors, strict=True))
    )
    return operation(*args, **kwargs)


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
