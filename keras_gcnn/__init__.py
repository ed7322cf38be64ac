"""Group equivariant convolutions for Keras 3, after Cohen & Welling (2016)."""

from keras_gcnn import groups, layers, models, ops, visualization
from keras_gcnn.audit import ModelSummary, summary
from keras_gcnn.convert import ConversionReport, convert, symmetrize, to_planar
from keras_gcnn.equivariance import EquivarianceReport, equivariance_error
from keras_gcnn.layers import EquivarianceWarning
from keras_gcnn.version import VERSION

__version__ = VERSION

__all__ = [
    "ConversionReport",
    "EquivarianceReport",
    "EquivarianceWarning",
    "ModelSummary",
    "convert",
    "equivariance_error",
    "groups",
    "layers",
    "models",
    "ops",
    "summary",
    "symmetrize",
    "to_planar",
    "visualization",
]
