"""Trains a small network in a process that is killed again and again.

    python -m tests.reproductions.kill_at_random FOLDER KILLS EPOCHS

Each child is forked from this process, so it starts at once. The script prints one JSON object:
the number of epochs on disk after each kill, and the final history.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from reproductions.data.pipeline import Pipeline
from reproductions.training import Run
from tests.reproductions.test_training import model


def digits():
    """Easy images, made here, whose brightness tells the label."""
    labels = np.arange(40) % 10
    images = np.random.default_rng(0).normal(size=(40, 28, 28, 1)) + labels[:, None, None, None]
    pairs = tf.data.Dataset.from_tensor_slices((images.astype("float32"), labels))
    return Pipeline({"train": pairs, "validation": pairs}, batch_size=16)


def train(folder, epochs):
    """Goes on with the run in a folder, and returns it."""
    data, run = digits(), Run(folder, model())
    run.train(epochs, data.training, data.evaluation("validation"))
    return run


def main(folder, kills, epochs):
    """Kills `kills` children, then trains to the end."""
    moments, done = random.Random(0), []
    while len(done) < kills:
        child = os.fork()
        if child == 0:
            train(folder, epochs)
            os._exit(0)
        moment = moments.choice([_starting, _training, _training])
        moment(folder, moments)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        done.append(_epochs_done(folder))
    print(json.dumps({"done": done, "history": train(folder, epochs).history}))


def _starting(folder, moments):
    """Waits until some moment of the first epoch, which is slow because it compiles."""
    time.sleep(moments.uniform(0, max(_seconds(folder))))


def _training(folder, moments):
    """Waits until some moment of one of the next epochs."""
    due = _epochs_done(folder) + moments.randint(1, 3)
    started = time.monotonic()
    while _epochs_done(folder) < due:
        time.sleep(0.01)
        assert time.monotonic() - started < 120
    time.sleep(moments.uniform(0, min(_seconds(folder))))


def _seconds(folder):
    """How long each epoch took, or a guess if none is done."""
    path = folder / "history.json"
    history = json.loads(path.read_text()) if path.exists() else []
    return [record["seconds"] for record in history] or [1.0]


def _epochs_done(folder):
    return max((int(p.stem.split("-")[1]) for p in folder.glob("epoch-*.npz")), default=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
