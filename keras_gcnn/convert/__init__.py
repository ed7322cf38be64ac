"""Plain Keras models, of stock layers alone, out of models on the group."""

from keras_gcnn.convert.planar import to_planar

__all__ = ["to_planar"]
