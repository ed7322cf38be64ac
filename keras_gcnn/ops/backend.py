"""Workarounds for backends. Only this module and `policy` ask which backend runs.

Each entry says what is wrong, in which version it was seen, and when it can go. "Keras" is Keras
3.15 with TensorFlow 2.21, JAX 0.10 and PyTorch 2.13. No backend is imported here: Keras has done
so.
"""

import functools
import operator
import sys
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_gcnn import arguments
from keras_gcnn.ops import layout


class Compilation(NamedTuple):
    """What compiles the function that a tensor is in, and for which kind of device.

    Attributes:
        backend: `"tensorflow"`, `"jax"` or `"torch"`.
        compiler: `"xla"`, `"graph"` for TensorFlow by itself, `"torch.compile"`, or `None`.
        device: `"cpu"`, `"gpu"` or another that Keras names.
    """

    backend: str
    compiler: str | None
    device: str | None


def compilation_of(x):
    """The `Compilation` of the function that `x` is traced into."""
    return compilation_by(_compiler_of(x), x)


def compilation_by(compiler, x):
    """The `Compilation` of a function of `x` by this compiler, which may be `None`."""
    if _name() == "torch":  # where Keras lists no devices
        return Compilation("torch", compiler, {"cuda": "gpu"}.get(x.device.type, x.device.type))
    return Compilation(_name(), compiler, keras.distribution.list_devices()[0].split(":")[0])


def is_sharded():
    """Whether `keras.distribution.ModelParallel` may lay a kernel over several devices."""
    return isinstance(keras.distribution.distribution(), keras.distribution.ModelParallel)


def blocks_of_filters(filters, groups):
    """How many blocks of filters stand outside of H in a planar convolution, channels last.

    XLA, in jaxlib 0.10, keeps an axis that is laid over devices where it is only if it stands
    outside of what it is merged with. Otherwise each device gathers whole kernels. It can go when
    XLA keeps such an axis anywhere.
    """
    return filters if is_sharded() else groups


def take_rows(kernel, indices):
    """Gathers rows of a kernel.

    All axes but the last two are flattened, so a row is a (channels, filters) matrix.

    PyTorch 2.13 exports to ONNX only a gather from a matrix: Keras 3.15 calls `ravel` otherwise,
    which has no counterpart there. If channels and filters were merged, a kernel over several
    devices would be gathered whole. It can go when Keras gathers by `index_select`.
    """
    channels, filters = kernel.shape[-2:]
    row = (channels, filters) if is_sharded() else (channels * filters,)
    return ops.take(ops.reshape(kernel, (-1, *row)), indices, axis=0)


def _name():
    return keras.backend.backend()


def _compiler_of(x):
    if _name() == "torch":
        return "torch.compile" if is_traced_by_torch() else None
    if type(x).__name__ == "SymbolicTensor":
        return "xla" if _is_for_xla(x.graph) else "graph"
    return "xla" if type(x).__name__.endswith("Tracer") else None


def compilers():
    """The compilers that matter for speed on this backend; `None` is PyTorch by itself."""
    compilers = {"jax": ["xla"], "tensorflow": ["xla", "graph"], "torch": ["torch.compile", None]}
    return compilers[_name()]


def compilation_in_fit():
    """The `Compilation` of what `fit` and `predict` run by default."""
    compiler = {"jax": "xla", "tensorflow": "graph"}.get(_name())
    return compilation_by(compiler, ops.zeros(()))


def is_traced_by_torch():
    """Whether `torch.compile` is tracing."""
    return _name() == "torch" and sys.modules["torch"].compiler.is_compiling()


def _is_for_xla(graph):
    """Whether a graph of TensorFlow, or one around it, is of a function with jit_compile=True.

    TensorFlow does not tell in public. A version that hides it counts as one without XLA.
    """
    while graph is not None:
        context = getattr(graph, "_get_control_flow_context", lambda: None)()
        if context is not None and context.IsXLAContext():
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


# torch.compile traces NumPy code, and a graph of it can hold one constant tensor per function.
# Seen in PyTorch 2.13. It can go when tables pass through it as they are.


def untraced(function):
    """Marks a function of constants, so that torch.compile calls it once instead of tracing it.

    The mark is what `torch.compiler.assume_constant_result` sets.
    """
    function._dynamo_marked_constant = True
    return function


def constant(table_of):
    """Makes a function that returns an array return a constant tensor of the same dtype."""

    @untraced
    def numbers_of(*arguments):
        table = table_of(*arguments)
        return table.tolist(), table.dtype.name

    @functools.wraps(table_of)
    def call(*arguments):
        if is_traced_by_torch():
            torch = sys.modules["torch"]
            numbers, dtype = numbers_of(*arguments)
            return ops.convert_to_tensor(torch.tensor(numbers, dtype=getattr(torch, dtype)))
        table = table_of(*arguments)
        # With floatx bfloat16, Keras 3.15 makes integers floats on JAX unless their dtype is said.
        dtype = table.dtype.name if table.dtype.kind == "i" else None
        return ops.convert_to_tensor(table, dtype=dtype)

    return call


def matmul(a, b):
    """The matrix product.

    On PyTorch, `ops.matmul` of Keras 3.15 multiplies float64 in float32 (keras#23704). It can go
    when that does not.
    """
    return a @ b


def pad(x, amounts, value=0):
    """One number, zero by default, in front of and behind each axis.

    torch.compile cannot trace `ops.pad` of Keras 3.15, and on TensorFlow it fails under
    `RematScope`, as it passes a keyword (keras#21207). It can go when
    torch.compile traces `ops.pad` and `RematScope` takes keywords.
    """
    if is_traced_by_torch():
        return _padded_by_parts(x, amounts, value)
    try:
        return ops.pad(x, amounts, constant_values=value if value else None)
    except ValueError:
        return _padded_by_parts(x, amounts, value)


def _padded_by_parts(x, amounts, value):
    for axis, around in enumerate(amounts):
        shape = ops.shape(x)
        front, behind = (
            ops.full((*shape[:axis], n, *shape[axis + 1 :]), value, x.dtype) for n in around
        )
        parts = [part for part in (front, x, behind) if part.shape[axis] != 0]
        x = ops.concatenate(parts, axis=axis) if len(parts) > 1 else x
    return x


def larger(n, m):
    """The larger of two sizes: integers, tensors of TensorFlow's graph, or symbols of `jax.export`.

    Python's `max` asks which is larger, and neither of those knows. It can go when they can
    be compared.
    """
    if isinstance(n, int) or _name() == "torch":
        return max(n, m)
    return sys.modules["jax"].core.max_dim(n, m) if _name() == "jax" else ops.maximum(n, m)


def repeat(x, times, axis):
    """Repeats every point along an axis `times` times.

    `ops.repeat` of Keras 3.15 fails on PyTorch's meta device, so that Keras computes a whole model
    to find its shapes. It can go when `ops.repeat` works there.
    """
    shape = list(ops.shape(x))
    repeated = (*shape[: axis + 1], times, *shape[axis + 1 :])
    x = ops.broadcast_to(ops.expand_dims(x, axis + 1), repeated)
    shape[axis] *= times
    return layout.reshape(x, shape)


def resize(x, size, data_format):
    """Planes of another size, by bilinear interpolation.

    On TensorFlow, `ops.image.resize` of Keras 3.15 computes in float32 what is in float64. It can
    go when `tf.image.resize` does not.
    """
    if _name() != "tensorflow" or standard_dtype(x) != "float64":
        return ops.image.resize(x, size, interpolation="bilinear", data_format=data_format)
    for axis, new in enumerate(size, start=1 if data_format == "channels_last" else 2):
        old = x.shape[axis]
        places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        weights = np.maximum(1 - np.abs(places[:, None] - np.arange(old)), 0)
        x = ops.moveaxis(ops.tensordot(weights, x, axes=[[1], [axis]]), 0, axis)
    return x


def maximum(x, axis, keepdims=False):
    """The maximum along axes.

    torch.compile cannot trace `ops.max` of Keras 3.15, which asks its result for `values`. It can
    go when it can.
    """
    return ops.amax(x, axis=axis, keepdims=keepdims)


def with_gradient(function, gradient, *arguments):
    """`function(*arguments)` with the derivative `gradient(upstream, *arguments)`.

    Keras 3.15 calls the gradient of `ops.custom_gradient` as `gradient(upstream)` on TensorFlow and
    JAX, and as `gradient(*saved, upstream=upstream)` on PyTorch (keras#19302). It can go when that
    is one way. PyTorch's autocast does not reach it, so that PyTorch derives the function there.
    """
    if _name() == "torch" and _is_under_autocast(arguments[0].device.type):
        return function(*arguments)

    def differentiable(*arguments):
        def call(*saved, upstream=None):
            if upstream is None:
                return gradient(saved[0], *arguments)
            return gradient(upstream, *saved)

        return function(*arguments), call

    if _name() == "tensorflow":  # in a recomputed function it takes no variables
        arguments = map(_read, arguments)
    return ops.custom_gradient(differentiable)(*arguments)


def _is_under_autocast(device):
    """Whether `torch.autocast` chooses dtypes on a device. It does not know the device "meta"."""
    return device != "meta" and sys.modules["torch"].is_autocast_enabled(device)


def by_parts(function, images, tensors, total):
    """Calls a function for `images` images of a batch at a time, and adds up what it finds.

    Keras 3.15 wants the results of `ops.scan` to be shaped as what is added up on TensorFlow. Its
    `ops.map` traces the function twice there, and then works on ten parts at a time. This can go
    when `ops.scan` takes results of any shape.

    Args:
        function: Takes one part of each tensor, and returns results `(images, …)` and what is added
            up.
        images: How many. The last part may have zeros in place of images.
        tensors: Each `(batch, …)`, of one dtype, which the results have too.
        total: Zeros of the shape and dtype of what is added up.

    Returns:
        The results `(batch, …)`, and the total.
    """
    batch = tensors[0].shape[0]
    if missing := -batch % images:
        tensors = [pad(x, [(0, missing), *[(0, 0)] * (len(x.shape) - 1)]) for x in tensors]
    parts = [ops.reshape(x, (-1, images, *x.shape[1:])) for x in tensors]

    def add(total, part):
        results, term = function(*part)
        return total + ops.cast(term, total.dtype), results

    scan = _tensorflow_scan if _name() == "tensorflow" else ops.scan
    total, results = scan(add, total, parts)
    return ops.reshape(results, (-1, *results.shape[2:]))[:batch], total


def _tensorflow_scan(function, total, parts):
    tensorflow, number = sys.modules["tensorflow"], parts[0].shape[0]

    def step(i, total, results):
        total, result = function(total, [x[i] for x in parts])
        shape[:] = result.shape
        return i + 1, total, results.write(i, result)

    shape, results = [], tensorflow.TensorArray(parts[0].dtype, number)
    loop = 0, total, results
    _, total, results = tensorflow.while_loop(
        lambda i, *_: i < number, step, loop, parallel_iterations=1
    )
    results = results.stack()
    return total, ops.reshape(results, (number, *shape))


def in_tf_data(function, inputs):
    """`function(inputs)`, also where a `tf.data` pipeline calls it on JAX or PyTorch.

    There the inputs are TensorFlow's. Keras 3.15 exports no base for layers that run there. It can
    go when Keras does.

    Args:
        function: Takes and returns a nested structure of tensors, of the same shapes and dtypes.
        inputs: The structure.
    """
    flat, tensorflow = keras.tree.flatten(inputs), sys.modules.get("tensorflow")
    is_foreign = _name() != "tensorflow" and tensorflow and any(map(tensorflow.is_tensor, flat))
    if not is_foreign:
        return function(inputs)

    def call(*arrays):
        outputs = function(keras.tree.pack_sequence_as(inputs, arrays))
        outputs = map(ops.convert_to_numpy, keras.tree.flatten(outputs))
        return [y.astype(x.dtype.as_numpy_dtype) for x, y in zip(flat, outputs, strict=True)]

    outputs = tensorflow.numpy_function(call, flat, [x.dtype for x in flat])
    for x, y in zip(flat, outputs, strict=True):
        y.set_shape(x.shape)
    return keras.tree.pack_sequence_as(inputs, outputs)


def traced_once(function, is_inlined, plan, *arguments):
    """`function(plan, *arguments)` as a function of TensorFlow that calls of the same shapes share.

    TensorFlow 2.21 traces a Python function again wherever it is called. It can go when Keras or
    TensorFlow traces equal layers once.

    Args:
        function: A function of a plan and of tensors.
        is_inlined: Whether TensorFlow copies the function to wherever it is called, as exporters
            want it. It then optimizes each copy by itself.
        plan: What can be hashed.
        arguments: Tensors or Keras' variables.
    """
    tensors = [_read(of) for of in arguments]
    signature = tuple((known_shape(of), standard_dtype(of)) for of in tensors)
    return _traced(function, is_inlined, plan, signature)(*tensors)


def _read(of):
    """The value of one of Keras' variables, or of a tensor, in a graph of TensorFlow."""
    return ops.reshape(of, ops.shape(of))


@functools.lru_cache(maxsize=256)  # more layers of different shapes than a network has
def _traced(function, is_inlined, plan, signature):
    attributes = {} if is_inlined else {"_noinline": True}
    return sys.modules["tensorflow"].function(
        lambda *of: function(plan, *of), autograph=False, experimental_attributes=attributes
    )


def rematerialized(rematerialize, layer_call, args, kwargs):
    """What `Layer.rematerialized_call` returns, with keywords that rematerialization does not see.

    In Keras 3.15, `RematScope` makes tracers of keywords such as `training` on JAX, and fails on
    keywords on TensorFlow (keras#21207). It can go when it takes keywords as they are.
    """
    call = rematerialize(functools.partial(layer_call, **kwargs), *args)
    return lambda *args, **_: call(*args)


def add_bias(y, bias, data_format):
    """Adds a vector along the channels of a map.

    On TensorFlow, `ops.add(y, bias)` of Keras 3.15 takes any bias that fits the last axis for a
    channels_last one. It can go when that asks for the data format.
    """
    if data_format == "channels_last":
        return ops.add(y, bias)
    return ops.add(ops.reshape(bias, (-1, *(1,) * (len(y.shape) - 2))), y)


def conv_with_a_row_of_zeros(x, kernel, strides, dilation_rate):
    """A convolution of planes, channels last, with one row of zeros after them.

    XLA on a CPU, in jaxlib 0.10, takes up to five times as long for a convolution without padding
    as for one with any. Keras 3.15 asks JAX for "valid" or "same" and for nothing between. It can
    go when XLA takes as long for both.
    """
    lax, axes, padding = sys.modules["jax"].lax, ("NHWC", "HWIO", "NHWC"), ((0, 1), (0, 0))
    return lax.conv_general_dilated(
        x, kernel, strides, padding, rhs_dilation=dilation_rate, dimension_numbers=axes
    )


def takes_plane(x):
    """Whether a map has points. PyTorch 2.13 convolves no other. It can go when PyTorch does."""
    return _name() != "torch" or 0 not in x.shape


def takes_channels_first():
    """Whether channels_first convolutions run on every processor and for every dtype.

    On a CPU, TensorFlow 2.21 has them only with oneDNN, and only in float32 and bfloat16. It
    turns oneDNN on by itself only on some processors. On a GPU its layout optimizer chooses the
    order of axes, so that channels_last costs nothing (keras#20414). It can go when TensorFlow has
    them.
    """
    return _name() != "tensorflow"


def average_pool(x, pool_size, strides, padding, data_format, amounts):
    """`ops.average_pool`, where padded points are left out of the mean.

    On PyTorch, Keras 3.15 repeats the edge where "same" pads unevenly, and counts it. Here zeros
    are padded, by `amounts` in front of and behind each axis, and their share of each window is
    divided away. It can go when the oldest Keras that we support leaves them out (keras#23233).
    """
    if padding == "valid" or _name() != "torch":
        return ops.average_pool(x, pool_size, strides, padding, data_format)
    last, around = data_format == "channels_last", layout.around_space(amounts, data_format)
    size = x.shape[1:-1] if last else x.shape[2:]
    inside = ops.ones((1, *size, 1) if last else (1, 1, *size), dtype=x.dtype)
    total, share = (
        ops.average_pool(ops.pad(values, around), pool_size, strides, "valid", data_format)
        for values in (x, inside)
    )
    return total / share


def tensor(x):
    """A tensor of the backend, or a symbolic one as it is.

    Keras' variables become tensors: as they are, they broke SavedModel exports on JAX and
    `RematScope` in Keras 3.15. That can go when both take variables.
    """
    if isinstance(x, keras.KerasTensor):
        return x
    if ops.is_tensor(x) or isinstance(x, keras.Variable):
        return ops.convert_to_tensor(x)
    try:
        return ops.convert_to_tensor(x)
    except Exception as error:  # of any class, by the backend
        raise ValueError(
            f"A map or a kernel must be a tensor or an array of numbers. Received: {x!r}. {error}"
        ) from None


def map_and_kernel(x, kernel):
    """Both as tensors, the map in the kernel's dtype, which the result then has too.

    Where they differ, convolutions of Keras 3.15 do so on JAX, and fail on TensorFlow and PyTorch.
    It can go when all three promote dtypes.

    Raises:
        ValueError: If one does not hold floating-point numbers.
    """
    x, kernel = tensor(x), tensor(kernel)
    arguments.floating(x, "x")
    arguments.floating(kernel, "kernel")
    return ops.cast(x, kernel.dtype), kernel


def known_shape(x):
    """The shape as a tuple of integers, with `None` for unknown sizes.

    Where PyTorch 2.13 traces, sizes are no integers by themselves, and `int` does not make them so.
    It can go when they are.
    """
    return tuple(n if n is None else operator.index(n) for n in x.shape)


def has_symbols(x):
    """Whether sizes other than that of the batch are symbols, as in an export of JAX or PyTorch."""
    return not all(isinstance(n, int | None) for n in x.shape[1:])


def standard_dtype(x):
    """The dtype of a tensor by its name in Keras.

    Not `keras.backend.result_type`: in Keras 3.15 on JAX, that of float64 and float32 is float32
    (keras#23223). It can go when it is float64.
    """
    return keras.backend.standardize_dtype(x.dtype)
