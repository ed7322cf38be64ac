"""Filter transformation: one filter becomes the |H| filters of the bank."""

import math

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import Group, Tensor
from keras_gcnn.ops import backend, layout, policy, tables
from keras_gcnn.ops.symbolic import operation


@operation
def transform_filters(kernel: Tensor, group: Group) -> Tensor:
    """Turns one filter into the |H| transformed filters of the bank, by one gather.

        bank[y, h′, c, h, k] = ψ[h⁻¹y, h⁻¹h′, c, k]      a filter on G
        bank[y,     c, h, k] = ψ[h⁻¹y,        c, k]      a filter on Zᵈ

    Taps y are counted from the centre of the kernel, which is between two taps for even sizes.

    Args:
        kernel: Filter ψ on Zᵈ, `(*kernel_size, channels, filters)`, or on G,
            `(*kernel_size, |H|, channels, filters)`. On the hexagonal lattice one axis holds all
            taps, `(taps, …)`, in the order of the array that they are a hexagon of.
        group: Name of the point group H, or a `PointGroup`.

    Returns:
        The filter bank: ψ's shape with an axis `|H|` put in before `filters`.

    Raises:
        ValueError: If the group does not map the kernel to itself, as quarter turns do not map a
            3×5 kernel to itself, or if the kernel has another rank or |H| axis.

    Reference: Cohen & Welling 2016, sections 6.1, 6.2 and 7.1.
    """
    kernel, group = backend.tensor(kernel), arguments.group(group)
    shape = backend.known_shape(kernel)
    *domain, channels, filters = shape
    indices = tables.filter_bank(group, shape)
    bank = ops.reshape(backend.take_rows(kernel, indices), (-1, group.order, channels, filters))
    bank = ops.transpose(bank, (0, 2, 1, 3))
    return ops.reshape(bank, (*domain, channels, group.order, filters))


def transform_filters_with_gradient(kernel, group):
    """`transform_filters`, whose gradient is a gather and a sum over H."""
    shape = backend.known_shape(kernel)
    *_, channels, filters = shape

    def gradient(upstream, _):
        upstream = ops.reshape(upstream, (-1, channels, group.order, filters))
        rows = ops.reshape(ops.swapaxes(upstream, 1, 2), (-1, channels, filters))
        indices = ops.reshape(tables.filter_bank_adjoint(group, shape), (-1, group.order))
        # One gather and its sum would be vectorized along H, which is short.
        total = sum(ops.take(rows, indices[:, h], axis=0) for h in range(group.order))
        return ops.reshape(total, shape)

    return backend.with_gradient(lambda kernel: transform_filters(kernel, group), gradient, kernel)


def adjoint_filter(kernel, group):
    """The filter of the adjoint G-correlation, with channels and filters exchanged.

        ψ*(y, h) = ψ(-h⁻¹y, h⁻¹)ᵀ

    Args:
        kernel: Filter ψ on G, `(*kernel_size, |H|, channels, filters)`.
        group: The `PointGroup` H.

    Returns:
        `(*kernel_size, |H|, filters, channels)`.
    """
    *domain, channels, filters = backend.known_shape(kernel)
    indices = tables.adjoint_filter(group, (*domain, channels, filters))
    adjoint = ops.take(ops.reshape(kernel, (-1, channels, filters)), indices, axis=0)
    return ops.reshape(ops.swapaxes(adjoint, -1, -2), (*domain, filters, channels))


def planar_bank(kernel, group, blocks, data_format, training, compilation):
    """The bank of a filter as a kernel of `keras.ops.conv`, as `planar_kernel` lays it out."""
    own_gradient = training and policy.has_own_bank_gradient(compilation)
    transform = transform_filters_with_gradient if own_gradient else transform_filters
    bank = transform(kernel, group)  # (*kernel_size, [|H|,] C, |H|, filters)
    return planar_kernel(bank, group.lattice, blocks, data_format)


def planar_kernel(bank, lattice, blocks, data_format):
    """The bank as a kernel of `keras.ops.conv`, its axes of H merged with the channels.

    They stand in the order (channels, |H|) for `"channels_first"` and (|H|, channels) for
    `"channels_last"`, as in `layout.merge_group_axis`. With channels last the filters may be split
    into blocks, which stand outside of H.
    """
    bank, dimension = on_array(bank, lattice), lattice.dimension
    if data_format == "channels_first":
        bank = ops.swapaxes(bank, -2, -1)  # (..., filters, |H|)
        if len(bank.shape) == dimension + 4:
            bank = ops.swapaxes(bank, -4, -3)  # (*kernel_size, channels, |H|, filters, |H|)
    else:
        bank = exchange(bank, bank.shape[-2], blocks)
    merged = bank.shape[-2] * bank.shape[-1]
    return ops.reshape(bank, (*bank.shape[:dimension], -1, merged))


def on_array(kernel, lattice):
    """A kernel with an axis for each axis of an array: zeros stand where there is no tap."""
    if not lattice.bounds:
        return kernel
    taps, *others = backend.known_shape(kernel)
    size = lattice.kernel_size((taps,))
    everywhere = ops.take(kernel, tables.points_at_places(lattice, size), axis=0)
    mask = ops.reshape(tables.image_mask(lattice, size), (-1, *(1,) * len(others)))
    return ops.reshape(ops.where(mask, everywhere, 0), (*size, *others))


def exchange(x, outer, inner):
    """Reads the last two axes as (outer, inner, rest) and makes them (inner, outer, rest).

    A grouped convolution wants its blocks of channels outside of H. In channels_first they are; in
    channels_last this takes them there and back.
    """
    if 1 in (outer, inner):
        return x
    shape = ops.shape(x)
    rest = shape[-2] * shape[-1] // (outer * inner)
    x = layout.reshape(x, (*shape[:-2], outer, inner, rest))
    return layout.reshape(ops.swapaxes(x, -3, -2), shape)


def drawn_flat(initializer):
    """The initializer, or one that gives the same numbers and that JAX compiles faster."""
    if not policy.draws_flat(initializer):
        return initializer

    def draw(shape, dtype=None):
        flat = math.prod(shape[:-2]), *shape[-2:]
        return ops.reshape(initializer(flat, dtype=dtype), shape)

    return draw
