"""Every rule of the kind "faster here", with the command that measured it.

A rule is a function of a `backend.Compilation` and of shapes. Tests and benchmarks replace a rule
by its public name to switch it off. `conv/cost_model.py` holds one more, which is fitted.
"""

import math

import keras

from keras_gcnn.ops.backend import Compilation, is_sharded

JAX_ON_A_CPU = Compilation("jax", "xla", "cpu")
WIDE = "float32", "float64"
# From this many input and output channels, a convolution of volumes by rows was faster.
FEWEST_CHANNELS_BY_ROWS = 40
# With fewer channels, sums are many small operations.
FEWEST_CHANNELS_APART = 16
# So many additions for each channel torch.compile compiles in two minutes.
MOST_SUMS_COMPILED = 500
# Numbers of f̂ by what compiles: 10 MB in float32, which a cache holds, or 40 MB.
LARGEST_TRANSFORMS = {"xla": 2.5e6, "graph": 1e7, None: 1e7}
# For kernels whose values are set at once. On JAX, random ones take up to a second to compile:
# `python -m timeit -n 1 -r 1 "import keras_gcnn as kg; kg.to_planar(kg.models.p4cnn())"`
INITIALIZER_OF_KNOWN_KERNELS = "zeros"


def pads_planes(compilation, kernel_shape, training):
    """Whether a convolution of planes without padding is trained with a row of zeros.

    With XLA on a CPU under JAX, networks of such convolutions then take 0.5 to 0.65 of the time in
    training. In inference XLA computes convolutions, what is between them and a pooling as one, and
    the row prevents that: P4CNN took twice as long with it.
    `tox -e bench-jax -- -k "test_network and P4CNN"`
    """
    is_plane = len(kernel_shape) == 4
    return training and is_plane and compilation == JAX_ON_A_CPU


def convolves_by_rows(compilation, kernel_shape, dtype):
    """Whether a convolution of volumes is computed as a sum over the rows of its kernel.

    With XLA on a CPU under JAX it takes 0.3 to 1.1 of the time of `ops.conv`, and the least with
    many channels. In half precision each row would be rounded by itself.
    `tox -e bench-jax -- -k "test_same_maps and direct and 3x3x3"`
    """
    is_wide = min(kernel_shape[-2:]) >= FEWEST_CHANNELS_BY_ROWS and dtype in WIDE
    return compilation == JAX_ON_A_CPU and len(kernel_shape) == 5 and is_wide


def multiplies_points(compilation, kernel_shape):
    """Whether a convolution of a single tap is a matrix product.

    With XLA on a CPU under JAX its gradients then take 0.3 to 0.6 of the time of those of
    `ops.conv`. `tox -e bench-jax -- -k "test_same_maps and direct and 1x1"`
    """
    return compilation == JAX_ON_A_CPU and max(kernel_shape[:-2]) == 1


def multiplies_whole_maps(x_shape, kernel_shape):
    """Whether a convolution is one matrix product, where the kernel is as large as the map.

    On every backend. `tox -e bench-jax -- -k "test_same_maps and p4-4x4"`
    """
    return tuple(x_shape[1:-1]) == tuple(kernel_shape[:-2])


def has_own_bank_gradient(compilation):
    """Whether the gradient of a filter bank is a gather and a sum.

    Derived by PyTorch it is a scatter, of which torch.compile makes a loop of atomic additions.
    `tox -e bench-torch -- -k "test_same_maps and direct and training_step"`
    """
    return compilation.compiler == "torch.compile"


def joins_sums(compiler):
    """Whether a compiler fuses sums, so that only results are written to memory.

    Elsewhere each addition is written. `keras_gcnn.tune` then goes by their number too. The size of
    f̂ does not tell volumes from planes: it is the same on O with 16 channels as on p4m with 48,
    and on O eager PyTorch took twice as long for a training step by Fourier as directly.
    `KERAS_BACKEND=torch python -m keras_gcnn.tune`
    """
    return compiler in ("xla", "torch.compile")


def transforms_channels(compilation, channels):
    """Whether the Fourier implementation may be chosen for an input of `channels` channels.

    Where no compiler joins sums, sums of few channels are many small operations. On Oh with 8
    channels it took 1.8 to 2.6 times as long as Conv3D in eager PyTorch and 1.1 to 1.6 in
    TensorFlow's graph, with 16 it took 0.4 to 0.7.
    `tox -e bench-torch -- -k "test_same_maps_not_compiled and Oh"`
    """
    return joins_sums(compilation.compiler) or channels >= FEWEST_CHANNELS_APART


def compiles_sums(compiler, additions):
    """Whether the Fourier implementation may be chosen where it has so many sums.

    torch.compile took 27 s for a layer of 148 additions (p4m, 3×3), 90 s for 452 (p4m, 5×5), 119 s
    for 500 (C4h, 3×3×3) and 141 s for 1,112 (D4h), and was not done with 4,629 (Oh) after nine
    minutes. A direct layer took 6 s.
    `tox -e bench-torch -- -k "test_same_maps and 3x3x3 and forward"`
    """
    return compiler != "torch.compile" or additions <= MOST_SUMS_COMPILED


def transforms_single_taps(compilation):
    """Whether the Fourier implementation may be chosen for kernels of one tap.

    In eager PyTorch it took 0.7 to 2.1 of the direct one there: its operations are many and small.
    `KERAS_BACKEND=torch python -m keras_gcnn.tune`
    """
    return compilation[:2] != ("torch", None)


def views_maps(compilation):
    """Whether a convolution or pooling of Keras is given a channels_first view of its map.

    On PyTorch, Keras 3.15 copies a channels_last map before one, twice for a convolution. PyTorch
    goes by the order in memory and needs no copy. P4CNN took 0.6 of the time forward, 0.7 in a
    training step. `tox -e bench-torch -- -k "test_network_with_defaults and P4CNN"`
    """
    return compilation.backend == "torch"


def convolves_products(compilation, dtype):
    """Whether the matrix products of the Fourier implementation are convolutions of one tap.

    On an AMD processor the matrix products of PyTorch 2.13 run at 0.4 of the speed of its
    convolutions. A layer of 64 filters took 0.7 of the time forward, 0.8 in a training step.
    `tox -e bench-torch -- -k "test_same_maps_not_compiled and fourier"`
    """
    return compilation == ("torch", None, "cpu") and dtype == "float32"


def trains_strides(compilation):
    """Whether the Fourier implementation may be chosen for the training of strided convolutions.

    XLA is slow to derive strided convolutions. On JAX a training step of All-CNN took 0.7 of the
    time, and its strided layers 0.25. By TensorFlow's graph such layers took 1.3 to 2.2 times as
    long as direct ones, by PyTorch 0.9 to 1.6.
    `KERAS_BACKEND=jax python -m benchmarks.equal_parameters all_cnn`
    """
    return compilation.compiler == "xla"


def multiplies_channels(compilation):
    """Whether a depthwise correlation that is trained is a matrix product for each channel.

    XLA's gradients of a convolution in many blocks take 26 times as long as those of Keras'
    DepthwiseConv2D of as many maps. TensorFlow hands such convolutions to XLA, compiled or not.
    `tox -e bench-jax -- -k "test_same_maps_of_others and depthwise"`
    """
    return compilation.backend in ("jax", "tensorflow")


def draws_flat(initializer):
    """Whether a kernel is drawn with all its axes but channels and filters in one.

    Keras' own initializers then give the same numbers. JAX compiles the drawing of each shape, and
    takes twice as long for five axes, up to 1.7 s for a layer.
    `KERAS_BACKEND=jax python -m benchmarks.equal_parameters small`
    """
    is_of_keras = type(initializer).__module__.startswith("keras.")
    is_array = isinstance(initializer, keras.initializers.Constant)
    return is_of_keras and not is_array and not is_sharded()


def tiles_are_reduced(compilation, size, window):
    """Whether a maximum over windows that tile a map is a maximum over an axis.

    With XLA on a CPU the gradient of a pooling takes 4 to 7 times as long as that of a maximum.
    `tox -e bench-jax -- -k "test_network and P4CNN"`
    """
    tiles = all(n is not None and n % w == 0 for n, w in zip(size, window, strict=True))
    return compilation[1:] == ("xla", "cpu") and tiles


def merges_channels(compilation):
    """Whether biases are added and batches normalized on |H|·C channels.

    Loops are slow where C is small or no multiple of a vector register. On JAX merged biases took
    P4CNN forward from 1.2 to 0.7 times the planar network, and merged normalization a training step
    from 0.6 to 0.5. In TensorFlow's graph both took it from 1.15 to 0.9, and from 1.2 to 1.0 in
    training. On PyTorch they made no difference. Where C lies over devices, each would gather whole
    maps. `tox -e bench-tensorflow -- -k "test_network_with_defaults and P4CNN"`
    """
    return compilation.backend in ("jax", "tensorflow") and not is_sharded()


def widens_bfloat16(compilation):
    """Whether the Fourier implementation computes in float32 what is given in bfloat16.

    With XLA on a CPU its sums and products took 3 times as long in bfloat16 as in float32.
    `tox -e bench-jax -- -k "test_half_precision and fourier"`
    """
    return compilation[1:] == ("xla", "cpu")


def shares_traces(compilation):
    """Whether layers of the same shape are traced once, and in training optimized once.

    TensorFlow takes half a millisecond to trace an operation, and longer to optimize it. The first
    step of ResNet26 on p4m took 31 s in place of 48 where layers shared a trace, and 15 s in place
    of 31 where TensorFlow did not copy it to each layer.
    `KERAS_BACKEND=tensorflow python -m benchmarks.equal_parameters resnet26`
    """
    return compilation.compiler == "graph"


def images_at_once(compilation, batch, numbers):
    """How many images are taken at once, so that their f̂ is no larger than it may be.

    It is a divisor of the batch, unless all are too small. Then the last part has images of zeros.

    glibc gives large buffers back after every call, and the kernel clears them page by page for the
    next. On TensorFlow with XLA a wide layer took twice as long with the whole batch at once.
    `tox -e bench-tensorflow -- -k "test_same_maps and fourier"`

    Small parts make many small operations where no compiler joins them. With parts four times as
    large a training step of All-CNN took 0.82 of the time on PyTorch, and 0.93 on TensorFlow.
    With the whole batch at once it took 1.2 on PyTorch.
    `KERAS_BACKEND=torch python -m benchmarks.equal_parameters`

    It is the whole batch for torch.compile, which would compile each part by itself.

    Args:
        compilation: The `backend.Compilation`.
        batch: The number of images.
        numbers: How many numbers f̂ has for one image.
    """
    largest = LARGEST_TRANSFORMS.get(compilation.compiler)
    if largest is None:
        return batch
    most = max(int(largest // max(numbers, 1)), 1)
    if most >= batch:
        return batch
    divisor = next(n for n in range(most, 0, -1) if batch % n == 0)
    return divisor if 2 * divisor >= most else math.ceil(batch / math.ceil(batch / most))
