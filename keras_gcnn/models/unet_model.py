"""A U-Net on any group, for segmentation."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gcnn import arguments
from keras_gcnn.annotations import Activation, Config, Group, Integer, Number, Shape, Size
from keras_gcnn.layers import (
    CosetPooling2D,
    GroupConv2D,
    GroupMaxPooling2D,
    GroupUpSampling2D,
    LiftingConv2D,
)
from keras_gcnn.layers.dimensions import counterpart
from keras_gcnn.models import building

LAST: Config = {"data_format": "channels_last"}


def unet(
    group: Group = "p4m",
    input_shape: Shape = (64, 64, 1),
    classes: Integer = 1,
    widths: Sequence[Integer] = (16, 32, 64),
    kernel_size: Size = 3,
    dropout: Number = 0.0,
    activation: Activation = None,
) -> keras.Model:
    """A U-Net: a path down, and a path up that is joined with the maps of the path down.

    Each stage has two convolutions with batch normalization and ReLU. The path down pools. On the
    path up points are repeated, a convolution follows, and the maps of the same size are
    concatenated. At the end stand the mean over the group and a 1×1 convolution. The segmentation
    turns with the image at every size that the poolings divide.

    Args:
        group: Name of the point group, or a `PointGroup`. `"z2"` is the plain U-Net; `"p1"` that
            of signals, and `"C1"` that of volumes.
        input_shape: `(length, channels)`, `(height, width, channels)` or `(depth, height, width,
            channels)`. Sizes must be multiples of 2ⁿ, where n is the number of widths minus one.
            They may be `None`.
        classes: Number of maps that go out.
        widths: Integers, the maps on the group in each stage, from the largest size down.
        kernel_size: Integer, of all convolutions but the last.
        dropout: Rate of dropout at the smallest size.
        activation: Of the output, such as `"sigmoid"` or `"softmax"`. `None`: logits.

    Returns:
        A `keras.Model` from images, signals or volumes to maps `(batch, *space, classes)`.

    Raises:
        ValueError: If a size is no multiple, or another argument is invalid.

    Example:
    >>> keras_gcnn.models.unet("p4m", (64, 64, 3), classes=2).output_shape
    (None, 64, 64, 2)
    >>> keras_gcnn.models.unet("O", (16, 32, 32, 1), widths=(4, 8)).output_shape
    (None, 16, 32, 32, 1)

    Reference: Ronneberger et al. 2015; on the group: Cohen & Welling 2016, section 6.
    """
    input_shape = arguments.input_shape(input_shape)
    dimension = len(input_shape) - 1
    group = arguments.group(group, dimension)
    widths = arguments.integers(widths, "widths")
    _check_widths(widths, group)
    classes = arguments.integer(classes, "classes")
    dropout = arguments.number(dropout, "dropout")
    _check_size(input_shape, 2 ** (len(widths) - 1))
    pooling, upsampling, coset_pooling = (
        counterpart(planar, dimension)
        for planar in (GroupMaxPooling2D, GroupUpSampling2D, CosetPooling2D)
    )

    inputs = keras.Input(input_shape, name="image")
    x, skips = inputs, []
    for stage, filters in enumerate(widths):
        if stage:
            skips.append(x)
            x = pooling(2, name=f"pool{stage}", **LAST)(x)
        x = _two_convolutions(x, filters, kernel_size, group, f"down{stage}")
    x = layers.Dropout(dropout, name="dropout")(x)
    for stage in reversed(range(len(widths) - 1)):
        x = upsampling(2, name=f"up{stage}_larger", **LAST)(x)
        x = layers.Concatenate(name=f"up{stage}_skip")([x, skips[stage]])
        x = _two_convolutions(x, widths[stage], kernel_size, group, f"up{stage}")
    x = coset_pooling(reduction="mean", name="group_mean", **LAST)(x)
    to_classes = getattr(layers, f"Conv{dimension}D")
    outputs = to_classes(classes, 1, activation=activation, name="maps", **LAST)(x)
    return keras.Model(inputs, outputs, name=f"unet_{group.name}")


def _two_convolutions(x, filters, kernel_size, group, name):
    for part in ("a", "b"):
        kind = GroupConv2D if building.is_on_group(x, group) else LiftingConv2D
        convolution = counterpart(kind, group.dimension)(
            filters,
            kernel_size,
            group=group,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv_{part}",
            **LAST,
        )
        x = building.normalize(convolution(x), group, name=f"_{name}_{part}")
    return x


def _check_widths(widths, group):
    if not widths:
        raise ValueError("`widths` must have one integer or more. Received: widths=().")
    if group.lattice.bounds and len(widths) > 1:
        raise ValueError(
            "`widths` must be one integer for a group of the hexagonal lattice, on which points "
            f"cannot be repeated: {widths[:1]}. Received: widths={widths}, group={group.name!r}."
        )


def _check_size(input_shape, multiple):
    if any(n is not None and n % multiple for n in input_shape[:-1]):
        raise ValueError(
            f"Sizes in `input_shape` must be multiples of {multiple}, for the poolings. "
            f"Received: input_shape={tuple(input_shape)}. Pad or crop the images, or use fewer "
            "`widths`."
        )
