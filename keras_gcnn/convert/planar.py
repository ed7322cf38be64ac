"""The walk through a model that makes its planar counterpart, layer by layer."""

import keras
import numpy as np
from keras import layers

from keras_gcnn import arguments, stock
from keras_gcnn.convert.merged import ByTensor, is_of_keras, model_like, no_counterpart, structure
from keras_gcnn.convert.rules import RULES, on_image
from keras_gcnn.convert.walk import Walk, copy_of, precision
from keras_gcnn.groups import coset_axis
from keras_gcnn.layers import GroupBatchNormalization
from keras_gcnn.layers.base_block import BaseBlock
from keras_gcnn.layers.base_layer import BaseGroupLayer

DEMAND = "`to_planar` reads Functional and Sequential models that are built"


def to_planar(model: keras.Model) -> keras.Model:
    """A plain Keras model with the same outputs: train on the group, ship planar layers.

    The result runs and exports where keras_gcnn is not installed. A feature map on G becomes a map
    of C·|H| channels, in which (c, h) is channel c·|H| + h:

        GroupConv2D, LiftingConv2D    a Conv2D whose kernel is the filter bank; 1-D and 3-D alike
        BatchNormalization            part of the convolution before it, or |H| times each number
        CosetPooling2D                a pooling over |H| neighbouring channels
        poolings, padding, upsampling their 2-D counterparts
        dropout and noise             nothing: they act only during training
        pointwise and planar layers   themselves

    On TensorFlow, the convolutions of a channels_first model become channels_last, since not every
    CPU has others there. Inputs and outputs stay as they are.

    Args:
        model: A Functional or Sequential model that is built and takes images. It may hold other
            such models.

    Returns:
        A `keras.Model` for inference, with weights of its own.

    Raises:
        ValueError: If the model is of another kind, or if a layer has no planar counterpart. The
            message names it.

    Example:
    >>> planar = keras_gcnn.to_planar(keras_gcnn.models.p4cnn())
    >>> planar.save("p4cnn.keras")

    Reference: Cohen & Welling 2016, section 7: a G-convolution is a planar one with a larger bank.
    """
    return Conversion().of_whole(model)


class Conversion(Walk):
    """A walk through a model and the models within it.

    Attributes:
        spaces: A `MergedMap` for each planar tensor that stands for functions on G.
        convolutions: The layer and its input for each output of a convolution without activation,
            into which a batch normalization can be folded.
        channels_last: The same map with channels last, for outputs of convolutions that are
            computed so inside a channels_first model.
    """

    def __init__(self):
        super().__init__()
        self.convolutions = ByTensor()
        self.channels_last = ByTensor()

    def of_whole(self, model):
        arguments.functional_model(model, DEMAND)
        dimensions = {x.dimension for x in model._flatten_layers() if isinstance(x, BaseGroupLayer)}
        if any(len(x.shape) == d + 3 for x in model.inputs for d in dimensions):
            raise ValueError(
                f"`to_planar` takes models of images. Received: '{model.name}', whose inputs are "
                f"of shape {[tuple(x.shape) for x in model.inputs]}. Put the lifting into it."
            )
        planar = self.of_model(model, model.inputs, model.name)
        outputs = [self._unmerged(tensor) for tensor in planar.outputs]
        self.name_outputs(model, outputs)
        planar = model_like(model, planar.inputs, outputs, f"{model.name}_planar")
        planar(structure(planar, "input"))  # Keras exports to ONNX what has been called
        return planar

    def of_model(self, model, like, name):
        """The planar model. Each input stands for the same as the planar tensor in `like`."""
        arguments.functional_model(model, DEMAND)
        return super().of_model(model, like, name)

    def call(self, layer, *args, **kwargs):
        """What comes out of the planar counterpart of a layer."""
        row = stock.row_of(layer)
        is_always_on = kwargs.get("training") and is_of_keras(type(layer))
        if row is not None and row.planar == "dropped" and not is_always_on:
            return args[0]
        for kinds, rule in RULES.items():
            if isinstance(layer, kinds):
                _check_call(layer, kwargs)
                return self._by_rule(rule, layer, *args)
        inputs = keras.tree.flatten((args, kwargs))
        tensors = [x for x in inputs if isinstance(x, keras.KerasTensor)]
        space = next(filter(None, map(self.spaces.get, tensors)), None)
        if space is None:
            return self.itself(layer)(*args, **kwargs)
        are_alike = len({(self.spaces.get(x), x.shape) for x in tensors}) == 1
        has_arrays = any(np.ndim(x) for x in inputs if not isinstance(x, keras.KerasTensor))
        if stock.acts_on_each_number(layer) and are_alike and not has_arrays:
            return self.mark(self.itself(layer)(*args, **kwargs), space)
        return self.on_whole_map(layer, *args, **kwargs)

    def _by_rule(self, rule, layer, *args):
        """By the rule, with zeros outside of a hexagon before and after the layer."""
        lattice = getattr(layer, "lattice", None) if _is_ours(layer) else None
        if lattice is None or not lattice.bounds:
            return rule(self, layer, *args)
        y = rule(self, layer, *(on_image(self, layer, x, "input") for x in args))
        is_vector = len(y.shape) != layer.lattice.dimension + 2
        return y if is_vector else on_image(self, layer, y, "image")

    def on_whole_map(self, layer, *args, **kwargs):
        """A layer of Keras on maps with their axis of H, which is merged again after it."""
        activation = getattr(layer, "activation", None)
        if not stock.is_pointwise(activation) and not is_of_keras(activation):
            raise no_counterpart(layer, "has an activation that is not Keras' own")
        tensors = keras.tree.flatten((args, kwargs))
        spaces = (self.spaces.get(x) for x in tensors if isinstance(x, keras.KerasTensor))
        space = next(filter(None, spaces))
        if any(None in x.shape[2:-1] for x in tensors if isinstance(x, keras.KerasTensor)):
            raise no_counterpart(layer, "needs the axis of H, for which sizes must be known")
        args, kwargs = keras.tree.map_structure(self._unmerged, (args, kwargs))
        outputs = self.itself(layer)(*args, **kwargs)
        return keras.tree.map_structure(lambda y: self._merged(y, space), outputs)

    def itself(self, layer):
        """A layer or operation of Keras, with a copy of its weights."""
        if not is_of_keras(type(layer)):
            raise ValueError(
                f"`to_planar` copies only layers of Keras. Received: {stock.named(layer)}, of "
                f"{type(layer).__module__}. Leave it to a second model."
            )
        if any(map(_is_ours, getattr(layer, "_flatten_layers", list)())):
            raise no_counterpart(layer, "wraps a layer of keras_gcnn. Take that out of it")
        if not isinstance(layer, keras.layers.Layer):
            return layer
        return self.once_for(layer, "copy", lambda name: copy_of(layer, name))

    def _merged(self, y, space):
        """A map with an axis |H| as a planar one; anything else as it is."""
        axis = coset_axis(space.data_format, space.dimension)
        if len(y.shape) != space.rank or y.shape[axis] != space.order:
            return y
        if space.data_format == "channels_last":
            *size, _, channels = y.shape[1:]
            y = self._reshaped(self._exchanged(y), (*size, channels * space.order))
        else:
            y = self._reshaped(y, (y.shape[1] * space.order, *y.shape[3:]))
        return self.mark(y, space)

    def _unmerged(self, x):
        """A map on G as it was, with its axis |H|."""
        space = self.spaces.get(x) if isinstance(x, keras.KerasTensor) else None
        if space is None:
            return x
        if space.data_format == "channels_first":
            size = x.shape[2:]
            return self._reshaped(x, (x.shape[1] // space.order, space.order, *size))
        *size, channels = x.shape[1:]
        shape = *size, channels // space.order, space.order
        return self._exchanged(self._reshaped(x, shape))

    def _exchanged(self, x):
        """A map with its last two axes exchanged."""
        *axes, one, other = range(1, len(x.shape))
        options = {"dtype": precision(x), "name": self.fresh("exchange")}
        return layers.Permute((*axes, other, one), **options)(x)

    def _reshaped(self, x, shape):
        return layers.Reshape(shape, dtype=precision(x), name=self.fresh("reshape"))(x)


def _check_call(layer, kwargs):
    """Raises if a layer does not do what its class in Keras or in this library does."""
    is_model = isinstance(layer, keras.Model)
    if not (is_model or type(layer).__module__.split(".")[0] in ("keras", "keras_gcnn")):
        raise no_counterpart(layer, "is of a class of its own, which may compute something else")
    by_batch = keras.layers.BatchNormalization, BaseBlock, keras.Model
    if kwargs.get("training") and isinstance(layer, by_batch):
        raise no_counterpart(layer, "is called with training=True. Leave that out")


def _is_ours(layer):
    return isinstance(layer, (BaseGroupLayer, GroupBatchNormalization))
