"""The paper's networks and others on any group, as functions that return a `keras.Model`."""

from keras_gcnn.models.all_convolutional import all_cnn
from keras_gcnn.models.dense import dense_net
from keras_gcnn.models.residual import resnet
from keras_gcnn.models.rotated_mnist import p4cnn, p4cnn_rotation_pooling, p8cnn, z2cnn
from keras_gcnn.models.unet_model import unet

__all__ = [
    "all_cnn",
    "dense_net",
    "p4cnn",
    "p4cnn_rotation_pooling",
    "p8cnn",
    "resnet",
    "unet",
    "z2cnn",
]
