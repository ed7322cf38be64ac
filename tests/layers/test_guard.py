import warnings

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import keras_gcnn as kg
from keras_gcnn.layers import (
    GroupAveragePooling2D,
    GroupConv2D,
    GroupMaxPooling2D,
    LiftingConv2D,
)

WARNING = kg.EquivarianceWarning


def warnings_of(layer, shape):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer.build((None, *shape))
    assert all(issubclass(w.category, WARNING) for w in caught)
    return [str(w.message) for w in caught]


@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
@pytest.mark.parametrize("group", ["p1", "p2", "pm", "p4", "p4m"])
@pytest.mark.parametrize("layer_class", [LiftingConv2D, GroupConv2D, GroupAveragePooling2D])
@settings(max_examples=12)
@given(
    size=st.integers(2, 9),
    window=st.integers(1, 4),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["valid", "same"]),
)
def test_is_silent_exactly_where_equivariance_holds(
    layer_class, group, size, window, strides, padding
):
    assume(padding == "same" or window <= size)
    order = kg.groups.get(group).order
    options = {"group": group, "strides": strides, "padding": padding}
    options["data_format"] = "channels_last"
    if layer_class is GroupAveragePooling2D:
        layer = layer_class(window, **options)
    else:
        layer = layer_class(2, window, **options)
    shape = (size, size, 2) if layer_class is LiftingConv2D else (size, size, order, 2)
    said = warnings_of(layer, shape)
    out = layer.compute_output_shape((1, *shape))
    square = group in ("p4", "p4m")
    if square and out[1] != out[2]:
        assert said
        return
    report = kg.equivariance_error(layer, group, shape)
    assert bool(said) != report.is_equivariant, report


def test_names_layer_size_and_remedies():
    layer = LiftingConv2D(4, 3, strides=2, padding="same", group="p4", name="stem")
    (message,) = warnings_of(layer, (28, 28, 1))
    assert message == (
        "LiftingConv2D 'stem' loses equivariance to p4 on an input of size 28×28: with "
        "kernel_size=(3, 3), strides=(2, 2), padding='same' its sampling grid is not mapped to "
        "itself by the group. To keep equivariance, use an input of size 27×27 or 29×29; or "
        "kernel_size=(2, 2) or (4, 4); or strides=1 followed by 2×2 pooling."
    )


@pytest.mark.parametrize(
    ("layer", "shape", "remedies"),
    [
        (
            GroupMaxPooling2D(2, group="p4"),
            (25, 25, 4, 1),
            "use an input of size 24×24 or 26×26; or pool_size=(1, 1) or (3, 3);",
        ),
        (LiftingConv2D(1, 2, padding="same"), (8, 8, 1), "(1, 1) or (3, 3); or padding='valid'."),
        (LiftingConv2D(1, 3, strides=(2, 1)), (9, 9, 1), "strides=(1, 1); or strides=(2, 2)."),
        (GroupMaxPooling2D(2, 3, group="p4"), (4, 4, 4, 1), "use an input of size 2×2 or 5×5;"),
    ],
)
def test_remedies(layer, shape, remedies):
    (message,) = warnings_of(layer, shape)
    assert remedies in message


@pytest.mark.parametrize("size", [27, 29])
def test_the_sizes_it_names_work(size):
    assert not warnings_of(LiftingConv2D(4, 3, strides=2, padding="same"), (size, size, 1))


def test_mirrors_ask_only_for_the_axis_they_reverse():
    layer = LiftingConv2D(4, 3, strides=(1, 2), group="pm", data_format="channels_last")
    assert not warnings_of(layer, (28, 28, 1))
    layer = LiftingConv2D(4, 3, strides=(2, 1), group="pm", data_format="channels_last")
    assert warnings_of(layer, (28, 28, 1))


def test_unknown_sizes_are_checked_when_they_are_known():
    layer = LiftingConv2D(4, 3, strides=2, padding="same", data_format="channels_last")
    assert not warnings_of(layer, (None, None, 1))
    layer(np.zeros((1, 27, 27, 1), "float32"))
    with pytest.warns(WARNING, match="28×28"):
        layer(np.zeros((1, 28, 28, 1), "float32"))


def test_unknown_sizes_of_which_none_works_are_refused_at_once():
    layer = LiftingConv2D(4, 2, padding="same", data_format="channels_last")
    (message,) = warnings_of(layer, (None, None, 1))
    assert r"size ?×?" in message
    assert "kernel_size=(1, 1) or (3, 3); or padding='valid'." in message


def test_can_be_made_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error", WARNING)
        with pytest.raises(WARNING, match="loses equivariance"):
            LiftingConv2D(4, 3, strides=2)(keras.Input((28, 28, 1)))
