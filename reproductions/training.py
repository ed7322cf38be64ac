"""Trains a network epoch by epoch, and goes on where it was when it is killed.

After each epoch one file is put in place, whole. It holds every variable of the model and its
optimizer, and the history so far. The file before it is kept. Keras' BackupAndRestore writes
weights and position into two files, in place, so a kill between the two loses the run.
ModelCheckpoint forgets the best value when it starts again, and CSVLogger repeats the epoch that
was killed.
"""

import json
import time
import zipfile
from pathlib import Path

import keras
import numpy as np

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
        best.keras: The model of the epoch with the least validation error.
        last.keras: The model of the last epoch.
    """

    def __init__(self, folder, model, output=None):
        self.folder = Path(folder)
        self.output = Path(output or folder)
        self.model = model
        model.optimizer.build(model.trainable_variables)
        self.history = self._restore()

    def model_file(self, epoch):
        """The saved model of the `"best"` epoch so far, or of the `"last"`."""
        return self.folder / f"{epoch}.keras"

    def train(self, epochs, training, validation, callbacks=(), after_epoch=lambda history: None):
        """Trains up to `epochs` epochs, counting those done before.

        Args:
            epochs: Number of epochs in all.
            training: Function of the epoch's number, giving its batches.
            validation: Batches on which the best model is chosen.
            callbacks: Keras callbacks.
            after_epoch: Function of the history, called when an epoch is safe on disk.

        Returns:
            The history, a list with one dict per epoch.
        """
        for epoch in range(len(self.history), epochs):
            started = time.monotonic()
            logs = self.model.fit(
                training(epoch),
                shuffle=False,  # the pipeline shuffles
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=validation,
                callbacks=list(callbacks),
                verbose=0,
            ).history
            record = {name: float(values[-1]) for name, values in logs.items()}
            record["seconds"] = time.monotonic() - started
            best = max((r["val_accuracy"] for r in self.history), default=-1.0)
            self.history.append(record)
            self._save(is_best=record["val_accuracy"] > best)
            after_epoch(self.history)
        write_atomically(self.output / "last.keras", self.model.save)
        return self.history

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def _save(self, is_best):
        if is_best:
            write_atomically(self.output / "best.keras", self.model.save)
        values = {str(i): keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        values["history"] = np.array(json.dumps(self.history))
        path = self.output / f"epoch-{len(self.history):04d}.npz"
        write_atomically(path, lambda temporary: np.savez(temporary, **values))
        write_json(self.output / "history.json", self.history)
        for older in _checkpoints(self.output)[2:]:
            older.unlink()

    def _restore(self):
        variables = self._variables()
        for path in _checkpoints(self.folder):
            try:
                with np.load(path) as values:
                    history = json.loads(str(values["history"]))
                    arrays = [values[str(i)] for i in range(len(variables))]
            except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
                continue
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
            return history
        return []


def _checkpoints(folder):
    return sorted(folder.glob("epoch-*.npz"), reverse=True)
