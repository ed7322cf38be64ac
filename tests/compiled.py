"""Functions as XLA compiles them."""

import keras
import pytest

with_xla = pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch has no XLA here")
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="about JAX")


def by_xla(function):
    """`function` of tensors, compiled."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)
