"""The index tables of `groups`, as constants of the graph that uses them."""

import math

import numpy as np

from keras_gcnn import arguments, groups
from keras_gcnn.groups import hexagons
from keras_gcnn.ops.backend import constant, untraced


@constant
def filter_bank(group, kernel_shape):
    """`groups.filter_bank_indices` for a filter of this shape, flattened to one axis."""
    return _indices(groups.filter_bank_indices(group, *_grid_and_subgroup(group, kernel_shape)))


@constant
def filter_bank_adjoint(group, kernel_shape):
    """`groups.filter_bank_adjoint_indices` for a filter of this shape, flattened to one axis."""
    grid_and_subgroup = _grid_and_subgroup(group, kernel_shape)
    return _indices(groups.filter_bank_adjoint_indices(group, *grid_and_subgroup))


@constant
def quotient_bank(group, kernel_size, subgroup, output_subgroup):
    """`groups.quotient_bank_indices`, flattened to one axis."""
    return _indices(groups.quotient_bank_indices(group, kernel_size, subgroup, output_subgroup))


@untraced
def are_equal(group, other):
    """Whether two groups are the same."""
    return group == other


@untraced
def number_of_orbits(group, kernel_size, subgroup, output_subgroup):
    """How many `groups.filter_orbits` there are."""
    return (
        int(groups.quotient_bank_indices(group, kernel_size, subgroup, output_subgroup).max()) + 1
    )


@constant
def cosets_within(group, subgroup, smaller):
    """`PointGroup.cosets_within`; `None` is all of H."""
    subgroup = group if subgroup is None else subgroup
    return group.cosets_within(subgroup, smaller).astype("int32")


@constant
def adjoint_filter(group, kernel_shape):
    """`groups.adjoint_filter_indices` for a filter of this shape on G, flattened to one axis."""
    size = arguments.kernel_size(kernel_shape, group)
    return _indices(groups.adjoint_filter_indices(group, size))


@constant
def right_cosets(group, subgroup):
    """`PointGroup.right_cosets` as integers `(cosets, |K|)`."""
    return group.right_cosets(subgroup).astype("int32")


@constant
def left_translation(group, element, size, subgroup):
    """`groups.left_translation` of an array, flattened to one axis."""
    return _indices(_of_array(group, element, size, subgroup))


@constant
def left_translations(group, size):
    """`groups.left_translation` of an image for every element, integers `(|H|, points)`."""
    translations = [_of_array(group, h, size, group) for h in range(group.order)]
    return np.stack(translations)[..., 0].astype("int32")


@constant
def image_mask(lattice, size):
    """`Lattice.mask`."""
    return lattice.mask(size)


@untraced
def share_of_image(lattice, size):
    """The share of the points of an array that belong to the image, as a list of one number."""
    return [float(lattice.mask(size).mean())]


@untraced
def binomial_weights(lattice, kernel_size):
    """`Lattice.binomial_weights`, as a list."""
    return lattice.binomial_weights(kernel_size).tolist()


@constant
def offset_rows(shape, shifted, radius):
    """`groups.hexagons.offset_rows`."""
    return hexagons.offset_rows(shape, shifted, radius).astype("int32")


@constant
def places_of_points(lattice, size):
    """The places of the points of an image in its array, flattened to one axis."""
    return np.flatnonzero(lattice.mask(size)).astype("int32")


@constant
def points_at_places(lattice, size):
    """For each place in an array, which point stands there; the first one where none does."""
    mask = lattice.mask(size)
    return _indices(np.where(mask, np.cumsum(mask).reshape(size) - 1, 0))


@untraced
def recipe(group, kernel_shape):
    """`groups.correlation_recipe` for a filter of this shape."""
    return groups.correlation_recipe(group, *_grid_and_subgroup(group, kernel_shape))


@constant
def fourier_taps(group, kernel_shape):
    """`IrrepRecipe.taps` of all irreps that take part, one below the other, `(rows, pairs)`.

    The rows of an irrep are counted as (column, row of ψ̂(ρ)).
    """
    parts = groups.correlation_recipe(group, *_grid_and_subgroup(group, kernel_shape)).irreps
    taps = [part.taps.swapaxes(0, 1) for part in parts]
    return np.concatenate([table.reshape(-1, table.shape[-1]) for table in taps])


def _of_array(group, element, size, subgroup):
    """`groups.left_translation` by places in an array, where points outside of the image stay."""
    table = groups.left_translation(group, element, size, subgroup)
    inside = np.flatnonzero(group.lattice.mask(size))
    cosets = table.shape[1]
    whole = np.arange(math.prod(size) * cosets).reshape(-1, cosets)
    whole[inside] = inside[table // cosets] * cosets + table % cosets
    return whole


def _grid_and_subgroup(group, kernel_shape):
    """The taps of a filter, and K such that it is a function on G/K."""
    space = arguments.space_of_kernel(kernel_shape, group)
    return arguments.kernel_size(kernel_shape, group), space.subgroup


def _indices(table):
    return table.reshape(-1).astype("int32")
