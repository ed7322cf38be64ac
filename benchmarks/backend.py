"""The same measurement on each backend: compile, run, and wait for the result."""

import keras
import numpy as np
from keras import ops


def forward(layer, x):
    """A function of no arguments: the jit-compiled layer applied to `x`, awaited."""
    return {"jax": _jax_forward, "tensorflow": _tf_forward, "torch": _torch_forward}[
        keras.backend.backend()
    ](layer, _tensor(x))


def training_step(layer, x):
    """A function of no arguments: loss and gradients for weights and input, compiled and awaited.

    The gradient for the input is what a layer inside a network computes as well.
    """
    return {"jax": _jax_training, "tensorflow": _tf_training, "torch": _torch_training}[
        keras.backend.backend()
    ](layer, _tensor(x))


def _tensor(x):
    return ops.convert_to_tensor(np.asarray(x, "float32"))


def _jax_forward(layer, x):
    import jax

    compiled = jax.jit(lambda weights, x: layer.stateless_call(weights, [], x)[0])
    weights = [w.value for w in layer.weights]
    return lambda: jax.block_until_ready(compiled(weights, x))


def _jax_training(layer, x):
    import jax

    def loss(weights, x):
        return ops.mean(ops.square(layer.stateless_call(weights, [], x, training=True)[0]))

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    weights = [w.value for w in layer.weights]
    return lambda: jax.block_until_ready(compiled(weights, x))


def _tf_forward(layer, x):
    import tensorflow as tf

    return _tf_awaited(tf.function(lambda x: layer(x), jit_compile=True), x)


def _tf_training(layer, x):
    import tensorflow as tf

    weights = [w.value for w in layer.weights]

    @tf.function(jit_compile=True)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = ops.mean(ops.square(layer(x, training=True)))
        return loss, tape.gradient(loss, [*weights, x])

    return _tf_awaited(step, x)


def _tf_awaited(compiled, x):
    import tensorflow as tf

    def run():
        # On a CPU the result of a compiled function is there when the call returns; on a GPU only
        # reading it waits for it.
        results = tf.nest.flatten(compiled(x))
        return [tf.reshape(r, [-1])[0].numpy() for r in results]

    return run


def _torch_forward(layer, x):
    import torch

    torch.compiler.reset()  # or all layers count as recompilations of the first
    compiled = torch.compile(lambda x: layer(x))

    def run():
        with torch.no_grad():
            y = compiled(x)
        _torch_wait(y)
        return y

    return run


def _torch_training(layer, x):
    import torch

    torch.compiler.reset()
    compiled = torch.compile(lambda x: ops.mean(ops.square(layer(x, training=True))))
    weights = [w.value for w in layer.weights]
    x = x.detach().requires_grad_()

    def run():
        gradients = torch.autograd.grad(compiled(x), [*weights, x])
        _torch_wait(x)
        return gradients

    return run


def _torch_wait(tensor):
    import torch

    if tensor.is_cuda:
        torch.cuda.synchronize()
