"""The files of experiments are complete, and their numbers are the paper's."""

import ast
import dataclasses
from pathlib import Path

import pytest

import keras_gcnn as kg
from reproductions import experiment as experiments
from reproductions import optimizers, paper
from reproductions.data import catalogue
from reproductions.data.augmentation import AUGMENTATIONS

FILES = sorted(Path(experiments.__file__).with_name("experiments").glob("[!_]*.py"))
every_experiment = pytest.mark.parametrize("name", experiments.names())


def test_there_is_one_for_every_number_of_the_papers_tables():
    found = {e.paper_row: e.paper_error for e in map(experiments.get, experiments.names())}
    for method in ("Z2CNN", "P4CNNRotationPooling", "P4CNN"):
        assert found[method] == paper.ROTATED_MNIST[method]
    for (network, group), (plain, plus, _) in paper.CIFAR10.items():
        assert found[f"{network}, {group}, CIFAR10"] == plain
        assert found[f"{network}, {group}, CIFAR10+"] == plus


@every_experiment
def test_fields_name_what_there_is(name):
    e = experiments.get(name)
    assert e.data in catalogue.LOADERS
    assert e.augmentation in AUGMENTATIONS
    assert hasattr(kg.models, e.network)
    assert optimizers.make(e, 10)
    assert e.preset("quick").epochs <= e.epochs
    assert e.tested == ("last" if e.schedule == "cosine" or not e.held_out else "best")
    assert e.label
    assert set(e.quick) <= {field.name for field in dataclasses.fields(e)}
    assert (e.expected_error is None) == (e.wall_time == "not yet run")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_states_its_command(path):
    doc = ast.get_docstring(ast.parse(path.read_text()))
    assert f"python -m reproductions run {path.stem} --preset paper" in doc


def test_networks_of_cifar10_are_those_of_their_rows():
    for name in experiments.names():
        e = experiments.get(name)
        if e.data == "cifar10":
            network, group, regime = e.paper_row.split(", ")
            assert e.network_options["group"] == group.replace("²", "2").lower()
            assert network.removeprefix("ResNet") in (
                "All-CNN-C",
                str(e.network_options.get("depth")),
            )
            assert (e.augmentation == "shift_and_flip") == (regime == "CIFAR10+")
            assert (e.optimizer, e.weight_decay, e.batch_size) == ("momentum", 0.001, 128)
            assert (e.held_out, e.tested) == (False, "last")


def test_an_unknown_preset_is_told():
    with pytest.raises(ValueError, match=r"presets are quick and paper\. Received: preset=full"):
        experiments.get("rotated_mnist_p4cnn").preset("full")
