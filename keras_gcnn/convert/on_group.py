"""What a plain layer becomes on the group: a rule is a function of the walk, layer and inputs."""

import math

import keras
import numpy as np
from keras import layers, ops

from keras_gcnn import stock
from keras_gcnn.convert.merged import is_of_keras
from keras_gcnn.convert.roles import is_convolution
from keras_gcnn.convert.walk import copy_of, precision, unknown
from keras_gcnn.groups import Space
from keras_gcnn.groups.space import coset_axis
from keras_gcnn.layers import (
    GlobalGroupAveragePooling2D,
    GlobalGroupMaxPooling2D,
    GroupAveragePooling2D,
    GroupBatchNormalization,
    GroupConv2D,
    GroupConv2DTranspose,
    GroupCropping2D,
    GroupDense,
    GroupDepthwiseConv2D,
    GroupMaxPooling2D,
    GroupSeparableConv2D,
    GroupUpSampling2D,
    GroupZeroPadding2D,
)
from keras_gcnn.ops.layout import channel_axis, channels_of
from keras_gcnn.stock.checks import Call

# Layers with a counterpart of the same arguments.
COUNTERPARTS = {
    layers.MaxPooling2D: GroupMaxPooling2D,
    layers.AveragePooling2D: GroupAveragePooling2D,
    layers.GlobalMaxPooling2D: GlobalGroupMaxPooling2D,
    layers.GlobalAveragePooling2D: GlobalGroupAveragePooling2D,
    layers.ZeroPadding2D: GroupZeroPadding2D,
    layers.Cropping2D: GroupCropping2D,
    layers.UpSampling2D: GroupUpSampling2D,
}
MERGES = (
    layers.Add,
    layers.Average,
    layers.Concatenate,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)
# Classes of keras.applications that act on each number, or with a weight for each channel.
OF_APPLICATIONS = ("LayerScale", "StochasticDepth")


def rewritten(walk, layer, args, kwargs):
    """What a layer becomes whose input, or one of them, is a map on G."""
    for kinds, rule in RULES.items():
        if isinstance(layer, kinds):
            if not is_of_keras(type(layer)):
                raise unknown(layer, "it is a class of its own")
            takes_training = rule in (_batch_normalization, _dropout)
            options = {"training": kwargs.get("training")} if takes_training else {}
            return rule(walk, layer, *args, **options)
    if type(layer).__name__ in OF_APPLICATIONS:
        return _of_applications(walk, layer, args, kwargs)
    row = stock.row_of(layer)
    if row is None:
        raise unknown(layer, "it is not known to act on maps on the group")
    (x, *others) = [
        x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)
    ]
    if others or not isinstance(layer, layers.Layer):
        return _operation(walk, layer, args, kwargs)
    data_format = walk.spaces.get(x)
    if row.effect == "breaks":
        raise unknown(layer, f"it {row.says}")
    _check(walk, layer, x)
    walk.note(layer, "stays")
    axis = getattr(layer, "axis", None)
    if axis in (None, -1):
        return walk.mark(plainly(walk, layer, args, kwargs), data_format)
    made = walk.made_by(layer, type(layer), axis=_moved(axis, data_format))
    return walk.mark(made(*args, **kwargs), data_format)


def _check(walk, layer, x):
    """Raises if a layer breaks equivariance by the table of stock layers."""
    data_format = walk.spaces.get(x)
    shape = list(x.shape)
    del shape[coset_axis(data_format, 2)]
    call = Call(layer, Space.lattice(walk.group), data_format, tuple(shape), [], tuple(shape))
    reason = stock.row_of(layer).check(call)
    if reason:
        raise unknown(layer, reason)


def _moved(axis, data_format):
    """Axes of an image as those of a map on G."""
    places = (0, 1, 2, 4) if data_format == "channels_last" else (0, 1, 3, 4)
    return keras.tree.map_structure(lambda a: places[a], axis)


def plainly(walk, layer, args, kwargs):
    """A layer or operation of Keras, called as it is, with a copy of its weights."""
    if isinstance(layer, layers.Layer):
        layer = walk.once_for(layer, "copy", lambda name: copy_of(layer, name))
    return layer(*args, **kwargs)


def off_group(walk, layer, args, kwargs):
    """A layer on vectors, or on a map of one point, that come from a map on G."""
    if isinstance(layer, layers.Reshape) and walk.role.is_gate(layer):
        shape = _with_open_channels(layer)
        walk.note(layer, "stays")
        return walk.made_by(layer, layers.Reshape, target_shape=shape)(*args)
    if not getattr(layer, "weights", None):
        walk.note(layer, "stays")
        y = plainly(walk, layer, args, kwargs)
        if isinstance(layer, layers.Reshape) and len(y.shape) == 4:
            _note_unturned(walk, layer, y)
        return y
    changes = {}
    is_scaled = walk.role.is_gate(layer) or walk.widths.is_convolved(layer)
    if is_convolution(layer) or (is_scaled and isinstance(layer, layers.Dense)):
        for name in ("filters", "units"):
            if hasattr(layer, name):
                changes[name] = walk.width(layer, getattr(layer, name))
    if getattr(layer, "groups", 1) > 1:
        numbers = changes.get("filters", layer.groups), channels_of(args[0], layer.data_format)
        changes["groups"] = math.gcd(layer.groups, *numbers)
    made = walk.made_by(layer, type(layer), **changes)
    walk.note(layer, "stays" + "".join(f", {n} {name}" for name, n in changes.items()))
    return made(*args, **kwargs)


def _note_unturned(walk, layer, y):
    """Says so where a map is made of a vector: the vector does not turn, so the map does not."""
    size = y.shape[1:3] if walk.data_format == "channels_last" else y.shape[2:]
    if set(size) != {1}:
        walk.losses.append(
            f"{stock.named(layer)} makes a map of a vector, which does not turn with the input."
        )


def _with_open_channels(layer):
    """The target of a reshaping of vectors to one point, for any number of channels."""
    shape = list(layer.target_shape)
    larger = [axis for axis, n in enumerate(shape) if n != 1]
    if len(larger) > 1 or len(shape) == 2:
        raise unknown(layer, f"it makes {tuple(shape)} of a vector")
    if larger:
        shape[larger[0]] = -1
    return tuple(shape)


def _convolution(walk, layer, x):
    channels = channels_of(x, layer.data_format)
    is_one_tap = max(layer.kernel_size) == max(layer.strides) == layer.groups == 1
    if walk.role.is_head(layer) and is_one_tap:
        pooled = walk.pooled(x, f"{layer.name}_pool")
        walk.note(layer, "CosetPooling2D, then it stays")
        return walk.made_by(layer, type(layer))(pooled)
    filters = walk.width(layer, layer.filters)
    groups = math.gcd(layer.groups, channels, filters)
    if layer.groups > 1 and layer.filters % layer.groups == 0 and _is_depthwise(layer):
        groups, filters = channels, channels * (layer.filters // layer.groups)
    changes = {"filters": filters, "groups": groups, "group": walk.group}
    if not walk.role.is_head(layer):
        return _on_group(walk, layer, GroupConv2D, x, f", {filters} filters", **changes)
    return _head(walk, layer, GroupConv2D, x, changes)


def _is_depthwise(layer):
    return layer.kernel.shape[-2] == 1


def _head(walk, layer, kind, x, changes):
    """The last convolution of an image output: its mean over H comes before its activation."""
    y = _on_group(walk, layer, kind, x, ", then CosetPooling2D", **changes, activation=None)
    y = walk.pooled(y, f"{layer.name}_pool")

    def make(name):
        return layers.Activation(layer.activation, dtype=layer.dtype_policy, name=name)

    return walk.once_for(layer, "activation", make, "_activation")(y)


def _on_group(walk, layer, kind, x, fate="", **changes):
    """The counterpart on G, called and noted. Its output is a map on G."""
    walk.note(layer, f"{kind.__name__}{fate}")
    return walk.mark(walk.made_by(layer, kind, **changes)(x), walk.spaces.get(x))


def _transposed(walk, layer, x):
    filters = walk.width(layer, layer.filters)
    changes = {"filters": filters, "group": walk.group}
    if not walk.role.is_head(layer):
        return _on_group(walk, layer, GroupConv2DTranspose, x, f", {filters} filters", **changes)
    return _head(walk, layer, GroupConv2DTranspose, x, changes)


def _depthwise(walk, layer, x):
    return _on_group(walk, layer, GroupDepthwiseConv2D, x, group=walk.group)


def _separable(walk, layer, x):
    changes = {"filters": walk.width(layer, layer.filters), "group": walk.group}
    fate = f", {changes['filters']} filters"
    return _on_group(walk, layer, GroupSeparableConv2D, x, fate, **changes)


def _dense(walk, layer, x):
    data_format = walk.spaces.get(x)
    acts_on_channels = data_format == "channels_last" or walk.is_gate_of_planes(layer)
    if not acts_on_channels:
        raise unknown(layer, "it acts along the width where channels are first")
    units = walk.width(layer, layer.units)
    changes = {"units": units, "group": walk.group, "data_format": data_format}
    return _on_group(walk, layer, GroupDense, x, f", {units} units", **changes)


def _batch_normalization(walk, layer, x, training):
    data_format = walk.spaces.get(x)
    _check(walk, layer, x)
    changes = {"axis": channel_axis(data_format), "data_format": data_format}
    walk.note(layer, GroupBatchNormalization.__name__)
    made = walk.made_by(layer, GroupBatchNormalization, **changes)
    return walk.mark(made(x, training=training), data_format)


def _normalization(walk, layer, x):
    data_format = walk.spaces.get(x)
    _check(walk, layer, x)
    changes = {"axis": channel_axis(data_format)}
    if hasattr(layer, "groups") and layer.groups > 0:
        changes["groups"] = math.gcd(layer.groups, x.shape[changes["axis"]])
    walk.note(layer, "stays")
    return walk.mark(walk.made_by(layer, type(layer), **changes)(x), data_format)


def _counterpart(walk, layer, x):
    is_global = isinstance(layer, (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D))
    if is_global and walk.is_gate_of_planes(layer):
        return _gate_of_each_plane(walk, layer, x)
    kind = COUNTERPARTS[type(layer)]
    made = walk.made_by(layer, kind, group=walk.group)
    walk.note(layer, kind.__name__)
    y = made(x)
    if getattr(layer, "keepdims", False):  # one point: an image again, for planar layers
        shape = (1, 1, y.shape[-1]) if _is_last(layer) else (y.shape[1], 1, 1)
        options = {"dtype": precision(y)}
        return walk.once_for(
            layer, shape, lambda name: layers.Reshape(shape, name=name, **options), "_point"
        )(y)
    return y if is_global else walk.mark(y, layer.data_format)


def _gate_of_each_plane(walk, layer, x):
    """A pooling only over space, so that each plane stays the plain network on a turned image."""
    is_max = isinstance(layer, layers.GlobalMaxPooling2D)
    kind = GroupMaxPooling2D if is_max else GroupAveragePooling2D
    size = tuple(x.shape[1:3] if _is_last(layer) else x.shape[3:])
    walk.note(layer, f"{kind.__name__} over all of space")
    if None in size:
        reduce = keras.ops.max if is_max else keras.ops.mean
        axes = (1, 2) if _is_last(layer) else (3, 4)
        return walk.mark(reduce(x, axis=axes, keepdims=True), layer.data_format)
    options = {"group": walk.group, "data_format": layer.data_format, "dtype": layer.dtype_policy}
    pool = walk.once_for(layer, size, lambda name: kind(size, name=name, **options))
    return walk.mark(pool(x), layer.data_format)


def _reshape(walk, layer, x):
    """Nothing for a gate, whose reshaping makes a map of one point: here it is one."""
    if not walk.role.is_gate(layer):
        raise unknown(layer, "it mixes up axes")
    _with_open_channels(layer)
    walk.note(layer, "dropped")
    return x


def _flatten(walk, layer, x):
    size = x.shape[1:3] if walk.spaces.get(x) == "channels_last" else x.shape[3:]
    if set(size) == {1} and walk.is_gate_of_planes(layer):
        walk.note(layer, "dropped")
        return x
    if set(size) != {1}:
        walk.losses.append(
            f"{stock.named(layer)} gives every point weights of its own. Build the plain model "
            "with GlobalAveragePooling2D in its place."
        )
    walk.note(layer, "CosetPooling2D, then it stays")
    return walk.made_by(layer, layers.Flatten)(walk.pooled(x, f"{layer.name}_pool"))


def _merge(walk, layer, tensors):
    data_format = next(filter(None, map(walk.spaces.get, tensors)))
    changes = {}
    if isinstance(layer, layers.Concatenate):
        _check(walk, layer, next(x for x in tensors if walk.is_on_group(x)))
        changes["axis"] = channel_axis(data_format)
    maps = [_as_map(walk, layer, x, data_format) for x in tensors]
    walk.note(layer, "stays")
    return walk.mark(walk.made_by(layer, type(layer), **changes)(maps), data_format)


def _operation(walk, layer, args, kwargs):
    """An operation of `keras.ops` on maps and numbers."""
    tensors = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
    data_format = next(filter(None, map(walk.spaces.get, tensors)))
    others = [x for x in keras.tree.flatten((args, kwargs)) if np.ndim(getattr(x, "shape", ()))]
    arrays = [x for x in others if not isinstance(x, keras.KerasTensor) and np.size(x) > 1]
    if not stock.acts_on_each_number(layer) or arrays:
        raise unknown(layer, "it is not known to act on each number of a map on the group")

    def as_map(x):
        return _as_map(walk, layer, x, data_format) if isinstance(x, keras.KerasTensor) else x

    args, kwargs = keras.tree.map_structure(as_map, (args, kwargs))
    walk.note(layer, "stays")
    return walk.mark(layer(*args, **kwargs), data_format)


def _as_map(walk, layer, x, data_format):
    """A map on G, or an image or vector with an axis of H that merges with one."""
    if walk.is_on_group(x):
        return x
    if len(x.shape) != 4:
        raise unknown(layer, f"it combines a map with a tensor of shape {tuple(x.shape)}")
    y = ops.expand_dims(x, coset_axis(data_format, 2))
    if not isinstance(layer, layers.Concatenate):
        return y
    last = data_format == "channels_last"
    size = (1, 1, walk.group.order) if last else (walk.group.order, 1, 1)
    options = {"data_format": data_format, "name": walk.fresh(f"{layer.name}_repeat")}
    return layers.UpSampling3D(size, dtype=precision(x), **options)(y)


def _dropout(walk, layer, x, training):
    changes = {}
    if getattr(layer, "noise_shape", None) is not None:
        noise = list(layer.noise_shape)
        noise.insert(coset_axis(walk.spaces.get(x), 2), 1)
        changes["noise_shape"] = tuple(noise)
    kind = type(layer)
    if isinstance(layer, layers.SpatialDropout2D):
        kind = layers.SpatialDropout3D
    walk.note(layer, "stays" if kind is type(layer) else kind.__name__)
    made = walk.made_by(layer, kind, **changes)
    return walk.mark(made(x, training=training), walk.spaces.get(x))


def _prelu(walk, layer, x):
    data_format = walk.spaces.get(x)
    _check(walk, layer, x)
    walk.note(layer, "stays")
    axes = sorted({coset_axis(data_format, 2), *_moved(list(layer.shared_axes), data_format)})
    return walk.mark(walk.made_by(layer, layers.PReLU, shared_axes=axes)(x), data_format)


def _of_applications(walk, layer, args, kwargs):
    x, changes = args[0], {}
    if type(layer).__name__ == "LayerScale":
        changes["projection_dim"] = x.shape[-1]
    walk.note(layer, "stays")
    made = walk.made_by(layer, type(layer), **changes)
    return walk.mark(made(*args, **kwargs), walk.spaces.get(x))


def _is_last(layer):
    return layer.data_format == "channels_last"


# The first class that fits is taken.
RULES = {
    layers.Conv2DTranspose: _transposed,
    layers.DepthwiseConv2D: _depthwise,
    layers.SeparableConv2D: _separable,
    layers.Conv2D: _convolution,
    layers.Dense: _dense,
    layers.BatchNormalization: _batch_normalization,
    (layers.LayerNormalization, layers.GroupNormalization, layers.RMSNormalization): _normalization,
    tuple(COUNTERPARTS): _counterpart,
    layers.Flatten: _flatten,
    layers.Reshape: _reshape,
    MERGES: _merge,
    (layers.Dropout, layers.SpatialDropout2D): _dropout,
    layers.PReLU: _prelu,
}
