"""Functions on tensors, written with `keras.ops`."""

from keras_gcnn.ops.conv.correlation import add_bias, group_conv
from keras_gcnn.ops.conv.depthwise import group_dense, group_depthwise_conv, pointwise_conv
from keras_gcnn.ops.conv.filters import transform_filters
from keras_gcnn.ops.conv.plan import transform_kernel
from keras_gcnn.ops.conv.quotient import quotient_conv
from keras_gcnn.ops.conv.transposed import group_conv_transpose
from keras_gcnn.ops.feature_map import transform_each, transform_feature_map
from keras_gcnn.ops.hexagonal_images import (
    hexagonal_to_square,
    offset_rows_to_hexagonal,
    square_to_hexagonal,
)
from keras_gcnn.ops.image_rotation import rotate_image
from keras_gcnn.ops.pooling import coset_pool, global_group_pool, group_pool, restrict_group
from keras_gcnn.ops.resizing import group_crop, group_pad, group_upsample
from keras_gcnn.ops.subset_pooling import subset_pool

__all__ = [
    "add_bias",
    "coset_pool",
    "global_group_pool",
    "group_conv",
    "group_conv_transpose",
    "group_crop",
    "group_dense",
    "group_depthwise_conv",
    "group_pad",
    "group_pool",
    "group_upsample",
    "hexagonal_to_square",
    "offset_rows_to_hexagonal",
    "pointwise_conv",
    "quotient_conv",
    "restrict_group",
    "rotate_image",
    "square_to_hexagonal",
    "subset_pool",
    "transform_each",
    "transform_feature_map",
    "transform_filters",
    "transform_kernel",
]
