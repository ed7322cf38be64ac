"""Measures how far a layer or a model is from being equivariant, and where it stops being so."""

from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from keras_gcnn import arguments, stock
from keras_gcnn import groups as point_groups
from keras_gcnn.annotations import Group, Shape, Subgroup
from keras_gcnn.groups import Space
from keras_gcnn.layers.strands import StrandLifting
from keras_gcnn.ops import transform_feature_map
from keras_gcnn.ops.image import on_image
from keras_gcnn.ops.layout import data_format_of

LAYER_TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "bfloat16": 2e-2, "float16": 2e-2}
MODEL_TOLERANCE = {**LAYER_TOLERANCE, "float64": 1e-11, "float32": 1e-4}


@dataclass(frozen=True, repr=False)
class EquivarianceReport:
    """What `equivariance_error` found. Prints as a table, one row per element.

    Attributes:
        name: Name of the layer or model.
        group: The `PointGroup`.
        errors: Floats, one per element h: max |Φ(L_h f) - L_h Φ(f)| / max |Φ(f)| for a layer or
            model Φ and its input f. NaN where an output is not finite.
        tolerance: The largest error that rounding explains.
        first_lost: Name of the first layer or operation of a functional model at which equivariance
            is lost, or `None`.
    """

    name: str
    group: point_groups.PointGroup
    errors: tuple[float, ...]
    tolerance: float
    first_lost: str | None = None

    @property
    def max_error(self) -> float:
        """The largest error over all elements, NaN if one is NaN."""
        return float(np.max(self.errors))

    @property
    def is_equivariant(self) -> bool:
        """Whether every error is within the tolerance."""
        return all(self._is_within(error) for error in self.errors)

    def __str__(self) -> str:
        matrices = [str(matrix.tolist()) for matrix in self.group.elements]
        width = max(map(len, matrices))
        lines = [
            f"Equivariance of '{self.name}' to {self.group.name}",
            f"{'h':>3}  {'matrix':<{width}}  {'relative error':>14}",
        ]
        for h, (matrix, error) in enumerate(zip(matrices, self.errors, strict=True)):
            verdict = "equivariant" if self._is_within(error) else "LOST"
            lines.append(f"{h:>3}  {matrix:<{width}}  {error:>14.1e}  {verdict}")
        lines.append(f"maximum {self.max_error:.1e}, tolerance {self.tolerance:.1e}")
        if self.first_lost:
            lines.append(f"First lost at layer '{self.first_lost}'.")
        return "\n".join(lines)

    __repr__ = __str__

    def _is_within(self, error):
        return error <= self.tolerance


def equivariance_error(
    layer_or_model: keras.layers.Layer,
    group: Group,
    input_shape: Shape,
    output_subgroup: Subgroup | None = None,
    tolerance: float | None = None,
    seed: int = 0,
) -> EquivarianceReport:
    """Compares outputs for a transformed random input with the transformed output, for every h.

        error(h) = max |Φ(L_h f) - L_h Φ(f)| / max |Φ(f)|

    Here Φ is the layer or model, and f the input. The layers say on which spaces their maps are.
    Where none does, rank d + 2 is an image and rank d + 3 a function on the group. An output of
    rank 2 is a vector: L_h is then the identity, and the error measures invariance.

    Args:
        layer_or_model: A layer or model of one input, called with `training=False`. It may have
            several outputs, in a list or a dictionary; the largest error of them counts.
        group: Name of the point group, or a `PointGroup`: that of the layers, or a subgroup of it.
        input_shape: Shape of the input without its batch axis: of an image, or of a function on G.
            Sizes must be known, and equal along axes that the group exchanges.
        output_subgroup: K, if the output is a function on G/K and no layer says so.
        tolerance: The largest error called equivariant. By default 1e-5 for a layer and 1e-4
            for a model in float32, 1e-12 for a layer and 1e-11 for a model in float64, and 2e-2 in
            half precision.
        seed: Seed of the random input.

    Returns:
        An `EquivarianceReport`. For a functional model that is not equivariant it names the layer
        or operation at which equivariance is first lost.

    Raises:
        TypeError: If `layer_or_model` is no Keras layer or model.
        ValueError: If an argument is invalid, a shape belongs to none of these spaces, or the
            output is zero everywhere, so that nothing can be told.

    Example:
    >>> print(keras_gcnn.equivariance_error(keras_gcnn.models.p4cnn(), "p4", (28, 28, 1)))

    Reference: Cohen & Welling 2016, section 2.
    """
    arguments.layer(layer_or_model)
    group = arguments.group(group, dimension_of_layers(layer_or_model))
    probe = _Probe(group, input_shape, layer_or_model, output_subgroup, seed)
    if tolerance is None:
        tolerance = tolerance_of(layer_or_model)
    tolerance = arguments.number(tolerance, "tolerance")
    errors = probe.errors(layer_or_model, probe.output_spaces(layer_or_model))
    report = EquivarianceReport(layer_or_model.name, group, errors, tolerance)
    if report.is_equivariant:
        return report
    return replace(report, first_lost=_first_lost(probe, layer_or_model, tolerance))


class _Probe:
    """Random input in all its transformed versions, and what outputs are then expected."""

    def __init__(self, group, input_shape, layer_or_model, output_subgroup, seed):
        input_shape = arguments.input_shape(input_shape)
        if None in input_shape:
            raise ValueError(
                f"`input_shape` must be known along every axis. Received: {tuple(input_shape)}."
            )
        self.group = group
        self.data_format = data_format_of(layer_or_model)
        self.whole = space_of_layers(layer_or_model, group)
        if self.whole.group.contains(group):
            self.group = self.whole.group.subgroup(group)  # on the lattice of the layers
        self.output_subgroup = output_subgroup
        x = np.random.default_rng(seed).normal(size=(2, *input_shape)).astype("float32")
        x = ops.convert_to_tensor(x)
        said = getattr(layer_or_model, "input_space", None)
        self.input_space = said if self._is_on(x, said) else self._space_by_shape(x.shape)
        if self.input_space is not None:
            x = on_image(x, self.group.lattice, self.data_format)
        self.inputs = [self._transformed(x, h, self.input_space) for h in range(group.order)]
        if strands := strands_of(layer_or_model):  # of which the mirror exchanges the bases too
            self.inputs[1:] = map(strands.complement, self.inputs[1:])

    def output_spaces(self, layer_or_model):
        """A `Space` for each output: what the layers say, or `None` where none does."""
        if self.output_subgroup is not None:
            return [Space(self.whole.group, self.output_subgroup)]
        if not isinstance(layer_or_model, keras.Model):
            return [getattr(layer_or_model, "output_space", None)]
        outputs = keras.tree.flatten(getattr(layer_or_model, "outputs", None) or [])
        return [self.space_of_symbolic(x) for x in outputs]

    def space_of_symbolic(self, x):
        """The `Space` of a tensor of a functional model; `None` where no layer says it."""
        return space_of_symbolic(x, self.whole, self.data_format)

    def errors(self, function, spaces=()):
        """The relative error of every element, as floats: the largest over all outputs."""
        outputs = [keras.tree.flatten(function(x, training=False)) for x in self.inputs]
        spaces = [*spaces, *[None] * (len(outputs[0]) - len(spaces))]
        return tuple(
            float(
                np.max([self._error(h, *of) for of in zip(output, outputs[0], spaces, strict=True)])
            )
            for h, output in enumerate(outputs)
        )

    def _error(self, h, output, original, space):
        space = self._space_by_shape(original.shape) if space is None else space
        if not self._keeps_shape(original, h, space):
            return np.inf
        expected, output = (_to_float64(x) for x in (self._transformed(original, h, space), output))
        scale = np.abs(expected).max()
        if scale == 0:
            raise ValueError(
                "The output must not be zero everywhere for equivariance to be measured. "
                "Received: zeros. Initialize the weights at random."
            )
        return np.abs(output - expected).max() / scale

    def _is_on(self, x, space):
        """Whether a map is on a space that a layer states, by its shape."""
        is_known = space is not None and space.group.contains(self.group)
        return is_known and space.has_shape(x.shape, self.data_format)

    def _space_by_shape(self, shape):
        """The space of a vector (`None`), an image or a function on the group."""
        dimension = self.group.dimension
        if len(shape) == 2:
            return None
        if len(shape) == dimension + 2:
            return Space.lattice(self.whole.group)
        if len(shape) == dimension + 3:
            order = shape[self.whole.axis(self.data_format)]
            if order == self.whole.cosets:
                return self.whole
            if order == 1:
                return Space(self.whole.group, self.whole.group, has_axis=True)
        raise ValueError(
            "Equivariance is measured on vectors (rank 2 with the batch axis), images (rank "
            f"{dimension + 2}) and feature maps on {self.whole.name} (rank {dimension + 3}) with "
            f"an H axis of length {[1, self.whole.cosets]}. Received: a tensor of shape "
            f"{tuple(shape)}. For a function on G/K, give K as `output_subgroup`."
        )

    def _keeps_shape(self, x, h, space):
        """Whether an element exchanges only axes of space that are equally long."""
        if space is None:
            return True
        size = arguments.size_of(x, self.group.dimension, self.data_format)
        return self.group.lattice.moves_within(self.group.elements[h], size)

    def _transformed(self, x, h, space):
        """L_h f for an element of the group, which may be a subgroup of the space's."""
        if space is None or h == 0:
            return x
        if space.cosets == 1:  # moved by any group
            space = Space(self.group, self.group, space.has_axis)
        if not space.group.contains(self.group):
            raise ValueError(
                f"`group` must be {space.group.name}, on which the maps are, or a subgroup of it. "
                f"Received: group={self.group.name!r}."
            )
        element = space.group.indices(self.group)[h]
        subgroup = space.subgroup if space.has_axis else None
        return transform_feature_map(x, space.group, element, subgroup, self.data_format)


def _first_lost(probe, model, tolerance):
    """Name of the first layer or operation whose output is not equivariant, as computed in turn."""
    operations = getattr(model, "operations", None) or getattr(model, "layers", [])
    for operation in operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        for output in _outputs(operation):
            try:
                space = probe.space_of_symbolic(output)
                errors = probe.errors(keras.Model(model.inputs, output), [space])
            except ValueError:  # on no known space, or zero everywhere
                continue
            if not np.max(errors) <= tolerance:
                return operation.name
    return None


def _outputs(operation):
    """The operation's symbolic outputs, none where it was called several times."""
    try:
        outputs = operation.output
    except (AttributeError, ValueError):
        return []
    return [x for x in keras.tree.flatten(outputs) if isinstance(x, keras.KerasTensor)]


def space_of_symbolic(x, whole, data_format):
    """The `Space` of a tensor of a functional model; `None` where no layer says it."""
    found = stock.follow(x, whole, data_format)
    return found.space if found.maker is not None and not found.broken else None


def dimension_of_layers(layer_or_model):
    """That of the first layer whose group is known, `None` where there is none."""
    own = (getattr(layer, "group", None) for layer in _with_layers(layer_or_model))
    return next((of.dimension for of in own if isinstance(of, point_groups.PointGroup)), None)


def space_of_layers(layer_or_model, group):
    """G of the first layer whose group has these elements, or of the group itself."""
    for layer in _with_layers(layer_or_model):
        own = getattr(layer, "group", None)
        if isinstance(own, point_groups.PointGroup) and own.contains(group):
            return Space.whole(own)
    return Space.whole(group)


def strands_of(layer_or_model):
    """Its first `StrandLifting`, `None` where there is none."""
    found = (layer for layer in _with_layers(layer_or_model) if isinstance(layer, StrandLifting))
    return next(found, None)


def tolerance_of(layer_or_model):
    """The largest error by rounding, for its layers of the fewest digits."""
    table = MODEL_TOLERANCE if isinstance(layer_or_model, keras.Model) else LAYER_TOLERANCE
    dtypes = {layer.compute_dtype for layer in _with_layers(layer_or_model)}
    return max(table[dtype] for dtype in dtypes & set(table) or {"float32"})


def _with_layers(layer_or_model):
    """It and all layers within it, at any depth."""
    return list(layer_or_model._flatten_layers())


def _to_float64(x):
    return np.asarray(ops.convert_to_numpy(x), "float64")
