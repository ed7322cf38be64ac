"""Pure NumPy mathematics: point groups, their tables, and how they move points. No Keras here."""

from keras_gcnn.groups.actions import (
    adjoint_filter_indices,
    filter_bank_adjoint_indices,
    filter_bank_indices,
    filter_orbits,
    left_translation,
    quotient_bank_indices,
)
from keras_gcnn.groups.fourier import fourier_transform, inverse_fourier_transform
from keras_gcnn.groups.irreps import Irrep
from keras_gcnn.groups.lattice import HEXAGONAL, Lattice
from keras_gcnn.groups.point_group import PointGroup, get, names, register, serialize
from keras_gcnn.groups.recipe import correlation_recipe
from keras_gcnn.groups.rings import Rings, rings_of
from keras_gcnn.groups.sampling import Sampling, TransposedSampling
from keras_gcnn.groups.space import Space, coset_axis

__all__ = [
    "HEXAGONAL",
    "Irrep",
    "Lattice",
    "PointGroup",
    "Rings",
    "Sampling",
    "Space",
    "TransposedSampling",
    "adjoint_filter_indices",
    "correlation_recipe",
    "coset_axis",
    "filter_bank_adjoint_indices",
    "filter_bank_indices",
    "filter_orbits",
    "fourier_transform",
    "get",
    "inverse_fourier_transform",
    "left_translation",
    "names",
    "quotient_bank_indices",
    "register",
    "rings_of",
    "serialize",
]
