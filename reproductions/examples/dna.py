"""A motif on either strand of DNA, by a network on both strands and by plain ones.

    python -m reproductions.examples.dna

trains each on three numbers of sequences for 5 seeds, and writes `dna.md` and `dna.png` beside this
file.
"""

import functools
from pathlib import Path

import keras
import numpy as np
from keras import layers

import keras_gcnn as kg
from reproductions.examples import trials

FOLDER = Path(__file__).parent
BASES = "ACGT"
CONSENSUS = "TGGCACATGA"  # the likeliest letters of the motif, and how likely each is
CERTAINTY = np.array([0.7, 0.85, 0.95, 0.95, 0.8, 0.9, 0.7, 0.95, 0.9, 0.75])
GC_CONTENT = 0.3, 0.7  # of the background, from least to most
LENGTH = 60
SIZES, TEST = (100, 300, 1000), 2000  # sequences, half of them with the motif
WIDTHS, PLAIN_WIDTHS = (8, 16), (10, 23)
KERNELS = 11, 5
TRAINING = {"epochs": 40, "batch_size": 20, "rate": 0.005}
HEADS = (
    *(f"error, {size:,} sequences %" for size in SIZES),
    "largest difference of strands %",
    "parameters",
    "seconds",
)


def motif():
    """The probability of each base at each place of the motif, `(places, 4)`."""
    is_likeliest = np.array([[base == letter for base in BASES] for letter in CONSENSUS])
    certainty = CERTAINTY[:, None]
    return np.where(is_likeliest, certainty, (1 - certainty) / (len(BASES) - 1))


def drawn(probabilities, rng):
    """One-hot letters, one from each row of probabilities."""
    return np.array([rng.multinomial(1, row) for row in probabilities])


def other_strand(x):
    """The reverse complement of one-hot sequences."""
    return x[..., ::-1, ::-1]


def sequences(count, rng):
    """`count` sequences `(LENGTH, 4)`, and which of them have the motif.

    Every second one has a copy of the motif, each drawn separately. The others have a decoy, which
    is such a copy with its letters in random order. Both are on either strand, at any place.
    """
    x, labels = [], np.arange(count) % 2
    for label in labels:
        gc = rng.uniform(*GC_CONTENT) / 2
        sequence = drawn([[0.5 - gc, gc, gc, 0.5 - gc]] * LENGTH, rng)
        copy = drawn(motif(), rng)
        copy = copy if label else rng.permutation(copy)
        start = rng.integers(LENGTH - len(copy) + 1)
        sequence[start : start + len(copy)] = copy
        x.append(other_strand(sequence) if rng.integers(2) else sequence)
    return np.array(x, "float32"), labels


def on_random_strands(x, y, rng):
    """Each sequence or its reverse complement, and the same labels."""
    return np.where(rng.integers(2, size=(len(x), 1, 1)), other_strand(x), x), y


def network():
    """Two convolutions on both strands, and the largest value of each map."""
    inputs = keras.Input((LENGTH, len(BASES)))
    x = kg.layers.StrandLifting(BASES, data_format="channels_last")(inputs)
    for filters, kernel in zip(WIDTHS, KERNELS, strict=True):
        x = kg.layers.GroupConv1D(filters, kernel, use_bias=False, data_format="channels_last")(x)
        x = kg.layers.GroupBatchNormalization(momentum=0.9, data_format="channels_last")(x)
        x = layers.ReLU()(x)
    x = kg.layers.GlobalGroupMaxPooling1D(data_format="channels_last")(x)
    return keras.Model(inputs, layers.Dense(1)(x))


def plain_network():
    """The same of Conv1D."""
    inputs = x = keras.Input((LENGTH, len(BASES)))
    for filters, kernel in zip(PLAIN_WIDTHS, KERNELS, strict=True):
        x = layers.Conv1D(filters, kernel, use_bias=False, data_format="channels_last")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalMaxPooling1D(data_format="channels_last")(x)
    return keras.Model(inputs, layers.Dense(1)(x))


def trial(seed):
    """The rows of one seed."""
    rng = np.random.default_rng(seed)
    (x, y), (test, labels) = sequences(max(SIZES), rng), sequences(TEST, rng)
    random_strands = functools.partial(on_random_strands, rng=rng)
    networks = {
        "network on both strands": (network, None),
        "plain network": (plain_network, None),
        "plain, augmented": (plain_network, random_strands),
    }
    rows = {}
    for name, (make, augment) in networks.items():
        errors, seconds = [], 0.0
        for size in SIZES:
            model, loss = make(), keras.losses.BinaryCrossentropy(from_logits=True)
            seconds += trials.fitted(model, x[:size], y[:size], loss, augment=augment, **TRAINING)
            errors.append(error(model, test, labels))
        rows[name] = [*errors, difference(model, test), model.count_params(), seconds]
    return rows


def error(model, x, labels):
    """How many labels are wrong, in percent."""
    return float(100 * ((probabilities(model, x) > 0.5) != labels).mean())


def difference(model, x):
    """The largest difference between the probabilities of a sequence's strands, in percent."""
    found, other = (probabilities(model, strand) for strand in (x, other_strand(x)))
    return float(100 * np.abs(found - other).max())


def probabilities(model, x):
    """Of the motif, for each sequence."""
    return 1 / (1 + np.exp(-trials.predicted(model, x, batch_size=500)[:, 0]))


def picture_of(rows):
    """The motif, and the errors against the number of sequences."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(1, 1.3))
    left.imshow(motif().T, cmap="Greys", vmin=0, vmax=1)
    left.set_yticks(range(len(BASES)), BASES)
    left.set_xticks(range(len(CONSENSUS)), CONSENSUS)
    left.set_title("probability of each letter", fontsize=9)
    for name, numbers in rows.items():
        errors = np.array(numbers)[:, : len(SIZES)]
        (line,) = right.plot(SIZES, errors.mean(axis=0), marker="o", label=name)
        right.plot(SIZES, errors.T, ".", color=line.get_color(), alpha=0.5)
    right.set(xscale="log", xlabel="training sequences", ylabel="test error, %", ylim=0)
    right.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
    right.minorticks_off()
    right.grid(alpha=0.3)
    right.legend(frameon=False, fontsize=9)
    return figure


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    trials.publish(arguments, "dna", trial, HEADS, picture_of, FOLDER)


if __name__ == "__main__":
    main()
