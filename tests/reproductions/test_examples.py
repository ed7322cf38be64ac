"""The worked examples, in small."""

import itertools
import json

import keras
import numpy as np
import pytest

from keras_gcnn import groups
from reproductions.examples import (
    dna,
    hexagons,
    nodules,
    pictures,
    screws,
    segmentation,
    textures,
    trials,
)

SMALL = {"epochs": 1, "batch_size": 4, "rate": 0.01}


def test_patches_show_the_picture_and_its_target_at_the_same_place():
    picture = np.arange(400.0).reshape(20, 20)
    allowed = np.arange(20) < 10
    found, twice = pictures.patches(
        (picture, 2 * picture), allowed & np.ones((20, 1), bool), 5, 6, np.random.default_rng(0)
    )
    assert found.shape == (5, 6, 6, 1)
    assert np.array_equal(2 * found, twice)
    assert (found[:, 0, 3, 0] % 20 < 10).all()


def test_turned_patches_are_turned_about_their_centres():
    picture = np.random.default_rng(0).normal(size=(64, 64))
    upright, turned = (
        pictures.turned_patches(picture, 4, 8, [angle], np.random.default_rng(1))
        for angle in (0, 90)
    )
    np.testing.assert_allclose(np.rot90(upright, axes=(1, 2)), turned, atol=1e-9)


def test_vessels_are_a_tenth_of_the_retina():
    picture, target, inside = pictures.vessels()
    assert picture.shape == target.shape == inside.shape == (704, 704)
    assert 0.05 < target[inside].mean() < 0.11
    assert target[~inside].sum() == 0
    assert picture[target > 0].mean() < picture[inside].mean()  # vessels are dark


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="compiling takes minutes")
@pytest.mark.parametrize(
    ("example", "small", "row"),
    [
        (
            segmentation,
            {"PATCHES": 2, "TEST": 2, "WIDTHS": (1, 2), "PLAIN_WIDTHS": (3, 6)},
            "plain, augmented, symmetrized",
        ),
        (textures, {"SAMPLES": 2, "TEST": 2, "FILTERS": 6}, "plain, augmented, symmetrized"),
        (screws, {"SAMPLES": 2, "TEST": 2, "WIDTHS": {"O": (1, 1), "Oh": (1, 1)}}, "network on O"),
        (
            hexagons,
            {
                "TRAINING_DIGITS": 4,
                "TEST_DIGITS": 4,
                "ANGLES": (0, 90),
                "WIDTHS": {"p6": (1,) * 6, "p6m": (1,) * 6},
            },
            "on p6m",
        ),
        (dna, {"SIZES": (4, 6, 8), "TEST": 4}, "plain, augmented"),
        (
            nodules,
            {"SAMPLES": 2, "TEST": 2, "SIZE": 8, "WIDTHS": {"O": (1, 1), "C1": (1, 2)}},
            "plain, augmented",
        ),
    ],
)
def test_an_example_makes_its_page(example, small, row, monkeypatch, tmp_path, capsys):
    for name, value in {**small, "TRAINING": SMALL}.items():
        monkeypatch.setattr(example, name, value)
    for template in example.FOLDER.glob("*_template.md"):
        (tmp_path / template.name).write_text(template.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(example, "FOLDER", tmp_path)
    example.main(["--seeds", "2"])
    page = capsys.readouterr().out
    title = example.__name__.split(".")[-1]
    assert (tmp_path / f"{title}.md").read_text("utf-8").strip() in page
    assert (tmp_path / f"{title}.png").stat().st_size > 1000
    assert f"| {row} |" in page


def test_screws_are_each_others_mirror_images_and_no_turn_takes_one_to_the_other():
    def in_corner(points):
        return tuple(sorted(map(tuple, (points - points.min(axis=0)).tolist())))

    turns = groups.get("O", dimension=3).elements
    left = {in_corner(screws.SCREW @ h.T) for h in turns}
    right = {in_corner(screws.SCREW @ screws.MIRROR.T @ h.T) for h in turns}
    assert not left & right
    x, hands = screws.volumes(20, np.random.default_rng(0))
    assert x.shape == (40, 7, 7, 7, 1)
    for volume, hand in zip(x[..., 0], hands, strict=True):
        largest = np.argsort(volume.ravel())[-4:]
        points = np.stack(np.unravel_index(largest, volume.shape), axis=1)
        assert points.min() >= 2
        assert points.max() <= 4
        assert in_corner(points) in (right if hand else left)


@pytest.mark.parametrize("example", [dna, hexagons, nodules, screws, segmentation, textures])
def test_the_pages_are_made_of_their_results(example):
    name = example.__name__.split(".")[-1]
    rows = json.loads((example.FOLDER / f"{name}.json").read_text("utf-8"))
    text = trials.page(name, rows, example.HEADS, example.FOLDER)
    assert text == (example.FOLDER / f"{name}.md").read_text("utf-8")


COMPLEMENTS = {"A": "T", "C": "G", "G": "C", "T": "A"}


def letters(x):
    return ["".join(dna.BASES[i] for i in sequence.argmax(axis=-1)) for sequence in x]


def on_the_other_strand(text):
    return "".join(COMPLEMENTS[letter] for letter in reversed(text))


def test_the_motif_is_on_either_strand_of_every_second_sequence(monkeypatch):
    monkeypatch.setattr(dna, "CERTAINTY", np.ones(len(dna.CONSENSUS)))  # so copies are exact
    x, labels = dna.sequences(200, np.random.default_rng(0))
    assert x.shape == (200, dna.LENGTH, 4)
    assert (x.sum(axis=-1) == 1).all()
    assert labels.tolist() == [0, 1] * 100
    is_written = [dna.CONSENSUS in text for text in letters(x)]
    is_on_other = [dna.CONSENSUS in on_the_other_strand(text) for text in letters(x)]
    assert (np.logical_or(is_written, is_on_other) == labels).all()
    assert 30 < sum(is_written) < 70
    assert 30 < sum(is_on_other) < 70


def test_the_others_have_the_letters_of_the_motif_in_another_order(monkeypatch):
    monkeypatch.setattr(dna, "CERTAINTY", np.ones(len(dna.CONSENSUS)))
    x, labels = dna.sequences(40, np.random.default_rng(0))
    for text in letters(x[labels == 0]):
        strands = text, on_the_other_strand(text)
        windows = [s[i : i + len(dna.CONSENSUS)] for s in strands for i in range(dna.LENGTH)]
        assert sorted(dna.CONSENSUS) in map(sorted, windows)


def test_the_motif_is_no_palindrome_and_drawn_by_its_probabilities():
    assert on_the_other_strand(dna.CONSENSUS) != dna.CONSENSUS
    rng = np.random.default_rng(0)
    mean = np.mean([dna.drawn(dna.motif(), rng) for _ in range(2000)], axis=0)
    np.testing.assert_allclose(mean, dna.motif(), atol=0.05)
    assert letters([dna.motif()]) == [dna.CONSENSUS]


def test_the_other_strand_of_a_sequence_has_its_label():
    x, labels = dna.sequences(20, np.random.default_rng(0))
    assert letters(dna.other_strand(x)) == [on_the_other_strand(text) for text in letters(x)]
    strands, same = dna.on_random_strands(x, labels, np.random.default_rng(0))
    assert same is labels
    is_other = [a != b for a, b in zip(letters(strands), letters(x), strict=True)]
    assert 0 < sum(is_other) < 20
    assert letters(strands[is_other]) == letters(dna.other_strand(x[is_other]))


def test_a_network_on_both_strands_cannot_tell_them_apart():
    x, _ = dna.sequences(20, np.random.default_rng(0))
    assert dna.difference(dna.network(), x) < 1e-3
    assert dna.difference(dna.plain_network(), x) > 0.1


def turns_of(a):
    """The 24 turns of a volume, by NumPy alone."""
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            if np.linalg.det(np.eye(3)[list(axes)] * signs) > 0:
                yield a.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]


def test_classes_turn_with_their_volume():
    x, y = nodules.volumes(12, np.random.default_rng(0))
    found = set()
    for *before, after, classes in zip(
        x[..., 0], y, *nodules.turned(x, y, np.random.default_rng(1)), strict=True
    ):
        turns = zip(*map(turns_of, before), strict=True)
        (which,) = [i for i, (a, _) in enumerate(turns) if np.array_equal(a, after[..., 0])]
        assert np.array_equal(list(turns_of(before[1]))[which], classes)
        found.add(which)
    assert len(found) > 3


def test_nodules_are_balls_and_vessels_are_tubes(monkeypatch):
    monkeypatch.setattr(nodules, "NODULES", 1)
    monkeypatch.setattr(nodules, "VESSELS", 0)
    for seed in range(5):
        points = np.argwhere(nodules.scene(np.random.default_rng(seed)) == 2)
        assert len(points) > 10
        apart = np.linalg.norm(points[:, None] - points, axis=-1)
        assert apart.max() <= 2 * nodules.NODULE_RADII[1]
    monkeypatch.setattr(nodules, "NODULES", 0)
    monkeypatch.setattr(nodules, "VESSELS", 1)
    spans = []
    for seed in range(5):
        points = np.argwhere(nodules.scene(np.random.default_rng(seed)) == 1)
        middle = points - points.mean(axis=0)
        along = np.linalg.svd(middle)[2][0]
        across = middle - np.outer(middle @ along, along)
        assert np.linalg.norm(across, axis=1).max() < nodules.VESSEL_RADII[1] + 0.5
        spans.append(np.ptp(middle @ along))
    assert max(spans) > nodules.SIZE


def test_vessels_and_nodules_are_equally_bright(monkeypatch):
    for name in ("BLUR", "CLOUDS", "NOISE"):
        monkeypatch.setattr(nodules, name, 0)
    x, y = nodules.volumes(3, np.random.default_rng(0))
    assert np.array_equal(x[..., 0] > 0, y > 0)
    assert set(np.unique(x)) == {0, 1}
    assert set(np.unique(y)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("ours", "plain"),
    [
        (dna.network, dna.plain_network),
        (lambda: nodules.network("O"), lambda: nodules.network("C1")),
    ],
)
def test_networks_have_as_many_parameters(ours, plain):
    assert plain().count_params() == pytest.approx(ours().count_params(), rel=0.02)


def test_the_table_has_means_and_deviations():
    rows = {"one": [[1.0, 7], [3.0, 7]]}
    assert trials.as_table(rows, ("error", "size")).splitlines()[-1] == "| one | 2.0 ± 1.4 | 7 |"
