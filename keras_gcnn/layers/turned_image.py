"""TurnedImage: an image between the rotations that its grid has."""

import keras

from keras_gcnn import ops as group_ops
from keras_gcnn.layers import arguments
from keras_gcnn.ops.turn_image import known_size


@keras.saving.register_keras_serializable(package="keras_gcnn")
class TurnedImage(keras.layers.Layer):
    """Turns images about their centre by a fixed angle, bilinearly.

        y[b, p, c] = image[b, R(-degrees)·p, c]      with points p counted from the centre

    Turns commute, so on square images the layer is equivariant to p2 and p4; it has no weights.
    Mirrors turn the angle round: it is not equivariant to pm, pmm and p4m.

    Args:
        degrees: The angle, counter-clockwise. What comes from outside is the nearest edge.
        data_format: As in `keras.layers.Conv2D`.

    Input shape, output shape:
        - `"channels_last"`: `(batch, height, width, channels)`
        - `"channels_first"`: `(batch, channels, height, width)`

    Returns:
        The turned images.

    Raises:
        ValueError: If the input is no image of a known size.

    Example:
    >>> x = np.random.rand(4, 28, 28, 1)
    >>> keras_gcnn.layers.TurnedImage(45)(x).shape
    (4, 28, 28, 1)

    Reference: for `models.p8cnn`; not in the paper.
    """

    def __init__(self, degrees, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.degrees = float(degrees)
        self.data_format = arguments.data_format(data_format)

    def build(self, input_shape):
        self.input_spec = keras.layers.InputSpec(ndim=4)
        known_size(input_shape, self.data_format)
        self.built = True

    def call(self, inputs):
        return group_ops.turn_image(inputs, self.degrees, self.data_format)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "degrees": self.degrees,
            "data_format": self.data_format,
        }
