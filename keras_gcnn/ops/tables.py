"""The index tables of `groups`, as constants of whatever graph they are used in."""

import functools
import sys

import numpy as np
from keras import ops

from keras_gcnn import groups
from keras_gcnn.ops.compiler import is_traced_by_torch


def untraced(function):
    """Makes a function of constants one that `torch.compile` calls once, and traces no NumPy of.

    The mark is what `torch.compiler.assume_constant_result` sets, without importing torch.
    """
    function._dynamo_marked_constant = True
    return function


def constant(table_of):
    """Makes of a function of constants, which gives an array, one that gives a constant tensor."""

    @untraced
    def numbers_of(*arguments):
        table = table_of(*arguments)
        return table.tolist(), table.dtype.name

    @functools.wraps(table_of)
    def call(*arguments):
        if is_traced_by_torch():
            # Numbers: of PyTorch 2.13, a graph can hold one constant tensor per function.
            torch = sys.modules["torch"]
            numbers, dtype = numbers_of(*arguments)
            return ops.convert_to_tensor(torch.tensor(numbers, dtype=getattr(torch, dtype)))
        return ops.convert_to_tensor(table_of(*arguments))

    return call


@constant
def filter_bank(group, kernel_shape):
    """`groups.filter_bank_indices` for a filter of this shape, flattened to one axis."""
    return _indices(groups.filter_bank_indices(group, *_grid_and_domain(group, kernel_shape)))


@constant
def filter_bank_adjoint(group, kernel_shape):
    """`groups.filter_bank_adjoint_indices` for a filter of this shape, flattened to one axis."""
    grid_and_domain = _grid_and_domain(group, kernel_shape)
    return _indices(groups.filter_bank_adjoint_indices(group, *grid_and_domain))


@constant
def adjoint_filter(group, kernel_shape):
    """`groups.adjoint_filter_indices` for a filter of this shape on G, flattened to one axis."""
    return _indices(groups.adjoint_filter_indices(group, _grid_and_domain(group, kernel_shape)[0]))


@constant
def cosets(group, subgroup):
    """`PointGroup.left_cosets`, `(cosets, |K|)`, and all of H as the only coset for `None`."""
    return group.left_cosets(group if subgroup is None else subgroup).astype("int32")


@constant
def left_translation(group, element, size, space):
    """`groups.left_translation`, flattened to one axis."""
    return _indices(groups.left_translation(group, element, size, space))


@untraced
def fourier_sums(group, kernel_shape):
    """What `groups.correlation_recipe` sums up, as lists of numbers, for irreps that take part.

    Returns:
        List of pairs: `neighbours` as lists [m][columns][pairs], `outputs` as lists [|H|][m·d].
    """
    return _fourier_sums(group, *_grid_and_domain(group, kernel_shape))


def columns_and_degree(rows, outputs):
    """The number of columns and the degree d of one pair of `fourier_sums`.

    Worked out from lengths, since torch.compile takes no integer among its constants for one.
    """
    return len(rows[0]), len(outputs[0]) // len(rows)


@constant
def fourier_taps(group, kernel_shape):
    """`IrrepRecipe.taps` of all irreps that take part, one below the other, `(rows, pairs)`.

    The rows of an irrep are counted as (column, row of ψ̂(ρ)).
    """
    parts = _recipe(group, *_grid_and_domain(group, kernel_shape))
    taps = [part.taps.swapaxes(0, 1) for part in parts]
    return np.concatenate([table.reshape(-1, table.shape[-1]) for table in taps])


@functools.cache
def _fourier_sums(group, size, domain):
    return [
        (part.neighbours.tolist(), part.outputs.reshape(group.order, -1).tolist())
        for part in _recipe(group, size, domain)
    ]


def _recipe(group, size, domain):
    parts = groups.correlation_recipe(group, size, domain)
    return [part for part in parts if part.taps.size]


def _grid_and_domain(group, kernel_shape):
    return tuple(kernel_shape[: group.dimension]), _domain(group, kernel_shape)


def _indices(table):
    return table.reshape(-1).astype("int32")


def _domain(group, kernel_shape):
    """K, such that the filter is a function on G/K: H itself for Zᵈ, {e} for G."""
    extra_axes = len(kernel_shape) - group.dimension - 2
    if extra_axes == 0:
        return group
    if extra_axes == 1 and kernel_shape[-3] == group.order:
        return group.subgroup([0])
    raise ValueError(
        f"`kernel` must have shape (*kernel_size, channels, filters) for a filter on "
        f"Z^{group.dimension}, or (*kernel_size, {group.order}, channels, filters) for one on "
        f"{group.name}. Received: kernel.shape={tuple(kernel_shape)}."
    )
