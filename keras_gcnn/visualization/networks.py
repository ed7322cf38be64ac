"""Pictures of what a network makes of an image."""

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from keras_gcnn import arguments, groups, stock
from keras_gcnn.annotations import Figure, Group, Integer, Tensor
from keras_gcnn.equivariance import (
    MODEL_TOLERANCE,
    dimension_of_layers,
    space_of_layers,
    space_of_symbolic,
    strands_of,
)
from keras_gcnn.groups import Space
from keras_gcnn.ops.layout import data_format_of
from keras_gcnn.visualization.canvas import Canvas, Patch, Scale
from keras_gcnn.visualization.grid import numbers
from keras_gcnn.visualization.maps import Maps
from keras_gcnn.visualization.names import labels

FORM = (
    "`model` must end with the mean over space and H of a map on G and a Dense layer, such as "
    "GlobalGroupAveragePooling2D and Dense, for a class-activation map."
)


def equivariance_figure(
    layer_or_model: keras.layers.Layer,
    image: Tensor,
    group: Group,
    channel: Integer | None = None,
    elements: Sequence[Integer] | None = None,
    slices: Integer = 3,
    figure: Figure = None,
) -> Figure:
    """What a layer or model makes of an image and of its transformed copies.

        Φ(L_g f)        row g; if Φ is equivariant, it is L_g Φ(f)

    Here Φ is the layer or model, and f the image. The first columns are the input L_g f, the others
    one channel of the output: a map on G has a column for each h, and one for the maximum over h.
    Where Φ is equivariant, row g has the maps of the first row, turned by g, and that at h has
    moved to g·h. The maximum only turns. An output that is a vector is drawn as a curve.

    Args:
        layer_or_model: A layer or model of one input and one output, called with `training=False`.
            For a layer inside of a model, take `keras.Model(model.input, layer.output)`.
        image: One input without its batch axis: `(*space, channels)`, or a map on G
            `(*space, |H|, channels)`; or `"channels_first"`, if the layers are.
        group: Name of the point group, or a `PointGroup`: that of the layers, or a subgroup.
        channel: Which channel of the output. `None`: the one that varies most.
        elements: Indices of the elements g that have a row. `None`: all.
        slices: How many slices of a volume are drawn, the middle ones along depth.
        figure: A matplotlib `Figure` or `SubFigure` to draw in. `None`: a new one.

    Returns:
        The figure.

    Raises:
        TypeError: If it is no layer.
        ValueError: If a shape belongs to no space, an index is too large, or the group does not map
            the image to itself.
        ImportError: If matplotlib is not installed.

    Example:
    >>> layer = keras_gcnn.layers.LiftingConv2D(4, 3, group="p4", data_format="channels_last")
    >>> image = np.random.rand(9, 9, 1)
    >>> figure = keras_gcnn.visualization.equivariance_figure(layer, image, "p4")

    Reference: Cohen & Welling 2016, section 2, and figures 1 and 2.
    """
    arguments.layer(layer_or_model)
    slices = arguments.integer(slices, "slices")
    data_format = data_format_of(layer_or_model)
    group = arguments.group(group, dimension_of_layers(layer_or_model))
    whole = space_of_layers(layer_or_model, group)
    elements = whole.group.indices(group)[_checked_elements(elements, group)]
    x = _input(image, whole.group, data_format, slices).moved(elements)
    if strands := strands_of(layer_or_model):  # of which the mirror exchanges the bases too
        others = x.values[..., strands.complements()]
        is_mirror = np.asarray(elements).reshape(-1, 1, 1, 1) != 0
        x = replace(x, values=np.where(is_mirror, others, x.values))
    output = layer_or_model(x.tensor(data_format), training=False)
    space = _output_space(layer_or_model, output, whole, data_format)
    y = Maps.of(output, space, data_format, slices)
    if channel is None:
        channel = np.argmax(y.values[0].var(axis=(0, 1)))
    y = y.channel(arguments.integer(channel, "channel", 0, y.values.shape[-1] - 1))
    scale = Scale.of(y.values)
    rows = []
    for n, g in enumerate(elements):
        rows.append([*x.pictures(n, f"g={g}, input"), *y.patches(n, scale, f"g={g}")])
        if y.is_on_cosets:
            largest = y.values[n, ..., 0].max(axis=1)
            rows[-1].append(Patch(largest, y.grid, scale, f"g={g}, maximum"))
    titles = [*x.titles("input"), *y.titles("output"), "max over h"]
    names = labels(whole.group)
    return _table(figure, rows, titles, [f"g = {names[g]}" for g in elements])


def class_activation_map(
    model: keras.Model,
    image: Tensor,
    class_index: Integer | None = None,
    slices: Integer = 3,
    figure: Figure = None,
) -> Figure:
    """Where on G a network sees a class: a class-activation map for each element of H.

        M(x, h) = Σ_c w_c f_c(x, h) / (points · |H|),      Σ_x Σ_h M(x, h) = logit - bias

    f is the last map on G, w the weights of the last `Dense` layer for the class. The last column
    is the sum over h, a map on the plane. If the model is equivariant, a turned image turns these
    maps and moves each to another h, and their sum stays.

    Args:
        model: A Functional or Sequential model of one image that ends with the mean over space and
            H of a map on G, and `Dense`. The mean may be that of one layer, or of `CosetPooling`
            with `reduction="mean"` and `GlobalAveragePooling`; dropout and activations may stand
            between and after them. If H is pooled otherwise before, the map is one on the plane.
        image: One input, without its batch axis.
        class_index: Which output of `Dense`. `None`: the largest.
        slices: How many slices of a volume are drawn, the middle ones along depth.
        figure: A matplotlib `Figure` or `SubFigure` to draw in. `None`: a new one.

    Returns:
        The figure.

    Raises:
        ValueError: If the model is of another form, or `class_index` is too large.
        ImportError: If matplotlib is not installed.

    Example:
    >>> inputs = keras.Input((9, 9, 1))
    >>> x = keras_gcnn.layers.LiftingConv2D(4, 3, "p4", data_format="channels_last")(inputs)
    >>> mean = keras_gcnn.layers.GlobalGroupAveragePooling2D(data_format="channels_last")
    >>> model = keras.Model(inputs, keras.layers.Dense(10)(mean(keras.layers.ReLU()(x))))
    >>> image = np.random.rand(9, 9, 1)
    >>> figure = keras_gcnn.visualization.class_activation_map(model, image, class_index=3)

    Reference: Zhou et al. 2016, Learning Deep Features for Discriminative Localization, section 2;
    Cohen & Welling 2016, section 6.3.
    """
    slices = arguments.integer(slices, "slices")
    arguments.functional_model(model, "`model` must be a Functional or Sequential model")
    dense, f, x = _last_map(model, image, slices)
    weights = numbers(dense.kernel, "kernel")  # (channels, classes)
    maps = f.values @ weights / f.values[0, ..., 0].size  # (1, points, cosets, classes)
    logits = maps.sum(axis=(0, 1, 2)) + (numbers(dense.bias, "bias") if dense.use_bias else 0)
    if class_index is None:
        class_index = np.argmax(logits)
    k = arguments.integer(class_index, "class_index", 0, len(logits) - 1)
    cam = replace(f, values=maps).channel(k)
    row = [*x.pictures(0, "input"), *cam.patches(0, Scale.about_zero(cam.values), "map")]
    if cam.is_on_cosets:
        total = cam.values[0, ..., 0].sum(axis=1)
        row.append(Patch(total, cam.grid, Scale.about_zero(total), "sum"))
    titles = [*x.titles("input"), *cam.titles("map"), "sum over h"]
    return _table(figure, [row], titles, [f"class {k}\nlogit {logits[k]:.3g}"])


def _last_map(model, image, slices):
    """The last `Dense` layer, the map of which it gets the mean, and the input, for one image."""
    data_format = data_format_of(model)
    dense, vector = _last_dense(model)
    found = [
        (tensor, space)
        for _, node in stock.in_order(model)
        for tensor in node.outputs
        if (space := stock.follow(tensor, None, data_format).space) is not None
        and len(tensor.shape) == space.rank
    ]
    group = found[-1][1].group if found else groups.get("p1")
    x = _input(image, group, data_format, slices)
    tensors = [vector, *(tensor for tensor, _ in found)]
    mean, *maps = keras.Model(model.inputs[0], tensors)(x.tensor(data_format), training=False)
    mean, best = numbers(mean, "mean")[0], None
    tolerance = MODEL_TOLERANCE[dense.compute_dtype] * np.abs(mean).max()
    for tensor, (_, space) in zip(maps, found, strict=True):
        f = Maps.of(tensor, space, data_format, slices)
        is_its_mean = f.values.shape[-1] == len(mean) and np.all(
            np.abs(f.values[0].mean(axis=(0, 1)) - mean) <= tolerance
        )
        if is_its_mean and (best is None or space.cosets >= best.space.cosets):
            best = f
    if best is None:
        raise ValueError(
            f"{FORM} Received: {model!r}, in which '{dense.name}' does not get the mean of a map."
        )
    return dense, best, x


def _last_dense(model):
    """The last `Dense` layer of vectors, and the tensor that it gets."""
    found = None
    for layer, node in stock.in_order(model):
        if isinstance(layer, keras.layers.Dense) and len(node.input_tensors[0].shape) == 2:
            found = layer, node.input_tensors[0]
    if found is None:
        raise ValueError(f"{FORM} Received: {model!r}, which has no Dense layer of vectors.")
    return found


def _input(image, group, data_format, slices):
    """`Maps` of one image, or of one map on G."""
    x = numbers(image, "image")[None]
    spaces = [Space.lattice(group), Space.whole(group)]
    return Maps.of(x, arguments.space_of(x, spaces, data_format), data_format, slices)


def _output_space(layer_or_model, output, whole, data_format):
    """The `Space` that the layers say, or that the rank tells; `None` for vectors."""
    if len(keras.tree.flatten(output)) != 1:
        raise ValueError(
            "`layer_or_model` must have one output. Received: "
            f"{len(keras.tree.flatten(output))} outputs of {layer_or_model!r}. Choose one by "
            "`keras.Model(model.input, model.outputs[0])`."
        )
    if len(output.shape) == 2:
        return None
    space = getattr(layer_or_model, "output_space", None)
    if space is None and getattr(layer_or_model, "outputs", None):
        space = space_of_symbolic(layer_or_model.outputs[0], whole, data_format)
    spaces = [Space.lattice(whole.group), whole] if space is None else [space]
    return arguments.space_of(output, spaces, data_format)


def _checked_elements(elements, group):
    """Indices of elements of a group, all for `None`."""
    if elements is None:
        return list(range(group.order))
    if not isinstance(elements, (list, tuple, np.ndarray, range)) or len(elements) == 0:
        raise ValueError(
            f"`elements` must be a list of indices of elements of {group.name}, 0 to "
            f"{group.order - 1}. Received: elements={elements!r}."
        )
    return [arguments.integer(g, "elements", 0, group.order - 1) for g in elements]


def _table(figure, rows, titles, labels):
    canvas = Canvas(figure, columns=sum(patch.grid.size[0] for patch in rows[0]))
    canvas.table(rows, titles[: len(rows[0])], labels)
    return canvas.finish()
