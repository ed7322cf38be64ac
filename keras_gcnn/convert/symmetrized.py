"""Plain models made equivariant by the mean over a group."""

import keras

from keras_gcnn import arguments
from keras_gcnn import groups as point_groups
from keras_gcnn import ops as group_ops
from keras_gcnn.annotations import DataFormat, Group
from keras_gcnn.convert.merged import structure
from keras_gcnn.convert.walk import precision


def symmetrize(
    model: keras.Model, group: Group = "p4m", data_format: DataFormat | None = None
) -> keras.Model:
    """Any model of images, made exactly invariant or equivariant by the mean over a group.

        o = mean over h of Φ(L_h⁻¹f)              for vectors: invariant
        o = mean over h of L_h Φ(L_h⁻¹f)          for images: equivariant

    Here Φ is the model, and f an image.

    The model runs once, on a batch |H| times as large. Its weights are shared, so that it can be
    trained like this too. This is what test-time augmentation does, and the baseline for a network
    on the group, which costs less to run at equal width.

    Args:
        model: A Keras model of one image, of a known size. Outputs of rank 4 are images. A
            subclassed model takes images of the size of those that it was called on first.
        group: Name of the point group, or a `PointGroup`.
        data_format: That of the model's images; Keras' default for `None`.

    Returns:
        A `keras.Model` with the inputs and outputs of `model`, which it holds.

    Raises:
        ValueError: If an argument is invalid, the model is of another kind, or the group does not
            map the images to themselves.

    Example:
    >>> plain = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3))
    >>> invariant = keras_gcnn.symmetrize(plain, "p4")

    Reference: group averaging (the Reynolds operator); Cohen & Welling 2016, section 2.
    """
    group = arguments.group(group, 2)
    data_format = arguments.data_format(data_format)
    x, given = _input_of(model)
    fresh = keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)
    options = {"group": group, "data_format": data_format}
    orbit = GroupOrbit(**options, name="orbit", dtype=precision(x))(fresh)
    outputs = model(keras.tree.pack_sequence_as(given, [orbit]))
    taken, names = {"orbit", model.name, x.name}, iter(getattr(model, "output_names", ()))

    def mean(y):
        name = next(names, "mean")
        while name in taken:
            name = f"{name}_mean"
        taken.add(name)
        return GroupMean(**options, name=name, dtype=precision(y))(y)

    outputs = keras.tree.map_structure(mean, outputs)
    fresh = keras.tree.pack_sequence_as(given, [fresh])
    return keras.Model(fresh, outputs, name=f"{model.name}_mean_{group.name}")


def _input_of(model):
    """The image that a model takes, and that in a list or a dictionary, where it stands in one."""
    inputs = getattr(model, "inputs", None) if isinstance(model, keras.Model) else None
    if inputs and len(inputs) == 1 and len(inputs[0].shape) == 4:
        return inputs[0], structure(model, "input")
    is_subclassed = isinstance(model, keras.Model) and model.built and not inputs
    shape = (model.get_build_config() or {}).get("input_shape") if is_subclassed else None
    if isinstance(shape, (tuple, list)) and len(shape) == 4:
        x = keras.KerasTensor((None, *shape[1:]), name="image")
        return x, x
    raise ValueError(
        f"`model` must be a Keras model of one image that is built. Received: {model!r}. Call it "
        "on an image once, or write it as `keras.Model(inputs, outputs)`."
    )


class _OfGroup(keras.layers.Layer):
    def __init__(self, group, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.group = arguments.group(group, 2)
        self.data_format = arguments.data_format(data_format)

    def get_config(self):
        group = point_groups.serialize(self.group)
        return {**super().get_config(), "group": group, "data_format": self.data_format}

    def build(self, input_shape):
        """Raises if an element does not map the images to themselves."""
        if len(input_shape) == 4:
            image = keras.KerasTensor((1, *input_shape[1:]))
            for element in range(self.group.order):
                self._moved(image, element)

    def _moved(self, x, element):
        return group_ops.transform_feature_map(x, self.group, element, data_format=self.data_format)


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupOrbit(_OfGroup):
    """The images of a batch, transformed by the inverse of each element: |H| times the batch."""

    def call(self, inputs):
        moved = [self._moved(inputs, int(h)) for h in self.group.inverses]
        return keras.ops.concatenate(moved, axis=0)

    def compute_output_shape(self, input_shape):
        batch = input_shape[0]
        return (None if batch is None else batch * self.group.order, *input_shape[1:])


@keras.saving.register_keras_serializable(package="keras_gcnn")
class GroupMean(_OfGroup):
    """The mean over the elements in a batch that `GroupOrbit` made; images are moved back first."""

    def call(self, inputs):
        parts = keras.ops.split(inputs, self.group.order, axis=0)
        if len(inputs.shape) == 4:
            parts = [self._moved(part, h) for h, part in enumerate(parts)]
        return sum(parts) / self.group.order

    def compute_output_shape(self, input_shape):
        batch = input_shape[0]
        return (None if batch is None else batch // self.group.order, *input_shape[1:])
