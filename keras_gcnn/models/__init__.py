"""The paper's networks, as functions that return a `keras.Model`."""

from keras_gcnn.models.rotated_mnist import p4cnn, p4cnn_rotation_pooling, z2cnn

__all__ = ["p4cnn", "p4cnn_rotation_pooling", "z2cnn"]
