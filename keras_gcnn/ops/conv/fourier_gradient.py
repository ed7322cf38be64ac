"""The gradient of the G-correlation by the Fourier transform."""

import dataclasses
import math

from keras import ops

from keras_gcnn.ops import backend, tables
from keras_gcnn.ops.conv.filters import adjoint_filter
from keras_gcnn.ops.conv.fourier_transpose import of_strided_input
from keras_gcnn.ops.conv.plan import (
    apply_in_parts,
    columns_of,
    correlation,
    in_parts,
    transform_kernel,
)


def correlation_with_gradient(plan, x, kernel):
    """`plan.correlation`, with a gradient of sums and products of the same kind.

    The gradient that a backend derives adds up a map of zeros for every slice of the input. On JAX
    a function with a gradient of its own has no forward mode, and JAX says so.
    """

    def gradient(dy, x, kernel):
        if max(plan.sampling.strides) > 1:
            return of_strided_input(plan, dy, x, kernel), of_kernel(plan, dy, x, kernel)
        return of_input(plan, dy, kernel), of_kernel(plan, dy, x, kernel)

    return backend.with_gradient(lambda *of: correlation(plan, *of), gradient, x, kernel)


def of_input(plan, dy, kernel):
    """For strides of 1, the G-correlation of dy, with zeros around it, with the adjoint filter.

    From y(x, h) = Σ f(z, h') ψ(h⁻¹(z - x), h⁻¹h') it follows that

        df(z, h') = Σ dy(x, h) ψ(h⁻¹(z - x), h⁻¹h') = Σ dy(x, h) ψ*(h'⁻¹(x - z), h'⁻¹h)
    """
    *domain, channels, filters = plan.kernel_shape
    adjoint = adjoint_filter(kernel, plan.group)
    reach = [span - 1 for span in plan.sampling.effective_kernel_size]
    pairs = zip(reach, plan.amounts, strict=True)
    amounts = tuple((n - front, n - behind) for n, (front, behind) in pairs)
    shape = (*domain, filters, channels)
    adjoint_plan = dataclasses.replace(plan, kernel_shape=shape, amounts=amounts)
    return apply_in_parts(adjoint_plan, dy, transform_kernel(adjoint, plan.group))


def of_kernel(plan, dy, x, kernel):
    """ψ's gradient from dψ̂(ρ) = f̂(ρ)ᵀ dô(ρ), one matrix product per irrep over all points.

    The sum over parts of a batch is wide: in bfloat16 each addition would round it.
    """
    table = ops.cast(tables.fourier_taps(plan.group, plan.kernel_shape), kernel.dtype)
    images = plan.images_at_once(x)
    if images == x.shape[0]:
        transform = _of_transform(plan, dy, x)
    else:

        def add(total, maps):
            return total + ops.cast(_of_transform(plan, *maps), total.dtype), None

        numbers = table.shape[0], math.prod(plan.kernel_shape[-2:])
        is_narrow = backend.standard_dtype(kernel) == "bfloat16"
        zero = ops.zeros(numbers, "float32" if is_narrow else kernel.dtype)
        transform, _ = ops.scan(add, zero, (in_parts(dy, images), in_parts(x, images)))
        transform = ops.cast(transform, kernel.dtype)
    return ops.reshape(backend.matmul(ops.transpose(table), transform), plan.kernel_shape)


def _of_transform(plan, dy, x):
    """dψ̂ of all irreps, one below the other, laid out as `tables.fourier_taps` has it."""
    channels, filters = plan.kernel_shape[-2:]
    maps, transforms = plan.maps(x), [0] * len(plan.recipe.irreps)
    for number, row, right in plan.rows(plan.entries(dy)):
        left = columns_of(row, maps, channels)  # (points, columns·C)
        transforms[number] += backend.matmul(ops.transpose(left), right)
    rows = []
    for part, transform in zip(plan.recipe.irreps, transforms, strict=True):
        degree, columns, _ = part.taps.shape
        transform = ops.reshape(transform, (columns, channels, degree, filters))
        transform = ops.transpose(transform, (0, 2, 1, 3))
        rows.append(ops.reshape(transform, (columns * degree, channels * filters)))
    return ops.concatenate(rows, axis=0)
