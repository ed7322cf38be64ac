"""The paper's networks, as functions that return a `keras.Model`."""

from keras_gcnn.models.all_convolutional import all_cnn
from keras_gcnn.models.residual import resnet
from keras_gcnn.models.rotated_mnist import p4cnn, p4cnn_rotation_pooling, p8cnn, z2cnn

__all__ = ["all_cnn", "p4cnn", "p4cnn_rotation_pooling", "p8cnn", "resnet", "z2cnn"]
