"""The three networks of the paper's rotated-MNIST experiment (section 8.1), and P8CNN."""

import keras
from keras import layers

from keras_gcnn import arguments
from keras_gcnn.annotations import Initializer, Integer, Shape
from keras_gcnn.layers import CosetPooling2D, GroupMaxPooling2D, RotatedImage
from keras_gcnn.layers.base_block import own_initializer
from keras_gcnn.models import building


def z2cnn(
    input_shape: Shape = (28, 28, 1),
    classes: Integer = 10,
    kernel_initializer: Initializer = "glorot_uniform",
) -> keras.Model:
    """Z2CNN, the planar baseline: 20 channels, dropout 0.3 after layers 1, 3, 4, 5 and 6.

    Args:
        input_shape: `(height, width, channels)`; at least 28×28 fits, and sizes may be `None`.
        classes: Number of logits.
        kernel_initializer: Of all convolutions. The original experiments drew from a normal
            distribution of variance 1 / fan-in.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to logits `(batch, classes)`.
        Its convolution kernels hold 21,380 weights for the default arguments.

    Raises:
        ValueError: If an argument is invalid, or the image is too small for the convolutions.

    Reference: Cohen & Welling 2016, section 8.1, figure 5; table 1 gives 5.03 % test error.
    """
    return _seven_convolutions(
        "z2cnn", input_shape, classes, kernel_initializer, group="z2", channels=20, dropout=0.3
    )


def p4cnn(
    input_shape: Shape = (28, 28, 1),
    classes: Integer = 10,
    kernel_initializer: Initializer = "glorot_uniform",
) -> keras.Model:
    """P4CNN: the same network with every convolution on p4, and 10 channels on the group.

    Args:
        input_shape: `(height, width, channels)`; at least 28×28 fits, and sizes may be `None`.
        classes: Number of logits.
        kernel_initializer: Of all convolutions. The original experiments drew from a normal
            distribution of variance 1 / fan-in.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to logits `(batch, classes)`
        that do not change when the image is turned by 90°. Its convolution kernels hold 24,490
        weights for the default arguments.

    Raises:
        ValueError: If an argument is invalid, or the image is too small for the convolutions.

    Warns:
        EquivarianceWarning: If the pooling leaves a row over.

    Reference: Cohen & Welling 2016, section 8.1; table 1 gives 2.28 % test error.
    """
    return _seven_convolutions(
        "p4cnn", input_shape, classes, kernel_initializer, group="p4", channels=10
    )


def p8cnn(input_shape: Shape = (28, 28, 1), classes: Integer = 10) -> keras.Model:
    """P8CNN, our own network: one P4CNN sees the image and the image turned by 45°.

        logits(image) = ½ (P4CNN(image) + P4CNN(turned by 45°))

    It has the weights of P4CNN and twice its cost. Its logits do not change when the image is
    turned by 90°, and hardly change when it is turned by 45°. Only the image is interpolated.

    Args:
        input_shape: `(size, size, channels)`, known.
        classes: Number of logits.

    Returns:
        A `keras.Model` from images `(batch, size, size, channels)` to logits `(batch, classes)`.

    Raises:
        ValueError: If an argument is invalid, the size is unknown, or the image is too small for
            the convolutions.

    Warns:
        EquivarianceWarning: If the pooling leaves a row over.

    Reference: not in the paper; `reproductions/results` compares it with P4CNN.
    """
    network = p4cnn(input_shape, classes)
    inputs = building.image(input_shape)
    turned = RotatedImage(45, data_format="channels_last", name="turned")(inputs)
    logits = layers.Average(name="logits")([network(inputs), network(turned)])
    return keras.Model(inputs, logits, name="p8cnn")


def p4cnn_rotation_pooling(
    input_shape: Shape = (28, 28, 1),
    classes: Integer = 10,
    kernel_initializer: Initializer = "glorot_uniform",
) -> keras.Model:
    """P4CNNRotationPooling: every layer lifts to p4 and pools over the rotations at once.

    Args:
        input_shape: `(height, width, channels)`; at least 28×28 fits, and sizes may be `None`.
        classes: Number of logits.
        kernel_initializer: Of all convolutions. The original experiments drew from a normal
            distribution of variance 1 / fan-in.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to logits `(batch, classes)`
        that do not change when the image is turned by 90°. Its convolution kernels hold 21,380
        weights for the default arguments.

    Raises:
        ValueError: If an argument is invalid, or the image is too small for the convolutions.

    Warns:
        EquivarianceWarning: If the pooling leaves a row over.

    Reference: Cohen & Welling 2016, section 8.1; table 1 gives 3.21 % test error.
    """
    return _seven_convolutions(
        "p4cnn_rotation_pooling",
        input_shape,
        classes,
        kernel_initializer,
        group="p4",
        channels=20,
        pool_rotations_at_every_layer=True,
    )


def _seven_convolutions(
    name,
    input_shape,
    classes,
    kernel_initializer,
    group,
    channels,
    dropout=0.0,
    pool_rotations_at_every_layer=False,
):
    """Six 3×3 convolutions and one 4×4, all valid, and the maximum over H and space at the end."""

    def pool_rotations(x, name):
        return CosetPooling2D(group, data_format="channels_last", name=name)(x)

    group = arguments.group(group, dimension=2)
    classes = arguments.integer(classes, "classes")
    inputs = x = building.image(input_shape)
    for i in range(1, 7):
        own = own_initializer(kernel_initializer, i - 1)
        x = building.convolve(
            x, channels, 3, group, padding="valid", kernel_initializer=own, name=f"conv{i}"
        )
        x = building.normalize(x, group, name=str(i))
        if pool_rotations_at_every_layer:
            x = pool_rotations(x, name=f"rotation_pool{i}")
        if i == 2:
            x = _pool_space(x, group)
        elif dropout:
            x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    own = own_initializer(kernel_initializer, 6)
    x = building.convolve(
        x, classes, 4, group, padding="valid", kernel_initializer=own, name="conv7"
    )
    x = pool_rotations(x, name="rotation_pool7")
    logits = layers.GlobalMaxPooling2D(data_format="channels_last", name="logits")(x)
    return keras.Model(inputs, logits, name=name)


def _pool_space(x, group):
    if building.is_on_group(x, group):
        return GroupMaxPooling2D(2, data_format="channels_last", group=group, name="pool")(x)
    return layers.MaxPooling2D(2, data_format="channels_last", name="pool")(x)
