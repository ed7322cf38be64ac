"""Functions on tensors, in `keras.ops` alone."""

from keras_gcnn.ops.conv.correlation import add_bias, group_conv
from keras_gcnn.ops.conv.filters import transform_filters
from keras_gcnn.ops.conv.plan import transform_kernel
from keras_gcnn.ops.feature_map import transform_feature_map
from keras_gcnn.ops.image_rotation import rotate_image
from keras_gcnn.ops.pooling import coset_pool, group_pool

__all__ = [
    "add_bias",
    "coset_pool",
    "group_conv",
    "group_pool",
    "rotate_image",
    "transform_feature_map",
    "transform_filters",
    "transform_kernel",
]
