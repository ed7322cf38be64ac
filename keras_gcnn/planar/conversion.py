"""The walk through a model that makes its planar counterpart, layer by layer."""

import keras
from keras import layers

from keras_gcnn.planar.pointwise import is_pointwise
from keras_gcnn.planar.rules import RULES
from keras_gcnn.planar.space import ByTensor, no_counterpart, structure


def to_planar(model):
    """A plain Keras model with the same outputs: train on the group, ship planar layers.

    A feature map on G becomes a planar map of C·|H| channels, in which (c, h) is channel c·|H| + h:

        GroupConv2D, LiftingConv2D    a Conv2D whose kernel is the filter bank
        BatchNormalization            part of the convolution before it, or with each number |H|×
        CosetPooling2D                a pooling over |H| neighbouring channels
        GroupMaxPooling2D, …          MaxPooling2D, …
        dropout and noise             nothing: they act in training only
        pointwise and planar layers   themselves

    so that the result loads, runs and exports where keras_gcnn is not installed.

    Args:
        model: A Functional or Sequential model that is built, from images; models within it too.

    Returns:
        A `keras.Model` for inference, with weights of its own.

    Raises:
        ValueError: If the model is of another kind, or has a layer without a planar counterpart;
            the message names it.

    Example:
    >>> planar = keras_gcnn.to_planar(keras_gcnn.models.p4cnn())
    >>> planar.save("p4cnn.keras")

    Reference: Cohen & Welling 2016, section 7: a G-convolution is a planar one with a larger bank.
    """
    return Conversion().of_whole(model)


class Conversion:
    """A walk through a model and the models within it.

    Attributes:
        spaces: For planar tensors that stand for a function on G, an `OnGroup`.
        convolutions: For what comes out of a convolution without activation, that layer and its
            input, into which a batch normalisation can be folded.
        made: What was made for a layer, so that layers used twice stay shared.
    """

    def __init__(self):
        self.spaces = ByTensor()
        self.convolutions = ByTensor()
        self.made = {}

    def of_whole(self, model):
        _check_kind(model)
        if any(len(x.shape) == 5 for x in model.inputs):
            raise ValueError(
                f"`to_planar` takes models of images. Received: '{model.name}', whose inputs are "
                f"of shape {[tuple(x.shape) for x in model.inputs]}. Put the LiftingConv2D into it."
            )
        planar = self.of_model(model, model.inputs)
        outputs = [self._unmerged(tensor) for tensor in planar.outputs]
        inputs = keras.tree.pack_sequence_as(structure(model, "input"), planar.inputs)
        outputs = keras.tree.pack_sequence_as(structure(model, "output"), outputs)
        planar = keras.Model(inputs, outputs, name=f"{model.name}_planar")
        planar(inputs)  # Keras exports to ONNX what has been called
        return planar

    def of_model(self, model, like):
        """The planar model, with inputs that stand for what the planar tensors `like` do."""
        _check_kind(model)
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
        """What comes out of the planar counterpart of a layer."""
        for kinds, rule in RULES.items():
            if isinstance(layer, kinds):
                return rule(self, layer, *args)
        inputs = keras.tree.flatten((args, kwargs))
        inputs = [x for x in inputs if isinstance(x, keras.KerasTensor)]
        space = next(filter(None, map(self.spaces.get, inputs)), None)
        if space is None:
            return self.itself(layer)(*args, **kwargs)
        alike = {(self.spaces.get(x), x.shape) for x in inputs}
        if len(alike) > 1 or not is_pointwise(layer):
            raise ValueError(no_counterpart(layer))
        return self.mark(self.itself(layer)(*args, **kwargs), space)

    def once(self, key, make):
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def itself(self, layer):
        """A layer or operation of Keras, with a copy of its weights."""
        if not type(layer).__module__.startswith("keras."):
            raise ValueError(no_counterpart(layer))
        if not isinstance(layer, keras.layers.Layer):
            return layer

        def make():
            copy = type(layer).from_config(layer.get_config())
            if layer.weights:
                copy.build_from_config(layer.get_build_config())
                copy.set_weights(layer.get_weights())
            return copy

        return self.once(layer, make)

    def mark(self, tensor, space):
        self.spaces[tensor] = space
        return tensor

    def _unmerged(self, x):
        """A map on G as it was, with its axis |H|."""
        space = self.spaces.get(x)
        if space is None:
            return x
        if space.data_format == "channels_first":
            size = x.shape[2:]
            return layers.Reshape((x.shape[1] // space.order, space.order, *size))(x)
        size, channels = x.shape[1:3], x.shape[3] // space.order
        return layers.Permute((1, 2, 4, 3))(layers.Reshape((*size, channels, space.order))(x))


def _check_kind(model):
    is_model = isinstance(model, keras.Model) and model.built
    if not is_model or not getattr(model, "inputs", None):
        raise ValueError(
            "`to_planar` reads Functional and Sequential models that are built. Received: "
            f"{model!r}. Call it on an image once, or write it as `keras.Model(inputs, outputs)`."
        )
