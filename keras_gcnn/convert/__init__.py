"""Converts plain models to equivariant ones, and equivariant models to plain ones."""

from keras_gcnn.convert.equivariant import ConversionReport, convert
from keras_gcnn.convert.planar import to_planar
from keras_gcnn.convert.symmetrized import symmetrize

__all__ = ["ConversionReport", "convert", "symmetrize", "to_planar"]
