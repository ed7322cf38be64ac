"""The same measurement on each backend: compile, run, and wait for the result."""

import inspect
import time
from dataclasses import dataclass, field
from unittest import mock

import keras
import numpy as np
from keras import ops

from keras_gcnn.ops import policy


@dataclass
class Runnable:
    """A function of no arguments that runs a layer or model on its input, and waits for it.

    Args:
        run: The function.
        counted: What its compiler counted: `"flops"`, and `"peak_bytes"` of arguments, results and
            temporary buffers. Only XLA on JAX says them.
        first_call_seconds: Compilation and first run, made at once.
    """

    run: callable
    counted: dict = field(default_factory=dict)
    first_call_seconds: float = 0.0

    def __call__(self):
        return self.run()


def forward(layer, x, compiled=True):
    """The layer or model applied to `x`.

    Args:
        layer: A built layer or model.
        x: The input, an array.
        compiled: By XLA on JAX and TensorFlow, by `torch.compile` on PyTorch. `False`: by
            only `tf.function` on TensorFlow, and not at all on PyTorch.
    """
    return _runnable("forward", layer, x, compiled)


def training_step(layer, x, compiled=True):
    """The loss and its gradients for weights and input. Takes the arguments of `forward`.

    The input's gradient is part of it, since a layer inside a network computes that too.
    """
    return _runnable("training", layer, x, compiled)


def _runnable(what, layer, x, compiled):
    x = ops.cast(ops.convert_to_tensor(np.asarray(x, "float32")), layer.compute_dtype)
    make = globals()[f"_{keras.backend.backend()}_{what}"]
    started = time.perf_counter()
    runnable = make(layer, x, compiled)
    runnable()
    runnable.first_call_seconds = time.perf_counter() - started
    return runnable


def _loss(y):
    return ops.mean(ops.square(ops.cast(y, "float32")))


def _in_training(layer):
    """The argument that tells a layer that it is trained, if it takes one."""
    return {"training": True} if "training" in inspect.signature(layer.call).parameters else {}


def _jax_forward(layer, x, compiled):
    def function(trainable, other, x):
        return layer.stateless_call(trainable, other, x)[0]

    return _jax_runnable(function, layer, x)


def _jax_training(layer, x, compiled):
    import jax

    options = _in_training(layer)

    def loss(trainable, other, x):
        y, other = layer.stateless_call(trainable, other, x, **options)
        return _loss(y), other

    return _jax_runnable(jax.value_and_grad(loss, argnums=(0, 2), has_aux=True), layer, x)


def _jax_runnable(function, layer, x):
    import jax

    trainable = [w.value for w in layer.trainable_variables]
    other = [w.value for w in layer.non_trainable_variables]
    program = jax.jit(function).lower(trainable, other, x).compile()
    memory = program.memory_analysis()
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    # XLA counts what a loop does once, so the operations are those of a program without loops.
    with mock.patch.object(policy, "images_at_once", lambda _, batch, *of: batch):
        whole = jax.jit(lambda *arguments: function(*arguments)).lower(trainable, other, x)
        flops = whole.compile().cost_analysis()["flops"]
    peak_bytes = sum(getattr(memory, part) for part in parts)
    counted = {"flops": flops, "peak_bytes": peak_bytes}
    return Runnable(lambda: jax.block_until_ready(program(trainable, other, x)), counted)


def _tensorflow_forward(layer, x, compiled):
    return _tensorflow_runnable(lambda x: layer(x), x, compiled)


def _tensorflow_training(layer, x, compiled):
    import tensorflow as tf

    weights = [w.value for w in layer.trainable_variables]
    options = _in_training(layer)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = _loss(layer(x, **options))
        return loss, tape.gradient(loss, [*weights, x])

    return _tensorflow_runnable(step, x, compiled)


def _tensorflow_runnable(function, x, compiled):
    import tensorflow as tf

    traced = tf.function(function, jit_compile=compiled)

    def run():
        # On a CPU the result of a compiled function is there when the call returns; on a GPU only
        # reading it waits for it.
        results = tf.nest.flatten(traced(x))
        return [tf.reshape(r, [-1])[0].numpy() for r in results]

    return Runnable(run)


def _torch_forward(layer, x, compiled):
    import torch

    function = _torch_function(lambda x: layer(x), compiled)

    def run():
        with torch.no_grad():
            y = function(x)
        _torch_wait(x)
        return y

    return Runnable(run)


def _torch_training(layer, x, compiled):
    import torch

    options = _in_training(layer)
    function = _torch_function(lambda x: _loss(layer(x, **options)), compiled)
    weights = [w.value for w in layer.trainable_variables]
    x = x.detach().requires_grad_()

    def run():
        gradients = torch.autograd.grad(function(x), [*weights, x])
        _torch_wait(x)
        return gradients

    return Runnable(run)


def _torch_function(function, compiled):
    import torch

    torch.compiler.reset()  # or all layers count as recompilations of the first
    return torch.compile(function) if compiled else function


def _torch_wait(tensor):
    import torch

    if tensor.is_cuda:
        torch.cuda.synchronize()
