"""Checks and normalizes every argument once.

An invalid one raises an error that says how to fix it. Layers and `kg.ops` use the same checks, so
they accept the same values and raise the same errors.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_gcnn import groups as point_groups
from keras_gcnn.annotations import DataFormat, Group, MapLattice, Size
from keras_gcnn.groups import HEXAGONAL, Lattice, PointGroup, Sampling, Space, TransposedSampling
from keras_gcnn.groups.checks import LARGEST_INTEGER, is_sequence
from keras_gcnn.groups.checks import boolean as boolean
from keras_gcnn.groups.checks import integer as integer
from keras_gcnn.groups.checks import integers as integers
from keras_gcnn.groups.checks import is_a as is_a
from keras_gcnn.groups.lattice import CUBIC, LINE, SQUARE
from keras_gcnn.groups.sampling import PADDINGS

POOLING_PADDINGS = PADDINGS[:2]  # nothing is centered
DATA_FORMATS = ("channels_last", "channels_first")
IMPLEMENTATIONS = ("auto", "direct", "fourier")
REDUCTIONS = ("max", "mean", "sum")
INTERPOLATIONS = ("nearest", "bilinear")
POOLING_REDUCTIONS = ("max", "mean", "blur")
ORTHOGONAL = {1: LINE, 2: SQUARE, 3: CUBIC}


def numbers(value: Any, length: int, name: str) -> tuple[float, ...]:
    """`value` as a tuple of `length` finite floats."""
    if not isinstance(value, (tuple, list)) or len(value) != length:
        raise ValueError(f"`{name}` must be {length} numbers. Received: {name}={value!r}.")
    return tuple(number(v, name) for v in value)


def integer_tuple(value: Any, length: int, name: str, smallest: int = 1) -> tuple[int, ...]:
    """`value`, or `value` for each of `length` axes, as a tuple of integers."""
    is_sequence = isinstance(value, (tuple, list))
    if is_sequence and len(value) != length:
        positive = "positive " if smallest == 1 else ""
        raise ValueError(
            f"`{name}` must be one {positive}integer, or {length} of them, one per axis. "
            f"Received: {name}={value!r}."
        )
    values = value if is_sequence else (value,) * length
    return tuple(integer(v, name, smallest) for v in values)


def amounts(value: Any, length: int, name: str) -> tuple[tuple[int, ...], ...]:
    """`value` as a pair of integers of at least 0 for each axis, in front and behind.

    On one axis the pair may stand by itself, as in Keras' layers for signals.
    """
    is_sequence = isinstance(value, (tuple, list))
    if length == 1 and is_sequence and len(value) == 2:
        value = (value,)
    if is_sequence and len(value) != length:
        raise ValueError(
            f"`{name}` must be one integer, {length} of them, or {length} pairs in front and "
            f"behind. Received: {name}={value!r}."
        )
    pairs = []
    for entry in value if is_sequence else (value,) * length:
        pair = entry if isinstance(entry, (tuple, list)) else (entry, entry)
        if len(pair) != 2:
            raise ValueError(
                f"Each entry of `{name}` must be an integer or a pair, in front and behind. "
                f"Received: {name}={value!r}."
            )
        pairs.append(tuple(integer(n, name, smallest=0) for n in pair))
    return tuple(pairs)


def leaves_something(size: Any, amounts: Any, name: str) -> None:
    """Raises if amounts, negative where they crop, leave no point of an axis."""
    for n, around in zip(size, amounts, strict=True):
        if n is not None and n + sum(around) < 1:
            raise ValueError(
                f"`{name}` must leave points of every axis. Received: an input of size {size} and "
                f"{name}={tuple(tuple(map(abs, pair)) for pair in amounts)}. Use a larger input or "
                f"a smaller {name}."
            )


def number(value: Any, name: str) -> float:
    """`value` as a finite float."""
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    is_huge = isinstance(value, int) and abs(value) > sys.float_info.max
    if not is_number or isinstance(value, bool) or is_huge or not math.isfinite(value):
        raise ValueError(f"`{name}` must be a finite number. Received: {name}={value!r}.")
    return float(value)


def input_shape(value, rank=None):
    """A shape without its batch axis, as a tuple of integers, with `None` for unknown sizes."""
    is_sequence(value, "input_shape", rank)
    return tuple(None if n is None else integer(n, "input_shape") for n in value)


def flag(value: Any) -> bool:
    """`training` as a boolean. A value known only at run time counts as True."""
    return bool(value) if value is None or isinstance(value, (bool, int, np.bool_)) else True


def positive(value: Any, name: str) -> float:
    """`value` as a finite float above 0."""
    found = number(value, name)
    if found <= 0:
        raise ValueError(f"`{name}` must be above 0. Received: {name}={value!r}.")
    return found


def one_of(value: Any, allowed: Sequence[str], name: str) -> Any:
    """`value` in lower case, which must be among the allowed."""
    standard = value.lower() if isinstance(value, str) else None
    if standard not in allowed:
        raise ValueError(f"`{name}` must be one of {list(allowed)}. Received: {name}={value!r}.")
    return standard


def data_format(value: DataFormat | None) -> DataFormat:
    """A data format; Keras' own default for `None`."""
    if value is None:
        return keras.config.image_data_format()
    return one_of(value, DATA_FORMATS, "data_format")


def group(value: Group, dimension: int | None = None) -> PointGroup:
    """A `PointGroup`, which must act on this dimension and on a lattice that maps can have."""
    found = point_groups.get(value, dimension)
    if not found.has_square_axes and found.lattice != HEXAGONAL:
        raise ValueError(
            "`group` must act on the line, or on a square, cubic or hexagonal lattice. Received: "
            f"{found!r}, which acts on an {found.lattice.name}. Give its matrices in a basis of "
            "equal lengths, at right angles or at 60°."
        )
    return found


def lattice(value: MapLattice, dimension: int) -> Lattice:
    """A `Lattice` that maps of this dimension can have; `None` has axes at right angles."""
    if isinstance(value, Lattice) and value.dimension == dimension:
        return value
    is_hexagonal = isinstance(value, str) and (value, dimension) == ("hexagonal", 2)
    if value is not None and not is_hexagonal:
        raise ValueError(
            f"`lattice` must be None, a Lattice of {dimension} dimensions, or 'hexagonal' for maps "
            f"of two. Received: lattice={value!r} for a map of {dimension}."
        )
    return HEXAGONAL if is_hexagonal else ORTHOGONAL[dimension]


def size_to_move(size):
    """Raises if a map that is moved about its centre has an unknown size."""
    if None in size:
        raise ValueError(
            "A map can only be moved about its centre when its size is known. Received: an input "
            f"of size {tuple(size)}. Set height and width in `keras.Input`."
        )


def known_size(size, lattice):
    """Raises if a hexagonal image has an unknown size, since its points cannot be determined."""
    if lattice.bounds and None in size:
        raise ValueError(
            "An image on the hexagonal lattice must be of a known size. Received: an input of size "
            f"{tuple(size)}. Set height and width in `keras.Input`."
        )


def strides_and_dilation(
    strides: Size, dilation_rate: Size, dimension: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Both as tuples. They cannot both be larger than 1, as in Keras' own convolutions."""
    strides = integer_tuple(strides, dimension, "strides")
    dilation_rate = integer_tuple(dilation_rate, dimension, "dilation_rate")
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(
            "`strides` and `dilation_rate` cannot both be larger than 1. Received: "
            f"strides={strides}, dilation_rate={dilation_rate}. Set one of them to 1."
        )
    return strides, dilation_rate


def sampling(kernel_size, strides, padding, dilation_rate):
    """The `Sampling` of a convolution with a kernel of known size."""
    padding = one_of(padding, PADDINGS, "padding")
    windows = strides_and_dilation(strides, dilation_rate, len(kernel_size))
    return Sampling(kernel_size, windows[0], padding, windows[1])


def transposed_sampling(kernel_size, strides, padding, dilation_rate, output_padding):
    """The `TransposedSampling`, whose output padding must be less than the strides.

    Raises:
        ValueError: If the convolution whose adjoint it is takes no output to such an input.
    """
    padding = one_of(padding, PADDINGS, "padding")
    strides, dilation_rate = strides_and_dilation(strides, dilation_rate, len(kernel_size))
    if output_padding is not None:
        output_padding = integer_tuple(output_padding, len(strides), "output_padding", smallest=0)
    sampling = TransposedSampling(kernel_size, strides, padding, dilation_rate, output_padding)
    too_many = any(p >= s for p, s in zip(output_padding or (), strides, strict=False))
    if too_many or not sampling.fits((None,) * len(strides)):
        raise ValueError(
            "`output_padding` must be less than `strides`, and at least 1 for an even kernel with "
            f"padding='same'. Received: output_padding={output_padding}, strides={strides}, "
            f"kernel_size={kernel_size}, padding={padding!r}. `None` is Keras' default."
        )
    return sampling


def divisible(number, groups, what):
    """Raises if `groups` does not divide a number of channels or filters."""
    if number % groups:
        raise ValueError(
            f"{what} must be a multiple of `groups`. Received: {number} and groups={groups}. "
            "Change one of the two."
        )


def symmetric(value, group, name, is_window=True):
    """Raises if the group does not map a window, or factors for each axis, to itself."""
    lattice = group.lattice
    keeps = lattice.keeps_shape if is_window else lattice.are_alike
    if not keeps(group, value):
        odd = "odd and " if is_window and lattice.bounds else ""
        nearest = lattice.nearest_shape(group, value) if is_window else (max(value),) * len(value)
        others = group.names_of_groups(
            lambda g: (g.lattice.keeps_shape if is_window else g.lattice.are_alike)(g, value)
        )
        raise ValueError(
            f"`{name}` must be {odd}the same along axes that {group.name} exchanges. Received: "
            f"{name}={value}. Use {nearest}, or one of the groups {others}."
        )


def space_of(x, spaces, data_format):
    """The first of these `Space`s that a map is on by its shape.

    Raises:
        ValueError: If it is on none.
    """
    for space in spaces:
        if space.has_shape(x.shape, data_format):
            holds_something(x)
            return space
    raise ValueError(
        f"`x` must be a map {', or '.join(map(_described, spaces))}. Received: "
        f"x.shape={tuple(x.shape)}, data_format={data_format!r}."
    )


def _described(space):
    axis = f" with an H axis of length {space.cosets}" if space.has_axis else ""
    return f"on {space.name}, of rank {space.rank}{axis}"


def space_of_kernel(kernel_shape, group):
    """The `Space` on which a filter of this shape is a function.

    Raises:
        ValueError: If its rank or its H axis is another.
    """
    shape, spaces = tuple(kernel_shape), (Space.lattice(group), Space.whole(group))
    lattice, axes = group.lattice, group.lattice.kernel_rank
    for space in spaces:
        is_on = len(shape) == space.kernel_rank and shape[axes:-2] == space.axis_lengths
        if is_on and 0 not in shape and lattice.kernel_size(shape[:axes]) is not None:
            return space
    taps = "taps" if lattice.bounds else "*kernel_size"
    hexagons = ", with 1, 7, 19 … taps" if lattice.bounds else ""
    raise ValueError(
        f"`kernel` must have shape ({taps}, channels, filters) for a filter on "
        f"{spaces[0].name}, or ({taps}, {group.order}, channels, "
        f"filters) for one on {group.name}{hexagons}. Received: kernel.shape={shape}."
    )


def kernel_size(kernel_shape, group):
    """The sizes of a kernel, along the axes of an array, of a filter of this shape."""
    lattice = group.lattice
    return lattice.kernel_size(tuple(kernel_shape)[: lattice.kernel_rank])


def subset(value, group):
    """A finite subset of the group, as a list of pairs of a point and the index of an element."""
    pairs = value if isinstance(value, (tuple, list)) else ()
    if not pairs or any(not isinstance(u, (tuple, list)) or len(u) != 2 for u in pairs):
        raise ValueError(
            "`subset` must be a list of pairs (t, r), a point and the index of an element, such as "
            f"{[((0,) * group.dimension, 0)]}. Received: subset={value!r}."
        )
    return [
        (
            integer_tuple(t, group.dimension, "subset", smallest=-LARGEST_INTEGER),
            integer(r, "subset", smallest=0, largest=group.order - 1),
        )
        for t, r in pairs
    ]


def elements(value, group, batch):
    """Indices of elements, one for each image of a batch; those in a tensor are not looked at."""
    is_tensor = keras.ops.is_tensor(value)
    if is_tensor:
        is_vector = len(value.shape) == 1 and "int" in keras.backend.standardize_dtype(value.dtype)
    else:
        is_vector = isinstance(value, (tuple, list, np.ndarray)) and np.ndim(value) == 1
    sizes = (value.shape[0] if is_tensor else len(value), batch) if is_vector else ()
    if not is_vector or (all(isinstance(n, int) for n in sizes) and sizes[0] != sizes[1]):
        raise ValueError(
            "`elements` must be integers, one for each image of the batch. Received: "
            f"elements={value!r} for a batch of {batch}."
        )
    if is_tensor:
        return value
    return np.array([integer(h, "elements", 0, group.order - 1) for h in value], "int32")


def floating(x, name):
    """Raises if a tensor holds integers, booleans or complex numbers."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    if "float" not in dtype:
        raise ValueError(
            f"`{name}` must hold floating-point numbers. Received: {name}.dtype={dtype!r}. Convert "
            "it with `keras.ops.cast`."
        )


def dimension_of_map(x):
    """The dimension of a map with an axis of H, by its rank."""
    dimension = len(x.shape) - 3
    if dimension not in (1, 2, 3):
        raise ValueError(
            "`x` must be a feature map (batch, *space, |H|, channels), of rank 4, 5 or 6. "
            f"Received: x.shape={tuple(x.shape)}."
        )
    holds_something(x)
    return dimension


def holds_something(x):
    """Raises if a map has an axis of length 0. The batch may be empty."""
    if 0 in tuple(x.shape)[1:]:
        raise ValueError(
            "`x` must have points, channels and elements of H. Received: "
            f"x.shape={tuple(x.shape)}, which has an axis of length 0."
        )


def size_of(x, dimension, data_format):
    """The sizes of space in the shape of a map; `None` where unknown, or a symbol of JAX."""
    shape = tuple(n if isinstance(n, int) else None for n in x.shape)
    return shape[1 : dimension + 1] if data_format == "channels_last" else shape[-dimension:]


def fits(sampling, size, name):
    """Raises if a window is larger than its input."""
    if sampling.padding == "valid" and not sampling.fits(size):
        raise ValueError(
            f"The window must fit into its input. Received: an input of size {size} for "
            f"{name}={sampling.kernel_size}, which spans {sampling.effective_kernel_size}. Use a "
            f"larger input, a smaller {name}, or padding='same'."
        )


def layer(layer_or_model):
    """Raises if it is no layer or model of Keras."""
    if not isinstance(layer_or_model, keras.layers.Layer):
        raise TypeError(
            f"`layer_or_model` must be a Keras layer or model. Received: {layer_or_model!r}."
        )


def functional_model(model, demand):
    """Raises if a model is not built, or has no graph of layers.

    Args:
        model: A `keras.Model`.
        demand: What is asked of it, as a sentence without its full stop.
    """
    is_model = isinstance(model, keras.Model) and model.built
    if not is_model or not getattr(model, "outputs", None):
        raise ValueError(
            f"{demand}. Received: {model!r}. Call it on an image once, or write it as "
            "`keras.Model(inputs, outputs)`."
        )


def images(inputs):
    """The tensors in a nested structure of images; there must be at least one."""
    found = keras.tree.flatten(inputs)
    if not found or not all(hasattr(x, "shape") for x in found):
        raise ValueError(
            f"The input must be images, or a nested structure of them. Received: {inputs!r}."
        )
    return found


def image_size(shape, data_format):
    """Height and width in the shape of a batch of images, which must be known."""
    if len(shape) != 4:
        raise ValueError(f"`images` must be of rank 4. Received: shape={tuple(shape)}.")
    if 0 in shape:
        raise ValueError(
            f"`images` must hold images, with no axis of length 0. Received: shape={tuple(shape)}."
        )
    height, width = shape[1:3] if data_format == "channels_last" else shape[2:4]
    if None in (height, width):
        raise ValueError(
            "The height and width of `images` must be known. Received: "
            f"shape={tuple(shape)}. Set them in `keras.Input`."
        )
    return height, width
