"""Measures how far a layer or a model is from being equivariant, and where it stops being so."""

from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import ops

from keras_gcnn import groups as point_groups
from keras_gcnn.ops import transform_feature_map
from keras_gcnn.ops.layout import group_axis

LAYER_TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "bfloat16": 2e-2, "float16": 2e-2}
MODEL_TOLERANCE = {**LAYER_TOLERANCE, "float64": 1e-11, "float32": 1e-4}


@dataclass(frozen=True)
class EquivarianceReport:
    """What `equivariance_error` found. Prints as a table, one row per element.

    Attributes:
        name: Name of the layer or model.
        group: The `PointGroup`.
        errors: Floats, one per element h: max |f(L_h x) - L_h f(x)| / max |f(x)|.
        tolerance: The largest error that rounding explains.
        first_lost: Name of the first layer of a functional model at which equivariance is lost, or
            `None`.
    """

    name: str
    group: point_groups.PointGroup
    errors: tuple
    tolerance: float
    first_lost: str | None = None

    @property
    def max_error(self):
        """The largest error over all elements."""
        return max(self.errors)

    @property
    def is_equivariant(self):
        """Whether every error is within the tolerance."""
        return all(self._is_within(error) for error in self.errors)

    def __str__(self):
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

    def _is_within(self, error):
        return error <= self.tolerance


def equivariance_error(
    layer_or_model, group, input_shape, output_subgroup=None, tolerance=None, seed=0
):
    """Feeds random input, turned by every h in H, and compares with the output turned by h.

        error(h) = max |f(L_h x) - L_h f(x)| / max |f(x)|

    The spaces are read off the shapes: rank d + 2 is an image, rank d + 3 a function on G, and an
    output of rank 2 is a vector, for which L_h is the identity and the error measures invariance.

    Args:
        layer_or_model: A layer or model of one input and one output, called with `training=False`.
        group: Name of the point group, or a `PointGroup`.
        input_shape: Shape of the input without its batch axis: of an image, or of a function on G.
            Sizes must be known, and equal along axes that the group exchanges.
        output_subgroup: K, if the output is a function on G/K. By default it is read off the layer
            where that is a `CosetPooling2D`, and is {e} elsewhere.
        tolerance: The largest error called equivariant. By default 1e-5 for a layer in float32,
            1e-4 for a whole model, 1e-12 for a layer in float64, 2e-2 in half precision.
        seed: Seed of the random input.

    Returns:
        An `EquivarianceReport`. For a functional model that is not equivariant it names the layer
        at which equivariance is first lost.

    Raises:
        ValueError: If a shape belongs to none of these spaces, or the output is zero everywhere, so
            that nothing can be told.

    Example:
    >>> print(keras_gcnn.equivariance_error(keras_gcnn.models.p4cnn(), "p4", (28, 28, 1)))

    Reference: Cohen & Welling 2016, section 2.
    """
    group = point_groups.get(group)
    probe = _Probe(group, input_shape, layer_or_model, output_subgroup, seed)
    if tolerance is None:
        tolerance = _tolerance(layer_or_model)
    errors = probe.errors(layer_or_model)
    report = EquivarianceReport(layer_or_model.name, group, errors, tolerance)
    if report.is_equivariant:
        return report
    return replace(report, first_lost=_first_lost(probe, layer_or_model, tolerance))


class _Probe:
    """Random input in all its transformed versions, against which any function can be held."""

    def __init__(self, group, input_shape, layer_or_model, output_subgroup, seed):
        if None in input_shape:
            raise ValueError(
                f"`input_shape` must be known along every axis. Received: {tuple(input_shape)}."
            )
        self.group = group
        self.data_format = _data_format(layer_or_model)
        self.spaces = _spaces(layer_or_model, group, output_subgroup)
        x = np.random.default_rng(seed).normal(size=(2, *input_shape)).astype("float32")
        self.inputs = [self._turn(ops.convert_to_tensor(x), h) for h in range(group.order)]

    def can_measure(self, shape):
        """Whether a tensor of this shape is a vector, an image, or a function on a known G/K."""
        dimension = self.group.dimension
        if len(shape) == dimension + 3:
            return shape[group_axis(self.data_format, dimension)] in self.spaces
        return len(shape) in (2, dimension + 2)

    def errors(self, function):
        """The relative error of every element, as floats."""
        outputs = [function(x, training=False) for x in self.inputs]
        errors = []
        for h, output in enumerate(outputs):
            expected = _to_float64(self._turn(outputs[0], h))
            scale = np.abs(expected).max()
            if scale == 0:
                raise ValueError(
                    "The output must not be zero everywhere for equivariance to be measured. "
                    "Received: zeros. Initialise the weights at random."
                )
            errors.append(float(np.abs(_to_float64(output) - expected).max() / scale))
        return tuple(errors)

    def _turn(self, x, h):
        if not self.can_measure(x.shape):
            raise ValueError(
                "Equivariance is measured on vectors (rank 2 with the batch axis), images (rank "
                f"{self.group.dimension + 2}) and feature maps on {self.group.name} (rank "
                f"{self.group.dimension + 3}) with an H axis of length {sorted(self.spaces)}. "
                f"Received: a tensor of shape {tuple(x.shape)}. For a function on G/K, give K as "
                "`output_subgroup`."
            )
        if len(x.shape) == 2:
            return x
        order = x.shape[group_axis(self.data_format, self.group.dimension)]
        is_image = len(x.shape) == self.group.dimension + 2
        subgroup = None if is_image else self.spaces[order]
        return transform_feature_map(x, self.group, h, subgroup, self.data_format)


def _first_lost(probe, model, tolerance):
    """Name of the first layer whose output is not equivariant, in the order of computation."""
    for layer in getattr(model, "layers", []):
        output = _output(layer)
        if output is None or not probe.can_measure(output.shape):
            continue
        if max(probe.errors(keras.Model(model.inputs, output))) > tolerance:
            return layer.name
    return None


def _output(layer):
    """The layer's symbolic output, if it has one: layers of a subclassed model have none."""
    try:
        output = layer.output
    except AttributeError:
        return None
    return output if hasattr(output, "shape") else None


def _spaces(layer_or_model, group, output_subgroup):
    """K by the length |H|/|K| of the H axis, for every space G/K that the layers speak of."""
    subgroups = [
        layer.subgroup for layer in _with_layers(layer_or_model) if hasattr(layer, "subgroup")
    ]
    if output_subgroup is not None:
        subgroups.append(output_subgroup)
    subgroups = [group.subgroup(k) for k in [*subgroups, group, [0]]]
    return {group.order // k.order: k for k in subgroups}


def _tolerance(layer_or_model):
    table = MODEL_TOLERANCE if isinstance(layer_or_model, keras.Model) else LAYER_TOLERANCE
    return max(table[layer.compute_dtype] for layer in _with_layers(layer_or_model))


def _data_format(layer_or_model):
    formats = [getattr(layer, "data_format", None) for layer in _with_layers(layer_or_model)]
    return next(filter(None, formats), keras.config.image_data_format())


def _with_layers(layer_or_model):
    return [layer_or_model, *getattr(layer_or_model, "layers", [])]


def _to_float64(x):
    return np.asarray(ops.convert_to_numpy(x), "float64")
