"""A walk through a functional model that makes another one, layer by layer."""

import inspect

import keras

from keras_gcnn import stock
from keras_gcnn.convert.merged import ByTensor, structure


class Walk:
    """Calls `call` for every layer, with the new tensors in place of those of the model.

    Attributes:
        spaces: What is known of each new tensor.
        made: What was made for a layer, so that layers used twice stay shared.
    """

    def __init__(self):
        self.spaces = ByTensor()
        self.made = {}

    def of_model(self, model, like, name):
        """The new model, with inputs that stand for what the tensors `like` do."""
        inputs = [keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in like]
        for fresh, tensor in zip(inputs, like, strict=True):
            self.spaces[fresh] = self.spaces.get(tensor)
        return keras.models.clone_model(
            keras.Model(model.inputs, model.outputs, name=name),
            input_tensors=inputs,
            clone_function=lambda layer: layer,
            call_function=self._called,
        )

    def _called(self, layer, *args, **kwargs):
        args, kwargs = _with_input_first(layer, args, kwargs)
        return self.call(layer, *args, **kwargs)

    def nested(self, model, *inputs):
        """The new counterpart of a model within the model, called."""
        flat = keras.tree.flatten(inputs)
        sizes = tuple(tuple(x.shape) for x in flat)
        made = self.once_for(model, sizes, lambda name: self.of_model(model, flat, name))
        outputs = keras.tree.flatten(made(flat))
        for inside, outside in zip(made.outputs, outputs, strict=True):
            self.mark(outside, self.spaces.get(inside))
        return keras.tree.pack_sequence_as(structure(model, "output"), outputs)

    def call(self, layer, *args, **kwargs):
        """What comes out of the new counterpart of a layer."""
        raise NotImplementedError

    def once(self, key, make):
        """What was made for a key, or is made now."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def once_for(self, layer, use, make):
        """What `make(name)` gave for a layer and a use of it; each use has a name of its own."""
        made = self.once(layer, dict)
        if use not in made:
            made[use] = make(f"{layer.name}_{len(made)}" if made else layer.name)
        return made[use]

    def mark(self, tensor, space):
        """The tensor, with what is known of it."""
        self.spaces[tensor] = space
        return tensor


def copy_of(layer, name):
    """A layer of Keras with the same arguments and weights."""
    copy = type(layer).from_config({**layer.get_config(), "name": name})
    if layer.weights:
        copy.build_from_config(layer.get_build_config())
        set_weights(copy, layer.get_weights())
    return copy


def set_weights(layer, values):
    """Sets the weights of a layer, and what a Normalization computes of them."""
    layer.set_weights(values)
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()


def unknown(layer, reason):
    """The error for a layer that cannot be converted, and what to do."""
    return ValueError(
        f"`convert` knows no counterpart of {stock.named(layer)}: {reason}. Replace it in the "
        "plain model by layers that docs/stock_layers.md lists, convert the models before and "
        "after it by themselves, or write that part with the layers of keras_gcnn."
    )


def _with_input_first(layer, args, kwargs):
    """The arguments of a call, the first one by its place though it was given by name."""
    first = next(iter(inspect.signature(layer.call).parameters))
    if args or first not in kwargs:
        return args, kwargs
    return (kwargs[first],), {name: of for name, of in kwargs.items() if name != first}
