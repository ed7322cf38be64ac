"""The G-correlation by the Fourier transform on the point group, with fewer multiplications.

`groups.correlation_recipe` says what is summed, and why. A `Plan` is prepared once from group,
filter and sampling. Applied to tensors it takes three steps:

    1. for each irrep ρ, sums and differences of shifted maps, and likewise of the filter's taps;
    2. one matrix product per irrep, over all orbits and channels at once;
    3. sums and differences of its results, for each element of H.
"""

from dataclasses import dataclass

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import Group, Tensor
from keras_gcnn.groups import PointGroup, Sampling
from keras_gcnn.ops import backend, policy, tables
from keras_gcnn.ops.backend import Compilation


@dataclass(frozen=True)
class TransformedKernel:
    """A filter's Fourier transform, for `group_conv`: see `transform_kernel`.

    Args:
        shape: The shape of the filter.
        matrices: ψ̂(ρ) for each irrep ρ that takes part, `(columns·channels, d·filters)`.
    """

    shape: tuple[int, ...]
    matrices: list[Tensor]


@dataclass(frozen=True)
class Plan:
    """What a G-correlation by the Fourier transform needs, besides map and filter.

    Args:
        group: The `PointGroup` H.
        kernel_shape: The shape of the filter.
        sampling: The `groups.Sampling` of strides, padding and dilation.
        amounts: Zeros in front of and behind each axis of space.
        mode: `"inference"` or `"training"`.
        compilation: The `backend.Compilation`.
    """

    group: PointGroup
    kernel_shape: tuple
    sampling: Sampling
    amounts: tuple
    mode: str
    compilation: Compilation

    def irreps(self):
        """For each irrep that takes part: `neighbours`, `outputs`, number of columns, degree d."""
        for rows, outputs in tables.fourier_sums(self.group, self.kernel_shape):
            yield rows, outputs, *tables.columns_and_degree(rows, outputs)

    def neighbours(self, x):
        """What lies at each pair of a tap and a coset: maps `(batch, *new_space, channels)`."""
        x = backend.pad(x, [(0, 0), *self.amounts, (0, 0), (0, 0)])
        windows = self.sampling.windows(self.group.lattice)
        cosets = range(x.shape[-2])
        return [x[(slice(None), *window, coset)] for window in windows for coset in cosets]

    def chunks(self, x):
        """The number of equal parts in which a batch is taken."""
        return policy.number_of_chunks(
            self.compilation,
            x.shape,
            self.kernel_shape,
            self.group,
            self.sampling,
            self.amounts,
            self.mode,
        )


def transform_kernel(kernel: Tensor, group: Group) -> TransformedKernel:
    """The Fourier transform of a filter, which `group_conv` takes in its place.

        ψ̂(ρ) = Σ_h ψ(h) ρ(h)      on each orbit of pairs of a tap and an element of H

    It is for inference, where a filter does not change and need not be transformed in every call.
    In float16 sums over H could overflow, so the transform of a float16 filter is in float32.

    Args:
        kernel: Filter ψ, laid out as for `transform_filters`.
        group: Name of the point group H, or a `PointGroup`.

    Returns:
        `TransformedKernel`.

    Raises:
        ValueError: As `transform_filters`.

    Reference: `groups/fourier.py`.
    """
    kernel, group = widened(backend.tensor(kernel)), arguments.group(group)
    shape = backend.known_shape(kernel)
    channels, filters = shape[-2:]
    table = ops.cast(tables.fourier_taps(group, shape), kernel.dtype)  # (rows, pairs)
    transform = backend.matmul(table, ops.reshape(kernel, (-1, channels * filters)))
    matrices, end = [], 0
    for rows, outputs in tables.fourier_sums(group, shape):
        columns, degree = tables.columns_and_degree(rows, outputs)
        start, end = end, end + columns * degree
        matrix = ops.reshape(transform[start:end], (columns, degree, channels, filters))
        matrix = ops.transpose(matrix, (0, 2, 1, 3))
        matrices.append(ops.reshape(matrix, (columns * channels, degree * filters)))
    return TransformedKernel(shape, matrices)


def correlation(plan, x, kernel):
    """The G-correlation of `(batch, *space, cosets, C)`, `(batch, *new_space, |H|, filters)`."""
    return apply_in_chunks(plan, x, transform_kernel(kernel, plan.group))


def apply_in_chunks(plan, x, transformed):
    """`apply` to a few images at a time, so that f̂ is no larger than it may be."""
    chunks = plan.chunks(x)
    if chunks == 1:
        return apply(plan, x, transformed)
    y = ops.map(lambda part: apply(plan, part, transformed), in_chunks(x, chunks))
    return ops.reshape(y, (-1, *y.shape[2:]))


def apply(plan, x, transformed):
    """`correlation` with the transform of the filter."""
    neighbours = plan.neighbours(x)
    terms = [[] for _ in range(plan.group.order)]
    parts = zip(plan.irreps(), transformed.matrices, strict=True)
    for (rows, outputs, _, degree), taps in parts:
        entries = []  # of m rows of ô(ρ), each (batch, *new_space, filters)
        for row in rows:
            columns = columns_of(row, neighbours)  # (batch, *new_space, columns·channels)
            entries += ops.split(product(columns, taps, plan.compilation), degree, axis=-1)
        for h, weights in enumerate(outputs):
            terms[h].append(weighted_sum(weights, entries))
    return ops.stack([sum(parts[1:], parts[0]) for parts in terms], axis=-2)


def in_chunks(x, chunks):
    """A batch `(batch, …)` as `(chunks, batch / chunks, …)`."""
    return ops.reshape(x, (chunks, -1, *x.shape[1:]))


def columns_of(row, neighbours):
    """One row of f̂(ρ), all its columns side by side in the channels."""
    return ops.concatenate([weighted_sum(weights, neighbours) for weights in row], axis=-1)


def product(x, matrix, compilation):
    """The product of the channels of a map with a matrix."""
    if policy.multiplies_by_convolution(compilation):
        ones = (1,) * (len(x.shape) - 2)
        kernel = ops.reshape(matrix, (*ones, *matrix.shape))
        return ops.conv(x, kernel, data_format="channels_last")
    y = backend.matmul(flat(x), matrix)  # (points, d·filters)
    return ops.reshape(y, (*ops.shape(x)[:-1], matrix.shape[-1]))


def flat(x):
    """All points of all images in one axis: `(points, channels)`."""
    return ops.reshape(x, (-1, x.shape[-1]))


def weighted_sum(weights, terms):
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


def widened(x):
    """float16 as float32: a sum over H may be too large for float16 where its terms are not."""
    is_half = backend.standard_dtype(x) == "float16"
    return ops.cast(x, "float32") if is_half else x
