import dataclasses

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
import tensorflow_datasets as tfds

from reproductions.data import catalogue, rotated_mnist
from reproductions.data.pipeline import Pipeline
from reproductions.data.places import Places
from reproductions.data.rotated_mnist import RotatedMnist, RotatedMnistConfig
from reproductions.errors import DataError
from tests.reproductions.conftest import small_config


def examples(config, data_dir, split):
    """Every example of a data set that has been built."""
    builder = RotatedMnist(config=config, data_dir=data_dir)
    return list(tfds.as_numpy(builder.as_dataset(split=split)))


def source():
    with np.load(rotated_mnist.EMBEDDED) as arrays:
        return arrays["images"].astype("float32") / 255, arrays["labels"]


def test_configurations_have_the_sizes_of_the_contract():
    sizes = {
        c.name: (c.train, c.validation, c.test * c.angles_per_test_digit)
        for c in RotatedMnist.BUILDER_CONFIGS
    }
    assert sizes == {
        "mnist_10k": (7_000, 1_000, 20_000),
        "mnist_70k": (10_000, 2_000, 50_000),
        "icml2007": (10_000, 2_000, 50_000),
    }
    assert RotatedMnist.BUILDER_CONFIGS[0].name == "mnist_10k"


def test_every_example_is_its_digit_turned_by_its_angle(small, data_dir):
    images, labels = source()
    for split, start, count, copies in [("train", 0, 40, 1), ("test", 50, 10, 3)]:
        found = examples(small_config(), data_dir, split)
        assert len(found) == count * copies
        seen = set()
        for example in found:
            degrees = np.degrees(example["angle"])
            assert 0 <= degrees < 360
            turned = scipy.ndimage.rotate(
                images[start : start + count], degrees, axes=(2, 1), reshape=False, order=1
            )
            errors = np.abs(turned - example["image"][..., 0]).max(axis=(1, 2))
            digit = int(errors.argmin())
            assert errors[digit] < 1e-3
            assert labels[start + digit] == example["label"]
            seen.add((digit, round(float(degrees), 3)))
        assert len(seen) == count * copies
        assert {digit for digit, _ in seen} == set(range(count))


def test_the_angle_is_counter_clockwise():
    image = np.random.default_rng(0).random((28, 28)).astype("float32")
    (_, example), *_ = rotated_mnist._rotate([image], [3], [[np.pi / 2]])
    np.testing.assert_allclose(example["image"][..., 0], np.rot90(image), atol=1e-4)


def test_building_again_gives_the_same_images(small, data_dir, tmp_path):
    rotated_mnist.load(small_config(), Places(tmp_path))
    first, again = (examples(small_config(), place, "test") for place in (data_dir, tmp_path))
    for ours, theirs in zip(first, again, strict=True):
        assert np.array_equal(ours["image"], theirs["image"])


def test_normalized_by_the_training_pixels(small):
    images = np.concatenate([x.numpy() for x, _ in small.training(seed=0)])
    assert images.shape == (40, 28, 28, 1)
    assert abs(images.mean()) < 1e-4
    assert abs(images.std() - 1) < 1e-4
    raw = np.stack([x for x, _ in small.splits["train"].as_numpy_iterator()])
    expected = (raw - raw.mean()) / raw.std()
    np.testing.assert_allclose(small.normalize(raw), expected, atol=1e-4)


def test_an_epoch_depends_on_its_seed_alone(small):
    def labels(seed):
        return np.concatenate([y.numpy() for _, y in small.training(seed)]).tolist()

    assert labels(1) == labels(1)
    epoch = small.training(1, "rotation")
    first, second = (np.concatenate([x.numpy() for x, _ in epoch]) for _ in range(2))
    assert np.array_equal(first, second)
    assert labels(1) != labels(2)
    assert sorted(labels(1)) == sorted(labels(2))


def test_augmentation_turns_each_image_anew(small):
    def images(seed, augmentation):
        batches = list(small.training(seed, augmentation))
        return np.concatenate([x.numpy() for x, _ in batches])

    plain, turned = images(1, None), images(1, "rotation")
    assert np.array_equal(turned, images(1, "rotation"))
    changes = np.abs(plain - turned).max(axis=(1, 2, 3))
    assert (changes > 0.1).mean() > 0.9


def test_what_comes_into_a_turned_image_is_black_or_the_mean(small):
    """An image of ones, turned by 45°, has corners from outside."""
    ones = tf.data.Dataset.from_tensors((tf.ones((28, 28, 1)), 0)).repeat(16)
    ones = ones.apply(tf.data.experimental.assert_cardinality(16))
    data = Pipeline({"train": ones}, lambda batch: (batch - 0.25) / 0.5)
    corners = {
        fill: np.concatenate([x for x, _ in data.training(0, "rotation", fill)])[:, 0, 0, 0]
        for fill in ("black", "mean")
    }
    assert corners["black"].min() == pytest.approx(-0.5)  # (0 - mean) / deviation
    assert corners["mean"].min() == pytest.approx(0)


def test_without_validation_its_images_are_trained_on(small, data_dir):
    data = rotated_mnist.load(small_config(), Places(data_dir), held_out=False)
    assert sorted(data.splits) == ["test", "train", "upright"]
    assert data.count("train") == 50

    def pairs(pipeline, *splits):
        found = (pair for s in splits for pair in pipeline.splits[s].as_numpy_iterator())
        return sorted((image.tobytes(), int(label)) for image, label in found)

    assert pairs(data, "train") == pairs(small, "train", "validation")


def test_a_fraction_is_the_first_part(small, data_dir):
    quarter = rotated_mnist.load(small_config(), Places(data_dir), fraction=0.25)
    assert quarter.count("train") == 10
    assert (quarter.count("validation"), quarter.count("test")) == (10, 30)
    whole = list(small.splits["train"].as_numpy_iterator())
    for (image, _), (expected, _) in zip(quarter.splits["train"], whole[:10], strict=True):
        assert np.array_equal(image, expected)
    with pytest.raises(DataError, match=r"fraction of 0.001 leaves 0 of 40"):
        rotated_mnist.load(small_config(), Places(data_dir), fraction=0.001)


def test_upright_digits_are_those_of_the_test_split(small):
    images, labels = source()
    upright = list(small.splits["upright"].as_numpy_iterator())
    assert np.array_equal(np.stack([x[..., 0] for x, _ in upright]), images[50:60])
    assert [label for _, label in upright] == labels[50:60].tolist()


def test_evaluation_turns_by_an_angle_and_at_random(small):
    def images(degrees):
        return np.concatenate([x for x, _ in small.evaluation("upright", degrees)])

    upright = images(0)
    for degrees in (90, 180, 270):
        expected = np.rot90(upright, degrees // 90, axes=(1, 2))
        np.testing.assert_allclose(images(degrees), expected, atol=1e-3)
    assert np.array_equal(images("random"), images("random"))
    assert (np.abs(images("random") - upright).max(axis=(1, 2, 3)) > 0.1).all()


def test_an_unknown_data_set_names_those_there_are():
    with pytest.raises(
        DataError, match=r"no data set 'svhn'.*cifar10, fashion_mnist, rotated_mnist/mnist_10k"
    ):
        catalogue.load("svhn")


def test_mnist_70k_comes_from_tfds(tmp_path):
    config = RotatedMnistConfig(
        name="few", source="tfds_mnist", train=2, validation=1, test=3, angles_per_test_digit=1
    )
    too_many = dataclasses.replace(config, name="many", test=4)
    with tfds.testing.mock_data(num_examples=6):
        images, labels = rotated_mnist.read_tfds_mnist(None)
    assert images.shape == (6, 28, 28)
    assert 0.9 < images.max() <= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotated_mnist, "read_tfds_mnist", lambda _: (images, labels))
        builder = RotatedMnist(config=config, data_dir=tmp_path)
        builder.download_and_prepare()
        with pytest.raises(DataError, match="'many' needs 7 digits, but its source holds 6"):
            RotatedMnist(config=too_many, data_dir=tmp_path).download_and_prepare()
    sizes = [builder.info.splits[s].num_examples for s in ("train", "validation", "test")]
    assert sizes == [2, 1, 3]


def write_amat(folder, counts, columns=785):
    rng = np.random.default_rng(0)
    for name, count in zip(rotated_mnist.AMAT_FILES.values(), counts, strict=True):
        rows = rng.random((count, columns))
        rows[:, -1] = rng.integers(0, 10, count)
        np.savetxt(folder / name, rows, fmt="%.6f")


def test_icml2007_reads_the_original_files(tmp_path):
    write_amat(tmp_path, (5, 4))
    config = RotatedMnistConfig(
        name="few", source="amat_files", train=3, validation=2, test=4, angles_per_test_digit=1
    )
    data = rotated_mnist.load(config, Places(tmp_path / "data", tmp_path), batch_size=2)
    assert "upright" not in data.splits
    rows = np.loadtxt(tmp_path / rotated_mnist.AMAT_FILES["test"])
    found = {
        tuple(np.round(e["image"].ravel(), 5)) for e in examples(config, tmp_path / "data", "test")
    }
    assert found == {tuple(np.round(r.astype("float32"), 5)) for r in rows[:, :-1]}
    assert all(np.isnan(e["angle"]) for e in examples(config, tmp_path / "data", "test"))


def assert_nothing_half_built(folder):
    """No data, no unfinished folder; TFDS keeps a note of the configurations asked for."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != ".config"]
    assert not files
    assert not list(folder.rglob("*incomplete*"))


def load(config, folder, **options):
    return rotated_mnist.load(config, Places(folder / "data", **options))


def test_missing_and_damaged_files_give_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="name it with --manual-dir"):
        load("icml2007", tmp_path)
    with pytest.raises(DataError, match=r"train_valid.amat is missing\. .*Unpack them"):
        load("icml2007", tmp_path, manual_dir=tmp_path)
    write_amat(tmp_path, (5, 4), columns=100)
    with pytest.raises(DataError, match="rows hold 100 numbers in place of 785"):
        load("icml2007", tmp_path, manual_dir=tmp_path)
    (tmp_path / rotated_mnist.AMAT_FILES["train"]).write_text("0.1 0.2\n0.3")
    with pytest.raises(DataError, match="is damaged"):
        load("icml2007", tmp_path, manual_dir=tmp_path)
    damaged = tmp_path / "mnist_10k.npz"
    damaged.write_bytes(rotated_mnist.EMBEDDED.read_bytes()[:-100])
    monkeypatch.setattr(rotated_mnist, "EMBEDDED", damaged)
    with pytest.raises(DataError, match="is damaged: its SHA-256"):
        load("mnist_10k", tmp_path)
    damaged.unlink()
    with pytest.raises(DataError, match=r"cannot be read.*git checkout"):
        load("mnist_10k", tmp_path)
    assert_nothing_half_built(tmp_path / "data")


def test_tfds_that_cannot_download_names_the_way_out(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds, "load", fail)
    with pytest.raises(DataError, match=r"no route.*use the configuration 'mnist_10k'"):
        load("mnist_70k", tmp_path)
    assert_nothing_half_built(tmp_path / "data")
