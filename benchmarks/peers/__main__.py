"""Times our layers beside escnn's and GroCo's on the same work, in processes that take turns.

    python -m benchmarks.peers

makes an environment for each peer, once, in `.venv-escnn` and `.venv-groco`, and writes
`benchmarks/peers.md`. Building escnn needs a Fortran compiler, such as Debian's gfortran.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import machine
from reproductions.files import write_atomically, write_json
from reproductions.markdown import filled, table

ROOT = Path(__file__).parents[2]
GROCO = "git+https://github.com/APJansen/GroCo"
NETWORK = "network"
BACKENDS = ("tensorflow", "jax", "torch")
ROWS = Path(__file__).with_name("rows.json")
LAYERS = (NETWORK, "p4m 3 64 16 16", "p4m 3 32 16 16", "p4 3 64 16 16", "p4 3 10 28 64")
MODES = {"forward": "forward", "training": "training step"}


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--groco", default=GROCO, help="what pip shall install GroCo from")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    options = parser.parse_args(arguments)
    pythons = {"escnn": _environment("escnn", _install_escnn)}
    if set(options.layers) != {NETWORK}:
        packages = "keras==3.0.5", "jax", "packaging", options.groco
        pythons["groco"] = _environment("groco", lambda pip: pip(*packages))
    found = json.loads(ROWS.read_text("utf-8")) if ROWS.exists() else {}
    for layer in options.layers:
        seconds = _measure(layer, pythons, options.rounds)
        for mode in MODES:
            cells = _row(layer, mode, seconds[mode])
            found[f"{layer}, {mode}"] = {"cells": cells, "where": machine.where()}
            print(*cells, sep="; ", flush=True)
        write_json(ROWS, found)
    text = page(found)
    write_atomically(ROOT / "benchmarks" / "peers.md", lambda path: path.write_text(text, "utf-8"))


def _environment(name, install):
    """The Python of `.venv-{name}`, made if it is not there."""
    folder = ROOT / f".venv-{name}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install(lambda *packages: _pip(python, *packages))
        (folder / "ready").touch()
    return str(python)


def _install_escnn(pip):
    pip("numpy<2", "torch==2.13.0", "scipy", "autograd", "joblib", "pymanopt")
    pip("numpy<2", "lie_learn", "py3nj")
    pip("--no-deps", "escnn==1.0.11")


def _pip(python, *packages):
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)


def _measure(layer, pythons, rounds):
    """Seconds by mode and library, a list with one number for each round."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    workers = {
        f"keras_gcnn, {backend}": _start(
            sys.executable, "keras_gcnn", layer, {**environment, "KERAS_BACKEND": backend}
        )
        for backend in BACKENDS
    }
    for name, python in pythons.items():
        if (layer, name) == (NETWORK, "groco"):
            continue
        jax = {**environment, "KERAS_BACKEND": "jax"}
        workers[name] = _start(python, name, layer, jax)
        workers[f"convolution beside {name}"] = _start(python, f"planar_of_{name}", layer, jax)
    seconds = {mode: {name: [] for name in workers} for mode in MODES}
    try:
        for worker in workers.values():
            _read(worker)  # ready
        for _ in range(rounds):
            for mode, found in seconds.items():
                for name, worker in workers.items():
                    print(mode, file=worker.stdin, flush=True)
                    found[name].append(float(_read(worker)))
    finally:
        for worker in workers.values():
            worker.kill()
    return seconds


def _start(python, library, layer, environment):
    return subprocess.Popen(
        [python, ROOT / "benchmarks" / "peers" / "workers.py", library, layer],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def _read(worker):
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(
            f"A worker ended with exit status {worker.wait()}: run {worker.args} to see why."
        )
    return line


def _row(layer, mode, seconds):
    """Medians in ms, peers over their own convolutions, and our best over the best peer."""
    ours = [name for name in seconds if name.startswith("keras_gcnn")]
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    peers = [name for name in ("escnn", "groco") if name in medians]
    best, peer = min(ours, key=medians.get), min(peers, key=medians.get)
    pairs = zip(seconds[best], seconds[peer], strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    cells = [f"{1000 * medians[name]:.1f}" for name in ours]
    for name in peers:
        planar = medians[f"convolution beside {name}"]
        cells.append(f"{1000 * medians[name]:.1f} ({medians[name] / planar:.2f} ×)")
    cells += ["–"] * (len(ours) + 2 - len(cells))
    return [layer, MODES[mode], *cells, f"{ratio:.2f} ({best.split(', ')[1]} / {peer})"]


def page(found):
    """The text of the page of all that has been measured."""
    names = [f"keras_gcnn, {backend}" for backend in BACKENDS]
    heads = ["group, kernel, filters, size, batch; or network", "", *names, "escnn", "GroCo, JAX"]
    rows = [
        found[key] for layer in LAYERS for mode in MODES if (key := f"{layer}, {mode}") in found
    ]
    places = {}
    for row in rows:
        places.setdefault(row["where"], {})[row["cells"][0]] = None  # in order, each once
    values = {
        "table": table([*heads, "our best over the best peer"], [row["cells"] for row in rows]),
        "machines": "\n".join(f"- {'; '.join(of)}: `{where}`" for where, of in places.items()),
    }
    return filled(Path(__file__).with_name("template.md"), values)


if __name__ == "__main__":
    main()
