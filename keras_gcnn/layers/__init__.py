"""Keras layers: arguments, weights and shapes. The mathematics is in `groups`."""

from keras_gcnn.layers import names
from keras_gcnn.layers.blocks import HighwayBlock2D, ResidualBlock2D
from keras_gcnn.layers.coset_pooling import CosetPooling2D, RestrictGroup
from keras_gcnn.layers.depthwise import GroupDense, GroupDepthwiseConv2D, GroupSeparableConv2D
from keras_gcnn.layers.group_conv import GroupConv2D, LiftingConv2D
from keras_gcnn.layers.group_pooling import (
    GlobalGroupAveragePooling2D,
    GlobalGroupMaxPooling2D,
    GroupAveragePooling2D,
    GroupBlurPooling2D,
    GroupMaxPooling2D,
)
from keras_gcnn.layers.guard import EquivarianceWarning
from keras_gcnn.layers.normalization import GroupBatchNormalization
from keras_gcnn.layers.random_group_element import RandomGroupElement
from keras_gcnn.layers.resizing import GroupCropping2D, GroupUpSampling2D, GroupZeroPadding2D
from keras_gcnn.layers.rotated_image import RotatedImage
from keras_gcnn.layers.transposed import GroupConv2DTranspose

__all__ = [
    "CosetPooling2D",
    "EquivarianceWarning",
    "GlobalGroupAveragePooling2D",
    "GlobalGroupMaxPooling2D",
    "GroupAveragePooling2D",
    "GroupBatchNormalization",
    "GroupBlurPooling2D",
    "GroupConv2D",
    "GroupConv2DTranspose",
    "GroupCropping2D",
    "GroupDense",
    "GroupDepthwiseConv2D",
    "GroupMaxPooling2D",
    "GroupSeparableConv2D",
    "GroupUpSampling2D",
    "GroupZeroPadding2D",
    "HighwayBlock2D",
    "LiftingConv2D",
    "RandomGroupElement",
    "ResidualBlock2D",
    "RestrictGroup",
    "RotatedImage",
]


def __getattr__(name):
    raise names.no_layer(name, __all__)
