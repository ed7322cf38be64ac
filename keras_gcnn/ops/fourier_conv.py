"""The G-correlation by the Fourier transform on the point group: fewer multiplications.

`groups.correlation_recipe` says what is summed, and why. To tensors it is done in three steps:

    1. for each irrep ρ, sums and differences of shifted maps, and likewise of the filter's taps;
    2. one matrix product per irrep, over all orbits and channels at once;
    3. sums and differences of its results, for each element of H.
"""

import itertools
import math
from dataclasses import dataclass

import keras
from keras import ops

from keras_gcnn import groups as point_groups
from keras_gcnn.ops import layout, tables
from keras_gcnn.ops.chunks import in_chunks, number_of_chunks


@dataclass(frozen=True)
class TransformedKernel:
    """A filter's Fourier transform, for `group_conv`: see `transform_kernel`.

    Args:
        shape: The shape of the filter.
        matrices: ψ̂(ρ) for each irrep ρ that takes part, `(columns·channels, d·filters)`.
    """

    shape: tuple
    matrices: list


def transform_kernel(kernel, group):
    """The Fourier transform of a filter, which `group_conv` takes in its place.

        ψ̂(ρ) = Σ_h ψ(h) ρ(h)      on each orbit of pairs of a tap and an element of H

    For inference, where the filter does not change: then it is transformed once and not for every
    call.

    Args:
        kernel: Filter ψ, laid out as for `transform_filters`.
        group: Name of the point group H, or a `PointGroup`.

    Returns:
        `TransformedKernel`.

    Raises:
        ValueError: As `transform_filters`.

    Reference: `groups/fourier.py`.
    """
    kernel, group = ops.convert_to_tensor(kernel), point_groups.get(group)
    shape = layout.static_shape(kernel)
    channels, filters = shape[-2:]
    table = ops.cast(tables.fourier_taps(group, shape), kernel.dtype)
    # Not ops.matmul: on PyTorch, Keras 3.15 multiplies float64 in float32.
    transform = table @ ops.reshape(kernel, (-1, channels * filters))
    matrices, end = [], 0
    for rows, outputs in tables.fourier_sums(group, shape):
        columns, degree = tables.columns_and_degree(rows, outputs)
        start, end = end, end + columns * degree
        matrix = ops.reshape(transform[start:end], (columns, degree, channels, filters))
        matrix = ops.transpose(matrix, (0, 2, 1, 3))
        matrices.append(ops.reshape(matrix, (columns * channels, degree * filters)))
    return TransformedKernel(shape, matrices)


def fourier_conv(x, kernel, group, sampling, training=False):
    """The G-correlation of a feature map with a filter.

    Args:
        x: `(batch, *space, channels)` or `(batch, *space, |H|, channels)`.
        kernel: `(*kernel_size, channels, filters)`, or `(*kernel_size, |H|, channels, filters)`; or
            its `TransformedKernel`.
        group: The `PointGroup` H.
        sampling: The `groups.Sampling` of strides, padding and dilation.
        training: Whether gradients will be taken.

    Returns:
        `(batch, *new_space, |H|, filters)`.
    """
    x = ops.convert_to_tensor(x)
    on_group = layout.is_on_group(x, group)
    x = x if on_group else ops.expand_dims(x, -2)  # one coset
    widths = _padding_widths(x, sampling)
    mode = "training" if training else "inference"
    if isinstance(kernel, TransformedKernel):
        return _correlation_in_chunks(x, kernel, group, sampling, widths, mode)
    kernel = ops.convert_to_tensor(kernel)
    if training and on_group and max(sampling.strides) == 1:
        return _correlation_with_gradient(x, kernel, group, sampling, widths)
    transformed = transform_kernel(kernel, group)
    return _correlation_in_chunks(x, transformed, group, sampling, widths, mode)


def _correlation(x, transformed, group, sampling, widths):
    """The G-correlation of a map with zeros of these widths around it."""
    neighbours = neighbours_of(_with_zeros(x, widths), sampling)
    terms = [[] for _ in range(group.order)]
    sums = tables.fourier_sums(group, transformed.shape)
    for (rows, outputs), taps in zip(sums, transformed.matrices, strict=True):
        _, degree = tables.columns_and_degree(rows, outputs)
        entries = []  # of m rows of ô(ρ)
        for row in rows:
            entries += ops.split(product(columns_of(row, neighbours), taps), degree, axis=-1)
        for h, weights in enumerate(outputs):
            terms[h].append(_weighted_sum(weights, entries))
    return ops.stack([sum(parts[1:], parts[0]) for parts in terms], axis=-2)


def _correlation_in_chunks(x, transformed, group, sampling, widths, mode):
    """`_correlation` of a few images at a time, so that f̂ is no larger than it may be."""

    def correlation(x):
        return _correlation(x, transformed, group, sampling, widths)

    chunks = number_of_chunks(x.shape, transformed.shape, group, sampling, widths, mode)
    if chunks == 1:
        return correlation(x)
    y = ops.map(correlation, in_chunks(x, chunks))
    return ops.reshape(y, (-1, *y.shape[2:]))


def _correlation_with_gradient(x, kernel, group, sampling, widths):
    """`_correlation`, and for its gradients sums and products of the same kind.

    Derived by a backend, they are a map of zeros to add up for every slice of the input. On JAX
    there is then no forward mode, and JAX says so.
    """

    def correlation(x, kernel):
        def gradients(*saved, upstream=None):
            # TensorFlow calls gradients(dy), PyTorch gradients(x, kernel, upstream=dy).
            dy, inputs = (saved[0], (x, kernel)) if upstream is None else (upstream, saved)
            return (
                _input_gradient(dy, inputs[1], group, sampling, widths),
                _kernel_gradient(dy, *inputs, group, sampling, widths),
            )

        transformed = transform_kernel(kernel, group)
        y = _correlation_in_chunks(x, transformed, group, sampling, widths, "training")
        return y, gradients

    return ops.custom_gradient(correlation)(x, kernel)


def _input_gradient(dy, kernel, group, sampling, widths):
    """The G-correlation of dy, with zeros around it, with the adjoint filter.

    From y(x, h) = Σ f(z, h') ψ(h⁻¹(z - x), h⁻¹h') it follows that

        df(z, h') = Σ dy(x, h) ψ(h⁻¹(z - x), h⁻¹h') = Σ dy(x, h) ψ*(h'⁻¹(x - z), h'⁻¹h)
        ψ*(u, a) = ψ(-a⁻¹u, a⁻¹)ᵀ
    """
    *domain, channels, filters = layout.static_shape(kernel)
    indices = tables.adjoint_filter(group, layout.static_shape(kernel))
    adjoint = ops.take(ops.reshape(kernel, (-1, channels, filters)), indices, axis=0)
    adjoint = ops.reshape(ops.swapaxes(adjoint, -1, -2), (*domain, filters, channels))
    reach = [span - 1 for span in sampling.effective_kernel_size]
    around = [(n - front, n - behind) for n, (front, behind) in zip(reach, widths, strict=True)]
    transformed = transform_kernel(adjoint, group)
    return _correlation_in_chunks(dy, transformed, group, sampling, around, "inference")


def _kernel_gradient(dy, x, kernel, group, sampling, widths):
    """ψ's gradient from dψ̂(ρ) = f̂(ρ)ᵀ dô(ρ), one matrix product per irrep over all points."""
    shape = layout.static_shape(kernel)
    table = ops.cast(tables.fourier_taps(group, shape), kernel.dtype)
    chunks = number_of_chunks(x.shape, shape, group, sampling, widths, "training")
    if chunks == 1:
        transform = _transformed_kernel_gradient(dy, x, shape, group, sampling, widths)
    else:

        def add(total, maps):
            part = _transformed_kernel_gradient(*maps, shape, group, sampling, widths)
            return total + part, None

        zero = ops.zeros((table.shape[0], math.prod(shape[-2:])), kernel.dtype)
        transform, _ = ops.scan(add, zero, (in_chunks(dy, chunks), in_chunks(x, chunks)))
    return ops.reshape(ops.transpose(table) @ transform, shape)


def _transformed_kernel_gradient(dy, x, shape, group, sampling, widths):
    """dψ̂ of all irreps, one below the other, laid out as `fourier_taps` has it."""
    channels, filters = shape[-2:]
    neighbours = neighbours_of(_with_zeros(x, widths), sampling)
    dy = [dy[..., h, :] for h in range(group.order)]
    transforms = []
    for rows, outputs in tables.fourier_sums(group, shape):
        columns, degree = tables.columns_and_degree(rows, outputs)
        entries = [_weighted_sum(weights, dy) for weights in zip(*outputs, strict=True)]
        transform = 0
        for i, row in enumerate(rows):
            left = _flat(columns_of(row, neighbours))
            right = _flat(ops.concatenate(entries[i * degree : (i + 1) * degree], axis=-1))
            transform += ops.transpose(left) @ right
        transform = ops.reshape(transform, (columns, channels, degree, filters))
        transform = ops.transpose(transform, (0, 2, 1, 3))
        transforms.append(ops.reshape(transform, (columns * degree, channels * filters)))
    return ops.concatenate(transforms, axis=0)


def neighbours_of(x, sampling):
    """What lies at each pair of a tap and a coset: maps `(batch, *new_space, channels)`."""
    shifts = itertools.product(*map(sampling.shifts, range(len(sampling.strides))))
    return [x[(slice(None), *shift, coset)] for shift in shifts for coset in range(x.shape[-2])]


def _padding_widths(x, sampling):
    size = x.shape[1:-2]
    if None not in size:
        return sampling.padding_widths(size)
    if sampling.padding == "same" and max(sampling.strides) > 1:
        raise ValueError(
            "The Fourier implementation pads an input of unknown size only where strides are 1. "
            f"Received: x.shape={tuple(x.shape)}, strides={sampling.strides}, padding='same'. Set "
            "height and width in `keras.Input`, or use implementation='direct'."
        )
    return sampling.padding_widths(sampling.effective_kernel_size)  # the same for all sizes


def _with_zeros(x, widths):
    """Zeros in front of and behind each axis of space."""
    if keras.backend.backend() != "torch":
        return ops.pad(x, [(0, 0), *widths, (0, 0), (0, 0)])
    # torch.compile cannot trace ops.pad of Keras 3.15.
    for axis, (front, behind) in enumerate(widths, start=1):
        if front == behind == 0:
            continue
        shape = ops.shape(x)
        zeros = [
            ops.zeros((*shape[:axis], width, *shape[axis + 1 :]), x.dtype)
            for width in (front, behind)
        ]
        x = ops.concatenate([zeros[0], x, zeros[1]], axis=axis)
    return x


def columns_of(row, neighbours):
    """One row of f̂(ρ), all its columns side by side in the channels."""
    return ops.concatenate([_weighted_sum(weights, neighbours) for weights in row], axis=-1)


def product(x, matrix):
    """The product of the channels of a map with a matrix, in each backend's fastest way."""
    if keras.backend.backend() == "torch":
        ones = (1,) * (len(x.shape) - 2)
        kernel = ops.reshape(matrix, (*ones, *matrix.shape))
        return ops.conv(x, kernel, data_format="channels_last")
    return ops.reshape(_flat(x) @ matrix, (*ops.shape(x)[:-1], matrix.shape[-1]))


def _flat(x):
    """All points of all images in one axis: `(points, channels)`."""
    return ops.reshape(x, (-1, x.shape[-1]))


def _weighted_sum(weights, terms):
    """Σ weights · terms, with no product for 1 and -1, and nothing for 0."""
    total = None
    for weight, term in zip(weights, terms, strict=True):
        if weight == 0:
            continue
        term = term if abs(weight) == 1 else abs(weight) * term
        if total is None:
            total = term if weight > 0 else -term
        else:
            total = total + term if weight > 0 else total - term
    return total
