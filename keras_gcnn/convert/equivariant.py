"""Makes equivariant models from plain ones: the walk, the widths, the report."""

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
from keras import layers

from keras_gcnn import arguments, audit, stock
from keras_gcnn.annotations import Group
from keras_gcnn.convert import on_group
from keras_gcnn.convert.inherited import common_config, made_of, set_planar_weights
from keras_gcnn.convert.merged import ByTensor, model_like
from keras_gcnn.convert.roles import Roles, is_convolution
from keras_gcnn.convert.walk import Walk, precision, unknown
from keras_gcnn.convert.widths import Widths
from keras_gcnn.groups import PointGroup, Space
from keras_gcnn.layers import CosetPooling2D, EquivarianceWarning, LiftingConv2D
from keras_gcnn.layers.guard import warn_of
from keras_gcnn.ops.layout import data_format_of

WIDTHS = ("parameters", "maps", "same")
CLOSE_ENOUGH = 0.01  # of the number of parameters
MOST_TRIES = 12


@dataclass(frozen=True, repr=False)
class ConversionReport:
    """What `convert` made of each layer. Prints as a table.

    Attributes:
        name: Name of the plain model.
        group: The `PointGroup`.
        width: `"parameters"`, `"maps"` or `"same"`.
        factor: By what the numbers of filters were multiplied.
        rows: For each layer its name, its class, and what became of it.
        parameters_before, parameters_after: The numbers of weights.
        losses: Why equivariance is lost at the model's input size, one sentence each.
        size: The model's input size, `None` where it is unknown.
        sizes_that_keep: The nearest sizes of the input at which no layer loses it; `None` where a
            layer must be replaced, whatever the size.
    """

    name: str
    group: PointGroup
    width: str
    factor: float
    rows: tuple[tuple[str, str, str], ...]
    parameters_before: int
    parameters_after: int
    losses: tuple[str, ...]
    size: int | None
    sizes_that_keep: tuple[int, ...] | None

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        lines = [f"'{self.name}' on {self.group.name}, filters × {self.factor:.3f}"]
        for row in self.rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append("  ".join(cells).rstrip())
        ratio = self.parameters_after / max(self.parameters_before, 1)
        lines.append(
            f"parameters: {self.parameters_before:,} → {self.parameters_after:,} ({ratio:.3f})"
        )
        return "\n".join([*lines, self.verdict()])

    __repr__ = __str__

    def verdict(self) -> str:
        """Whether the model is equivariant at its input size, and at which sizes it is."""
        if not self.losses:
            return f"equivariant to {self.group.name} at this input size"
        lines = [f"equivariance to {self.group.name} is lost at this input size:"]
        lines += [f"- {loss}" for loss in self.losses]
        if self.sizes_that_keep is not None:
            sizes = " or ".join(f"{n}×{n}" for n in self.sizes_that_keep)
            lines.append(f"It is kept at {sizes}." if sizes else "No size of the input keeps it.")
        return "\n".join(lines)


def convert(
    model: keras.Model,
    group: Group = "p4m",
    width: Literal["parameters", "maps", "same"] = "parameters",
    weights: Literal["planar"] | None = None,
) -> tuple[keras.Model, ConversionReport]:
    """An equivariant model with the layers of a plain one.

    The first convolution becomes a lifting, and the later ones act on the group. Normalizations,
    poolings, paddings, merges and activations follow. Coset pooling goes before what leaves the
    group: a flattening, the last convolution of a segmentation, or the output. Inputs and outputs
    keep their names, channels and precision.

        Conv2D, first                   LiftingConv2D
        Conv2D, later; transposed,
        depthwise, separable            GroupConv2D; GroupConv2DTranspose, GroupDepthwiseConv2D, …
        Dense on a map                  GroupDense
        BatchNormalization              GroupBatchNormalization
        pooling, padding, upsampling    their counterparts on the group
        GlobalAveragePooling2D, …       GlobalGroupAveragePooling2D, …
        Flatten                         CosetPooling2D before it
        layers on vectors               themselves

    Args:
        model: A Functional or Sequential model of images that is built.
        group: Name of the point group, or a `PointGroup`.
        width: What stays the same as filters are divided: `"parameters"`, the number of weights, to
            within 1 % where widths allow it; `"maps"`, |H| times the filters; or `"same"`, the
            filters.
        weights: `None` for new ones. `"planar"`, with `width="same"`: each kernel of the model at
            h′ = e, and zeros elsewhere. Each plane of a map is then the plain network on the turned
            image. If everything after the coset pooling is linear, the outputs equal those of
            `symmetrize(model, group)`, and training can continue from there;
            but a GroupNormalization takes its statistics over H too. A squeeze-and-excitation then
            gates each plane by itself.

    Returns:
        The `keras.Model`, and a `ConversionReport`.

    Raises:
        ValueError: If an argument is invalid, the model is of another kind, or a layer is unknown.
            The message names the layer, and says what to do.

    Warns:
        EquivarianceWarning: If equivariance is lost at the model's input size.

    Example:
    >>> plain = keras.applications.ResNet50V2(weights=None, input_shape=(33, 33, 3))
    >>> model, report = keras_gcnn.convert(plain, "p4")
    >>> print(report)

    Reference: Cohen & Welling 2016, section 8.2: networks of equal numbers of parameters.
    """
    _check_plain(model)
    group = arguments.group(group, 2)
    width = arguments.one_of(width, WIDTHS, "width")
    if weights is not None and (weights != "planar" or width != "same"):
        raise ValueError(
            "`weights` must be None, or 'planar' with width='same'. Received: "
            f"weights={weights!r}, width={width!r}."
        )
    factor = {"maps": 1 / group.order, "same": 1.0}.get(width)
    if factor is None:
        factor = _factor_of_equal_parameters(model, group)
    rewriting = Rewriting(model, group, factor, keeps_planes=weights == "planar")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EquivarianceWarning)
        converted = rewriting.result()
    if weights == "planar":
        rewriting.set_planar_weights()
    losses = [str(w.message) for w in caught if w.category is EquivarianceWarning]
    said = " ".join((*losses, *rewriting.losses))
    rewriting.losses += [  # of layers that no group layer follows
        f"{row.kind} '{row.name}' loses it: {row.verdict.removeprefix('lost: ').rstrip('.')}."
        for row in audit.audited(converted).lost
        if f"'{row.name.rsplit('/', 1)[-1]}'" not in said
    ]
    rewriting.losses += rewriting.losses_of_images(converted.outputs, said)
    report = _report(model, converted, rewriting, width, (*losses, *rewriting.losses))
    if report.losses:
        warn_of(f"`convert` of '{model.name}': {report.verdict()}")
    return converted, report


class Rewriting(Walk):
    """A walk that makes the equivariant model. `spaces` holds the data format of each map on G.

    Args:
        model: The plain model.
        group: The `PointGroup`.
        factor: By what to multiply numbers of filters.
        is_count: Whether the result is to be counted only. Initial weights are then zeros.
        keeps_planes: Whether gates, as in squeeze-and-excitation, are taken for each plane by
            itself, and not for all of H.
    """

    def __init__(self, model, group, factor, is_count=False, keeps_planes=False):
        super().__init__()
        self.model = model
        self.group = group
        self.factor = factor
        self.is_count = is_count
        self.keeps_planes = keeps_planes
        self.role = Roles(model)
        self.widths = Widths(model, data_format_of(model))
        self.left = ByTensor()  # whether a tensor comes from a map on G that was pooled
        self.data_format = None  # that of the lifting
        self.channels = {}  # by a set of tensors of the plain model
        self.pools = ByTensor()  # the mean over H of a map on G
        self.rows = []
        self.losses = []
        self.pairs = []  # of a plain layer and the one that takes its weights

    def result(self):
        made = self.of_model(self.model, self.model.inputs, self.model.name)
        if self.data_format is None:
            raise ValueError(
                f"`model` must have a convolution to lift with. Received: '{self.model.name}', "
                "which has no Conv2D. Write it with a LiftingConv2D as its first layer."
            )
        outputs = [self.pooled(x, f"output_{i}_pool") for i, x in enumerate(made.outputs)]
        self.name_outputs(self.model, outputs)
        name = f"{self.model.name}_{self.group.name}"
        made = model_like(self.model, made.inputs, outputs, name)
        return _as_trainable_as(made, self.model)

    def call(self, layer, *args, **kwargs):
        inputs = keras.tree.flatten((args, kwargs))
        tensors = [x for x in inputs if isinstance(x, keras.KerasTensor)]
        has_left = any(self.is_on_group(x) or self.left.get(x) for x in tensors)
        outputs = self._outputs(layer, args, kwargs, tensors, has_left)
        for y in keras.tree.flatten(outputs):
            if not stock.is_functional(layer):
                self.left[y] = has_left and not self.is_on_group(y)
        return outputs

    def _outputs(self, layer, args, kwargs, tensors, has_left):
        if stock.is_functional(layer):
            training = {} if kwargs.get("training") is None else {"training": kwargs["training"]}
            return self.nested(layer, *args, **training)
        if any(map(self.is_on_group, tensors)):
            return on_group.rewritten(self, layer, args, kwargs)
        if has_left:
            return on_group.off_group(self, layer, args, kwargs)
        if type(layer) is layers.Conv2D:
            return self._lifted(layer, *args)
        if is_convolution(layer):
            raise unknown(layer, "it comes before the first Conv2D, which lifts")
        self.note(layer, "stays")
        return on_group.plainly(self, layer, args, kwargs)

    def of_model(self, model, like, name):
        return _as_trainable_as(super().of_model(model, like, name), model)

    def stands_for(self, old, new):
        if len(new.shape) > 1:
            self.channels.setdefault(self.widths.set_of(old), self.widths.channels(new))

    def carry(self, tensor, other):
        super().carry(tensor, other)
        self.left[other] = self.left.get(tensor)

    def is_gate_of_planes(self, layer):
        """Whether its vectors are combined with a map, each plane by itself."""
        return self.keeps_planes and self.role.is_gate(layer)

    def losses_of_images(self, outputs, said):
        """Why outputs of which a part has passed no layer on G are not equivariant."""
        follow = stock.follower(Space.lattice(self.group), self.data_format)
        losses = dict.fromkeys(loss for x in outputs for loss in follow(x).losses)
        return [loss for loss in losses if loss.split(" loses it")[0] not in said]

    def is_on_group(self, tensor):
        """Whether a tensor is a map on G."""
        return self.spaces.get(tensor) is not None

    def width(self, layer, filters):
        """The number of filters in place of a layer's."""
        if self.widths.keeps(layer):
            return filters
        known = self.channels.get(self.widths.set_of(self.widths.made_by(layer)))
        return known or max(1, round(filters * self.factor))

    def made_by(self, layer, kind, **changes):
        """A layer of another kind with the arguments that both take; made once."""

        def make(name):
            config = common_config(layer, kind, {**changes, "name": name})
            if self.is_count:
                config |= {name: "zeros" for name in config if name.endswith("_initializer")}
            made = made_of(layer, kind, config)
            made.trainable = layer.trainable
            self.pairs.append((layer, made))
            return made

        return self.once_for(layer, kind, make)

    def note(self, layer, fate):
        """Writes a row of the report."""
        self.rows.append((layer.name, type(layer).__name__, fate))

    def pooled(self, x, name):
        """The mean over H, where a tensor is a map on G."""
        if not self.is_on_group(x):
            return x
        if self.pools.get(x) is None:
            options = {"reduction": "mean", "data_format": self.spaces.get(x)}
            options |= {"dtype": precision(x), "name": self.fresh(name)}
            self.pools[x] = CosetPooling2D(self.group, **options)(x)
        return self.pools.get(x)

    def set_planar_weights(self):
        """Gives each new layer the weights of the plain one, kernels at h′ = e."""
        for plain, made in self.pairs:
            set_planar_weights(plain, made)

    def _lifted(self, layer, x):
        self.data_format = layer.data_format
        filters = self.width(layer, layer.filters)
        groups = math.gcd(layer.groups, filters)
        made = self.made_by(layer, LiftingConv2D, filters=filters, groups=groups, group=self.group)
        self.note(layer, f"LiftingConv2D, {filters} filters")
        return self.mark(made(x), layer.data_format)


def _factor_of_equal_parameters(model, group):
    """The factor of widths with which the number of parameters stays about the same."""
    wanted, factor, tried = model.count_params(), group.order**-0.5, {}
    low, high = 0.0, np.inf
    for _ in range(MOST_TRIES):
        count = _count(model, group, factor)
        tried[factor] = abs(count / wanted - 1)
        if tried[factor] < CLOSE_ENOUGH:
            break
        low, high = (factor, high) if count < wanted else (low, factor)
        factor *= (wanted / count) ** 0.55  # the count grows by a power between 1 and 2
        if not low < factor < high:
            factor = (low * high) ** 0.5
    return min(tried, key=tried.get)


def _count(model, group, factor):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquivarianceWarning)
        return Rewriting(model, group, factor, is_count=True).result().count_params()


def _report(model, converted, rewriting, width, losses):
    sizes = ()
    if rewriting.losses:  # which no size mends
        sizes = None
    elif losses:
        sizes = tuple(audit.sizes_that_keep(converted))
    return ConversionReport(
        model.name,
        rewriting.group,
        width,
        rewriting.factor,
        tuple(rewriting.rows),
        model.count_params(),
        converted.count_params(),
        tuple(losses),
        audit.size_of_images(converted),
        sizes,
    )


def _as_trainable_as(made, model):
    """A new model, frozen where the model that it stands for is."""
    if not model.trainable:
        made.trainable = False
    return made


def _check_plain(model):
    arguments.functional_model(
        model, "`convert` reads Functional and Sequential models that are built"
    )
    ours = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, LiftingConv2D)
    ]
    if ours:
        raise ValueError(
            f"`convert` takes a plain model. Received: '{model.name}', with {stock.named(ours[0])}."
        )
