"""Trains and tests an experiment with one seed, and writes its row of results."""

import contextlib
import json
import math
import os
import platform
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras
import tensorflow as tf

import keras_gcnn as kg
from reproductions import devices, optimizers, statistics
from reproductions.data import catalogue
from reproductions.data.places import Places
from reproductions.errors import DataError, SettingsError
from reproductions.files import write_atomically, write_json
from reproductions.lock import held
from reproductions.progress import ProgressDisplay
from reproductions.training import Run


@dataclass(frozen=True)
class Options:
    """Where a run reads and writes, and what it shows.

    Args:
        places: Folders of data.
        out: Folder of checkpoints and models, one folder a run in it.
        results: Folder of rows of results.
        tensorboard: Whether to write logs for TensorBoard.
    """

    places: Places
    out: Path = Path("runs")
    results: Path = Path("runs/results")
    tensorboard: bool = False


def run(name, experiment, seed, options, command):
    """Trains one experiment with one seed, or goes on with it, and tests the network.

    Args:
        name: Of the experiment.
        experiment: An `Experiment`.
        seed: Of initial weights, order, dropout and augmentation.
        options: An `Options`.
        command: What to type to get this row again.

    Returns:
        The row: a dict of plain values, which is also in `results/{name of the run}.json`.

    Raises:
        SettingsError: If the folder of the run holds one with other settings, or if batches cannot
            be shared by the devices there are.
        DataError: If the data set is missing or damaged.
        DivergedError: If the loss is no number any more. No row is written then.
    """
    label = f"{name}-{experiment.epochs}epochs-fraction{experiment.fraction:g}-seed{seed}"
    _check(experiment)
    data = catalogue.load(
        experiment.data,
        options.places,
        experiment.fraction,
        experiment.batch_size,
        experiment.held_out,
    )
    devices.check_batches({split: data.count(split) for split in data.splits}, data.batch_size)
    _check_folders(options)
    lock = held(options.out / label) if devices.is_chief() else contextlib.nullcontext()
    with lock, _telling_of_damaged_data(options.places):
        _claim(options.out / label, experiment)
        return _row(name, label, experiment, seed, options, command, data)


def _check(experiment):
    if experiment.tested == "best" and not experiment.held_out:
        raise SettingsError(
            "Without validation there is no best epoch. Received: tested='best', held_out=False. "
            "Set tested='last'."
        )


def _check_folders(options):
    """Raises if no run can be written there, before anything is written."""
    for folder in (options.out, options.results):
        nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            what = "cannot be written into" if nearest.is_dir() else "is no folder"
            raise SettingsError(f"{nearest} {what}. Name another folder with --out or --results.")


@contextlib.contextmanager
def _telling_of_damaged_data(places):
    try:
        yield
    except tf.errors.DataLossError as error:
        where = places.data_dir or "the folder of TFDS"
        raise DataError(
            f"A prepared data set is damaged ({str(error).splitlines()[0]}). Remove its folder in "
            f"{where}, and run the same command again."
        ) from error


def _row(name, label, experiment, seed, options, command, data):
    with devices.scope():
        trained = _trained(label, experiment, seed, options, data)
        devices.wait_for_all_hosts()  # the file is written by one of them
    if experiment.statistics == "recomputed":
        _recompute_statistics(trained, experiment, seed, data)
    with devices.scope():
        model = _loaded(trained.model_file(experiment.tested))
        errors = _errors(model, data, experiment)
    row = {
        "experiment": name,
        "seed": seed,
        "fraction": experiment.fraction,
        "training_images": data.count("train"),
        "epochs": len(trained.history),
        **errors,
        "symmetry": experiment.symmetry,
        "paper_error_percent": experiment.paper_error,
        "parameters": model.count_params(),
        "wall_time_seconds": sum(record["seconds"] for record in trained.history),
        "command": command,
        "backend": keras.backend.backend(),
        "devices": devices.count(),
        "hardware": _hardware(),
        "versions": _versions(),
        "data": experiment.data,
        "augmentation": experiment.augmentation,
        "fill": experiment.fill,
        "held_out": experiment.held_out,
        "tested": experiment.tested,
        "statistics": experiment.statistics,
        "history": trained.history,
    }
    if devices.is_chief():
        alone = _loaded(trained.model_file(experiment.tested))
        report = kg.equivariance_error(alone, experiment.symmetry, alone.input_shape[1:])
        row["equivariance_error"] = report.max_error
        write_json(options.results / f"{label}.json", row)
    return row


def _recompute_statistics(trained, experiment, seed, data):
    """Tests with statistics of one more epoch of training images, as the original did.

    Every batch counts alike: they are means over batches, and not Keras' moving averages.
    """
    if devices.is_chief():
        path = trained.model_file(experiment.tested)
        model = _loaded(path)
        epoch = data.training(1000 * seed + experiment.epochs, *_changes(experiment))
        statistics.recompute(model, epoch)
        write_atomically(path, model.save)
    devices.wait_for_all_hosts()


def _changes(experiment):
    """How training images are changed."""
    return experiment.augmentation, experiment.fill


def _loaded(path):
    try:
        return keras.saving.load_model(path)
    except Exception as error:
        raise SettingsError(
            f"{path} cannot be loaded ({type(error).__name__}). Remove the folder {path.parent}, "
            "and run the same command again."
        ) from error


# What a checkpoint depends on: with another value of these, a run is another run.
_SETTINGS = (
    "data",
    "network",
    "network_options",
    "optimizer",
    "learning_rate",
    "schedule",
    "weight_decay",
    "augmentation",
    "fill",
    "held_out",
    "batch_size",
)


# What runs of earlier releases had, whose files do not say so.
_NEW_SETTINGS = {"fill": "black", "held_out": True}


def _claim(folder, experiment):
    """Writes the settings into the folder of a run, or compares them with what is there."""
    path = folder / "settings.json"
    settings = {name: getattr(experiment, name) for name in _SETTINGS}
    settings = json.loads(json.dumps(settings))  # tuples become lists, as in the file
    found = {**_NEW_SETTINGS, **_read_settings(path)} if path.exists() else settings
    changed = [name for name in _SETTINGS if found.get(name) != settings[name]]
    if changed:
        raise SettingsError(
            f"{folder} holds a run with other settings: "
            + ", ".join(f"{n}={found.get(n)!r} there, {settings[n]!r} now" for n in changed)
            + ". Name another folder with --out, or remove this one."
        )
    if devices.is_chief():
        write_json(path, settings)


def _read_settings(path):
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"{path} is damaged ({error}). Remove the folder {path.parent}, or name another one "
            "with --out."
        ) from error


def _trained(label, experiment, seed, options, data):
    """The `Run`, trained."""
    steps = math.ceil(data.count("train") / experiment.batch_size)
    output = None if devices.is_chief() else tempfile.mkdtemp()
    run = Run(options.out / label, _compiled(experiment, seed, steps), output)
    with ProgressDisplay(label, experiment.epochs, steps) as display:
        callbacks = [display]
        if options.tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(run.folder / "tensorboard"))
        run.train(
            experiment.epochs,
            lambda epoch: devices.share(data.training(1000 * seed + epoch, *_changes(experiment))),
            devices.share(data.evaluation("validation")) if experiment.held_out else None,
            callbacks,
            display.epoch_done,
        )
    return run


def _compiled(experiment, seed, steps):
    keras.utils.set_random_seed(seed)
    network = getattr(kg.models, experiment.network)(**experiment.network_options)
    model = devices.synchronized(network)
    model.compile(
        optimizer=optimizers.make(experiment, steps),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _errors(model, data, experiment):
    """Errors in percent."""

    def error(split, degrees=0.0):
        batches = devices.share(data.evaluation(split, degrees))
        _, accuracy = model.evaluate(batches, verbose=0)
        return 100 * (1 - accuracy)

    errors = {"test_error_percent": error("test")}
    if experiment.test_rotated:
        errors["rotated_test_error_percent"] = error("test", "random")
    if experiment.test_angles and "upright" in data.splits:
        angles = [360 * i / experiment.test_angles for i in range(experiment.test_angles)]
        errors["test_error_by_angle"] = {f"{a:g}": error("upright", a) for a in angles}
    return errors


def _hardware():
    cores = len(os.sched_getaffinity(0))
    processor = f"{cores} core{'s' * (cores > 1)}, {platform.machine()}"
    return ", ".join(filter(None, [devices.accelerator(), processor]))


def _versions():
    packages = sorted({"keras", "numpy", "tensorflow", keras.backend.backend()})
    found = {name: _version(name) for name in packages}
    return {"python": platform.python_version(), "keras_gcnn": kg.__version__, **found}


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:  # of a package that is on the path, and not installed
        return "unknown"
