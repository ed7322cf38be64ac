"""Converts networks of keras.applications, and writes `docs/convert.md` with what came of it.

    KERAS_BACKEND=torch python -m docs.conversions

measures on one backend, and makes the page of what has been measured on all of them.
"""

import argparse
import json
import warnings
from pathlib import Path

from reproductions.files import write_json
from reproductions.markdown import filled, table

FOLDER = Path(__file__).parent
NETWORKS = {  # and a size of the input at which equivariance is kept
    "ResNet50": 33,
    "ResNet50V2": 33,
    "VGG16": 32,
    "MobileNetV2": 33,
    "DenseNet121": 61,
    "EfficientNetV2B0": 33,
    "ConvNeXtTiny": 32,
}
GROUPS = ("p4", "p4m")


def measured(name, group):
    """A row of one network on one group."""
    import keras
    import numpy as np

    import keras_gcnn as kg
    from tests.shaken import shaken

    size = NETWORKS[name]
    plain = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", kg.EquivarianceWarning)
        model, report = kg.convert(plain, group)
    row = {
        "size": size,
        "parameters": model.count_params(),
        "ratio": report.parameters_after / report.parameters_before,
    }
    shaken(model, scale=0.05)
    row["error"] = kg.equivariance_error(model, group, (size, size, 3)).max_error
    x = np.random.default_rng(0).normal(size=(2, size, size, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x, training=False))
    actual = keras.ops.convert_to_numpy(kg.to_planar(model)(x, training=False))
    row["planar"] = float(np.abs(actual - expected).max() / np.abs(expected).max())
    fresh, _ = kg.convert(plain, group)
    fresh.compile("sgd", "mse")
    row["loss"] = float(fresh.train_on_batch(x, np.zeros((2, 10))))
    return row


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help="all by default")
    parser.add_argument("--groups", nargs="+", default=list(GROUPS))
    options = parser.parse_args(arguments)
    import keras

    path = FOLDER / "conversions" / f"{keras.backend.backend()}.json"
    rows = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in options.networks:
        for group in options.groups:
            keras.backend.clear_session()
            rows[f"{name} {group}"] = row = measured(name, group)
            print(name, group, row, flush=True)
            write_json(path, rows)
    (FOLDER / "convert.md").write_text(page(), "utf-8")


def page():
    """The text of the page of all backends' rows."""
    found = {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in sorted((FOLDER / "conversions").glob("*.json"))
    }
    backends = list(found)
    cells = [
        _cells(name, group, {b: found[b].get(f"{name} {group}") for b in backends})
        for name in NETWORKS
        for group in GROUPS
    ]
    heads = [f"{b}: {what}" for b in backends for what in ("error", "planar", "training step")]
    heads = ["network", "group", "size", "parameters", "ratio", *heads]
    return filled(FOLDER / "convert_template.md", {"table": table(heads, cells)})


def _cells(name, group, rows):
    any_row = next(filter(None, rows.values()), {})
    cells = [name, group, any_row.get("size", ""), f"{any_row.get('parameters', 0):,}"]
    cells.append(f"{any_row.get('ratio', 0):.3f}")
    for row in rows.values():
        if row is None:
            cells += ["–", "–", "–"]
        else:
            cells += [f"{row['error']:.0e}", f"{row['planar']:.0e}", "taken"]
    return cells


if __name__ == "__main__":
    main()
