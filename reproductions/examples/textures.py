"""Textures from few samples, by a network on p4m and by plain ones of as many parameters.

    python -m reproductions.examples.textures

trains each for 5 seeds, and writes `textures.md` and `textures.png` beside this file.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

import keras_gcnn as kg
from reproductions.examples import pictures, trials

FOLDER = Path(__file__).parent
SAMPLES, TEST, SIZE = 8, 100, 32
FILTERS = 34  # of the plain network
NOISE = 0.7
TRAINING = {"epochs": 60, "batch_size": 16, "rate": 0.003}
TESTS = {
    "upright": ([0], False),
    "quarter turns": ([90, 180, 270], False),
    "mirrored": ([0], True),
    "any angle": (range(360), False),
}
HEADS = (*(f"error, {name} %" for name in TESTS), "parameters", "seconds")


def plain_network():
    """Three convolutions with normalization, pooling, and the mean over space."""
    inputs = x = keras.Input((SIZE, SIZE, 1))
    for stage in range(3):
        x = layers.Conv2D(FILTERS, 3, padding="same", use_bias=False, data_format="channels_last")(
            x
        )
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        if stage < 2:
            x = layers.MaxPooling2D(2, data_format="channels_last")(x)
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    return keras.Model(inputs, layers.Dense(len(pictures.TEXTURES))(x), name="plain")


def samples(seed):
    """Training patches of left halves, and for each test patches of right halves."""
    rng = np.random.default_rng(seed)
    whole = [pictures.gray(name) for name in pictures.TEXTURES]
    halves = [(p[:, : p.shape[1] // 2], p[:, p.shape[1] // 2 :]) for p in whole]
    labels = np.arange(len(halves))
    x = np.concatenate([pictures.turned_patches(a, SAMPLES, SIZE, [0], rng) for a, _ in halves])
    training = _noisy(x, rng), labels.repeat(SAMPLES)
    tests = {}
    for name, (angles, mirrored) in TESTS.items():
        parts = [pictures.turned_patches(b, TEST, SIZE, list(angles), rng) for _, b in halves]
        x = np.concatenate(parts)[:, :, :: -1 if mirrored else 1]
        tests[name] = _noisy(x, rng), labels.repeat(TEST)
    return training, tests


def trial(seed):
    """The rows of one seed."""
    (x, y), tests = samples(seed)
    plain = plain_network()
    networks = {
        "network on p4m": (kg.convert(plain, "p4m")[0], None),
        "plain network": (plain, None),
        "plain, augmented": (plain_network(), "p4m"),
    }
    rows = {}
    for name, (model, turns) in networks.items():
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        augment = turns and trials.turning(turns)
        seconds = trials.fitted(model, x, y, loss, augment=augment, **TRAINING)
        of = {name: model}
        if model.name == "plain":
            of[f"{name}, symmetrized"] = kg.symmetrize(model, "p4m", "channels_last")
        for label, network in of.items():
            errors = [_error(network, *test) for test in tests.values()]
            rows[label] = [*errors, model.count_params(), seconds]
    return rows


def _noisy(x, rng):
    return x + NOISE * rng.normal(size=x.shape).astype("float32")


def _error(model, x, y):
    return float(100 * (trials.predicted(model, x).argmax(axis=-1) != y).mean())


def picture_of():
    """A training patch of each texture, and test patches of each kind."""
    import matplotlib.pyplot as plt

    (x, _), tests = samples(0)
    rows = {"training": x[::SAMPLES]} | {name: t[0][::TEST] for name, t in tests.items()}
    size = len(rows), len(pictures.TEXTURES)
    figure, axes = plt.subplots(*size, figsize=(1.6 * size[1] + 1, 1.6 * size[0]))
    for row, (title, images) in zip(axes, rows.items(), strict=True):
        for cell, image, name in zip(row, images, pictures.TEXTURES, strict=True):
            cell.imshow(image[..., 0], cmap="gray")
            cell.set_xticks([])
            cell.set_yticks([])
            if title == "training":
                cell.set_title(name, fontsize=9)
        row[0].set_ylabel(title, fontsize=9)
    return figure


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    trials.publish(arguments, "textures", trial, HEADS, lambda _: picture_of(), FOLDER)


if __name__ == "__main__":
    main()
