"""The G-correlation by the Fourier transform on the point group, with fewer multiplications.

`groups/recipe.py` says what is summed, and why. A `Plan` is prepared once from group, filter and
sampling. Applied to tensors it takes three steps:

    1. sums and differences of cosets and of shifted maps, which are f̂(ρ), and of the filter's taps;
    2. one matrix product per irrep ρ, over all orbits and channels at once;
    3. sums and differences of its results, for each element of H.
"""

import itertools
import math
from dataclasses import dataclass

from keras import ops

from keras_gcnn import arguments
from keras_gcnn.annotations import Group, Tensor
from keras_gcnn.groups import PointGroup, Sampling
from keras_gcnn.groups.sums import added_up, weighted_sum
from keras_gcnn.ops import backend, policy, tables
from keras_gcnn.ops.backend import Compilation
from keras_gcnn.ops.views import without_copies


@dataclass(frozen=True)
class TransformedKernel:
    """A filter's Fourier transform, for `group_conv`: see `transform_kernel`.

    Args:
        group: The `PointGroup` H.
        dtype: The dtype of the filter.
        shape: The shape of the filter.
        matrices: ψ̂(ρ) for each irrep ρ that takes part, `(columns·channels, d·filters)`.
    """

    group: PointGroup
    dtype: str
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
        compilation: The `backend.Compilation`.
    """

    group: PointGroup
    kernel_shape: tuple
    sampling: Sampling
    amounts: tuple
    compilation: Compilation

    @property
    def recipe(self):
        """The `groups.Recipe`."""
        return tables.recipe(self.group, self.kernel_shape)

    def maps(self, x):
        """The sums over cosets and taps that f̂ is made of, each `(points, cosets·C)`."""
        if x.shape[-2] > 1:
            cosets = [x[..., j, :] for j in range(x.shape[-2])]
            x = ops.stack(added_up(self.recipe.cosets, cosets), axis=-2)
        x = backend.pad(x, [(0, 0), *self.amounts, (0, 0), (0, 0)])
        windows = self.sampling.windows(self.group.lattice)
        maps = []
        for taps, sums in self.recipe.orbits:
            shifted = [x[(slice(None), *windows[tap])] for tap in taps]
            maps += [flat(y) for y in added_up(sums, shifted)]
        return maps

    def rows_of(self, x):
        """The index of each irrep ρ, and each row of f̂(ρ), `(points, columns·C)`."""
        maps = self.maps(x)
        for number, part in enumerate(self.recipe.irreps):
            for row in part.rows:
                found = [_added_up(slices, maps, x.shape[-1]) for slices in row]
                yield number, ops.concatenate(found, axis=-1)

    def new_size(self, size):
        """Points of the output along each axis of space; sizes may be tensors."""
        spans, steps = self.sampling.effective_kernel_size, self.sampling.strides
        axes = zip(size, self.amounts, spans, steps, strict=True)
        return [(n + sum(around) - span) // step + 1 for n, around, span, step in axes]

    def entries(self, dy):
        """dô, each `(points, filters)`, from the gradient `(batch, *new_space, |H|, filters)`."""
        dy = ops.reshape(dy, (-1, *dy.shape[-2:]))
        return added_up(self.recipe.entries, [dy[:, h] for h in range(self.group.order)])

    def output(self, x, products):
        """The G-correlation of x, from the product of each row of f̂(ρ), `(points, d·filters)`."""
        degrees = [part.taps.shape[0] for part in self.recipe.irreps for _ in part.rows]
        entries = []
        for y, degree in zip(products, degrees, strict=True):
            entries += ops.split(y, degree, axis=-1)
        y = ops.stack(added_up(self.recipe.outputs, entries), axis=1)  # (points, |H|, filters)
        return ops.reshape(y, (-1, *self.new_size(ops.shape(x)[1:-2]), *y.shape[1:]))

    def rows_of_gradient(self, entries):
        """For each row of f̂(ρ) the index of ρ, its recipe, and its dô, `(points, d·filters)`."""
        entries = iter(entries)
        for number, part in enumerate(self.recipe.irreps):
            for row in part.rows:
                of_row = list(itertools.islice(entries, part.taps.shape[0]))
                yield number, row, ops.concatenate(of_row, axis=-1)

    def images_at_once(self, x):
        """How many images of a batch are taken at a time, at most `x.shape[0]`."""
        batch, *size, cosets, channels = x.shape
        if not all(isinstance(n, int) for n in (batch, *size)):  # open, or symbolic in an export
            return batch
        taps = math.prod(self.sampling.kernel_size)
        numbers = math.prod(self.new_size(size)) * taps * cosets * channels
        return policy.images_at_once(self.compilation, batch, numbers)


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
    kernel, group = backend.tensor(kernel), arguments.group(group)
    dtype, shape = backend.standard_dtype(kernel), backend.known_shape(kernel)
    kernel = widened(kernel)
    channels, filters = shape[-2:]
    table = ops.cast(tables.fourier_taps(group, shape), kernel.dtype)  # (rows, pairs)
    transform = backend.matmul(table, ops.reshape(kernel, (-1, channels * filters)))
    matrices, end = [], 0
    for part in tables.recipe(group, shape).irreps:
        degree, columns, _ = part.taps.shape
        start, end = end, end + columns * degree
        matrix = ops.reshape(transform[start:end], (columns, degree, channels, filters))
        matrix = ops.transpose(matrix, (0, 2, 1, 3))
        matrices.append(ops.reshape(matrix, (columns * channels, degree * filters)))
    return TransformedKernel(group, dtype, shape, matrices)


def correlation(plan, x, kernel):
    """The G-correlation of `(batch, *space, cosets, C)`, `(batch, *new_space, |H|, filters)`."""
    return apply_in_parts(plan, x, transform_kernel(kernel, plan.group))


def apply_in_parts(plan, x, transformed):
    """`apply` to a few images at a time, so that f̂ is no larger than it may be."""
    images = plan.images_at_once(x)
    if images == x.shape[0]:
        return apply(plan, x, transformed)
    nothing = ops.zeros((), transformed.matrices[0].dtype)
    y, _ = backend.by_parts(lambda x: (apply(plan, x, transformed), nothing), images, [x], nothing)
    return y


def apply(plan, x, transformed):
    """`correlation` with the transform of the filter."""
    products = [
        product(f, transformed.matrices[number], plan.compilation) for number, f in plan.rows_of(x)
    ]
    return plan.output(x, products)


def product(f, taps, compilation):
    """The matrix product of f̂(ρ), `(points, columns·C)`, and ψ̂(ρ)."""
    convolves = policy.convolves_products(compilation, backend.standard_dtype(f))
    if not (convolves and backend.takes_plane(f)):
        return backend.matmul(f, taps)
    x, kernel = f[None, None], taps[None, None]  # a plane of one row, a kernel of one tap
    y = without_copies(ops.conv, compilation, x, kernel, data_format="channels_last")
    return ops.reshape(y, (-1, taps.shape[-1]))


def _added_up(slices, maps, channels):
    """Columns that are next to each other: `(points, columns·C)`."""
    parts = [(s.weight, maps[s.map][:, s.start * channels : s.stop * channels]) for s in slices]
    return weighted_sum(parts)


def flat(x):
    """What lies at each point of each image, in one axis: `(points, cosets·C)`."""
    return ops.reshape(x, (-1, x.shape[-2] * x.shape[-1]))


def widened(x):
    """float16 as float32: a sum over H may be too large for float16 where its terms are not."""
    is_half = backend.standard_dtype(x) == "float16"
    return ops.cast(x, "float32") if is_half else x
