"""Lists, runs and reports the experiments of the paper.

    python -m reproductions list
    python -m reproductions run "rotated_mnist_*" --preset quick
    python -m reproductions report
    python -m reproductions feature-maps runs/rotated_mnist_p4cnn-…/best.keras feature_maps.png

A run that is killed goes on with its next epoch when the same command is started again.
"""

import argparse
import dataclasses
import os
import shlex
import sys
from pathlib import Path

from reproductions import experiment as experiments
from reproductions import interrupts
from reproductions.errors import DivergedError, SettingsError


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    options = _parser().parse_args(arguments)
    try:
        with interrupts.noted():
            options.action(options)
    except (SettingsError, DivergedError) as error:
        _leave(error.exit_code, f"error: {error}")
    except OSError as error:
        _leave(2, f"error: {error}. Mend that, and start the same command again: it goes on.")
    except KeyboardInterrupt:
        _leave(130, "interrupted. The same command goes on after the last whole epoch.")


def _leave(code, message):
    """Ends the process with a message of one line."""
    print(" ".join(message.split()), file=sys.stderr)
    sys.exit(code)


def list_experiments(options):
    """Prints every experiment, with what it needs and gives."""
    from rich.console import Console
    from rich.table import Table

    names = experiments.matching(options.experiments or ["*"])
    table = Table(box=None)
    # A name that is cut off cannot be typed.
    table.add_column("experiment", no_wrap=True, min_width=max(map(len, names)))
    for head in ("table", "paper %", "here %", "epochs", "a seed takes"):
        table.add_column(head, no_wrap=True)
    for name in names:
        e = experiments.get(name)
        place = f"{e.paper_table}: {e.paper_row}" if e.paper_row else ""
        table.add_row(
            name,
            place,
            _percent(e.paper_error),
            _percent(e.expected_error),
            str(e.epochs),
            e.wall_time,
        )
    console = Console()
    if not console.is_terminal:  # a file has no width
        console = Console(width=140)
    console.print(table)


def run(options):
    """Trains and tests experiments, and prints their errors beside the paper's."""
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors only
    # The backend is chosen by now, so what imports Keras is imported here.
    from reproductions import devices, engine, report
    from reproductions.data.places import Places

    devices.initialize()
    places = Places(options.data_dir, options.manual_dir, options.idx_dir)
    results = options.results or options.out / "results"
    where = engine.Options(places, options.out, results, options.tensorboard)
    rows = []
    for name in experiments.matching(options.experiments):
        chosen = experiments.get(name).preset(options.preset)
        chosen = dataclasses.replace(chosen, **_changes(options))
        for seed in chosen.seeds:
            rows.append(engine.run(name, chosen, seed, where, _command(name, options, seed)))
    print(report.short_table(rows))
    print(f"Models and checkpoints are in {options.out}, results in {results}.")


def make_report(options):
    """Writes the report and its figures from the rows of results."""
    from reproductions import report

    print(report.write(options.results))


def draw_feature_maps(options):
    """Draws feature maps of a trained P4CNN that turn with a digit."""
    import keras

    import keras_gcnn  # noqa: F401  registers the layers that the model is made of
    from reproductions import figures
    from reproductions.data import catalogue
    from reproductions.data.places import Places

    data = catalogue.load("rotated_mnist/mnist_10k", Places(options.data_dir))
    digits = data.evaluation("upright").unbatch().skip(options.digit).take(1)
    found = list(digits.as_numpy_iterator())
    if not found:
        raise SettingsError(
            f"--digit must be below {data.count('upright')}, received {options.digit}"
        )
    try:
        model = keras.saving.load_model(options.model)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{options.model} is no model that Keras loads: {error}") from error
    figures.save(figures.turning_feature_maps(model, found[0][0]), options.picture)


def _changes(options):
    changes = {
        "epochs": options.epochs,
        "fraction": options.fraction,
        "data": options.data,
        "seeds": options.seeds and tuple(options.seeds),
        "held_out": options.held_out,
        "tested": {True: "best", False: "last", None: None}[options.held_out],
    }
    return {name: value for name, value in changes.items() if value is not None}


def _command(name, options, seed):
    """What to type to get the row of one seed again."""
    words = ["python", "-m", "reproductions", "run", name, "--preset", options.preset]
    for option in ("epochs", "fraction", "data", "idx_dir"):
        value = getattr(options, option)
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    if options.held_out is not None:
        words.append("--held-out" if options.held_out else "--no-held-out")
    return shlex.join([*words, "--seeds", str(seed), "--backend", options.backend])


def _percent(value):
    return "" if value is None else f"{value:.2f}"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message):
        _leave(2, f"error: {message}. `{self.prog} --help` lists what there is.")


def _number(kind, allowed, what):
    """A converter of a word to a number, with an error that says what it must be."""

    def convert(word):
        try:
            number = kind(word)
        except ValueError:
            number = None
        if number is None or not allowed(number):
            raise argparse.ArgumentTypeError(f"must be {what}, received {word}")
        return number

    return convert


_EPOCHS = _number(int, lambda n: n >= 1, "a positive integer")
_SEED = _number(int, lambda n: 0 <= n < 2**31, "an integer of at least 0")
_FRACTION = _number(float, lambda x: 0 < x <= 1, "more than 0 and at most 1")


def _parser():
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog="python -m reproductions", description=__doc__, formatter_class=raw)
    actions = parser.add_subparsers(required=True)

    listing = actions.add_parser("list", help="list the experiments")
    listing.add_argument("experiments", nargs="*", help="names or patterns; all by default")
    listing.set_defaults(action=list_experiments)

    running = actions.add_parser("run", help="train and test experiments")
    running.add_argument("experiments", nargs="+", help="names or patterns, such as 'cifar10_*'")
    running.add_argument("--preset", choices=experiments.PRESETS, default="quick")
    running.add_argument("--epochs", type=_EPOCHS, help="in place of the preset's")
    running.add_argument("--seeds", type=_SEED, nargs="+", help="in place of the preset's")
    running.add_argument("--fraction", type=_FRACTION, help="part of the training images to use")
    running.add_argument(
        "--held-out",
        action=argparse.BooleanOptionalAction,
        help="hold out training images and test the best epoch, or train on all and test the last",
    )
    running.add_argument("--data", help="another data set, such as rotated_mnist/icml2007")
    running.add_argument("--data-dir", help="where TFDS keeps data sets")
    running.add_argument("--manual-dir", help="files that TFDS cannot download by itself")
    running.add_argument("--idx-dir", help="IDX files of Fashion-MNIST")
    running.add_argument("--out", type=Path, default=Path("runs"), help="checkpoints and models")
    running.add_argument("--results", type=Path, help="rows of results; OUT/results by default")
    running.add_argument("--tensorboard", action="store_true", help="write its logs too")
    running.add_argument(
        "--backend",
        choices=["tensorflow", "jax", "torch"],
        default=os.environ.get("KERAS_BACKEND", "tensorflow"),
    )
    running.set_defaults(action=run)

    reporting = actions.add_parser("report", help="make tables and figures of the results")
    reporting.add_argument("--results", type=Path, default=Path(__file__).with_name("results"))
    reporting.set_defaults(action=make_report)

    drawing = actions.add_parser("feature-maps", help="draw feature maps that turn with a digit")
    drawing.add_argument("model", type=Path, help="a trained P4CNN, best.keras of its run")
    drawing.add_argument("picture", type=Path, help="the file to write")
    drawing.add_argument("--digit", type=int, default=0, help="which of the test digits")
    drawing.add_argument("--data-dir", help="where TFDS keeps data sets")
    drawing.set_defaults(action=draw_feature_maps)
    return parser


if __name__ == "__main__":
    main()
