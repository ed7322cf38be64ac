"""Pictures of maps on a group, of filters and of networks. They need matplotlib."""

from keras_gcnn.visualization.circles import feature_map
from keras_gcnn.visualization.networks import class_activation_map, equivariance_figure
from keras_gcnn.visualization.on_group import cayley_table, filter_bank

__all__ = [
    "cayley_table",
    "class_activation_map",
    "equivariance_figure",
    "feature_map",
    "filter_bank",
]
