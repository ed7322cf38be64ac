"""RandomGroupElement: augmentation by the elements of a group."""

from typing import Any, Unpack

import keras

from keras_gcnn import arguments
from keras_gcnn import groups as point_groups
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import Config, DataFormat, Group, Tensor
from keras_gcnn.layers.options import LayerOptions
from keras_gcnn.ops import backend


@keras.saving.register_keras_serializable(package="keras_gcnn")
class RandomGroupElement(keras.layers.Layer):
    """Transforms every image of a batch by a random element of a group, only during training.

        o_b(x) = f_b(h_b⁻¹x)      with h_b drawn uniformly from H

    Several inputs are transformed alike: a list or dictionary of images and their masks stays
    matched. No value is interpolated. The layer runs in `tf.data` pipelines too. A network that is
    equivariant to the group does not need this augmentation. It is for plain networks, and for
    symmetries that only some layers have.

    Args:
        group: The point group H, by name or as a `PointGroup`.
        data_format: As in `keras.layers.Conv2D`.
        seed: Integer, for the same elements in every run.

    Input shape:
        Images `(batch, height, width, channels)` or `(batch, channels, height, width)`. Masks may
        be `(batch, height, width)`. Or a list, tuple or dictionary of them.

    Output shape:
        That of the input.

    Returns:
        The transformed images and masks, nested as the inputs are.

    Raises:
        ValueError: If an argument is invalid, an input is no image, or an image is not square and
            the group has quarter turns.

    Example:
    >>> images, masks = np.random.rand(4, 28, 28, 3), np.ones((4, 28, 28), "int32")
    >>> layer = keras_gcnn.layers.RandomGroupElement("p4m")
    >>> images, masks = layer([images, masks], training=True)

    Reference: Cohen & Welling 2016, section 4.4, for the transformation.
    """

    def __init__(
        self,
        group: Group = "p4",
        data_format: DataFormat | None = None,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.group = arguments.group(group, 2)
        self.data_format = arguments.data_format(data_format)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        call = super().__call__
        return backend.in_tf_data(lambda x: call(x, *args, **kwargs), inputs)

    def call(self, inputs: Tensor, training: bool | None = True) -> Tensor:
        if not training:
            return inputs
        batch = keras.ops.shape(arguments.images(inputs)[0])[:1]
        elements = keras.random.randint(batch, 0, self.group.order, seed=self.seed_generator)
        return keras.tree.map_structure(
            lambda x: group_ops.transform_each(x, self.group, elements, self.data_format), inputs
        )

    def compute_output_spec(self, inputs: Tensor, training: bool | None = True) -> Any:
        elements = keras.KerasTensor((None,), "int32")
        for x in arguments.images(inputs):
            if None not in x.shape[1:]:  # or it fails when it is called
                group_ops.transform_each(x, self.group, elements, self.data_format)
        return keras.tree.map_structure(lambda x: keras.KerasTensor(x.shape, x.dtype), inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "group": point_groups.serialize(self.group),
            "data_format": self.data_format,
            "seed": self.seed,
        }
