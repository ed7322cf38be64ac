"""What stock Keras layers do to a map on a space: the one table, and the graph followed by it."""

from keras_gcnn.stock.graph import (
    all_calls,
    call_of,
    calls_before,
    constants_of,
    follow,
    follower,
    in_order,
    is_functional,
    maker_of,
    own_layer,
)
from keras_gcnn.stock.table import (
    TABLE,
    acts_on_each_number,
    is_pointwise,
    named,
    row_of,
    treats_channels_alike,
)
from keras_gcnn.stock.trial import arguments_with, loss_of_activation

__all__ = [
    "TABLE",
    "acts_on_each_number",
    "all_calls",
    "arguments_with",
    "call_of",
    "calls_before",
    "constants_of",
    "follow",
    "follower",
    "in_order",
    "is_functional",
    "is_pointwise",
    "loss_of_activation",
    "maker_of",
    "named",
    "own_layer",
    "row_of",
    "treats_channels_alike",
]
