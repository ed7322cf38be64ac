"""Functions on tensors, in `keras.ops` alone."""

from keras_gcnn.ops.coset_pool import REDUCTIONS, coset_pool
from keras_gcnn.ops.group_conv import group_conv, transform_filters
from keras_gcnn.ops.transform_feature_map import transform_feature_map

__all__ = ["REDUCTIONS", "coset_pool", "group_conv", "transform_feature_map", "transform_filters"]
