import pytest

import keras_gcnn as kg
from keras_gcnn.layers import CosetPooling2D
from tests.layers.contract import run_layer_contract

SUBGROUPS = [None, [0], "p2", "p4", "pm", [0, 5], "p4m"]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("subgroup", [None, "p4", [0, 5]])
def test_contract(subgroup, data_format, tmp_path):
    shape = (2, 4, 4, 8, 3) if data_format == "channels_last" else (2, 3, 8, 4, 4)
    arguments = {"group": "p4m", "subgroup": subgroup, "data_format": data_format}
    run_layer_contract(CosetPooling2D, arguments, shape, [], tmp_path)


@pytest.mark.parametrize("subgroup", SUBGROUPS)
@pytest.mark.parametrize("reduction", ["max", "mean", "sum"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_is_equivariant_under_every_element(subgroup, reduction, data_format):
    layer = CosetPooling2D("p4m", subgroup, reduction, data_format)
    shape = (5, 5, 8, 2) if data_format == "channels_last" else (2, 8, 5, 5)
    assert kg.equivariance_error(layer, "p4m", shape).max_error <= 1e-5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CosetPooling2D("p4", [0, 1]), r"must be a subgroup of p4\. .*subgroup=\[0, 1\]"),
        (lambda: CosetPooling2D("p4", "p4m"), "subgroup='p4m', of which some elements are not in"),
        (lambda: CosetPooling2D("p4", reduction="median"), "reduction='median'"),
        (lambda: CosetPooling2D("p4").build((None, 8, 8, 8, 1)), r"\|H\|=8"),
        (lambda: CosetPooling2D("p4").build((None, 8, 8, 1)), "Lift an image"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
