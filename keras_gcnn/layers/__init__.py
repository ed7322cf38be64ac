"""Keras layers: arguments, weights and shapes. The mathematics is in `groups`."""

from typing import TYPE_CHECKING

from keras_gcnn.layers import names
from keras_gcnn.layers.blocks import (
    HighwayBlock1D,
    HighwayBlock2D,
    HighwayBlock3D,
    ResidualBlock1D,
    ResidualBlock2D,
    ResidualBlock3D,
)
from keras_gcnn.layers.coset_pooling import (
    CosetPooling1D,
    CosetPooling2D,
    CosetPooling3D,
    RestrictGroup,
)
from keras_gcnn.layers.depthwise import (
    GroupDense,
    GroupDepthwiseConv2D,
    GroupSeparableConv2D,
)
from keras_gcnn.layers.global_pooling import (
    GlobalGroupAveragePooling1D,
    GlobalGroupAveragePooling2D,
    GlobalGroupAveragePooling3D,
    GlobalGroupMaxPooling1D,
    GlobalGroupMaxPooling2D,
    GlobalGroupMaxPooling3D,
)
from keras_gcnn.layers.group_conv import (
    GroupConv1D,
    GroupConv2D,
    GroupConv3D,
    LiftingConv1D,
    LiftingConv2D,
    LiftingConv3D,
)
from keras_gcnn.layers.group_pooling import (
    GroupAveragePooling1D,
    GroupAveragePooling2D,
    GroupAveragePooling3D,
    GroupBlurPooling1D,
    GroupBlurPooling2D,
    GroupBlurPooling3D,
    GroupMaxPooling1D,
    GroupMaxPooling2D,
    GroupMaxPooling3D,
)
from keras_gcnn.layers.guard import (
    EquivarianceWarning,
)
from keras_gcnn.layers.normalization import (
    GroupBatchNormalization,
)
from keras_gcnn.layers.random_group_element import (
    RandomGroupElement,
)
from keras_gcnn.layers.resizing import (
    GroupCropping1D,
    GroupCropping2D,
    GroupCropping3D,
    GroupUpSampling1D,
    GroupUpSampling2D,
    GroupUpSampling3D,
    GroupZeroPadding1D,
    GroupZeroPadding2D,
    GroupZeroPadding3D,
)
from keras_gcnn.layers.rotated_image import (
    RotatedImage,
)
from keras_gcnn.layers.strands import StrandLifting
from keras_gcnn.layers.subset_pooling import SubsetPooling
from keras_gcnn.layers.transposed import (
    GroupConv1DTranspose,
    GroupConv2DTranspose,
    GroupConv3DTranspose,
)

__all__ = [
    "CosetPooling1D",
    "CosetPooling2D",
    "CosetPooling3D",
    "EquivarianceWarning",
    "GlobalGroupAveragePooling1D",
    "GlobalGroupAveragePooling2D",
    "GlobalGroupAveragePooling3D",
    "GlobalGroupMaxPooling1D",
    "GlobalGroupMaxPooling2D",
    "GlobalGroupMaxPooling3D",
    "GroupAveragePooling1D",
    "GroupAveragePooling2D",
    "GroupAveragePooling3D",
    "GroupBatchNormalization",
    "GroupBlurPooling1D",
    "GroupBlurPooling2D",
    "GroupBlurPooling3D",
    "GroupConv1D",
    "GroupConv1DTranspose",
    "GroupConv2D",
    "GroupConv2DTranspose",
    "GroupConv3D",
    "GroupConv3DTranspose",
    "GroupCropping1D",
    "GroupCropping2D",
    "GroupCropping3D",
    "GroupDense",
    "GroupDepthwiseConv2D",
    "GroupMaxPooling1D",
    "GroupMaxPooling2D",
    "GroupMaxPooling3D",
    "GroupSeparableConv2D",
    "GroupUpSampling1D",
    "GroupUpSampling2D",
    "GroupUpSampling3D",
    "GroupZeroPadding1D",
    "GroupZeroPadding2D",
    "GroupZeroPadding3D",
    "HighwayBlock1D",
    "HighwayBlock2D",
    "HighwayBlock3D",
    "LiftingConv1D",
    "LiftingConv2D",
    "LiftingConv3D",
    "RandomGroupElement",
    "ResidualBlock1D",
    "ResidualBlock2D",
    "ResidualBlock3D",
    "RestrictGroup",
    "RotatedImage",
    "StrandLifting",
    "SubsetPooling",
]


if not TYPE_CHECKING:  # a type checker knows the names by itself

    def __getattr__(name):
        raise names.no_layer(name, __all__)
