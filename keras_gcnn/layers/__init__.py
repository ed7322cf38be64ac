"""Keras layers: arguments, weights and shapes. The mathematics is in `groups`."""

from keras_gcnn.layers.blocks import HighwayBlock2D, ResidualBlock2D
from keras_gcnn.layers.coset_pooling import CosetPooling2D
from keras_gcnn.layers.group_conv import GroupConv2D, LiftingConv2D
from keras_gcnn.layers.group_pooling import GroupAveragePooling2D, GroupMaxPooling2D
from keras_gcnn.layers.guard import EquivarianceWarning
from keras_gcnn.layers.normalization import GroupBatchNormalization
from keras_gcnn.layers.rotated_image import RotatedImage

__all__ = [
    "CosetPooling2D",
    "EquivarianceWarning",
    "GroupAveragePooling2D",
    "GroupBatchNormalization",
    "GroupConv2D",
    "GroupMaxPooling2D",
    "HighwayBlock2D",
    "LiftingConv2D",
    "ResidualBlock2D",
    "RotatedImage",
]
