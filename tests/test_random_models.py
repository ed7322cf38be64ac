"""Random models of all layers: what the guard says is what `equivariance_error` measures.

    RANDOM_MODELS=1000 KERAS_BACKEND=torch python -m pytest tests/test_random_models.py

takes a thousand that keep equivariance and a thousand that lose it.
"""

import os
import warnings

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from keras import layers, ops

import keras_gcnn as kg
from tests.shaken import shaken

L = kg.layers
LAST = {"data_format": "channels_last"}
EXAMPLES = int(os.environ.get("RANDOM_MODELS", 0)) or {"torch": 20}.get(keras.backend.backend(), 4)
SUBGROUPS = {"p4m": ["p4", "pmm", "p2"], "p4": ["p2"], "pmm": ["pm", "p2"]}
small = st.integers(1, 3)
paddings = st.sampled_from(["valid", "same"])


def pair(draw):
    return draw(st.sampled_from([(0, 0), (1, 1), (0, 1)]))


def amounts(draw, dimension):
    around = pair(draw)
    return (
        (around, around, (0, 0))[:dimension]
        if draw(st.booleans())
        else (around, (0, 0), (0, 0))[:dimension]
    )


OURS = {
    "conv": lambda d: L.GroupConv2D(
        2, d(small), strides=d(st.integers(1, 2)), padding=d(paddings), **LAST
    ),
    "depthwise": lambda d: L.GroupDepthwiseConv2D(d(small), padding=d(paddings), **LAST),
    "separable": lambda d: L.GroupSeparableConv2D(2, d(small), padding=d(paddings), **LAST),
    "transposed": lambda d: L.GroupConv2DTranspose(
        2, d(small), strides=d(st.integers(1, 2)), padding=d(paddings), **LAST
    ),
    "dense": lambda d: L.GroupDense(3, **LAST),
    "max": lambda d: L.GroupMaxPooling2D(d(small), d(small), d(paddings), **LAST),
    "mean": lambda d: L.GroupAveragePooling2D(d(small), d(small), d(paddings), **LAST),
    "blur": lambda d: L.GroupBlurPooling2D(d(small), d(st.integers(1, 2)), d(paddings), **LAST),
    "pad": lambda d: L.GroupZeroPadding2D(amounts(d, 2), **LAST),
    "crop": lambda d: L.GroupCropping2D(amounts(d, 2), **LAST),
    "up": lambda d: L.GroupUpSampling2D(
        2, interpolation=d(st.sampled_from(["nearest", "bilinear"])), **LAST
    ),
    "block": lambda d: L.ResidualBlock2D(
        2, strides=d(st.integers(1, 2)), activation="leaky_relu", **LAST
    ),  # with numbers below 0, so that a PReLU behind it does something
    "norm": lambda d: L.GroupBatchNormalization(**LAST),
}
STOCK = {
    "relu": lambda d, x: layers.LeakyReLU()(x),
    "batch norm": lambda d, x: layers.BatchNormalization(axis=d(st.sampled_from([-1, -1, 3])))(x),
    "layer norm": lambda d, x: layers.LayerNormalization(axis=d(st.sampled_from([-1, [3, 4]])))(x),
    "prelu": lambda d, x: layers.PReLU(
        "uniform", shared_axes=d(st.sampled_from([[1, 2, 3], [1, 2]]))
    )(x),
    "dense": lambda d, x: layers.Dense(2)(x),
    "conv3d": lambda d, x: layers.Conv3D(
        2, (d(st.sampled_from([1, 3])), 1, 1), padding="same", **LAST
    )(x),
    "pool": lambda d, x: layers.AveragePooling3D(
        (d(small), d(small), 1), padding=d(paddings), **LAST
    )(x),
    "pad": lambda d, x: layers.ZeroPadding3D(amounts(d, 3), **LAST)(x),
    "up": lambda d, x: layers.UpSampling3D((2, d(st.integers(1, 2)), 1), **LAST)(x),
    "softmax": lambda d, x: layers.Rescaling(2.0, -0.5)(
        layers.Softmax(axis=d(st.sampled_from([n for n in (-1, 3, 1) if x.shape[n] > 1])))(x)
    ),
    "add": lambda d, x: layers.Add()([x, layers.ReLU()(x)]),
    "concatenate": lambda d, x: layers.Concatenate()([x, layers.ReLU()(x)]),
    "permute": lambda d, x: layers.Permute(d(st.sampled_from([(1, 2, 3, 4), (2, 1, 3, 4)])))(x),
    "flip": lambda d, x: ops.flip(x, axis=d(st.sampled_from([1, 3, 4]))),
    "slice": lambda d, x: x[..., :1] if d(st.booleans()) else x[:, 1:],
    "constant": lambda d, x: (
        x
        * d(
            st.sampled_from(
                [2.0, np.arange(1.0, 1.0 + x.shape[1], dtype="float32").reshape(-1, 1, 1, 1)]
            )
        )
    ),
    "gate": lambda d, x: x * L.GlobalGroupAveragePooling2D(keepdims=True, **LAST)(x),
}


WITHIN = "relu", "batch norm", "prelu", "dense", "conv3d", "pool", "pad", "up", "permute", "flip"


def within(draw, x, group):
    """Layers in a model of open sizes, that is called on the map. It sees no lifting."""
    inputs = keras.Input((None, None, *x.shape[3:]))
    y = inputs
    for _ in range(draw(st.integers(1, 3))):
        is_ours = draw(st.booleans())
        name = draw(st.sampled_from(sorted(OURS) if is_ours else WITHIN))
        if is_ours:
            layer = OURS[name](draw)
            named = {"group": group} if hasattr(layer, "group") else {}
            y = type(layer).from_config({**layer.get_config(), **named})(y)
        else:
            y = STOCK[name](draw, y)
    try:
        return keras.Model(inputs, y)(x)
    except ValueError as error:
        assume("must fit" not in str(error) and "must leave points" not in str(error))
        raise


@st.composite
def models(draw, caught):
    """A model, and the group that it is said to keep, or the one that was first said to be lost."""
    group, lost = draw(st.sampled_from(["p2", "pm", "p4", "pmm", "p4m"])), None
    size = draw(st.integers(5, 8))
    inputs = keras.Input((size, size, 1))
    kernel = draw(st.integers(2, 3))  # a single tap has no direction
    x = L.LiftingConv2D(2, kernel, group, padding="same" if kernel % 2 else "valid", **LAST)(inputs)
    for _ in range(draw(st.integers(1, 4))):
        before = group
        kind = draw(st.sampled_from(["ours", "ours", "stock", "within", "restrict"]))
        if kind == "ours":
            x = OURS[draw(st.sampled_from(sorted(OURS)))](draw)(x)
        elif kind == "stock":
            x = STOCK[draw(st.sampled_from(sorted(STOCK)))](draw, x)
        elif kind == "within":
            x = within(draw, x, group)
        elif group in SUBGROUPS:
            group = draw(st.sampled_from(SUBGROUPS[group]))
            x = L.RestrictGroup(group, **LAST)(x)
        lost = lost or (before if caught else None)
        assume(len(x.shape) == 5 and all(3 <= n <= 20 for n in x.shape[1:3]))
        if x.shape[3] != kg.groups.get(group).order:
            break
    x = L.GroupDense(2, activation="tanh", **LAST)(x)
    if lost not in (None, group):  # a map on the subgroup tells nothing of the group
        x = L.CosetPooling2D(**LAST)(x)
    return keras.Model(inputs, x), lost or group


def drawn(data):
    """A model, its group, and the warnings it gave. All sizes fit, so none may be refused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", kg.EquivarianceWarning)
        model, group = data.draw(models(caught))
    return model, group, [str(w.message) for w in caught]


def tells_points_apart(model):
    """Whether the output differs between points; a constant is equivariant by chance."""
    x = np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])).astype("float32")
    y = ops.convert_to_numpy(model(x, training=False))
    return y.std(axis=(1, 2)).max() > 1e-3 * np.abs(y).max()


def may_cancel(model, said):
    """Whether a loss may be none: two shifts by half a pixel, or points that were repeated before.

    The guard judges each layer by itself, for any map.
    """
    every = model._flatten_layers(include_self=False)
    repeats = any("UpSampling" in type(layer).__name__ for layer in every)
    return len(said) > 1 or (repeats and said and "UpSampling" not in said[0])


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_it_is_said_exactly_where_equivariance_is_lost(is_kept, data):
    model, group, said = drawn(data)
    assume(not (is_kept and may_cancel(model, said)))
    # A PReLU for one loses nothing where no number happens to be below 0.
    for seed in range(10 if said else 1):
        assume(tells_points_apart(shaken(model, seed, scale=0.5)))
        report = kg.equivariance_error(model, group, model.input_shape[1:], seed=seed)
        if not report.is_equivariant:
            break
    # Between lies what rounding makes of random weights that amplify it.
    assume(report.is_equivariant if is_kept else report.max_error > 1e-2)
    layers_of = [layer.name for layer in model.layers]
    assert bool(said) != is_kept, (said, str(report), layers_of)
