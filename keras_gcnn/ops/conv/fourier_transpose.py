"""The gradient of a strided G-correlation for its input, by the Fourier transform.

It takes the transposes of the three steps of `plan.apply`, from the last to the first:

    3. sums of dy over H, which are dô;
    2. one matrix product per irrep, dô ψ̂ᵀ, which is df̂;
    1. sums of df̂ for each tap, which are added to the points that the tap saw, and for each coset.

With strides there are fewer of these points than of the input's. With strides of 1 the
G-correlation with the adjoint filter is faster: it reads shifted maps, and adds none up.
"""

import itertools

from keras import ops

from keras_gcnn.groups.sums import added_up, weighted_sum
from keras_gcnn.ops import backend
from keras_gcnn.ops.conv.plan import product


def of_strided_input(plan, transformed, entries, size, new_size):
    """The gradient for x, `(batch, *size, cosets, C)`: the transpose of `plan.apply`.

    Args:
        plan: The `Plan`.
        transformed: The `TransformedKernel`.
        entries: dô, as `plan.entries` gives it.
        size: Points of x along each axis.
        new_size: Points of the gradient that `entries` was made from.
    """
    channels = plan.kernel_shape[-2]
    maps = _maps(plan, entries, transformed)
    maps = iter(ops.reshape(y, (-1, *new_size, y.shape[-1])) for y in maps)
    seen = {}  # by tap, (batch, *new_space, cosets·C)
    for (taps, _), sums in zip(plan.recipe.orbits, plan.recipe.from_orbits, strict=True):
        seen.update(zip(taps, added_up(sums, itertools.islice(maps, len(taps))), strict=True))
    dx = _added_to_points(plan, seen, size)
    cosets = [dx[..., at : at + channels] for at in range(0, dx.shape[-1], channels)]
    if len(cosets) > 1:
        cosets = added_up(plan.recipe.from_cosets, cosets)
    return ops.stack(cosets, axis=-2)


def _maps(plan, entries, transformed):
    """The gradients of `plan.maps`, each `(points, cosets·C)`."""
    pieces = {}  # by map and first coset, pairs of a weight and columns of df̂
    for number, row, of_row in plan.rows_of_gradient(entries):
        taps = ops.transpose(transformed.matrices[number])
        columns = product(of_row, taps, plan.compilation)
        for slices in row:
            width = (slices[0].stop - slices[0].start) * plan.kernel_shape[-2]
            piece, columns = columns[:, :width], columns[:, width:]
            for of in slices:
                pieces.setdefault((of.map, of.start), []).append((of.weight, piece))
    by_map = itertools.groupby(sorted(pieces), key=lambda place: place[0])
    return [
        ops.concatenate([weighted_sum(pieces[place]) for place in places], axis=-1)
        for _, places in by_map
    ]


def _added_to_points(plan, seen, size):
    """A map `(batch, *size, cosets·C)`, to which each tap adds what it has where it saw it.

    Points whose coordinates leave the same remainders by the strides are added up by themselves,
    and then put side by side.
    """
    strides, windows = plan.sampling.strides, plan.sampling.windows(plan.group.lattice)
    padded = [n + sum(around) for n, around in zip(size, plan.amounts, strict=True)]
    steps = [-(-n // stride) for n, stride in zip(padded, strides, strict=True)]
    found = {}
    for tap, y in seen.items():
        firsts = [window.start for window in windows[tap]]
        place = tuple(n % stride for n, stride in zip(firsts, strides, strict=True))
        fronts = [n // stride for n, stride in zip(firsts, strides, strict=True)]
        ends = zip(steps, fronts, y.shape[1:-1], strict=True)
        around = [(front, step - front - n) for step, front, n in ends]
        y = backend.pad(y, [(0, 0), *around, (0, 0)])
        found[place] = found[place] + y if place in found else y
    zero, places = ops.zeros_like(y), itertools.product(*map(range, strides))
    dx = _interleaved([found.get(place, zero) for place in places], strides)
    kept = zip(plan.amounts, size, strict=True)
    return dx[(slice(None), *(slice(front, front + n) for (front, _), n in kept))]


def _interleaved(maps, strides):
    """One map `(batch, *space, C)` from one for each remainder, `(batch, *steps, C)`."""
    for axis in reversed(range(len(strides))):
        near = zip(*[iter(maps)] * strides[axis], strict=True)  # they differ in this remainder
        maps = [_side_by_side(along, axis + 1) for along in near]
    return maps[0]


def _side_by_side(maps, axis):
    """One map whose points along an axis are those of each map in turn."""
    shape = list(maps[0].shape)
    shape[axis] *= len(maps)
    return ops.reshape(ops.stack(maps, axis=axis + 1), (-1, *shape[1:]))
