"""The gradient of the G-correlation by the Fourier transform."""

import dataclasses
import math
from functools import partial

from keras import ops

from keras_gcnn.ops import backend, tables
from keras_gcnn.ops.conv.filters import adjoint_filter
from keras_gcnn.ops.conv.fourier_transpose import of_strided_input
from keras_gcnn.ops.conv.plan import correlation, product, transform_kernel


def correlation_with_gradient(plan, x, kernel):
    """`plan.correlation`, with a gradient of sums and products of the same kind.

    The gradient that a backend derives adds up a map of zeros for every slice of the input. On JAX
    a function with a gradient of its own has no forward mode, and JAX says so.
    """

    def gradient(dy, x, kernel):
        if max(plan.sampling.strides) > 1:
            return _by_parts(plan, _of_strided_part, kernel, x, dy)
        return _of_dense(plan, dy, x, kernel)

    return backend.with_gradient(lambda *of: correlation(plan, *of), gradient, x, kernel)


def _of_dense(plan, dy, x, kernel):
    """For strides of 1, by the G-correlation of dy, with zeros around it, with the adjoint filter.

    Here `x` is f, and `dy` is the gradient do of o(x, h) = Σ f(y, h′) ψ(h⁻¹(y - x), h⁻¹h′). So

        df(y, h′) = Σ do(x, h) ψ(h⁻¹(y - x), h⁻¹h′) = Σ do(x, h) ψ*(h′⁻¹(x - y), h′⁻¹h)

    The gradient of ψ* is made from do and f as that of ψ is from f and do. So the transform of do
    serves for df and for the gradient.
    """
    *domain, channels, filters = plan.kernel_shape
    reach = [span - 1 for span in plan.sampling.effective_kernel_size]
    pairs = zip(reach, plan.amounts, strict=True)
    amounts = tuple((n - front, n - behind) for n, (front, behind) in pairs)
    shape = (*domain, filters, channels)
    adjoint_plan = dataclasses.replace(plan, kernel_shape=shape, amounts=amounts)
    adjoint = adjoint_filter(kernel, plan.group)
    dx, gradient = _by_parts(adjoint_plan, _of_dense_part, adjoint, dy, x)
    return dx, adjoint_filter(gradient, plan.group)


def _of_dense_part(plan, transformed, x, dy):
    """The G-correlation of x, and dψ̂ from the gradient dy of it."""
    rows = zip(plan.rows_of(x), plan.rows_of_gradient(plan.entries(dy)), strict=True)
    products, gradients = [], [0] * len(transformed.matrices)
    for (number, f), (_, _, do) in rows:
        products.append(product(f, transformed.matrices[number], plan.compilation))
        gradients[number] += backend.matmul(ops.transpose(f), do)
    return plan.output(x, products), _as_table(plan, gradients)


def _of_strided_part(plan, transformed, x, dy):
    """The gradient for x, and dψ̂, from the gradient dy of the G-correlation of x."""
    entries = plan.entries(dy)
    gradients = [0] * len(transformed.matrices)
    for (number, f), (_, _, do) in zip(
        plan.rows_of(x), plan.rows_of_gradient(entries), strict=True
    ):
        gradients[number] += backend.matmul(ops.transpose(f), do)
    dx = of_strided_input(plan, transformed, entries, x.shape[1:-2], dy.shape[1:-2])
    return dx, _as_table(plan, gradients)


def _by_parts(plan, of_part, kernel, x, dy):
    """What `of_part` gives for the images of x and dy, a few at a time, and the gradient of ψ.

    The gradient is a sum over the parts. It is kept in float32, as bfloat16 would round each
    addition.
    """
    transformed, images = transform_kernel(kernel, plan.group), plan.images_at_once(x)
    table = ops.cast(tables.fourier_taps(plan.group, plan.kernel_shape), kernel.dtype)
    of_part = partial(of_part, plan, transformed)
    if images == x.shape[0]:
        maps, gradient = of_part(x, dy)
    else:
        numbers = table.shape[0], math.prod(plan.kernel_shape[-2:])
        is_narrow = backend.standard_dtype(kernel) == "bfloat16"
        zero = ops.zeros(numbers, "float32" if is_narrow else kernel.dtype)
        maps, gradient = backend.by_parts(of_part, images, [x, dy], zero)
        gradient = ops.cast(gradient, kernel.dtype)
    return maps, ops.reshape(backend.matmul(ops.transpose(table), gradient), plan.kernel_shape)


def _as_table(plan, gradients):
    """dψ̂ of all irreps, one below the other, laid out as `tables.fourier_taps` has it."""
    channels, filters = plan.kernel_shape[-2:]
    rows = []
    for part, gradient in zip(plan.recipe.irreps, gradients, strict=True):
        degree, columns, _ = part.taps.shape
        gradient = ops.reshape(gradient, (columns, channels, degree, filters))
        gradient = ops.transpose(gradient, (0, 2, 1, 3))
        rows.append(ops.reshape(gradient, (columns * degree, channels * filters)))
    return ops.concatenate(rows, axis=0)
