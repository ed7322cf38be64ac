"""Turns the JSON files of the benchmark suites into a Markdown report with a figure.

    tox -e bench-tensorflow,bench-jax,bench-torch && python -m benchmarks.report

reads `benchmarks/results/*.json` and writes `benchmarks/results.md` and `benchmarks/ratios.png`.
What `tox -e bench-jax-allocator` and its sisters measured, with settings of the memory allocator,
is in `benchmarks/results/allocator/`.
"""

import itertools
import json
import math
import statistics
from pathlib import Path

from reproductions.markdown import filled, table

RESULTS = Path(__file__).with_name("results")
PARTS = {
    "test_products_alone": "products",
    "test_traffic_alone": "traffic",
    "test_transform_alone": "f̂",
    "test_bank_alone": "bank",
}
MODES = {"forward": "Forward", "training_step": "Training step"}
IMPLEMENTATIONS = ("direct", "fourier")
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2)
TEMPLATE = Path(__file__).with_name("report_template.md")


def report(runs, with_settings):
    """The Markdown report.

    Args:
        runs: What pytest-benchmark wrote, by backend.
        with_settings: The same, measured with settings of the memory allocator.
    """
    by_mode = {mode: _layers(runs, mode) for mode in MODES}
    by_auto = {
        f"auto_{mode}": "\n\n".join(
            filter(None, (_of_auto(backend, run, mode) for backend, run in runs.items()))
        )
        for mode in MODES
    }
    values = {
        **by_mode,
        **by_auto,
        "machine": _machine(runs),
        "parts": _parts(runs),
        "other_readings": _other_readings(runs),
        "networks": _networks(runs),
        "counts": _counts(runs),
        "construction": _construction(runs),
        "allocator": _allocator(runs, with_settings),
    }
    return filled(TEMPLATE, values)


def figure(runs):
    """The ratios of every layer, and the share of multiplications that is left."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    bounds = _bounds(runs)
    names = list(bounds)
    drawn, panels = plt.subplots(1, 2, figsize=(11, 0.36 * len(names) + 1.6), sharey=True)
    for axes, (mode, title) in zip(panels, MODES.items(), strict=True):
        for place, backend in enumerate(runs):
            found = _ratios(runs[backend], mode)
            for implementation, marker in zip(IMPLEMENTATIONS, "|o", strict=True):
                points = [
                    (found[name, implementation]["ratio"], y + 0.2 * (place - 1))
                    for y, name in enumerate(names)
                    if (name, implementation) in found
                ]
                label = f"{backend}, {implementation}"
                axes.plot(*zip(*points, strict=True), marker, label=label, color=f"C{place}")
        axes.plot(list(bounds.values()), range(len(names)), "kx", label="multiplications left")
        axes.axvline(1, color="0.6", linewidth=0.8)
        axes.set(xscale="log", title=title, xlabel="seconds over those of the plain layer")
        axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes.minorticks_off()
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    panels[1].legend(bbox_to_anchor=(1.02, 1), loc="upper left", frameon=False)
    return drawn


def _layers(runs, mode):
    heads = [f"{backend}, {name}" for backend in runs for name in IMPLEMENTATIONS]
    rows = []
    for layer in _bounds(runs):
        cells = []
        for run in runs.values():
            found = _ratios(run, mode)
            cells += [_cell(found.get((layer, name))) for name in IMPLEMENTATIONS]
        rows.append([layer, *cells])
    return table(["layer", *heads], rows)


def _cell(found):
    if found is None:
        return "–"
    return f"{found['ratio']:.2f}{'*' * found['chosen_by_auto']}"


def _of_auto(backend, run, mode):
    """The largest ratio of "auto", its mean over wide layers on p4m, and its memory."""
    found = _ratios(run, mode)
    chosen = {name: extra["ratio"] for (name, _), extra in found.items() if extra["chosen_by_auto"]}
    if not chosen:
        return ""
    worst = max(chosen, key=chosen.get)
    wide = [r for name, r in chosen.items() if name.startswith("p4m") and _filters(name) >= 32]
    mean = f", geometric mean {_geometric_mean(wide):.2f} on p4m with 32 filters and more"
    memory = [
        _memory(found, name)
        for (name, implementation), extra in found.items()
        if extra["chosen_by_auto"] and implementation == "fourier" and extra["counted"]
    ]
    most = f", peak memory at most {max(memory):.2f} of direct" if memory else ""
    where = f"largest {chosen[worst]:.2f} ({worst})"
    return f'"auto" on {backend}: {where}{mean if wide else ""}{most}.'


def _memory(found, layer):
    fourier, direct = (found[layer, name]["counted"] for name in ("fourier", "direct"))
    return fourier["peak_bytes"] / direct["peak_bytes"]


def _parts(runs):
    rows = {}
    for backend, run in runs.items():
        wholes = _ratios(run, "forward")
        for benchmark in run["benchmarks"]:
            if (part := PARTS.get(_kind(benchmark))) is None:
                continue
            layer = benchmark["params"]["layer"]
            row = rows.setdefault((layer, backend), {})
            row[part] = f"{benchmark['extra_info']['ratio']:.2f}"
            for name in IMPLEMENTATIONS:
                if (layer, name) in wholes:
                    row[name] = f"{wholes[layer, name]['ratio']:.2f}"
    layers = list(_bounds(runs))
    rows = dict(sorted(rows.items(), key=lambda row: layers.index(row[0][0])))
    *of_fourier, of_direct = PARTS.values()
    return _in_columns(["layer", "backend"], rows, [*of_fourier, "fourier", of_direct, "direct"])


def _kind(benchmark):
    return benchmark["name"].split("[")[0]


def _other_readings(runs):
    rows = {}
    for backend, run in runs.items():
        for benchmark in run["benchmarks"]:
            kind, parameters = _kind(benchmark), benchmark["params"]
            if "network" in parameters or kind in ("test_same_maps", *PARTS):
                continue
            reading = kind.removeprefix("test_").replace("_", " ")
            implementation = parameters.get("implementation", "–")
            if "equal" in parameters:
                reading, implementation = f"as many {parameters['equal']}", "fourier"
            if "dtype" in parameters:
                reading = f"{parameters['dtype']} over float32"
            key = parameters["layer"], reading, implementation, MODES[parameters["mode"]]
            rows.setdefault(key, {})[backend] = f"{benchmark['extra_info']['ratio']:.2f}"
    return _in_columns(["layer", "reading", "implementation", "mode"], rows, runs)


def _networks(runs):
    rows = {}
    for backend, run in runs.items():
        for benchmark in run["benchmarks"]:
            if "network" not in benchmark["params"]:
                continue
            mode = MODES.get(benchmark["params"].get("mode"), "Forward, both made planar")
            row = rows.setdefault((benchmark["params"]["network"], mode), {})
            row[backend] = f"{benchmark['extra_info']['ratio']:.2f}"
    return _in_columns(["network", "mode"], rows, runs)


def _allocator(runs, with_settings):
    """The layers that were measured both with settings of the allocator and without."""
    rows = {}
    backends = [backend for backend in with_settings if backend in runs]
    for backend, mode in itertools.product(backends, MODES):
        without = _ratios(runs[backend], mode)
        for (layer, implementation), extra in _ratios(with_settings[backend], mode).items():
            if (plain := without.get((layer, implementation))) is None:
                continue
            row = rows.setdefault((layer, implementation, MODES[mode]), {})
            row[backend] = f"{plain['ratio']:.2f}, {extra['ratio']:.2f}"
    return _in_columns(["layer", "implementation", "mode"], rows, with_settings) if rows else ""


def _in_columns(heads, rows, columns):
    """A table of `rows`: a dict from the first cells of a row to its cells by column."""
    cells = [[*first, *(row.get(c, "–") for c in columns)] for first, row in rows.items()]
    return table([*heads, *columns], cells)


def _counts(runs):
    rows = []
    for backend, run in runs.items():
        for mode, title in MODES.items():
            found = _ratios(run, mode)
            for layer in _bounds(runs):
                if (layer, "fourier") not in found:
                    continue
                fourier, direct = (found[layer, name] for name in ("fourier", "direct"))
                operations, memory = "–", "–"
                if fourier["counted"]:
                    ours, theirs = fourier["counted"], fourier["baseline_counted"]
                    operations = f"{ours['flops'] / theirs['flops']:.2f}"
                    memory = f"{_memory(found, layer):.2f}"
                first = [direct["baseline_first_call_seconds"]]
                first += [direct["first_call_seconds"], fourier["first_call_seconds"]]
                seconds = [f"{value:.2f}" for value in first]
                rows.append([backend, layer, title, operations, memory, *seconds])
    heads = ["backend", "layer", "mode", "Fourier operations / plain"]
    heads += ["Fourier peak memory / direct", "first call, s: plain", "direct", "Fourier"]
    return table(heads, rows)


def _construction(runs):
    seconds = [
        b["extra_info"]["construction_seconds"]
        for run in runs.values()
        for b in run["benchmarks"]
        if "construction_seconds" in b["extra_info"]
    ]
    return (
        f"A layer is constructed and built in {1000 * statistics.median(seconds):.0f} ms "
        f"(median; {max(seconds):.2f} s the first time in a process)."
    )


def _ratios(run, mode):
    """The measurements of layers with the same maps, by (layer, implementation)."""
    return {
        (b["params"]["layer"], b["params"]["implementation"]): b["extra_info"]
        for b in run["benchmarks"]
        if b["name"].startswith("test_same_maps[") and b["params"]["mode"] == mode
    }


def _bounds(runs):
    """The multiplications of the Fourier implementation over those of a convolution, by layer."""
    return {
        name: extra["product_ratio"]
        for run in runs.values()
        for mode in MODES
        for (name, _), extra in _ratios(run, mode).items()
    }


def _filters(name):
    return int(name.split("-")[2])


def _geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def _machine(runs):
    infos = [run["machine_info"] for run in runs.values()]
    # Each backend ran in an environment of its own, which holds only its own packages.
    versions = {name: v for info in infos for name, v in info["versions"].items()}
    named = [f"{name} {version}" for name, version in versions.items()]
    onednn = [f"TensorFlow {info['onednn']}" for info in infos if info["onednn"]]
    python = f"Python {infos[0]['python_version']}"
    return ", ".join([infos[0]["processor"], python, *onednn, *named])


def read(folder):
    """What pytest-benchmark wrote, by backend, in one file or several.

    Layers are in `jax.json`, and networks in `jax-networks.json`, since they run in another
    process. Further files `jax-*.json` are read in the order of their names. Where two have
    measured the same, the later one counts.
    """
    runs = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        found, backend = json.loads(path.read_text("utf-8")), path.stem.split("-")[0]
        runs.setdefault(backend, {**found, "benchmarks": []})["benchmarks"] += found["benchmarks"]
    return runs


def main():
    """Writes the report of whatever results there are."""
    runs = read(RESULTS)
    text = report(runs, read(RESULTS / "allocator"))
    Path(__file__).with_name("results.md").write_text(text, "utf-8")
    picture = Path(__file__).with_name("ratios.png")
    figure(runs).savefig(picture, dpi=110, bbox_inches="tight")
    print(text)


if __name__ == "__main__":
    main()
