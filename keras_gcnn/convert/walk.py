"""A walk through a functional model that makes another one, layer by layer."""

import keras

from keras_gcnn.convert.merged import ByTensor


class Walk:
    """Calls `call` for every layer, with the new tensors in place of those of the model.

    Attributes:
        spaces: What is known of each new tensor.
        made: What was made for a layer, so that layers used twice stay shared.
    """

    def __init__(self):
        self.spaces = ByTensor()
        self.made = {}

    def of_model(self, model, like):
        """The new model, with inputs that stand for what the tensors `like` do."""
        inputs = [keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in like]
        for fresh, tensor in zip(inputs, like, strict=True):
            self.spaces[fresh] = self.spaces.get(tensor)
        return keras.models.clone_model(
            keras.Model(model.inputs, model.outputs, name=model.name),
            input_tensors=inputs,
            clone_function=lambda layer: layer,
            call_function=self.call,
        )

    def call(self, layer, *args, **kwargs):
        """What comes out of the new counterpart of a layer."""
        raise NotImplementedError

    def once(self, key, make):
        """What was made for a key, or is made now."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def mark(self, tensor, space):
        """The tensor, with what is known of it."""
        self.spaces[tensor] = space
        return tensor


def copy_of(layer):
    """A layer of Keras with the same arguments and weights."""
    copy = type(layer).from_config(layer.get_config())
    if layer.weights:
        copy.build_from_config(layer.get_build_config())
        copy.set_weights(layer.get_weights())
    return copy
