"""Trains a network epoch by epoch, and goes on where it was when it is killed.

After each epoch one file is put in place, whole. It holds every variable of the model and its
optimizer, the state of random generators, and the history so far. The file before it is kept.
Keras' BackupAndRestore writes weights and position into two files, in place, so a kill between the
two loses the run. ModelCheckpoint forgets the best value when it starts again, and CSVLogger
repeats the epoch that was killed.
"""

import json
import math
import sys
import time
from pathlib import Path

import keras
import numpy as np

from reproductions import random_state
from reproductions.errors import DivergedError
from reproductions.files import write_atomically, write_json


class Run:
    """A training run that lives in a folder.

    Args:
        folder: Where checkpoint, history and best model are kept. A folder that holds a checkpoint
            is continued.
        model: A compiled `keras.Model` with an accuracy metric.
        output: Where to write instead. Saving a model makes variables, so all hosts must save; but
            only one of them writes into `folder`.

    Files:
        epoch-0007.npz: The last whole epoch, and the one before.
        history.json: Loss, accuracy, validation and seconds of every epoch.
        best.keras: The model of the epoch with the least validation error, if there is validation.
        last.keras: The model of the last epoch.
    """

    def __init__(self, folder, model, output=None):
        self.folder = Path(folder)
        self.output = Path(output or folder)
        self.model = model
        if output is None:
            for half in self.folder.glob(".writing-*"):  # by a process that was killed
                half.unlink()
        model.optimizer.build(model.trainable_variables)
        self._states = None
        self.history = self._restore()

    def model_file(self, epoch):
        """The saved model of the `"best"` epoch so far, or of the `"last"`."""
        return self.folder / f"{epoch}.keras"

    def train(self, epochs, training, validation, callbacks=(), after_epoch=lambda history: None):
        """Trains up to `epochs` epochs, counting those done before.

        Args:
            epochs: Number of epochs in all.
            training: Function of the epoch's number, giving its batches.
            validation: Batches on which the best model is chosen, or `None`.
            callbacks: Keras callbacks.
            after_epoch: Function of the history, called when an epoch is safe on disk.

        Returns:
            The history, a list with one dict per epoch.

        Raises:
            DivergedError: If a loss is no finite number. That epoch is not kept.
        """
        for epoch in range(len(self.history), epochs):
            started = time.monotonic()
            logs = self.model.fit(
                training(epoch),
                shuffle=False,  # the pipeline shuffles
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=validation,
                callbacks=[keras.callbacks.LambdaCallback(self._restore_states), *callbacks],
                verbose=0,
            ).history
            record = {name: float(values[-1]) for name, values in logs.items()}
            if not all(map(math.isfinite, record.values())):
                raise DivergedError(
                    f"the loss is {record['loss']} in epoch {epoch + 1} of {self.folder.name}. Use "
                    "a smaller learning rate."
                )
            record["seconds"] = time.monotonic() - started
            best = max((r["val_accuracy"] for r in self.history if "val_accuracy" in r), default=-1)
            self.history.append(record)
            self._save(is_best=record.get("val_accuracy", -1) > best)
            after_epoch(self.history)
        write_atomically(self.output / "last.keras", self.model.save)
        return self.history

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _save(self, is_best):
        if is_best:
            write_atomically(self.output / "best.keras", self.model.save)
        values = {str(i): keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        states = {f"random_{name}": state for name, state in random_state.get().items()}
        values |= {**states, "history": np.array(json.dumps(self.history))}
        path = self.output / f"epoch-{len(self.history):04d}.npz"
        write_atomically(path, lambda temporary: np.savez(temporary, **values))
        write_json(self.output / "history.json", self.history)
        for older in _checkpoints(self.output)[2:]:
            older.unlink()

    def _restore_states(self, epoch, logs=None):
        """Sets the random generators as an epoch begins, since building a model draws from them."""
        if self._states is not None:
            random_state.set(self._states)
            self._states = None

    def _restore(self):
        """The history of the last checkpoint that is whole, whose values are taken."""
        variables = self._variables()
        for path in _checkpoints(self.folder):
            try:
                history, arrays, states = _read(path, variables)
                random_state.set(states)  # refuses states that are damaged
            except Exception as error:  # whatever is wrong with it, the one before may do
                why = f"{type(error).__name__}: {error}".splitlines()[0]
                print(f"{path} cannot be used ({why}); going back before it.", file=sys.stderr)
                continue
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
            self._states = states
            return history
        return []


def _read(path, variables):
    """History, arrays and random states of a checkpoint, which must fit the variables."""
    with np.load(path) as values:
        history = json.loads(str(values["history"]))
        arrays = [values[str(i)] for i in range(len(variables))]
        states = {
            name.removeprefix("random_"): values[name]
            for name in values.files
            if name.startswith("random_")
        }
    shapes = [(tuple(v.shape), a.shape) for v, a in zip(variables, arrays, strict=True)]
    if any(wanted != found for wanted, found in shapes):
        raise ValueError("its arrays have other shapes than the model's variables")
    numbers = [number for record in history for number in dict(record).values()]
    if len(history) != int(path.stem.split("-")[1]) or not all(
        math.isfinite(number) for number in numbers
    ):
        raise ValueError("its history is damaged")
    if not all(np.isfinite(a).all() for a in arrays if a.dtype.kind == "f"):
        raise ValueError("its arrays are damaged")
    return history, arrays, states


def _checkpoints(folder):
    return sorted(folder.glob("epoch-*.npz"), reverse=True)
