"""Makes a plain Keras model, of stock layers only, out of a model on the group."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import activations, layers, ops

from keras_gcnn.layers import CosetPooling2D, HighwayBlock2D, ResidualBlock2D
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.group_pooling import BaseGroupPooling, GroupMaxPooling2D
from keras_gcnn.ops.group_conv import planar_kernel, transform_filters


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
    return _Conversion().of_whole(model)


@dataclass(frozen=True)
class _OnGroup:
    """What a planar map stands for: a function on G or G/K, with `order` values at a point."""

    order: int
    data_format: str

    @property
    def rank_5_axis(self):
        """The axis of channels in the map on G."""
        return 4 if self.data_format == "channels_last" else 1

    @property
    def rank_4_axis(self):
        """The axis of channels in the planar map."""
        return 3 if self.data_format == "channels_last" else 1


class _ByTensor:
    """A dictionary from tensors, of which two may look alike."""

    def __init__(self):
        self._values = {}

    def __setitem__(self, tensor, value):
        self._values[id(tensor)] = tensor, value  # the tensor too, so that its id stays its own

    def get(self, tensor):
        return self._values.get(id(tensor), (tensor, None))[1]


class _Conversion:
    """A walk through a model and the models within it.

    Attributes:
        spaces: For planar tensors that stand for a function on G, an `_OnGroup`.
        convolutions: For what comes out of a convolution without activation, that layer and its
            input, into which a batch normalisation can be folded.
        made: What was made for a layer, so that layers used twice stay shared.
    """

    def __init__(self):
        self.spaces = _ByTensor()
        self.convolutions = _ByTensor()
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
        inputs = keras.tree.pack_sequence_as(_structure(model, "input"), planar.inputs)
        outputs = keras.tree.pack_sequence_as(_structure(model, "output"), outputs)
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
        for kinds, rule in _RULES.items():
            if isinstance(layer, kinds):
                return rule(self, layer, *args)
        inputs = keras.tree.flatten((args, kwargs))
        inputs = [x for x in inputs if isinstance(x, keras.KerasTensor)]
        space = next(filter(None, map(self.spaces.get, inputs)), None)
        if space is None:
            return self._itself(layer)(*args, **kwargs)
        alike = {(self.spaces.get(x), x.shape) for x in inputs}
        if len(alike) > 1 or not _is_pointwise(layer):
            raise ValueError(_no_counterpart(layer))
        return self._mark(self._itself(layer)(*args, **kwargs), space)

    def group_convolution(self, layer, x):
        """The planar convolution with the filter bank."""
        order = layer.group.order
        if layer.activation in _ALONG_CHANNELS:
            raise ValueError(_no_counterpart(layer))

        def make():
            bank = transform_filters(ops.convert_to_tensor(layer.kernel), layer.group)
            kernel = planar_kernel(bank, layer.dimension, layer.groups, "channels_first")
            bias = [np.repeat(_array(layer.bias), order)] if layer.use_bias else []
            planar = layers.Conv2D(
                layer.filters * order,
                layer.kernel_size,
                strides=layer.strides,
                padding=layer.padding,
                data_format=layer.data_format,
                dilation_rate=layer.dilation_rate,
                groups=layer.groups,
                activation=layer.activation,
                use_bias=layer.use_bias,
                kernel_initializer=_CHEAP,
                **_named_as(layer),
            )
            return _with_weights(planar, x.shape, [_array(kernel), *bias])

        outputs = self._convolved(self._made(layer, make), x)
        return self._mark(outputs, _OnGroup(order, layer.data_format))

    def planar_convolution(self, layer, x):
        """Itself, remembered for the batch normalisation that may follow."""
        return self._convolved(self._itself(layer), x)

    def batch_normalisation(self, layer, x):
        """Folded into the convolution before it, or with each of its numbers |H| times."""
        space = self.spaces.get(x)
        axis = layer.axis % (5 if space else len(x.shape))
        if space and axis != space.rank_5_axis:
            raise ValueError(_no_counterpart(layer))
        axis = space.rank_4_axis if space else axis
        numbers = {w.name: np.repeat(_array(w), space.order if space else 1) for w in layer.weights}
        convolution, source = self.convolutions.get(x) or (None, None)
        if convolution and axis == (3 if convolution.data_format == "channels_last" else 1):
            planar = self._made(
                (convolution, layer), lambda: _folded(convolution, layer, numbers, source.shape)
            )
            return self._mark(planar(source), space)

        def make():
            planar = type(layer).from_config({**layer.get_config(), "axis": axis})
            return _with_weights(planar, x.shape, list(numbers.values()))

        return self._mark(self._made(layer, make)(x), space)

    def coset_pooling(self, layer, x):
        """The pooling of |K| neighbouring channels at a time."""
        cosets = layer.group.left_cosets(layer.subgroup)
        count, size = cosets.shape
        x = self._reordered(layer, x, cosets.reshape(-1))
        y = self._pooled_channels(layer, x, size, layer.reduction)
        return self._mark(y, _OnGroup(count, layer.data_format) if count > 1 else None)

    def global_pooling(self, layer, x):
        """The pooling over H, and then over space."""
        space = self.spaces.get(x)
        is_max = isinstance(layer, layers.GlobalMaxPooling3D)
        if space is None or layer.keepdims or layer.data_format != space.data_format:
            raise ValueError(_no_counterpart(layer))
        x = self._pooled_channels(layer, x, space.order, "max" if is_max else "mean")
        kind = layers.GlobalMaxPooling2D if is_max else layers.GlobalAveragePooling2D
        return self._made(
            (layer, "space"), lambda: kind(data_format=layer.data_format, **_named_as(layer))
        )(x)

    def space_pooling(self, layer, x):
        """The pooling of the planar map."""
        kind = layers.MaxPooling2D
        if not isinstance(layer, GroupMaxPooling2D):
            kind = layers.AveragePooling2D

        def make():
            return kind(
                layer.pool_size,
                layer.strides,
                layer.padding,
                data_format=layer.data_format,
                **_named_as(layer),
            )

        return self._mark(self._made(layer, make)(x), self.spaces.get(x))

    def concatenation(self, layer, tensors):
        """The concatenation of the planar maps."""
        space, *others = [self.spaces.get(x) for x in tensors]
        axis = layer.axis % (5 if space else len(tensors[0].shape))
        if any(other != space for other in others) or (space and axis != space.rank_5_axis):
            raise ValueError(_no_counterpart(layer))
        axis = space.rank_4_axis if space else axis
        make = lambda: layers.Concatenate(axis=axis, **_named_as(layer))  # noqa: E731
        return self._mark(self._made(layer, make)(tensors), space)

    def residual_block(self, block, x):
        """s(x) + branch(x)."""
        residual = shortcut = x
        for layer in block.branch:
            residual = self.call(layer, residual)
        for layer in block.shortcut:
            shortcut = self.call(layer, shortcut)
        add = self._made(block, lambda: layers.Add(**_named_as(block)))
        return self._mark(add([shortcut, residual]), self.spaces.get(residual))

    def highway_block(self, block, x):
        """T · relu(norm(conv(x))) + (1 - t) · x."""

        def step(kind, part, *options):
            return self._made((block, part), lambda: kind(*options, **_named_as(block, part)))

        gate = self.call(block.gate, x)
        transformed = self.call(block.normalisation, self.call(block.convolution, x))
        transformed = step(layers.ReLU, "relu")(transformed)
        rest = step(layers.Rescaling, "rest", -1.0, 1.0)(gate)
        taken = step(layers.Multiply, "taken")([gate, transformed])
        carried = step(layers.Multiply, "carried")([rest, x])
        return self._mark(step(layers.Add, "sum")([taken, carried]), self.spaces.get(x))

    def nested_model(self, model, *inputs):
        """The planar model, called."""
        flat = keras.tree.flatten(inputs)
        planar = self._made(model, lambda: self.of_model(model, flat))
        outputs = keras.tree.flatten(planar(flat))
        for inside, outside in zip(planar.outputs, outputs, strict=True):
            self._mark(outside, self.spaces.get(inside))
        return keras.tree.pack_sequence_as(_structure(model, "output"), outputs)

    def nothing(self, layer, x):
        """The input: the layer acts in training only."""
        return x

    def _made(self, key, make):
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def _itself(self, layer):
        """A layer or operation of Keras, with a copy of its weights."""
        if not type(layer).__module__.startswith("keras."):
            raise ValueError(_no_counterpart(layer))
        if not isinstance(layer, keras.layers.Layer):
            return layer

        def make():
            copy = type(layer).from_config(layer.get_config())
            if layer.weights:
                copy.build_from_config(layer.get_build_config())
                copy.set_weights(layer.get_weights())
            return copy

        return self._made(layer, make)

    def _mark(self, tensor, space):
        self.spaces[tensor] = space
        return tensor

    def _convolved(self, convolution, x):
        y = convolution(x)
        _check_bias(convolution, y)
        if convolution.activation is activations.linear:
            self.convolutions[y] = convolution, x
        return y

    def _pooled_channels(self, layer, x, window, reduction):
        """The pooling of `window` neighbouring channels, by a layer that takes them for space."""
        kind = layers.MaxPooling2D if reduction == "max" else layers.AveragePooling2D
        last = layer.data_format == "channels_last"
        y = self._made(
            (layer, "pool"),
            lambda: kind(
                (1, window) if last else (window, 1),
                data_format="channels_first" if last else "channels_last",
                **_named_as(layer, "channels"),
            ),
        )(x)
        if reduction != "sum":
            return y
        make = lambda: layers.Rescaling(window, **_named_as(layer, "sum"))  # noqa: E731
        return self._made((layer, "sum"), make)(y)

    def _reordered(self, layer, x, elements):
        """Each map's values over H in another order, by a convolution with a permutation matrix."""
        if list(elements) == list(range(len(elements))):
            return x
        axis = self.spaces.get(x).rank_4_axis
        matrix = np.kron(np.eye(x.shape[axis] // len(elements)), np.eye(len(elements))[:, elements])

        def make():
            planar = layers.Conv2D(
                len(matrix),
                1,
                use_bias=False,
                data_format=layer.data_format,
                kernel_initializer=_CHEAP,
                **_named_as(layer, "cosets"),
            )
            return _with_weights(planar, x.shape, [matrix[None, None]])

        return self._made((layer, "cosets"), make)(x)

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


# For kernels whose values are known: on JAX, random ones take up to a second to compile.
_CHEAP = "zeros"

_RULES = {
    BaseGroupConv: _Conversion.group_convolution,
    CosetPooling2D: _Conversion.coset_pooling,
    BaseGroupPooling: _Conversion.space_pooling,
    ResidualBlock2D: _Conversion.residual_block,
    HighwayBlock2D: _Conversion.highway_block,
    keras.Model: _Conversion.nested_model,
    layers.BatchNormalization: _Conversion.batch_normalisation,
    layers.Conv2D: _Conversion.planar_convolution,
    layers.Concatenate: _Conversion.concatenation,
    (layers.GlobalMaxPooling3D, layers.GlobalAveragePooling3D): _Conversion.global_pooling,
    (
        layers.Dropout,
        layers.SpatialDropout2D,
        layers.SpatialDropout3D,
        layers.GaussianDropout,
        layers.GaussianNoise,
        layers.ActivityRegularization,
    ): _Conversion.nothing,
}
_POINTWISE_LAYERS = (
    layers.Activation,
    layers.Add,
    layers.Average,
    layers.ELU,
    layers.Identity,
    layers.LeakyReLU,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.ReLU,
    layers.Subtract,
)
_POINTWISE_OPERATIONS = {"Absolute", "Add", "Elu", "Gelu", "LeakyRelu", "Maximum", "Minimum"} | {
    *("Multiply", "Negative", "Relu", "Relu6", "Selu", "Sigmoid", "Silu", "Softplus", "Square"),
    *("Subtract", "Tanh"),
}
_ALONG_CHANNELS = (activations.softmax, activations.log_softmax, activations.glu)


def _is_pointwise(layer):
    if isinstance(layer, keras.layers.Layer):
        takes_one = getattr(layer, "activation", None) not in _ALONG_CHANNELS
        return isinstance(layer, _POINTWISE_LAYERS) and takes_one
    return type(layer).__name__ in _POINTWISE_OPERATIONS


def _folded(convolution, normalisation, numbers, input_shape):
    """The convolution followed by γ (y - μ) / √(σ² + ε) + β, as one."""
    kernel, *bias = convolution.get_weights()
    scale = numbers.get("gamma", 1.0) / np.sqrt(
        numbers["moving_variance"] + normalisation.epsilon, dtype="float64"
    )
    shift = numbers.get("beta", 0.0) + (sum(bias) - numbers["moving_mean"]) * scale
    config = {**convolution.get_config(), "use_bias": True, "kernel_initializer": _CHEAP}
    config["name"] = f"{convolution.name}_{normalisation.name}"
    folded = type(convolution).from_config(config)
    return _with_weights(folded, input_shape, [kernel * scale, shift])


def _with_weights(layer, input_shape, weights):
    layer.build(input_shape)
    layer.set_weights(weights)
    return layer


def _named_as(layer, part=None):
    return {"name": f"{layer.name}_{part}" if part else layer.name, "dtype": layer.dtype_policy}


def _structure(model, side):
    """The tensors at one side of a model, nested as it takes or gives them."""
    if isinstance(model, keras.Sequential):
        return getattr(model, f"{side}s")[0]
    return getattr(model, side)


def _array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def _check_kind(model):
    is_model = isinstance(model, keras.Model) and model.built
    if not is_model or not getattr(model, "inputs", None):
        raise ValueError(
            "`to_planar` reads Functional and Sequential models that are built. Received: "
            f"{model!r}. Call it on an image once, or write it as `keras.Model(inputs, outputs)`."
        )


def _check_bias(convolution, y):
    """Refuses a bias that Keras 3.15 adds along the width, on TensorFlow."""
    is_first = convolution.data_format == "channels_first" and convolution.use_bias
    if is_first and y.shape[1] == y.shape[3] and keras.backend.backend() == "tensorflow":
        raise ValueError(
            f"On TensorFlow, Keras adds the bias of a channels_first Conv2D along the width where "
            f"that equals its filters. Received: '{convolution.name}' with output shape "
            f"{tuple(y.shape)}. Use data_format='channels_last', or another backend."
        )


def _no_counterpart(layer):
    return (
        f"`to_planar` knows no planar counterpart of {type(layer).__name__} '{layer.name}' on a "
        "feature map on the group. It knows convolutions, batch normalisations, poolings, blocks, "
        "concatenations along channels, and pointwise layers. Pool the map to the plane before, "
        "with CosetPooling2D, or leave the layer to a second model."
    )
