"""The main job: trains the paper's rotated-MNIST networks and prints their error table.

    python -m reproductions.rotated_mnist --preset quick

Paper: Cohen & Welling (2016), section 8.1, table 1. Optimizer: Adam, learning rate 0.001, batches
of 128, as in the original experiments, and the epoch of least validation error is tested.
"""

import argparse
import os
import sys
import time
from pathlib import Path

PAPER = {"z2cnn": 5.03, "p4cnn_rotation_pooling": 3.21, "p4cnn": 2.28}
PRESETS = {
    "quick": {"epochs": {"z2cnn": 8, "p4cnn_rotation_pooling": 6, "p4cnn": 8}, "augment": False},
    "full": {
        "epochs": {"z2cnn": 300, "p4cnn_rotation_pooling": 100, "p4cnn": 100},
        "augment": True,
    },
}


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    options = _parse(arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors only
    # The backend is chosen by now, so what imports Keras is imported here.
    from reproductions.data.rotated_mnist import DataError

    try:
        _run(options)
    except DataError as error:
        sys.exit(f"error: {error}")


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m reproductions.rotated_mnist", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--network", choices=["all", *PAPER], default="all")
    parser.add_argument("--preset", choices=list(PRESETS), default="quick")
    parser.add_argument("--epochs", type=int, help="in place of the preset's")
    parser.add_argument(
        "--augment",
        action=argparse.BooleanOptionalAction,
        help="turn each training image by a new random angle every epoch",
    )
    parser.add_argument("--data", default="mnist_10k", help="mnist_10k, mnist_70k or icml2007")
    parser.add_argument("--data-dir", help="where TFDS keeps data sets")
    parser.add_argument("--manual-dir", help="where the files of icml2007 are")
    parser.add_argument("--out", type=Path, default=Path("runs/rotated_mnist"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--backend",
        choices=["tensorflow", "jax", "torch"],
        default=os.environ.get("KERAS_BACKEND", "tensorflow"),
    )
    return parser.parse_args(arguments)


def _run(options):
    from reproductions import figures
    from reproductions.data.pipeline import RotatedMnistPipeline

    data = RotatedMnistPipeline.load(options.data, options.data_dir, options.manual_dir)
    networks = list(PAPER) if options.network == "all" else [options.network]
    angles = "augmented" if _augment(options) else "fixed"
    folder = options.out / f"{options.data}-{angles}-seed{options.seed}"
    results = [_train_and_test(network, data, options, folder / network) for network in networks]
    curves = {result["network"]: result["history"] for result in results}
    figures.save(figures.error_curves(curves), folder / "error_curves.png")
    if "p4cnn" in networks:
        image = next(iter(data.evaluation("test")))[0][0].numpy()
        figures.save(
            figures.turning_feature_maps(_best_model(folder / "p4cnn"), image),
            folder / "feature_maps.png",
        )
    print(_table(results))
    print(f"Models, histories and pictures are in {folder}.")


def _train_and_test(network, data, options, folder):
    import keras

    import keras_gcnn as kg
    from reproductions.files import write_json
    from reproductions.training import Run

    epochs = options.epochs or PRESETS[options.preset]["epochs"][network]
    augment = _augment(options)
    started = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    model = getattr(kg.models, network)()
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    run = Run(folder, model)
    print(f"{network}: {len(run.history)} of {epochs} epochs done, {options.backend}")
    history = run.train(
        epochs,
        training=lambda epoch: data.training(seed=1000 * options.seed + epoch, augment=augment),
        validation=data.evaluation("validation"),
    )
    _, accuracy = _best_model(folder).evaluate(data.evaluation("test"), verbose=0)
    result = {
        "network": network,
        "test_error_percent": 100 * (1 - accuracy),
        "paper_percent": PAPER[network],
        "epochs": len(history),
        "augment": augment,
        "data": options.data,
        "seed": options.seed,
        "backend": options.backend,
        "seconds": time.monotonic() - started,
        "history": history,
    }
    write_json(folder / "result.json", result)
    return result


def _augment(options):
    return PRESETS[options.preset]["augment"] if options.augment is None else options.augment


def _best_model(folder):
    import keras

    return keras.saving.load_model(folder / "best.keras")


def _table(results):
    lines = [f"\n{'network':<24}{'test error %':>14}{'paper %':>10}{'epochs':>8}{'seconds':>9}"]
    for r in results:
        lines.append(
            f"{r['network']:<24}{r['test_error_percent']:>14.2f}{r['paper_percent']:>10.2f}"
            f"{r['epochs']:>8}{r['seconds']:>9.0f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
