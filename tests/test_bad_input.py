"""Bad and odd input to all that is public ends in a ValueError or TypeError, or it works.

    BAD_INPUT=1000 KERAS_BACKEND=torch python -m pytest tests/test_bad_input.py

takes a thousand examples of each class and function.
"""

import inspect
import json
import math
import os

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import ops

import keras_gcnn as kg

EXAMPLES = int(os.environ.get("BAD_INPUT", 0)) or {"torch": 20}.get(keras.backend.backend(), 4)
G, L = kg.groups, kg.layers
P4, O = G.get("p4"), G.get("O")
PLANE, ON_P4, ON_P2 = G.Space.lattice(P4), G.Space.whole(P4), G.Space(P4, "p2")
WINDOWS, SPREAD = G.Sampling((3, 3), (2, 2)), G.TransposedSampling((3, 3), (2, 2))
TURNS = P4.elements.tolist()
RAGGED, SHEAR = [[1, 2], [3]], {"name": "shear", "elements": [[[1, 0], [0, 1]], [[1, 1], [0, 1]]]}


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


X, IMAGE, KERNEL = ones(1, 6, 6, 4, 2), ones(1, 7, 7, 2), ones(3, 3, 4, 2, 2)

# What layers are made with, by their names without the dimension.
LAYERS = {
    "GroupBlurPooling": {"pool_size": 4},
    "GroupConv": {"filters": 2, "kernel_size": 3},
    "GroupConvTranspose": {"filters": 2, "kernel_size": 2},
    "GroupDense": {"units": 2},
    "GroupDepthwiseConv": {"kernel_size": 3},
    "GroupSeparableConv": {"filters": 2, "kernel_size": 3},
    "HighwayBlock": {"filters": 2},
    "LiftingConv": {"filters": 2, "kernel_size": 3},
    "ResidualBlock": {"filters": 2},
    "RestrictGroup": {"subgroup": "p2"},
    "RotatedImage": {"degrees": 30},
    "SubsetPooling": {"subset": [((0, 1), 1)]},
}
WITHOUT_GROUP = ("GroupBatchNormalization", "RotatedImage", "StrandLifting")
INPUTS = {
    "LiftingConv1D": (1, 6, 2),
    "LiftingConv2D": (1, 6, 6, 2),
    "LiftingConv3D": (1, 4, 4, 4, 2),
    "RandomGroupElement": (1, 6, 6, 2),
    "RotatedImage": (1, 6, 6, 2),
    "StrandLifting": (1, 6, 4),
}
LAYER_NAMES = [n for n in L.__all__ if n != "EquivarianceWarning"]
GROUPS = {1: "pm", 2: "p4", 3: "C4"}
ON_GROUP = {1: (1, 6, 2, 2), 2: (1, 6, 6, 4, 2), 3: (1, 4, 4, 4, 4, 2)}
# Their arguments of these names are Keras' own, and may end as they do there.
STOCK = {
    keras.layers.Conv2D: {"filters": 2, "kernel_size": 3},
    keras.layers.SeparableConv2D: {"filters": 2, "kernel_size": 3},
    keras.layers.BatchNormalization: {},
    keras.layers.Dropout: {"rate": 0.5},
    keras.layers.MaxPooling2D: {},
}
OURS = {"data_format", "dilation_rate", "filters", "groups", "kernel_size", "padding", "strides"}

FUNCTIONS = {
    G.Irrep: {"matrices": ones(4, 1, 1)},
    G.Lattice: {"name": "square", "basis": ((1, 0), (0, 1)), "bounds": ()},
    G.PointGroup: {"name": "turns", "elements": TURNS, "lattice": None},
    G.PointGroup.from_generators: {"name": "turns", "matrices": TURNS[1:2]},
    G.Rings: {"turn": 1, "partner": None, "table": np.arange(4).reshape(1, 1, 4)},
    G.Sampling: {
        "kernel_size": (3, 3),
        "strides": (2, 2),
        "padding": "same",
        "dilation_rate": None,
        "sees_padding": True,
    },
    G.Space: {"group": P4, "subgroup": "p2", "has_axis": None},
    G.Space.lattice: {"group": P4},
    G.Space.whole: {"group": P4},
    G.Space.quotient: {"group": P4, "subgroup": "p2"},
    G.TransposedSampling: {
        "kernel_size": (3, 3),
        "strides": (2, 2),
        "padding": "same",
        "dilation_rate": None,
        "output_padding": None,
    },
    G.adjoint_filter_indices: {"group": P4, "kernel_size": (3, 3)},
    G.coset_axis: {"data_format": "channels_last", "dimension": 2},
    G.correlation_recipe: {"group": P4, "kernel_size": (3, 3), "subgroup": P4},
    G.filter_bank_adjoint_indices: {"group": P4, "kernel_size": (3, 3), "subgroup": P4},
    G.filter_bank_indices: {"group": P4, "kernel_size": (3, 3), "subgroup": P4},
    G.filter_orbits: {
        "group": P4,
        "kernel_size": (3, 3),
        "subgroup": P4,
        "output_subgroup": P4,
    },
    G.fourier_transform: {"group": P4, "values": ones(2, 4)},
    G.get: {"group": "p4", "dimension": 2},
    G.inverse_fourier_transform: {
        "group": P4,
        "coefficients": G.fourier_transform(P4, ones(2, 4)),
    },
    G.left_translation: {"group": P4, "element": 1, "shape": (3, 3), "subgroup": P4},
    G.names: {"dimension": 2},
    G.quotient_bank_indices: {
        "group": P4,
        "kernel_size": (3, 3),
        "subgroup": P4,
        "output_subgroup": P4,
    },
    G.register: {"group": P4},
    G.rings_of: {"group": P4},
    G.serialize: {"group": P4, "dimension": 2},
    P4.fixes: {"vector": (0, 0)},
    P4.fixes_lengths: {"lengths": (1, 1)},
    P4.move: {"element": 1, "point": (1, 0), "other": 2},
    P4.subgroup: {"subgroup": "p2"},
    P4.indices: {"subgroup": P4},
    P4.members: {"subgroup": P4},
    P4.left_cosets: {"subgroup": "p2"},
    P4.right_cosets: {"subgroup": "p2"},
    P4.cosets_within: {"subgroup": "p4", "smaller": "p2"},
    P4.coset_action: {"subgroup": "p2"},
    P4.names_of_groups: {"condition": P4.contains},
    P4.contains: {"group": P4},
    ON_P2.has_shape: {"shape": (1, 6, 6, 2, 1), "data_format": "channels_last"},
    ON_P2.axis: {"data_format": "channels_last"},
    WINDOWS.output_size: {"size": (7, 7)},
    WINDOWS.fits: {"size": (7, 7)},
    WINDOWS.padding_amounts: {"size": (7, 7)},
    WINDOWS.windows: {"lattice": P4.lattice},
    WINDOWS.shifts: {"axis": 1},
    WINDOWS.offset: {"size": (7, 7)},
    WINDOWS.preserves: {"group": P4, "size": (7, 7)},
    WINDOWS.nearest_sizes: {"group": P4, "size": (6, 6)},
    SPREAD.output_size: {"size": (7, 7)},
    SPREAD.fits: {"size": (7, 7)},
    SPREAD.preserves: {"group": P4, "size": (7, 7)},
    SPREAD.nearest_sizes: {"group": P4, "size": (6, 6)},
}
ARGUMENTS = {  # of functions of tensors, where they have no default
    "x": X,
    "y": X,
    "bias": ones(2),
    "images": IMAGE,
    "kernel": KERNEL,
    "group": "p4",
    "subgroup": "p2",
    "pool_size": 2,
    "padding": 1,
    "cropping": 1,
    "size": 2,
    "degrees": 30,
    "element": 1,
    "elements": np.ones(1, "int32"),
    "subset": [((0, 1), 1)],
    "input_space": ON_P2,
    "output_space": ON_P4,
    "kernel_size": 3,
}
OPS = {
    "group_dense": {"kernel": KERNEL[0, 0]},
    "pointwise_conv": {"kernel": KERNEL[0, 0, 0]},
    "quotient_conv": {"x": X[..., :2, :], "kernel": ones(18, 2, 2)},
    "transform_each": {"x": IMAGE},
}


def signature_of(function):
    """The names of its arguments and their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}


for _name in kg.ops.__all__:
    _known = {**ARGUMENTS, **OPS.get(_name, {})}
    _defaults = signature_of(getattr(kg.ops, _name))
    FUNCTIONS[getattr(kg.ops, _name)] = {
        k: _known[k] if default is inspect.Parameter.empty else default
        for k, default in _defaults.items()
    }

_inputs = keras.Input((9, 9, 1))
PLAIN = keras.Model(_inputs, keras.layers.Conv2D(2, 3)(_inputs))
_x = L.LiftingConv2D(2, 3)(_inputs)
OURS_MODEL = keras.Model(_inputs, keras.layers.Dense(3)(L.GlobalGroupAveragePooling2D()(_x)))
MODELS = {
    kg.convert: {"model": PLAIN, "group": "p4", "width": "parameters", "weights": None},
    kg.to_planar: {"model": OURS_MODEL},
    kg.symmetrize: {"model": PLAIN, "group": "p4", "data_format": None},
    kg.summary: {"model": OURS_MODEL},
    kg.equivariance_error: {
        "layer_or_model": OURS_MODEL,
        "group": "p4",
        "input_shape": (9, 9, 1),
        "output_subgroup": None,
        "tolerance": None,
        "seed": 0,
    },
    kg.visualization.cayley_table: {"group": "p4", "figure": None},
    kg.visualization.class_activation_map: {
        "model": OURS_MODEL,
        "image": ones(9, 9, 1),
        "class_index": None,
        "slices": 3,
        "figure": None,
    },
    kg.visualization.equivariance_figure: {
        "layer_or_model": OURS_MODEL,
        "image": ones(9, 9, 1),
        "group": "p4",
        "channel": None,
        "elements": None,
        "slices": 3,
        "figure": None,
    },
    kg.visualization.feature_map: {
        "values": ones(5, 5, 4),
        "group": "p4",
        "element": None,
        "slices": 3,
        "figure": None,
    },
    kg.visualization.filter_bank: {
        "kernel": KERNEL,
        "group": "p4",
        "channel": 0,
        "filter_index": 0,
        "slices": 3,
        "figure": None,
    },
    kg.models.all_cnn: {"input_shape": (8, 8, 1), "widths": (2, 2)},
    kg.models.dense_net: {"input_shape": (8, 8, 1), "growth": 1, "blocks": 2, "group": "p4"},
    kg.models.p4cnn: {},
    kg.models.p4cnn_rotation_pooling: {},
    kg.models.p8cnn: {},
    kg.models.resnet: {"input_shape": (8, 8, 1), "widths": (1, 1, 1), "depth": 8},
    kg.models.unet: {"input_shape": (8, 8, 1), "widths": (1, 1)},
    kg.models.z2cnn: {},
}
for _function, _given in MODELS.items():
    FUNCTIONS[_function] = {**signature_of(_function), **_given}
del FUNCTIONS[kg.models.unet]["activation"]  # Keras' Conv2D gets it as it is

# Odd values. Integers between 10 and 2³¹ are left out, since some of them are no errors but take
# all memory.
SHAPES = st.lists(st.integers(0, 4), max_size=6).map(tuple)
DTYPES = st.sampled_from(
    ["float32", "float64", "float16", "int32", "int64", "uint8", "bool", "complex64", "U1", "O"]
)
ATOMS = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, 2, 3, 7, 3.0, 0.5, -2.5, math.nan, math.inf, -math.inf),
        *(2**31, 2**63, 2**70, -(2**70), 1j, np.float32(3), np.int64(3), np.True_, 1e30),
        *("", "p4", "p4m", "p5", "C4", "O", "p6", "same", "channels_first", "hexagonal", "mean"),
        *("fourier", "relu", "zeros", "l2", "3", b"p4", b"", ..., object(), type, len),
    ]
)
NESTED = st.recursive(ATOMS, lambda x: st.lists(x, max_size=4) | st.lists(x, max_size=4).map(tuple))
ODD = st.one_of(
    ATOMS,
    NESTED,
    st.sampled_from(
        [
            *((), [], {}, set(), {1}, [0, 2], [0, 1], (2, 2), [(0, 0)], ((1, 1), (0, 0)), RAGGED),
            *(TURNS, TURNS[1:], SHEAR, {"name": "p4"}, {"class_name": "Zeros", "config": {}}),
            *({"name": 3, "elements": []}, {"name": "a", "elements": TURNS, "lattice": "x"}),
            *(P4, O, G.get("p6"), G.get("pm", 1), G.HEXAGONAL, P4.lattice, ON_P2, PLANE, WINDOWS),
            *(PLAIN, OURS_MODEL, keras.layers.ReLU(), L.GroupDense(2)),
        ]
    ),
    st.builds(lambda shape, dtype: np.ones(shape, dtype), SHAPES, DTYPES),
    st.builds(lambda shape: np.full(shape, math.nan), SHAPES),
    st.builds(lambda shape: ops.ones(shape), SHAPES),
    st.builds(lambda shape: keras.KerasTensor(shape), SHAPES),
)


def odd_values(given):
    """Odd values for arguments: any, or arrays like the valid one with an axis of another size."""

    @st.composite
    def odd(draw, name):
        value = given[name]
        if isinstance(value, np.ndarray) and value.ndim and draw(st.booleans()):
            axis = draw(st.integers(0, value.ndim - 1))
            size = draw(st.integers(axis == 0, 4))  # an empty batch is the backend's matter
            shape = (*value.shape[:axis], size, *value.shape[axis + 1 :])
            return np.ones(shape, draw(st.sampled_from([value.dtype.name, "int64"])))
        return draw(ODD)

    names = st.lists(st.sampled_from(sorted(given)), min_size=1, max_size=2, unique=True)
    return names.flatmap(lambda names: st.fixed_dictionaries({n: odd(n) for n in names}))


def check_finite(outputs):
    for y in keras.tree.flatten(outputs):
        if keras.ops.is_tensor(y) and "float" in keras.backend.standardize_dtype(y.dtype):
            assert np.isfinite(ops.convert_to_numpy(ops.cast(y, "float32"))).all(), "not finite"


def run_layer(kind, given, inputs):
    """Makes a layer and calls it; where that is accepted, all must work."""
    layer = kind(**given)
    y = layer(inputs)
    yield
    if not isinstance(y, keras.KerasTensor):
        assert y.shape == layer.compute_output_shape(inputs.shape), "another shape"
        if np.isfinite(inputs).all():
            check_finite(y)
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    config_again = keras.saving.serialize_keras_object(again)
    assert json.dumps(config_again["config"]) == json.dumps(config["config"]), "another config"


def run_function(function, given):
    """Calls a function, and the model that it returns."""
    result = function(**given)
    yield
    result = result[0] if isinstance(result, tuple) and function is kg.convert else result
    if isinstance(result, keras.Model) and None not in result.input_shape[1:]:
        result(ones(1, *result.input_shape[1:]))
    is_finite = not any(word in repr(x) for word in ("nan", "inf") for x in given.values())
    if is_finite and ops.is_tensor(result):
        check_finite(result)


def outcome(steps):
    """The kind of error in which a call ends, `None` where it works, and the error."""
    accepted = False
    try:
        for _ in steps:
            accepted = True
    except Exception as error:
        is_refusal = isinstance(error, (ValueError, TypeError)) and not accepted
        return ("refused" if is_refusal else type(error).__name__), error
    return None, None


def as_in_keras(name, value, found):
    """Whether an argument of a stock layer ends in the same way there."""
    for kind, valid in STOCK.items():
        if name not in OURS and name in ("inputs", *arguments_of(kind)):
            options = {**valid, name: value}
            inputs = [options.pop("inputs")] if name == "inputs" else [ones(1, 6, 6, 9), IMAGE]
            if any(outcome(run_layer(kind, options, x))[0] == found for x in inputs):
                return True
    return False


def arguments_of(kind):
    """The names of all arguments of a layer's constructor, those of its bases too."""
    names = {"name", "dtype", "trainable", "activity_regularizer"}
    for base in kind.__mro__[: kind.__mro__.index(keras.layers.Layer)]:
        if "__init__" in vars(base):
            names |= set(inspect.signature(base).parameters) - {"args", "kwargs"}
    return sorted(names)


def layer_call(name):
    """The class, valid arguments, and a valid input."""
    kind = getattr(L, name)
    plain = name.replace(f"{dimension_of(name)}D", "")
    valid = dict(LAYERS.get(plain, {}))
    if name not in WITHOUT_GROUP:
        valid["group"] = GROUPS[dimension_of(name)]
    shape = INPUTS.get(name, ON_GROUP[dimension_of(name)])
    return kind, valid, ones(*shape)


def dimension_of(name):
    return next((d for d in (1, 2, 3) if f"{d}D" in name), 2)


def check_layer(name, draw):
    kind, valid, inputs = layer_call(name)
    replaceable = {**dict.fromkeys(arguments_of(kind)), "inputs": inputs}
    odd = draw(odd_values(replaceable))
    options = {**valid, **odd}
    found, error = outcome(run_layer(kind, options, options.pop("inputs", inputs)))
    if found not in (None, "refused") and not any(as_in_keras(*x, found) for x in odd.items()):
        raise AssertionError(f"{found} of {name} with {odd!r}") from error


def check_function(function, draw):
    valid = FUNCTIONS[function]
    odd = draw(odd_values(valid))
    found, error = outcome(run_function(function, {**valid, **odd}))
    if found not in (None, "refused"):
        raise AssertionError(f"{found} of {function.__qualname__} with {odd!r}") from error


fuzz = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("name", LAYER_NAMES)
@fuzz
@given(data=st.data())
def test_layers_refuse_or_work(name, data):
    check_layer(name, data.draw)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__qualname__)
@fuzz
@given(data=st.data())
def test_functions_refuse_or_work(function, data):
    check_function(function, data.draw)


@pytest.mark.parametrize("name", LAYER_NAMES)
def test_the_calls_are_valid(name):
    found, error = outcome(run_layer(*layer_call(name)))
    assert found is None, error


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__qualname__)
def test_the_calls_of_functions_are_valid(function):
    found, error = outcome(run_function(function, FUNCTIONS[function]))
    assert found is None, error
