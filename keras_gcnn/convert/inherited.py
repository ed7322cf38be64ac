"""What a layer on the group inherits from a plain one: its arguments and its weights."""

import inspect

import keras
import numpy as np
from keras import layers

from keras_gcnn import stock
from keras_gcnn.convert.walk import set_weights, unknown
from keras_gcnn.layers import LiftingConv2D


def common_config(layer, kind, changes):
    """The arguments of a layer that another kind takes too, with changes."""
    config = _not_built(layer.get_config())
    if kind is not type(layer):
        if _has_weights(getattr(layer, "activation", None)):
            raise unknown(layer, "its activation has weights. Put that in a layer of its own")
        taken = _arguments_of(kind)
        config = {name: value for name, value in config.items() if name in taken}
    if kind not in (type(layer), LiftingConv2D):
        for name in ("kernel_constraint", "depthwise_constraint"):
            if config.get(name):
                config[name] = _on_group(config[name], len(layer.weights[0].shape))
    return {**config, **changes}


def made_of(layer, kind, config):
    """A layer of a kind, with the configuration that `common_config` found for a plain one."""
    try:
        return kind.from_config(config)
    except TypeError as error:  # in whose message Keras puts that of the layer
        if not isinstance(error.__context__, ValueError):
            raise
        raise ValueError(
            f"`convert` makes no {kind.__name__} of {stock.named(layer)}. {error.__context__}"
        ) from None


def _on_group(constraint, rank):
    """A constraint along axes of a kernel, with those of a kernel that has an axis of H too.

    That axis stands after those of space, and goes with them; for a Dense layer with the inputs.
    """
    axes = constraint["config"].get("axis")
    if axes is None:
        return constraint
    axes = {int(a) % rank for a in np.atleast_1d(axes)}
    axis_of_h = rank - 2
    moved = {a + (a >= axis_of_h) for a in axes}
    if axes & set(range(max(axis_of_h, 1))):
        moved.add(axis_of_h)
    return {**constraint, "config": {**constraint["config"], "axis": sorted(moved)}}


def _has_weights(activation):
    """Whether an activation is a layer with weights, which Keras may build as late as a call."""
    if not isinstance(activation, layers.Layer):
        return False
    copy = type(activation).from_config(activation.get_config())
    copy.build((1, 2, 2, 2))
    return bool(copy.weights)


def _not_built(config):
    """A configuration without the shapes for which layers within the layer were built."""
    if isinstance(config, dict):
        return {name: _not_built(of) for name, of in config.items() if name != "build_config"}
    return [_not_built(of) for of in config] if isinstance(config, list) else config


def set_planar_weights(plain, made):
    """Gives a layer on G the weights of the plain one: kernels at h′ = e, zeros elsewhere."""
    values = []
    for new, old in zip(made.weights, _in_order_of(plain, made), strict=True):
        if tuple(new.shape) != tuple(old.shape):
            whole = np.zeros(new.shape, old.dtype)
            whole[(slice(None),) * (old.ndim - 2) + (0,)] = old
            old = whole
        values.append(old)
    set_weights(made, values)


def _in_order_of(plain, made):
    """The weights of the plain layer, in the order in which those of the new one stand."""
    if type(plain) is type(made):
        return plain.get_weights()
    by_name = {w.name: keras.ops.convert_to_numpy(w) for w in plain.weights}
    names = {"kernel": ("kernel", "depthwise_kernel")}
    places = ((n for n in names.get(w.name, (w.name,)) if n in by_name) for w in made.weights)
    return [by_name[next(of_weight)] for of_weight in places]


def _arguments_of(kind):
    """The names of the arguments of a constructor and of those of its base classes."""
    names = set()
    for base in kind.__mro__:
        if base is keras.layers.Layer:
            break
        if "__init__" in vars(base):
            names |= set(inspect.signature(base.__init__).parameters)
    dropped = set(getattr(kind, "left_out", ())) | {"self", "args", "kwargs"}
    renamed = {kind.renamed.get(n, n) for n in names} if hasattr(kind, "renamed") else names
    return (renamed | {"name", "dtype", "trainable"}) - dropped
