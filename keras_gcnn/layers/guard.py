"""The guard against equivariance that is lost silently: one warning, and the ways out of it."""

import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from keras_gcnn import groups as point_groups
from keras_gcnn import stock
from keras_gcnn.groups import Sampling, Space

_LIBRARIES = "keras", "keras_gcnn", "tensorflow", "jax", "torch"


class EquivarianceWarning(UserWarning):
    """Issued when a stride, pooling, padding or stock layer breaks equivariance at an input size.

    The standard filter turns it into an error:

    >>> warnings.simplefilter("error", keras_gcnn.EquivarianceWarning)
    """


def group_of_source(layer, x):
    """The group of the map that a layer is called on.

    Raises:
        ValueError: If the graph does not tell, since `x` is no symbolic tensor or no layer of this
            library made it.

    Warns:
        FutureWarning: If the map is the input of a model and could be on p4, which was the default
            of release 0.1.
    """
    is_symbolic = isinstance(x, keras.KerasTensor)
    if is_symbolic:
        found = stock.follow(x, None, layer.data_format)
        if found.maker is not None:
            return (found.space or found.maker.output_space).group
    whole = Space.whole(point_groups.get("p4"))
    if not is_symbolic or len(x.shape) != whole.rank or x.shape[whole.axis(layer.data_format)] != 4:
        raise no_group(layer)
    warnings.warn(
        f"{stock.named(layer)} has no `group`, and takes its input for a map on p4, as release 0.1 "
        "did. Name the group.",
        FutureWarning,
        stacklevel=_level_of_user(),
    )
    return whole.group


def lattice_of_source(layer, x):
    """The lattice of the map that a layer is called on, `None` where the graph does not tell."""
    if not isinstance(x, keras.KerasTensor):
        return None
    maker = stock.follow(x, None, layer.data_format).maker
    return None if maker is None else maker.group.lattice


def no_group(layer):
    """The error for a layer that has no group and finds none."""
    return ValueError(
        f"{stock.named(layer)} needs a `group`. Received: group=None, and no layer of keras_gcnn "
        "that made its input is known. In a functional or Sequential model that begins with a "
        f"LiftingConv{layer.dimension or 2}D the group is that of the input. Anywhere else name "
        f"it, as in {type(layer).__name__}(…, group='p4')."
    )


def check_source(layer, x):
    """Follows the graph back from a layer's input to the layer that made the map.

    Args:
        layer: A layer with a `group`, a `data_format` and an `input_space`.
        x: Its input, a `keras.KerasTensor`.

    Raises:
        ValueError: If the map is on another space than the layer takes.

    Warns:
        EquivarianceWarning: If a stock layer on the way breaks equivariance.
    """
    found = stock.follow(x, layer.input_space, layer.data_format)
    if found.maker is not None and found.space not in (None, layer.input_space):
        raise ValueError(
            f"{stock.named(layer)} takes a map on {layer.input_space.name}. Received: a map on "
            f"{found.space.name}, made by {stock.named(found.maker)}. {_remedy(layer, found.space)}"
        )
    given = getattr(found.maker, "data_format", layer.data_format)
    if found.space is not None and given != layer.data_format and not found.losses:
        raise ValueError(
            f"{stock.named(layer)} takes a {layer.data_format} map. Received: a {given} map, made "
            f"by {stock.named(found.maker)}. Give both layers the same `data_format`."
        )
    if found.broken:
        raise ValueError(
            f"{stock.named(layer)} takes a map on {layer.input_space.name}. Received: a map with "
            f"another axis of H: {found.broken}."
        )
    for reason in found.losses:
        warn_once(
            layer,
            f"{stock.named(layer)} takes a map that is no longer equivariant to "
            f"{layer.group.name}: {reason} {_made_by(found.maker)}Remove that stock layer, or "
            "replace it with one that docs/stock_layers.md lists as kept.",
        )


def warn_if_lost(layer, sampling, size, window_argument):
    """Warns if the layer's sampling grid on an input of this size is not mapped to itself by H.

    Args:
        layer: The layer.
        sampling: Its `groups.Sampling`.
        size: Points along each axis of the input, `None` where not yet known.
        window_argument: What the layer calls its window: `"kernel_size"` or `"pool_size"`.
    """
    group = layer.output_space.group
    if sampling.preserves(group, size):
        return
    remedies = list(_remedies(group, sampling, size, window_argument))
    dilated = sampling.dilation_rate and max(sampling.dilation_rate) > 1
    dilation = f", dilation_rate={sampling.dilation_rate}" if dilated else ""
    warn_once(
        layer,
        f"{stock.named(layer)} loses equivariance to {group.name} on an input of size "
        f"{_times(size)}: with {window_argument}={sampling.kernel_size}, "
        f"strides={sampling.strides}, padding={sampling.padding!r}{dilation} its sampling grid is "
        f"not mapped to itself by the group. To keep equivariance, use "
        f"{'; or '.join(remedies) or 'strides=1'}.",
    )


def warn_if_shifted(layer, amounts, size, argument, sign):
    """Warns if padding or cropping by these amounts moves the centre that the group turns about.

    Args:
        layer: The layer.
        amounts: A pair for each axis, in front and behind.
        size: Points along each axis of the input, `None` where not yet known.
        argument: What the layer calls the amounts.
        sign: 1 for padding, -1 for cropping.
    """
    if layer.lattice.keeps_amounts(layer.group, amounts):
        return
    total = [front + behind for front, behind in amounts]
    larger = max(total) + max(total) % 2
    equal = ((larger // 2,) * 2,) * len(size)
    remedies = [f"{argument}={equal}"]
    if None not in size and len(set(size)) == 1 and len(set(total)) == 1:
        # The same output from an input of another size, with amounts equal on both sides.
        changed = _times([n + sign * (t - 2 * (t // 2)) for n, t in zip(size, total, strict=True)])
        remedies.append(f"an input of size {changed} with {argument}={total[0] // 2}")
    warn_once(
        layer,
        f"{stock.named(layer)} loses equivariance to {layer.group.name} on an input of size "
        f"{_times(size)}: {argument}={amounts} moves the centre of the map. To keep equivariance, "
        f"use {'; or '.join(remedies)}.",
    )


def activation_loss(activation, layer, output_shape):
    """Why an activation of a layer's output loses equivariance, `None` if it does not."""
    if stock.is_pointwise(activation):
        return None
    return stock.loss_of_activation(activation, layer.output_space, layer.data_format, output_shape)


def warn_of_activation(layer, output_shape):
    """Warns if the layer's activation does not act on each number, and so tells points apart."""
    reason = activation_loss(layer.activation, layer, output_shape)
    if reason:
        warn_once(
            layer,
            f"{stock.named(layer)} loses equivariance to {layer.group.name} by its activation: "
            f"{reason}. Use an activation that acts on each number, or along the channels.",
        )


def warn_of_bases(layer, x):
    """Warns if what stands before a StrandLifting may not treat all bases alike."""
    for operation, node in stock.all_calls([x]):
        if stock.is_functional(operation):
            continue
        arrays = [constant for constant in stock.constants_of(node) if np.ndim(constant)]
        if arrays or not stock.treats_channels_alike(operation):
            warn_once(
                layer,
                f"{stock.named(layer)} takes one-hot bases. Received: the "
                f"output of {stock.named(operation)}, which may not treat A as T and C as G. The "
                "other strand may then give another result. Put it after the lifting.",
            )


def warn_of(message):
    """An `EquivarianceWarning` at the user's line."""
    warnings.warn(message, EquivarianceWarning, stacklevel=_level_of_user())


def warn_once(layer, message):
    """An `EquivarianceWarning` at the user's line, once for each layer and message."""
    if message not in layer.said:
        warn_of(message)
        layer.said.add(message)


def _level_of_user():
    """The `stacklevel` at which `warn_of` finds the first line of no library."""
    modules = [sys.modules[name] for name in _LIBRARIES if name in sys.modules]
    libraries = tuple(f"{Path(str(module.__file__)).parent}{os.sep}" for module in modules)
    frame, level = sys._getframe(2), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(libraries):
        frame, level = frame.f_back, level + 1
    return level


def _made_by(maker):
    return f"{stock.named(maker)} made the map. " if maker is not None else ""


def _remedy(layer, space):
    wanted = layer.input_space
    if wanted.group.lattice != space.group.lattice:
        return "Give every layer a group on the same lattice."
    if wanted.has_axis and not space.has_axis:
        return f"Lift an image to the group first, with LiftingConv{layer.dimension}D."
    if not wanted.has_axis:
        return (
            f"Pool the map to an image first, with CosetPooling{layer.dimension}D, or use "
            f"GroupConv{layer.dimension}D on the group."
        )
    return "Give every layer from the lifting on the same `group`."


def _remedies(group, sampling, size, window_argument):
    """The changes that keep equivariance. Each is tried before it is offered."""

    def works(candidate):
        return candidate.fits(size) and candidate.preserves(group, size)

    if None not in size:
        sizes = [_times(near) for near in sampling.nearest_sizes(group, size)]
        if sizes:
            yield f"an input of size {' or '.join(sizes)}"
    windows = [str(c.kernel_size) for c in _other_windows(group, sampling) if works(c)]
    if windows:
        yield f"{window_argument}={' or '.join(windows)}"
    for padding in {"valid": ["same"]}.get(sampling.padding, ["valid"]):
        if works(replace(sampling, padding=padding)):
            yield f"padding={padding!r}"
    for stride in sorted(set(sampling.strides)):
        strides = (stride,) * len(size)
        if strides != sampling.strides and works(replace(sampling, strides=strides)):
            yield f"strides={strides}"
    if _pooling_instead_of_stride_works(group, sampling, size):
        yield f"strides=1 followed by {_times(sampling.strides)} pooling"


def _other_windows(group, sampling):
    for change in (-1, 1):
        kernel_size = tuple(k + change for k in sampling.kernel_size)
        if min(kernel_size) > 0 and group.lattice.keeps_shape(group, kernel_size):
            yield replace(sampling, kernel_size=kernel_size)


def _pooling_instead_of_stride_works(group, sampling, size):
    if not isinstance(sampling, Sampling):
        return False
    dense = replace(sampling, strides=(1,) * len(size))
    pooling = Sampling(sampling.strides, sampling.strides)
    if max(sampling.strides) == 1 or not dense.fits(size):
        return False
    pooled = dense.output_size(size)
    return (
        dense.preserves(group, size) and pooling.fits(pooled) and pooling.preserves(group, pooled)
    )


def _times(size):
    return "×".join("?" if n is None else str(n) for n in size)
