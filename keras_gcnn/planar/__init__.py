"""Plain Keras models, of stock layers only, out of models on the group."""

from keras_gcnn.planar.conversion import to_planar

__all__ = ["to_planar"]
