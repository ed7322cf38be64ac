"""Models out of models: plain ones of those on the group, and those on the group of plain ones."""

from keras_gcnn.convert.equivariant import ConversionReport, convert
from keras_gcnn.convert.planar import to_planar
from keras_gcnn.convert.symmetrized import symmetrize

__all__ = ["ConversionReport", "convert", "symmetrize", "to_planar"]
