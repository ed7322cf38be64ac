"""Gradients on each backend, as NumPy arrays."""

import keras
import numpy as np
from keras import ops


def gradients(function, *arrays):
    """∂ function(*arrays) / ∂ each array, of a function of tensors that returns a scalar."""
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    found = gradient_tensors(function, tensors)
    return [np.asarray(ops.convert_to_numpy(gradient)) for gradient in found]


def gradients_of_gradients(function, *arrays):
    """The gradients of Σ |∂ function / ∂ array|² over all arrays."""

    def squares(*tensors):
        return sum(ops.sum(g * g) for g in gradient_tensors(function, tensors))

    return gradients(squares, *arrays)


def gradient_tensors(function, tensors):
    backends = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}
    return backends[keras.backend.backend()](function, tensors)


def _jax(function, tensors):
    import jax

    return jax.grad(function, argnums=tuple(range(len(tensors))))(*tensors)


def _tensorflow(function, tensors):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return tape.gradient(value, list(tensors))


def _torch(function, tensors):
    import torch

    tensors = [t if t.requires_grad else t.requires_grad_() for t in tensors]
    return torch.autograd.grad(function(*tensors), tensors, create_graph=True)
