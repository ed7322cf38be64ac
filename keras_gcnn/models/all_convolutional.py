"""All-CNN-C on any group, the paper's first CIFAR-10 network (section 8.2)."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gcnn import arguments
from keras_gcnn.annotations import (
    BlockPadding,
    Downsampling,
    Group,
    Initializer,
    Integer,
    Number,
    Shape,
)
from keras_gcnn.layers.base_block import own_initializer
from keras_gcnn.models import building

# The paper's widths: about 96 and 192 divided by √|H|, for 1.2 to 1.4 M weights each.
WIDTHS = {"p1": (96, 192), "p4": (48, 96), "p4m": (32, 64)}


def all_cnn(
    group: Group = "z2",
    input_shape: Shape = (32, 32, 3),
    classes: Integer = 10,
    widths: Sequence[Integer] | None = None,
    downsampling: Downsampling = "stride",
    dropout: Sequence[Number] = (0.2, 0.5),
    kernel_initializer: Initializer = "glorot_uniform",
    padding: BlockPadding = "same",
) -> keras.Model:
    """All-CNN-C with batch normalization, on Z², p4, p4m or another group.

    Nine convolutions, each followed by batch normalization and ReLU: 3×3 with w, w, w/stride 2, 2w,
    2w, 2w/stride 2 and 2w maps, then 1×1 with 2w and `classes`; dropout 0.2 on the input and 0.5
    after each stride; the mean over space and group at the end.

    Args:
        group: Name of the point group, or a `PointGroup`.
        input_shape: `(height, width, channels)`.
        classes: Number of logits.
        widths: Two integers, w and 2w. `None`: those of the paper, (96, 192) on Z², (48, 96) on p4
            and (32, 64) on p4m, and (96, 192) / √|H| on other groups.
        downsampling: `"stride"`, as published: strides of 2, which on even sizes are not exactly
            equivariant, so that an `EquivarianceWarning` is issued. `"pooling"`: stride 1 followed
            by 2×2 average pooling, which is.
        dropout: Rates on the input and after each stride.
        kernel_initializer: Of all convolutions. The original experiments drew from a normal
            distribution of deviation 0.05 on Z², and 0.035 on p4 and p4m.
        padding: `"same"`, or `"centered"`, as in the original experiments: windows of a stride are
            centred on the first pixel, and not on the second.

    Returns:
        A `keras.Model` from images to logits, `(batch, classes)`, with 1.37 M, 1.37 M and 1.22 M
        weights on Z², p4 and p4m.

    Raises:
        ValueError: If an argument is invalid.

    Reference: Cohen & Welling 2016, section 8.2 and table 2; Springenberg et al. 2015.
    """
    group = arguments.group(group, dimension=2)
    default = WIDTHS.get(group.name) or building.scaled(WIDTHS["p1"], group)
    narrow, wide = arguments.integers(default if widths is None else widths, "widths", 2)
    classes = arguments.integer(classes, "classes")
    dropout = arguments.numbers(dropout, 2, "dropout")
    inputs = building.image(input_shape)
    x = layers.Dropout(dropout[0], name="dropout0")(inputs)
    plan = [(narrow, 3), (narrow, 3), (narrow, 3), (wide, 3), (wide, 3), (wide, 3), (wide, 3)]
    for i, (filters, kernel_size) in enumerate([*plan, (wide, 1), (classes, 1)], start=1):
        stride = 2 if i in (3, 6) else 1
        x = building.convolve(
            x,
            filters,
            kernel_size,
            group,
            stride=stride,
            downsampling=downsampling,
            padding=padding,
            kernel_initializer=own_initializer(kernel_initializer, i - 1),
            name=f"conv{i}",
        )
        x = building.normalize(x, group, name=str(i))
        if stride == 2:
            x = layers.Dropout(dropout[1], name=f"dropout{i}")(x)
    logits = building.mean_over_space_and_group(x, group)
    return keras.Model(inputs, logits, name=f"all_cnn_{group.name}")
