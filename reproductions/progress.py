"""Shows how far a run has come."""

import time

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from reproductions import interrupts

FIRST_STEPS = 10  # by which the duration is estimated


class ProgressDisplay(keras.callbacks.Callback):
    """A bar of batches and a line per epoch; without a terminal, only the lines.

    Use as a context manager around the epochs, each of which may be a `fit` of its own.

    Args:
        title: Written before the epoch's number.
        epochs: Number of epochs in all.
        steps: Batches an epoch.
    """

    def __init__(self, title, epochs, steps, console=None, clock=time.monotonic):
        super().__init__()
        self.clock = clock
        self.first_epoch = None
        self.is_estimated = False
        self.title = title
        self.epochs = epochs
        self.steps = steps
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console or Console(),
            transient=True,
        )

    def __enter__(self):
        self.bars.start()
        self.bar = self.bars.add_task(self.title, total=self.epochs * self.steps, loss="")
        return self

    def __exit__(self, *_):
        self.bars.stop()

    def on_epoch_begin(self, epoch, logs=None):
        self.done = epoch * self.steps
        if self.first_epoch is None:
            self.first_epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        interrupts.check()
        done = self.done + batch + 1
        self._estimate(batch)
        self.bars.update(self.bar, completed=done, loss=f"loss {logs['loss']:.3f}")

    def _estimate(self, batch):
        """Says once how long the run will take. The first step compiles and does not count."""
        if batch == 0:
            self.started = self.clock()
        last = min(FIRST_STEPS, self.steps - 1)
        if self.is_estimated or batch == 0 or batch < last:
            return
        self.is_estimated = True
        epochs = self.epochs - self.first_epoch
        seconds = (self.clock() - self.started) / batch * self.steps * epochs
        self.bars.console.print(
            f"{self.title}  about {_duration(seconds)} for {epochs} epochs, by the first steps",
            highlight=False,
            soft_wrap=True,
        )

    def epoch_done(self, history):
        """Prints the last record of a history."""
        record = history[-1]
        self.bars.console.print(
            f"{self.title}  epoch {len(history)}/{self.epochs}  loss {record['loss']:.4f}  "
            f"{_validation(history)}{record['seconds']:.1f} s",
            highlight=False,
            soft_wrap=True,
        )
        self.bars.update(self.bar, completed=len(history) * self.steps)


def _validation(history):
    """The last validation error and the best; nothing where there was no validation."""
    accuracies = [record["val_accuracy"] for record in history if "val_accuracy" in record]
    if not accuracies:
        return ""
    last, best = (100 * (1 - accuracy) for accuracy in (accuracies[-1], max(accuracies)))
    return f"validation error {last:.2f} %  best {best:.2f} %  "


def _duration(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
