"""Rotation of images by any angle, between the rotations that a grid has."""

import math

from keras_gcnn import arguments
from keras_gcnn.annotations import DataFormat, Number, Tensor
from keras_gcnn.ops import backend
from keras_gcnn.ops.resampling import resampled
from keras_gcnn.ops.symbolic import operation


@operation
def rotate_image(images: Tensor, degrees: Number, data_format: DataFormat | None = None) -> Tensor:
    """Rotates images about their centre, counter-clockwise, with bilinear interpolation.

        o_c(x) = f_c(R(-degrees)·x)      with points x counted from the centre

    Points outside of the image have the value of its nearest edge. Rotations commute with each
    other, so on square images this is equivariant to p2 and p4. By 90° it is exact. Points are
    computed in float32, also for images in float64.

    Args:
        images: `(batch, height, width, channels)`, or as `data_format` says.
        degrees: The angle.
        data_format: `"channels_last"` or `"channels_first"`; Keras' default for `None`.

    Returns:
        A tensor of the shape of `images`.

    Raises:
        ValueError: If the size is unknown, or an argument is invalid.

    Reference: not in the paper; used by `models.p8cnn`.
    """
    images, degrees = backend.tensor(images), arguments.number(degrees, "degrees")
    arguments.floating(images, "images")
    data_format = arguments.data_format(data_format)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # Rows are counted downwards.
    return resampled(images, ((cos, sin), (-sin, cos)), data_format, fill_mode="nearest")
