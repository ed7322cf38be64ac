"""Rotated MNIST as a TFDS builder, from three sources of digits (paper, section 8.1)."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import scipy.ndimage
import tensorflow as tf
import tensorflow_datasets as tfds

from reproductions.data.pipeline import Pipeline, first, standardize
from reproductions.data.places import Places
from reproductions.errors import DataError

EMBEDDED = Path(__file__).with_name("mnist_10k.npz")
EMBEDDED_SHA256 = "f1a23f2fb1a1c97bb00a811807ddd50a888dbcdcdead94147993273c22ee3f37"
AMAT_FILES = {
    "train": "mnist_all_rotation_normalized_float_train_valid.amat",
    "test": "mnist_all_rotation_normalized_float_test.amat",
}


def load(config="mnist_10k", places=None, fraction=1.0, batch_size=128, held_out=True):
    """The splits of a rotated MNIST, built where they are not yet there.

    Args:
        config: Name of a configuration of `RotatedMnist`, or one of your own.
        places: A `Places`.
        fraction: The part of the training images to use, from the first on.
        batch_size: Images a batch.
        held_out: Whether the validation images are held out. Otherwise they are trained on.

    Returns:
        A `Pipeline`, with the split `"upright"` where the digits before rotation are known.

    Raises:
        DataError: If the source is missing or damaged. Nothing half-built is left behind.
    """
    places = places or Places()
    builder = _prepared(config, places)

    def read(split):
        return builder.as_dataset(split=split, as_supervised=True, shuffle_files=False)

    training = read("train" if held_out else "train+validation")
    splits = {"train": first(training, fraction).cache(), "test": read("test")}
    if held_out:
        splits["validation"] = read("validation").cache()
    upright = builder.upright_test_digits()
    if upright is not None:
        splits["upright"] = tf.data.Dataset.from_tensor_slices(upright)
    return Pipeline(splits, standardize(training), batch_size)


def _prepared(config, places):
    try:
        builder = RotatedMnist(config=config, data_dir=places.data_dir)
        manual = tfds.download.DownloadConfig(manual_dir=places.manual_dir)
        builder.download_and_prepare(download_config=manual)
        return builder
    except (DataError, OSError):
        raise
    except Exception as error:  # TFDS raises whatever a damaged description of the data raises
        where = places.data_dir or tfds.core.constants.DATA_DIR
        raise DataError(
            f"The data set in {where}/rotated_mnist cannot be read ({type(error).__name__}: "
            f"{error}). Remove that folder, and run the same command again."
        ) from error


@dataclasses.dataclass
class RotatedMnistConfig(tfds.core.BuilderConfig):
    """Where digits come from, how many each split gets, and angles per test digit.

    Digits are given to the splits in order before any is rotated, so that no digit is in two.
    """

    source: str = "embedded"
    train: int = 7_000
    validation: int = 1_000
    test: int = 2_000
    angles_per_test_digit: int = 10
    seed: int = 2016


class RotatedMnist(tfds.core.GeneratorBasedBuilder):
    """Digits turned by angles uniform in [0, 2π): the same ones at every build."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "The configuration 'icml2007' reads the files of Larochelle et al. (2007), "
        f"{' and '.join(AMAT_FILES.values())}. Unpack them into the manual directory."
    )
    BUILDER_CONFIGS = [
        RotatedMnistConfig(
            name="mnist_10k",
            description="The 10,000 digits that come with the project: no download.",
        ),
        RotatedMnistConfig(
            name="mnist_70k",
            description="TFDS' mnist, split as in the paper.",
            source="tfds_mnist",
            train=10_000,
            validation=2_000,
            test=50_000,
            angles_per_test_digit=1,
        ),
        RotatedMnistConfig(
            name="icml2007",
            description="The very files of Larochelle et al. (2007), rotated by their authors.",
            source="amat_files",
            train=10_000,
            validation=2_000,
            test=50_000,
            angles_per_test_digit=1,
        ),
    ]

    def _info(self):
        return self.dataset_info_from_configs(
            description="Rotated MNIST, as in Cohen & Welling (2016), section 8.1.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(
                        shape=(28, 28, 1), dtype=np.float32, encoding="zlib"
                    ),
                    "label": tfds.features.ClassLabel(num_classes=10),
                    "angle": tfds.features.Scalar(
                        dtype=np.float32, doc="In radians, counter-clockwise; NaN where not known."
                    ),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        config = self.builder_config
        ends = np.cumsum([config.train, config.validation, config.test])
        if config.source == "amat_files":
            images, labels = _read_amat_files(_manual_dir(dl_manager))
            turn = _leave_as_they_are
        else:
            images, labels = self._read_digits()
            turn = _rotate
        if len(images) < ends[-1]:
            raise DataError(
                f"'{config.name}' needs {ends[-1]} digits, but its source holds {len(images)}."
            )
        rng = np.random.default_rng(config.seed)
        parts = zip(np.split(images, ends)[:3], np.split(labels, ends)[:3], strict=True)
        copies = (1, 1, config.angles_per_test_digit)
        return {
            split: turn(*part, rng.uniform(0, 2 * np.pi, size=(len(part[0]), n)))
            for split, part, n in zip(("train", "validation", "test"), parts, copies, strict=True)
        }

    def _read_digits(self):
        read = {"embedded": read_embedded, "tfds_mnist": read_tfds_mnist}
        return read[self.builder_config.source](self._data_dir_root)

    def upright_test_digits(self):
        """Images and labels of the test digits before any rotation; `None` where not known."""
        config = self.builder_config
        if config.source == "amat_files":
            return None
        images, labels = self._read_digits()
        chosen = slice(config.train + config.validation, None)
        return images[chosen][: config.test, ..., None], labels[chosen][: config.test].astype(int)

    def _generate_examples(self):
        raise NotImplementedError("`_split_generators` gives the examples itself.")


def _rotate(images, labels, angles):
    """Each image at each of its angles, counter-clockwise, interpolated bilinearly."""
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        for j, angle in enumerate(angles[i]):
            turned = scipy.ndimage.rotate(image, np.degrees(angle), reshape=False, order=1)
            yield f"{i}-{j}", {"image": turned[..., None], "label": int(label), "angle": angle}


def _leave_as_they_are(images, labels, angles):
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield str(i), {"image": image[..., None], "label": int(label), "angle": np.nan}


def read_embedded(_=None):
    """The 10,000 digits of this repository: images `(10000, 28, 28)` in [0, 1], and labels."""
    try:
        data = EMBEDDED.read_bytes()
    except OSError as error:
        raise DataError(f"{EMBEDDED} cannot be read ({error}). {_RESTORE}") from error
    if hashlib.sha256(data).hexdigest() != EMBEDDED_SHA256:
        raise DataError(f"{EMBEDDED} is damaged: its SHA-256 is not the expected one. {_RESTORE}")
    with np.load(EMBEDDED) as arrays:
        return arrays["images"].astype(np.float32) / 255, arrays["labels"]


_RESTORE = "Restore it with `git checkout -- reproductions/data/mnist_10k.npz`."


def read_tfds_mnist(data_dir):
    """The 70,000 digits of TFDS' mnist: images in [0, 1] and labels."""
    try:
        digits = tfds.load("mnist", data_dir=data_dir, split="train+test", batch_size=1000)
        parts = list(tfds.as_numpy(digits))
    except Exception as error:
        raise DataError(
            "TFDS' mnist, the source of 'mnist_70k', could not be loaded "
            f"({type(error).__name__}: {error}). Connect this machine to the internet, or use the "
            "configuration 'mnist_10k', which needs no download."
        ) from error
    images = np.concatenate([part["image"] for part in parts])[..., 0]
    labels = np.concatenate([part["label"] for part in parts])
    return images.astype(np.float32) / 255, labels


def _manual_dir(dl_manager):
    try:
        return Path(dl_manager.manual_dir)
    except AssertionError as error:
        raise DataError(
            "There is no manual directory for 'icml2007'; name it with --manual-dir. "
            f"{RotatedMnist.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        ) from error


def _read_amat_files(folder):
    rows = np.concatenate([_read_amat(folder / name) for name in AMAT_FILES.values()])
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1].astype(int)


def _read_amat(path):
    try:
        rows = np.loadtxt(path, dtype=np.float32, ndmin=2)
    except OSError as error:
        raise DataError(
            f"{path} is missing. {RotatedMnist.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}). Unpack it again.") from error
    if rows.shape[1] != 28 * 28 + 1:
        raise DataError(
            f"{path} is damaged: its rows hold {rows.shape[1]} numbers in place of 785. "
            "Unpack it again."
        )
    return rows
