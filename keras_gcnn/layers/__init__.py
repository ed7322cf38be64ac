"""Keras layers: arguments, weights and shapes. The mathematics is in `groups`."""

from keras_gcnn.layers.coset_pooling import CosetPooling2D
from keras_gcnn.layers.group_conv import GroupConv2D, LiftingConv2D
from keras_gcnn.layers.group_pooling import GroupAveragePooling2D, GroupMaxPooling2D
from keras_gcnn.layers.guard import EquivarianceWarning

__all__ = [
    "CosetPooling2D",
    "EquivarianceWarning",
    "GroupAveragePooling2D",
    "GroupConv2D",
    "GroupMaxPooling2D",
    "LiftingConv2D",
]
