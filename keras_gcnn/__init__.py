"""Group equivariant convolutions for Keras 3, after Cohen & Welling (2016)."""

from keras_gcnn import groups, layers, models, ops
from keras_gcnn.convert import to_planar
from keras_gcnn.equivariance import EquivarianceReport, equivariance_error
from keras_gcnn.layers import EquivarianceWarning
from keras_gcnn.version import VERSION

__version__ = VERSION

__all__ = [
    "EquivarianceReport",
    "EquivarianceWarning",
    "equivariance_error",
    "groups",
    "layers",
    "models",
    "ops",
    "to_planar",
]
