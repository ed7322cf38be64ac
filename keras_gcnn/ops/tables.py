"""The index tables of `groups`, as constants of whatever graph they are used in."""

import functools

import keras
from keras import ops

from keras_gcnn import groups


def constant(table_of):
    """Makes a function of constants one that `torch.compile` calls once, and traces no NumPy of.

    The marks are what `torch.compiler.assume_constant_result` and `torch._dynamo.mark_static` set,
    without importing torch. PyTorch 2.13 can guard no such constant, but can what a method of it
    returns; hence the reshape.
    """

    def constant_table_of(*arguments):
        table = table_of(*arguments).astype("int32")
        if keras.backend.backend() == "torch":
            table = ops.convert_to_tensor(table)
            table._dynamo_static_indices = set(range(table.ndim))
        return table

    constant_table_of._dynamo_marked_constant = True

    @functools.wraps(table_of)
    def call(*arguments):
        table = constant_table_of(*arguments)
        return table.reshape(table.shape)

    return call


@constant
def filter_bank(group, kernel_shape):
    """`groups.filter_bank_indices` for a filter of this shape, flattened to one axis."""
    size = tuple(kernel_shape[: group.dimension])
    return groups.filter_bank_indices(group, size, _domain(group, kernel_shape)).reshape(-1)


@constant
def cosets(group, subgroup):
    """`PointGroup.left_cosets`, `(cosets, |K|)`, and all of H as the only coset for `None`."""
    return group.left_cosets(group if subgroup is None else subgroup)


@constant
def left_translation(group, element, size, space):
    """`groups.left_translation`, flattened to one axis."""
    return groups.left_translation(group, element, size, space).reshape(-1)


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
