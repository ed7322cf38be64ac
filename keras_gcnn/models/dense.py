"""Densely connected networks on any group (Veeling et al. 2018)."""

import keras
from keras import layers

from keras_gcnn import arguments
from keras_gcnn.annotations import Config, Group, Integer, Number, Shape
from keras_gcnn.layers import GroupAveragePooling2D, GroupConv2D, LiftingConv2D
from keras_gcnn.models import building

LAST: Config = {"data_format": "channels_last"}


def dense_net(
    group: Group = "p4m",
    input_shape: Shape = (96, 96, 3),
    classes: int = 2,
    growth: Integer = 8,
    blocks: Integer = 5,
    layers_in_block: Integer = 1,
    compression: Number = 1.0,
) -> keras.Model:
    """The densely connected network of Veeling et al. (2018), on any group.

    Every layer of a block is batch normalization, ReLU and a 3×3 convolution. Its output is
    concatenated with its input. Between blocks stand a 1×1 convolution and 2×2 average pooling. At
    the end come batch normalization, ReLU, the mean over space and group, and a linear layer.

    Args:
        group: Name of the point group, or a `PointGroup`.
        input_shape: `(height, width, channels)`. Equivariance is exact where the poolings divide
            the sizes.
        classes: Number of logits.
        growth: Integer, the maps on the group that each layer adds.
        blocks: Integer, the number of blocks.
        layers_in_block: Integer, the number of layers in each.
        compression: By what the 1×1 convolutions multiply the number of channels, at most 1.

    Returns:
        A `keras.Model` from images to logits, `(batch, classes)`.

    Raises:
        ValueError: If an argument is invalid.

    Warns:
        EquivarianceWarning: If a pooling does not divide a size.

    Example:
    >>> keras_gcnn.models.dense_net("p4m", (96, 96, 3), classes=2).output_shape
    (None, 2)

    Reference: Veeling et al. 2018, "Rotation Equivariant CNNs for Digital Pathology"; Huang et al.
        2017. The default numbers of layers and maps are ours.
    """
    group = arguments.group(group, dimension=2)
    growth = arguments.integer(growth, "growth")
    blocks = arguments.integer(blocks, "blocks")
    layers_in_block = arguments.integer(layers_in_block, "layers_in_block")
    compression = arguments.number(compression, "compression")
    if not 0 < compression <= 1:
        raise ValueError(
            "`compression` must be above 0 and at most 1, which keeps all channels. Received: "
            f"compression={compression}."
        )
    classes = arguments.integer(classes, "classes")

    inputs = building.image(input_shape)
    options: Config = {"padding": "same", "use_bias": False, **LAST}
    options["kernel_initializer"] = "he_normal"
    x = LiftingConv2D(2 * growth, 3, group, name="conv1", **options)(inputs)
    for block in range(1, blocks + 1):
        for layer in range(1, layers_in_block + 1):
            name = f"{block}_{layer}"
            y = building.normalize(x, group, name=f"_{name}")
            y = GroupConv2D(growth, 3, name=f"conv_{name}", **options)(y)
            x = layers.Concatenate(name=f"dense_{name}")([x, y])
        if block < blocks:
            x = building.normalize(x, group, name=f"_{block}_transition")
            filters = max(1, round(x.shape[-1] * compression))
            x = GroupConv2D(filters, 1, name=f"transition_{block}", **options)(x)
            x = GroupAveragePooling2D(2, name=f"pool_{block}", **LAST)(x)
    x = building.normalize(x, group, name="_end")
    x = building.mean_over_space_and_group(x, group)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name=f"dense_{group.name}")
