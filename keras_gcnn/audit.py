"""Goes through a model layer by layer: what each is, costs and keeps at a size of the input."""

import math
from dataclasses import dataclass, replace

import keras

from keras_gcnn import arguments, stock
from keras_gcnn.groups import Space
from keras_gcnn.layers import GroupDepthwiseConv2D, GroupSeparableConv2D, guard
from keras_gcnn.layers.base_block import BaseBlock
from keras_gcnn.layers.base_group_conv import BaseGroupConv
from keras_gcnn.layers.base_layer import BaseGroupLayer
from keras_gcnn.layers.transposed import GroupConvTranspose
from keras_gcnn.ops import backend
from keras_gcnn.ops.conv import cost_model


@dataclass(frozen=True)
class SummaryRow:
    """One layer, or one part of a block.

    Attributes:
        name: Its name, with those of the models around it.
        kind: Its class.
        space: The name of the space of its output, `""` where none is known.
        shape: The shape of its output, without the batch.
        maps: The number of feature maps.
        parameters: The number of its weights.
        multiplications: For one input, by the implementation that runs; 0 for other layers than
            convolutions and dense ones. `None` where sizes are unknown.
        implementation: `"direct"`, `"fourier"`, or `""`.
        verdict: `"kept"`, `"invariant"`, why equivariance is lost, or `""` where no layer of this
            library made the map.
    """

    name: str
    kind: str
    space: str
    shape: tuple[int | None, ...]
    maps: int | None
    parameters: int
    multiplications: int | None
    implementation: str
    verdict: str


@dataclass(frozen=True, repr=False)
class ModelSummary:
    """The rows of a model. Prints as a table.

    Attributes:
        name: Name of the model.
        rows: A `SummaryRow` for each layer, in the order in which they run.
    """

    name: str
    rows: tuple[SummaryRow, ...]

    @property
    def lost(self) -> list[SummaryRow]:
        """The rows at which equivariance is lost."""
        return [row for row in self.rows if row.verdict.startswith("lost")]

    def __str__(self) -> str:
        head = [
            "layer",
            "space",
            "output",
            "maps",
            "parameters",
            "multiplications",
            "by",
            "verdict",
        ]
        cells = [head, *map(_cells, self.rows)]
        parameters = sum(row.parameters for row in self.rows)
        products = sum(row.multiplications or 0 for row in self.rows)
        cells.append(("total", "", "", "", f"{parameters:,}", f"{products:,}", "", self._verdict()))
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(map(_aligned, line, widths, range(len(head)))).rstrip() for line in cells
        ]
        rule = "─" * max(map(len, lines))
        return "\n".join([f"Model '{self.name}'", lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def __repr__(self) -> str:
        """In one line, since `summary` has printed the table."""
        return f"<ModelSummary of '{self.name}': {self._verdict()}>"

    def _verdict(self):
        return f"lost at {len(self.lost)} of {len(self.rows)} layers" if self.lost else "kept"


def summary(model: keras.Model) -> ModelSummary:
    """Prints and returns what each layer of a model is, costs, and keeps of equivariance.

    The blocks of this library and models within the model are unfolded. Multiplications are those
    of the implementation that `predict` runs on this backend; in training another may run.

    Args:
        model: A Functional or Sequential model that is built.

    Returns:
        A `ModelSummary`.

    Raises:
        ValueError: If it is another kind of model.

    Example:
    >>> keras_gcnn.summary(keras_gcnn.models.p4cnn())

    Reference: Cohen & Welling 2016, section 7, for the cost of a G-convolution.
    """
    arguments.functional_model(
        model, "`model` must be a Functional or Sequential model that is built"
    )
    found = audited(model)
    print(found)
    return found


def audited(model):
    """The `ModelSummary` of a functional model."""
    return ModelSummary(model.name, tuple(_each_counted_once(_rows(model, set()))))


def sizes_that_keep(model: keras.Model, farthest: int = 64) -> list[int]:
    """The sizes of the input nearest to a model's own at which no layer loses equivariance.

    Args:
        model: A Functional or Sequential model of images.
        farthest: By how many points to look in each direction.

    Returns:
        List of at most two integers, the nearest smaller one (or the model's own) and the nearest
        larger one. All sides of all images have that size.
    """
    size = size_of_images(model) or 32

    def keeps(n):
        return n > 0 and _keeps_at(model, n)

    if keeps(size):
        return [size]
    steps = [range(size - 1, max(size - farthest, 0), -1), range(size + 1, size + farthest + 1)]
    return [n for n in (next(filter(keeps, step), None) for step in steps) if n is not None]


def size_of_images(model):
    """The first side of a model's first image that is known, `None` where none is."""
    last = _data_format(model) == "channels_last"
    sides = (n for x in _images(model) for n in (x.shape[1:-1] if last else x.shape[2:]))
    return next(filter(None, sides), None)


def _images(model):
    """The inputs of a model that are images, and not vectors."""
    return [x for x in model.inputs if len(x.shape) > 2]


def _keeps_at(model, n):
    """Whether no layer loses equivariance where all sides of images are n."""
    data_format, shapes = _data_format(model), {}
    last = data_format == "channels_last"
    for x in _images(model):
        space = (n,) * (len(x.shape) - 2)
        shapes[id(x)] = (1, *space, x.shape[-1]) if last else (1, x.shape[1], *space)
    follow = stock.follower(_lattice_of(model), data_format, shapes)
    try:
        for operation, node in stock.in_order(model):
            if isinstance(operation, keras.layers.Flatten):
                return True  # sizes after it are those of the model's own input
            if any(found.losses or found.broken for found in map(follow, node.outputs)):
                return False
    except (ValueError, TypeError):  # it does not fit
        return False
    return True


def _lattice_of(model):
    """The lattice, with the group of the first layer of a model that has one."""
    layers = model._flatten_layers(include_self=False)
    of_group = (x.group for x in layers if isinstance(x, BaseGroupLayer) and x.group is not None)
    return next(map(Space.lattice, of_group), None)


def _each_counted_once(rows):
    """Rows of which a layer that is called again has no parameters, as Keras counts."""
    seen = set()
    for operation, row in rows:
        yield replace(row, parameters=0) if id(operation) in seen else row
        seen.add(id(operation))


def _rows(model, invariant, prefix=""):
    """Pairs of a layer and its row. `invariant` collects the tensors that no element changes."""
    data_format = _data_format(model)
    follow = stock.follower(None, data_format)
    for operation, node in stock.in_order(model):
        name, output = prefix + operation.name, node.outputs[0]
        if isinstance(operation, BaseBlock):
            for part, before, after in operation.steps(tuple(node.input_tensors[0].shape)):
                verdict = _verdict_of(part, before, operation)
                called = prefix + part.name
                row = _row(
                    part, called, operation.output_space, before, after, verdict, data_format
                )
                yield part, row
            continue
        layer, after = stock.own_layer(operation) or operation, follow(output)
        verdict = _verdict_in_graph(layer, node, after, follow, invariant)
        shapes = tuple(node.input_tensors[0].shape), tuple(output.shape)
        if not stock.is_functional(operation):
            yield operation, _row(operation, name, after.space, *shapes, verdict, data_format)
            continue
        inner = list(_rows(operation, invariant, f"{name}/"))
        yield from inner
        if verdict.startswith("lost") and not any("lost" in row.verdict for _, row in inner):
            # by what comes into it, of which its own layers know nothing
            space = after.space.name if after.space else ""
            kind = type(operation).__name__
            yield operation, SummaryRow(name, kind, space, shapes[1][1:], None, 0, 0, "", verdict)


def _row(operation, name, space, before, after, verdict, data_format):
    is_first = getattr(operation, "data_format", data_format) == "channels_first"
    channel_axis = 1 if is_first and len(after) > 2 else -1
    implementation, products = _cost(stock.own_layer(operation) or operation, before, after)
    return SummaryRow(
        name,
        type(operation).__name__,
        space.name if isinstance(space, Space) else "",
        after[1:],
        after[channel_axis] if len(after) > 1 else None,
        operation.count_params() if getattr(operation, "built", False) else 0,
        products,
        implementation,
        verdict,
    )


def _verdict_of(operation, input_shape, owner):
    """The verdict on a layer of this library, or on a part of a block of it."""
    if isinstance(operation, BaseGroupLayer) and not operation.keeps_equivariance(input_shape):
        return "lost: its windows do not turn with an input of this size"
    activation = getattr(operation, "activation", None)
    reason = guard.activation_loss(activation, owner, operation.compute_output_shape(input_shape))
    return f"lost: {reason}" if reason else "kept"


def _verdict_in_graph(operation, node, after, follow, invariant):
    found = [follow(x) for x in node.input_tensors]
    verdict = "kept"
    if isinstance(operation, BaseGroupLayer):
        (x,) = node.input_tensors
        verdict = _verdict_of(operation, tuple(x.shape), operation)
        if found[0].maker is None:  # of an image, of which nothing else is known
            verdict = _lost_before([x], operation.input_space, operation.data_format) or verdict
    elif new := [loss for loss in after.losses if all(loss not in f.losses for f in found)]:
        verdict = f"lost: {new[0].split(': ', 1)[1]}"
    elif after.broken and not any(f.broken for f in found):
        verdict = f"lost: {after.broken}"
    elif stock.is_functional(operation) and not any(f.maker for f in found):
        lattice = _lattice_of(operation)
        verdict = _lost_before(node.input_tensors, lattice, _data_format(operation)) or verdict
    pairs = zip(node.input_tensors, found, strict=True)
    known = isinstance(operation, BaseGroupLayer) or all(
        id(x) in invariant or f.space is not None for x, f in pairs
    )
    if verdict != "kept" or not known:
        return verdict if verdict != "kept" else ""
    if len(node.outputs[0].shape) <= 2:
        invariant.add(id(node.outputs[0]))
        return "invariant"
    return "kept"


def _lost_before(images, space, data_format):
    """The verdict on what is done to images before they are lifted, `None` if it keeps all."""
    losses = [loss for x in images for loss in stock.follow(x, space, data_format).losses]
    return f"lost: before it {losses[0]}" if losses else None


def _cost(operation, before, after):
    """The implementation and its multiplications for one input."""
    weights = [w for w in getattr(operation, "weights", []) if "kernel" in w.name]
    if not weights:
        return "", 0
    last = getattr(operation, "data_format", "channels_last") != "channels_first"
    if not isinstance(operation, BaseGroupConv):
        points = after[1:-1] if last else after[2:]
        is_transposed = "Transpose" in type(operation).__name__
        points = (before[1:-1] if last else before[2:]) if is_transposed else points
        if None in points:
            return "", None
        return "", sum(math.prod(w.shape) for w in weights) * math.prod(points)
    d, order = operation.dimension, operation.group.order
    shape = before if isinstance(operation, GroupConvTranspose) else after
    points = shape[1 : d + 1] if last else shape[-d:]
    implementation, share = _implementation(operation)
    if None in points:
        return implementation, None
    others = _kernel_shape(operation)[operation.lattice.kernel_rank :]
    per_point = math.prod((*operation.kernel_size, *others)) * order * share
    if operation.is_between_quotients():
        spaces = operation.input_space, operation.output_space
        pairs = math.prod((*operation.kernel_size, *(space.cosets for space in spaces)))
        per_point = pairs * math.prod(operation.kernel.shape[-2:])
    if isinstance(operation, GroupSeparableConv2D):
        per_point += math.prod(operation.pointwise_kernel.shape) * order
    return implementation, round(per_point * math.prod(points))


def _implementation(layer):
    """What `predict` runs, and its share of the multiplications of the direct implementation."""
    asked = layer.implementation
    is_strided = isinstance(layer, GroupConvTranspose) and max(layer.strides) > 1
    if is_strided or isinstance(layer, GroupDepthwiseConv2D) or layer.is_between_quotients():
        asked = "direct"
    shape = _kernel_shape(layer)
    if asked == "auto":
        asked = cost_model.choose(
            backend.compilation_in_fit(), shape, layer.group, layer.strides, groups=layer.groups
        )
    if asked == "direct":
        return asked, 1.0
    return asked, cost_model.features(layer.group, shape)[0]


def _kernel_shape(layer):
    """The shape of the kernel, with a single tap where it has none."""
    shape = tuple(layer.kernel.shape)
    return (1,) * (layer.input_space.kernel_rank - len(shape)) + shape


def _data_format(model):
    found = {
        layer.data_format
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, BaseGroupLayer)
    }
    return found.pop() if len(found) == 1 else keras.config.image_data_format()


def _cells(row):
    products = "?" if row.multiplications is None else f"{row.multiplications:,}"
    shape = "×".join("?" if n is None else str(n) for n in row.shape)
    name = f"{row.name} ({row.kind})"
    numbers = str(row.maps or ""), f"{row.parameters:,}" if row.parameters else ""
    products = products if row.multiplications != 0 else ""
    return name, row.space, shape, *numbers, products, row.implementation, row.verdict


def _aligned(cell, width, column):
    return cell.rjust(width) if column in (3, 4, 5) else cell.ljust(width)
