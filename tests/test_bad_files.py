"""Files that are not as this library wrote them end in one clear sentence, and run no code."""

import ast
import json
import math
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from tests.test_bad_input import LAYER_NAMES, layer_call
from tests.test_project import MODULES

TURN = [[0, -1], [1, 0]]
NO_GROUPS = [
    "p5",
    5,
    [TURN],
    {"name": "p4", "elements": [[[1, 0], [0, 1]], TURN]},
    {"name": "p4", "elements": [TURN]},
    {"name": "p4", "elements": [[[1, 0], [0, 1]], [[1, 1], [0, 1]]]},
    {"name": "p4", "elements": [[[1, math.nan], [0, 1]]]},
    {"name": "p4", "elements": [[[1, 0], [0, 1]]], "lattice": "round"},
    {"name": ["p4"], "elements": [[[1, 0], [0, 1]]]},
]
NO_SUBGROUPS = ["p5", "p3", [0, 1, 2], [7], -1, {"name": "p4", "elements": [TURN]}]
NO_INTEGERS = [-3, 0, 2.0, math.nan, "3", 2**70]
BAD = {
    "group": NO_GROUPS,
    "data_format": ["NHWC", 1],
    "implementation": ["winograd"],
    "reduction": ["median"],
    "interpolation": ["cubic"],
    "downsampling": ["none"],
    "padding": ["full", -1, [[-1, 0], [0, 0]]],
    "cropping": [-1, "1"],
    "subset": [[], [0], [[[0, 0], 9]]],
    "subgroup": NO_SUBGROUPS,
    "degrees": [math.nan, "45"],
    "bases": ["ACGU", 4],
    "keepdims": ["no"],
    "gate_bias": [math.inf],
    "lattice": ["square"],
    **dict.fromkeys(["filters", "units", "depth_multiplier", "kernel_size"], NO_INTEGERS),
    **dict.fromkeys(["pool_size", "strides", "dilation_rate", "size", "groups"], NO_INTEGERS),
}
SENTENCE = r"(?s)`\w+`.* must \w+ .*Received"


def config_of(name):
    kind, valid, inputs = layer_call(name)
    layer = kind(**valid)
    layer(inputs)
    return json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))


@pytest.mark.parametrize("name", LAYER_NAMES)
def test_a_bad_configuration_of_a_layer(name):
    config = config_of(name)
    for key in config["config"].keys() & BAD.keys():
        for value in BAD[key]:
            bad = {**config, "config": {**config["config"], key: value}}
            with pytest.raises((ValueError, TypeError), match=SENTENCE):
                keras.saving.deserialize_keras_object(bad)


def small_model(group="p4", filters=2, **options):
    inputs = keras.Input((7, 7, 1))
    x = kg.layers.LiftingConv2D(2, 3, group, name="lift")(inputs)
    return keras.Model(inputs, kg.layers.GroupConv2D(filters, 3, name="conv", **options)(x))


def edited(path, change):
    """A saved model with another configuration of its layer 'conv'."""
    small_model().save(path)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts["config.json"])
    (layer,) = (x["config"] for x in config["config"]["layers"] if x["name"] == "conv")
    layer.update(change)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": "p5"}, "`group` must be .*Received: group='p5'. Did you mean"),
        ({"group": "p4m"}, "takes a feature map on p4m, whose axis .* Give every layer the same"),
        ({"group": "p6"}, "takes a feature map on p6"),
        ({"filters": -3}, "`filters` must be a positive integer, such as 8. Received: filters=-3"),
        ({"input_subgroup": "p3"}, "`subgroup` must be made of elements of p4. Received:"),
    ],
)
def test_a_file_that_was_edited(change, message, tmp_path):
    path = edited(tmp_path / "model.keras", change)
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        keras.saving.load_model(path)


def test_a_file_opened_without_keras_gcnn(tmp_path):
    """Keras imports no library that a file names. Its own sentence says what to do."""
    small_model().save(tmp_path / "model.keras")
    code = f"import keras; keras.saving.load_model({str(tmp_path / 'model.keras')!r})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode
    error = found.stderr.rpartition("Exception encountered: ")[2]
    assert error.startswith("Could not locate class 'LiftingConv2D'. Make sure custom classes")
    assert "make sure they are all imported" in error
    assert "'module': 'keras_gcnn.layers.group_conv'" in error
    imported = subprocess.run(
        [sys.executable, "-c", code.replace("keras;", "keras, keras_gcnn;")], capture_output=True
    )
    assert not imported.returncode


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kg.groups.get({"name": "a", "elements": [TURN] * 10**5}), "100000 matrices"),
        (lambda: kg.groups.PointGroup.from_generators("a", [[[1, 1], [0, 1]]]), "at most 12"),
        (lambda: kg.groups.PointGroup.from_generators("a", [TURN, [[2, 1], [1, 1]]]), "at most"),
        (lambda: kg.groups.get("x" * 10**6), "one of the names"),
        (lambda: kg.groups.get([TURN] * 10**4), "one of the names"),
    ],
)
def test_a_group_that_is_huge_or_infinite_takes_no_time(make, message):
    started = time.thread_time()
    with pytest.raises(ValueError, match=message):
        make()
    assert time.thread_time() - started < 5


@pytest.mark.parametrize(
    ("saved", "other", "message"),
    [
        ({}, {"group": "p4m"}, r"on p4m takes weights of shapes \[\(3, 3, 8, 2, 2\), \(2,\)\]"),
        ({}, {"filters": 3}, r"Received: weights of shapes \[\(3, 3, 4, 2, 2\), \(2,\)\]"),
        ({}, {"filters": 3, "lora_rank": 1}, r"Received: .* Make the layer with the group and the"),
        ({"use_bias": False}, {}, r"Received: weights of shapes \[\(3, 3, 4, 2, 2\)\]"),
    ],
)
def test_weights_of_another_layer(saved, other, message, tmp_path):
    small_model(**saved).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=message):
        small_model(**other).load_weights(tmp_path / "model.weights.h5")


def test_weights_are_loaded_after_others_were_refused(tmp_path):
    model, path = small_model(), tmp_path / "model.weights.h5"
    small_model(filters=3).save_weights(path)
    with pytest.raises(ValueError, match="Received: weights"):
        model.load_weights(path)
    saved = small_model()
    saved.save_weights(path)
    model.load_weights(path)
    for mine, theirs in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("key", ["activation", "kernel_initializer", "bias_regularizer"])
def test_no_code_of_a_file_is_run(key, tmp_path):
    function = keras.saving.serialize_keras_object(lambda *_: print("run"))
    path = edited(tmp_path / "model.keras", {key: function})
    with pytest.raises((ValueError, TypeError), match=r"disallowed|Could not interpret"):
        keras.saving.load_model(path)


def test_nothing_here_makes_code_of_data():
    for path in MODULES:
        tree = ast.parse(path.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        imports = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not names & {"eval", "exec", "compile", "__import__"}, path
        assert not imports & {"pickle", "marshal", "dill", "shelve"}, path
