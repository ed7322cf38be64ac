"""Which layers and operations act on each number by itself, and so on any layout of a map."""

import keras
from keras import activations, layers

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
ALONG_CHANNELS = (activations.softmax, activations.log_softmax, activations.glu)


def is_pointwise(layer):
    """Whether a layer or an operation of Keras is one."""
    if isinstance(layer, keras.layers.Layer):
        takes_one = getattr(layer, "activation", None) not in ALONG_CHANNELS
        return isinstance(layer, _POINTWISE_LAYERS) and takes_one
    return type(layer).__name__ in _POINTWISE_OPERATIONS
