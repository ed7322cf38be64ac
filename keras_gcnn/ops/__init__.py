"""Functions on tensors, in `keras.ops` alone."""

from keras_gcnn.ops.coset_pool import REDUCTIONS, coset_pool
from keras_gcnn.ops.fourier_conv import transform_kernel
from keras_gcnn.ops.group_conv import IMPLEMENTATIONS, add_bias, group_conv, transform_filters
from keras_gcnn.ops.group_pool import group_pool
from keras_gcnn.ops.transform_feature_map import transform_feature_map
from keras_gcnn.ops.turn_image import turn_image

__all__ = [
    "IMPLEMENTATIONS",
    "REDUCTIONS",
    "add_bias",
    "coset_pool",
    "group_conv",
    "group_pool",
    "transform_feature_map",
    "transform_filters",
    "transform_kernel",
    "turn_image",
]
