"""The worked examples, in small."""

import keras
import numpy as np
import pytest

from keras_gcnn import groups
from reproductions.examples import pictures, screws, segmentation, textures, trials

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


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX compiles for a minute")
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


def test_the_table_has_means_and_deviations():
    rows = {"one": [[1.0, 7], [3.0, 7]]}
    assert trials.as_table(rows, ("error", "size")).splitlines()[-1] == "| one | 2.0 ± 1.4 | 7 |"
