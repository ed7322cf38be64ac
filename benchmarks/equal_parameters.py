"""Networks on p4m beside plain ones of as many parameters, trained by Keras with its defaults.

    KERAS_BACKEND=jax python -m benchmarks.equal_parameters

takes some minutes on each backend, and writes `benchmarks/equal_parameters.md` and its picture from
what has been measured on all of them. Each pair of networks has a process of its own, in which
steps of `train_on_batch` take turns. No variable of the environment is set.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from pathlib import Path

from benchmarks import machine
from reproductions import figures
from reproductions.files import write_atomically, write_json
from reproductions.markdown import filled, table

FOLDER = Path(__file__).parent / "equal_parameters"
BATCH = 32
NETWORKS = {
    "small": "four 3×3 convolutions, 16 to 32 filters on p4m, 45 to 90 on Z²",
    "all_cnn": "All-CNN of the paper",
    "resnet26": "ResNet26 of the paper",
}
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
SIDES = ("p4m", "z2")
HEADS = ["network", "backend", "parameters", "p4m / plain", "first step", "memory of a step"]


def network(name, group):
    """A compiled model; on p4m and on Z² it has about as many parameters."""
    import keras

    import keras_gcnn as kg

    makers = {
        "small": lambda: _small(group),
        "all_cnn": lambda: kg.models.all_cnn(group),
        "resnet26": lambda: kg.models.resnet(group, depth=26),
    }
    model = makers[name]()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def _small(group):
    import keras

    import keras_gcnn as kg

    narrow, wide = (16, 32) if group == "p4m" else (45, 90)
    inputs = x = keras.Input((32, 32, 3))
    for i, filters in enumerate((narrow, narrow, wide, wide)):
        if group == "z2":
            x = keras.layers.Conv2D(filters, 3, padding="same")(x)
            x = keras.layers.BatchNormalization()(x)
        else:
            make = kg.layers.GroupConv2D if i else kg.layers.LiftingConv2D
            x = kg.layers.GroupBatchNormalization()(make(filters, 3, "p4m", padding="same")(x))
        x = keras.layers.ReLU()(x)
        if i == 1:
            pool = keras.layers.MaxPooling2D if group == "z2" else kg.layers.GroupMaxPooling2D
            x = pool(2)(x)
    last = "GlobalAveragePooling2D" if group == "z2" else "GlobalGroupAveragePooling2D"
    x = getattr(keras.layers if group == "z2" else kg.layers, last)()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def measured(name, rounds):
    """What a pair of networks took: seconds of the first step and of later ones, and megabytes."""
    import numpy as np

    from benchmarks.memory import peak

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(BATCH, 32, 32, 3)).astype("float32"), rng.integers(0, 10, BATCH)
    row = {"parameters": {}, "first": {}, "megabytes": {}, "seconds": {side: [] for side in SIDES}}
    models = {"warm-up": network("small", "z2")}  # for what a backend does once
    models["warm-up"].train_on_batch(x, y)
    for side in SIDES:
        started = time.perf_counter()
        models[side] = network(name, side)
        models[side].train_on_batch(x, y)
        row["first"][side] = time.perf_counter() - started
        row["parameters"][side] = models[side].count_params()
    for side in SIDES:
        models[side].train_on_batch(x, y)
        row["megabytes"][side] = peak(lambda side=side: models[side].train_on_batch(x, y))
    for _ in range(rounds):
        for side in SIDES:
            started = time.perf_counter()
            models[side].train_on_batch(x, y)
            row["seconds"][side].append(time.perf_counter() - started)
    return row


def write_page():
    """Writes the page of all backends' rows, and its picture."""
    runs = found()
    write_atomically(FOLDER.with_suffix(".md"), lambda path: path.write_text(page(runs), "utf-8"))
    figures.save(figure(runs), FOLDER.with_suffix(".png"))


def found():
    """What was measured on each backend."""
    return {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))
    }


def page(runs):
    """The text of the page."""
    rows = [
        _cells(NETWORKS[name], backend, of_backend["rows"][name])
        for name in NETWORKS
        for backend, of_backend in runs.items()
        if name in of_backend["rows"]
    ]
    machines = "\n".join(f"- {backend}: {of['machine']}" for backend, of in runs.items())
    values = {"table": table(HEADS, rows), "machines": machines}
    return filled(FOLDER.with_name("equal_parameters_template.md"), values)


def figure(found):
    """How many times as long as the plain networks' take a step, and the first step."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = [name for name in NETWORKS if any(name in of["rows"] for of in found.values())]
    drawn, panels = plt.subplots(1, 2, figsize=(10, 0.75 * len(names) + 1.5), sharey=True)
    panels_of = {"a training step": _ratio, "the first step, with compilation": _first_ratio}
    for axes, (title, ratio_of) in zip(panels, panels_of.items(), strict=True):
        for place, (backend, of_backend) in enumerate(found.items()):
            rows = {name: of_backend["rows"][name] for name in names if name in of_backend["rows"]}
            y = [names.index(name) + 0.25 * (place - 1) for name in rows]
            ratios = [ratio_of(row) for row in rows.values()]
            bars = axes.barh(y, ratios, 0.22, label=BACKENDS[backend], color=f"C{place}")
            axes.bar_label(bars, fmt="%.1f", padding=3)
        axes.axvline(1, color="0.4", linewidth=0.8)
        axes.set(title=title, xlabel="times as long as the plain network")
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    labels = [NETWORKS[name].split(",")[0].removesuffix(" of the paper") for name in names]
    panels[0].set_yticks(range(len(names)), labels)
    panels[0].invert_yaxis()
    panels[1].legend(bbox_to_anchor=(1.02, 1), loc="upper left", frameon=False)
    drawn.tight_layout()
    return drawn


def _ratio(row):
    """The median ratio of steps that were taken one after the other."""
    pairs = zip(*(row["seconds"][side] for side in SIDES), strict=True)
    return statistics.median(ours / plain for ours, plain in pairs)


def _first_ratio(row):
    ours, plain = (row["first"][side] for side in SIDES)
    return ours / plain


def _cells(network, backend, row):
    seconds = [statistics.median(row["seconds"][side]) for side in SIDES]
    parameters = " / ".join(f"{row['parameters'][side]:,}" for side in SIDES)
    first = " / ".join(f"{row['first'][side]:.0f}" for side in SIDES)
    memory = " / ".join(f"{row['megabytes'][side]:.0f}" for side in SIDES)
    took = f"{_ratio(row):.1f} ({seconds[0]:.2f} / {seconds[1]:.2f} s)"
    return [network, backend, parameters, took, f"{first} s", f"{memory} MB"]


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.equal_parameters", description=__doc__
    )
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), help="all by default")
    parser.add_argument("--rounds", type=int, default=7, help="steps of each network")
    options = parser.parse_args(arguments)
    import keras

    path = FOLDER / f"{keras.backend.backend()}.json"
    rows = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else {}
    FOLDER.mkdir(exist_ok=True)
    for name in options.networks:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows[name] = pool.apply(measured, (name, options.rounds))
        print(*_cells(name, path.stem, rows[name]), sep="; ", flush=True)
        where = "; ".join(filter(None, (machine.where(), machine.onednn())))
        write_json(path, {"machine": where, "rows": rows})
    write_page()


if __name__ == "__main__":
    main()
