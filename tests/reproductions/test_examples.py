"""The worked examples, in small."""

import keras
import numpy as np
import pytest

from reproductions.examples import pictures, segmentation, textures, trials

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
    ("example", "small"),
    [
        (segmentation, {"PATCHES": 2, "TEST": 2, "WIDTHS": (1, 2), "PLAIN_WIDTHS": (3, 6)}),
        (textures, {"SAMPLES": 2, "TEST": 2, "FILTERS": 6}),
    ],
)
def test_an_example_makes_its_page(example, small, monkeypatch, tmp_path, capsys):
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
    assert "| plain, augmented, symmetrized |" in page


def test_the_table_has_means_and_deviations():
    rows = {"one": [[1.0, 7], [3.0, 7]]}
    assert trials.as_table(rows, ("error", "size")).splitlines()[-1] == "| one | 2.0 ± 1.4 | 7 |"
