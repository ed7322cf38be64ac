"""Residual networks on any group, the paper's second CIFAR-10 network (section 8.2)."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_gcnn import arguments
from keras_gcnn.annotations import Downsampling, Group, Integer, Shape
from keras_gcnn.layers import ResidualBlock2D
from keras_gcnn.models import building

# The paper's widths.
WIDTHS = {
    (44, "p1"): (32, 64, 128),
    (44, "p4m"): (11, 23, 45),
    (26, "p1"): (71, 142, 284),
    (26, "p4m"): (25, 50, 100),
}


def resnet(
    group: Group = "z2",
    depth: Integer = 44,
    input_shape: Shape = (32, 32, 3),
    classes: int = 10,
    widths: Sequence[Integer] | None = None,
    downsampling: Downsampling = "stride",
    invariant: bool = True,
) -> keras.Model:
    """A pre-activation residual network of 6n + 2 layers in three stages of n blocks.

    The second and third stage begin with a stride of 2. Where the width changes, the shortcut is a
    1×1 convolution with that stride. At the end batch normalization, ReLU, the mean over space and
    group, and a linear layer.

    Args:
        group: Name of the point group, or a `PointGroup`.
        depth: 6n + 2, such as 26 or 44.
        input_shape: `(height, width, channels)`.
        classes: Number of logits.
        widths: Three integers, the maps on the group in each stage. `None`: those of the paper for
            depths 44 and 26 on Z² and p4m; elsewhere its Z² widths at depth 44, divided by √|H|.
        downsampling: `"stride"`, as published: strides of 2, which on even sizes are not exactly
            equivariant, so that an `EquivarianceWarning` is issued. `"pooling"`: stride 1 followed
            by 2×2 average pooling, which is.
        invariant: Whether the mean is taken over the group too, so that logits are invariant with
            `downsampling="pooling"`. `False`, as in the original experiments: the linear layer
            combines all |H|·C planes, and has 2,622,878 trainable weights on p4m at depth 44,
            7,173,110 at depth 26.

    Returns:
        A `keras.Model` from images to logits, `(batch, classes)`, with 2.64 M weights on Z² and
        2.62 M on p4m at depth 44; 7.24 M and 7.17 M at depth 26.

    Raises:
        ValueError: If the depth is not 6n + 2, or another argument is invalid.

    Reference: Cohen & Welling 2016, section 8.2 and table 2; He et al. 2016.
    """
    group = arguments.group(group, dimension=2)
    depth = arguments.integer(depth, "depth")
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise ValueError(
            "`depth` must be 6n + 2 with n of at least 1, such as 26 or 44. Received: "
            f"depth={depth}."
        )
    default = WIDTHS.get((depth, group.name)) or building.scaled(WIDTHS[44, "p1"], group)
    widths = arguments.integers(default if widths is None else widths, "widths", 3)
    classes = arguments.integer(classes, "classes")
    invariant = arguments.boolean(invariant, "invariant")

    inputs = building.image(input_shape)
    x = building.convolve(inputs, widths[0], 3, group, kernel_initializer="he_normal", name="conv1")
    for stage, filters in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = ResidualBlock2D(
                filters,
                group=group,
                strides=stride,
                downsampling=downsampling,
                data_format="channels_last",
                name=f"block_{stage + 1}_{block + 1}",
            )(x)
    x = building.normalize(x, group, name="_end")
    mean = building.mean_over_space_and_group if invariant else building.mean_over_space
    x = mean(x, group)
    logits = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, logits, name=f"resnet{depth}_{group.name}")
