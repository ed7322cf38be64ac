"""RotatedImage: an image between the rotations of its grid."""

from typing import Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import Config, DataFormat, Number, Shape, Tensor
from keras_gcnn.layers.options import LayerOptions


@keras.saving.register_keras_serializable(package="keras_gcnn")
class RotatedImage(keras.layers.Layer):
    """Rotates images about their centre by a fixed angle, with bilinear interpolation.

        o_c(x) = f_c(R(-degrees)·x)      with points x counted from the centre

    Rotations commute, so on square images the layer is equivariant to p2 and p4. A mirror reverses
    the angle, so it is not equivariant to groups with mirrors. It has no weights.

    Args:
        degrees: The angle, counter-clockwise. Points outside have the value of the nearest edge.
        data_format: As in `keras.layers.Conv2D`.

    Input shape, output shape:
        - `"channels_last"`: `(batch, height, width, channels)`
        - `"channels_first"`: `(batch, channels, height, width)`

    Returns:
        The rotated images.

    Raises:
        ValueError: If the input is no image of a known size.

    Example:
    >>> x = np.random.rand(4, 28, 28, 1)
    >>> keras_gcnn.layers.RotatedImage(45)(x).shape
    (4, 28, 28, 1)

    Reference: not in the paper; used by `models.p8cnn`.
    """

    def __init__(
        self, degrees: Number, data_format: DataFormat | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.degrees = arguments.number(degrees, "degrees")
        self.data_format = arguments.data_format(data_format)

    def build(self, input_shape: Shape) -> None:
        self.input_spec = keras.layers.InputSpec(ndim=4)
        arguments.image_size(input_shape, self.data_format)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return group_ops.rotate_image(inputs, self.degrees, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "degrees": self.degrees,
            "data_format": self.data_format,
        }


# Models saved by release 0.1 have the layer by this name.
keras.saving.get_custom_objects()["keras_gcnn>TurnedImage"] = RotatedImage
