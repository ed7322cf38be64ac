"""What a layer on the group inherits from a plain one: its arguments and its weights."""

import inspect

import keras
import numpy as np
from keras import layers

from keras_gcnn.convert.walk import set_weights, unknown


def common_config(layer, kind, changes):
    """The arguments of a layer that another kind takes too, with changes."""
    config = _not_built(layer.get_config())
    if kind is not type(layer):
        if _has_weights(getattr(layer, "activation", None)):
            raise unknown(layer, "its activation has weights. Put that in a layer of its own")
        taken = _arguments_of(kind)
        config = {name: value for name, value in config.items() if name in taken}
    return {**config, **changes}


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
