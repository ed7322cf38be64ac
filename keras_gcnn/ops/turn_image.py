"""Turns images by any angle, between the rotations that a grid has."""

import math

from keras import ops


def turn_image(images, degrees, data_format="channels_last"):
    """Turns images about their centre, counter-clockwise, bilinearly.

        y[b, p, c] = image[b, R(-degrees)·p, c]      with points p counted from the centre

    Outside of the image its nearest edge is taken. Turns by any angle commute with each other, so
    that of a square image the map is equivariant to p2 and p4, and 90° is exact.

    Args:
        images: `(batch, height, width, channels)`, or as `data_format` says.
        degrees: The angle.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        A tensor of the shape of `images`.

    Raises:
        ValueError: If the size is not known.

    Reference: for the copies that `models.p8cnn` is made of.
    """
    height, width = known_size(images.shape, data_format)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = (width - 1) / 2, (height - 1) / 2
    # Where in the input the point (x, y) of the output comes from, y pointing down.
    transform = [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, 0.0, 0.0]
    transform = ops.convert_to_tensor([transform], dtype="float32")
    return ops.image.affine_transform(
        images,
        ops.tile(transform, (ops.shape(images)[0], 1)),
        interpolation="bilinear",
        fill_mode="nearest",
        data_format=data_format,
    )


def known_size(shape, data_format):
    """Height and width in the shape of a batch of images.

    Raises:
        ValueError: If one of them is not known.
    """
    height, width = shape[1:3] if data_format == "channels_last" else shape[2:4]
    if None in (height, width):
        raise ValueError(
            "An image can only be turned about its centre when its size is known. Received: "
            f"shape={tuple(shape)}. Set height and width in `keras.Input`."
        )
    return height, width
