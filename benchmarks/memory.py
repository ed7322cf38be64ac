"""Measures the resident memory that one call of a compiled layer adds.

    KERAS_BACKEND=jax python -m benchmarks.memory

prints the peak for Conv2D and both implementations. Each runs in a process of its own. The peak is
read from the operating system, Linux with glibc. The compiler's own count would leave out what its
libraries of convolutions allocate. TensorFlow keeps the memory it once took, so its peaks show
nothing.

    KERAS_BACKEND=tensorflow python -m benchmarks.memory --networks small all_cnn

prints what training steps of a network of `equal_parameters` add: the first, with the network and
its compilation, on every backend, and a later one, for the plain network, for all layers direct,
and by default.
"""

import argparse
import ctypes
import itertools
import multiprocessing
from pathlib import Path
from unittest import mock

from benchmarks import report
from reproductions.markdown import table

LAYERS = ("p4m-3x3-32-filters-32x32-batch-8", "p4m-3x3-64-filters-16x16-batch-16")
KINDS = ("Conv2D", *report.IMPLEMENTATIONS)
NETWORK_KINDS = ("plain", "direct", "auto")
PROCESS = Path("/proc/self")


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    parser.add_argument("--networks", nargs="+", help="in place of layers")
    options = parser.parse_args(arguments)
    if options.networks:
        pairs = itertools.product(options.networks, ("first step", "later step"))
        rows = [
            [*pair, *(_peak(_of_network, *pair, kind) for kind in NETWORK_KINDS)] for pair in pairs
        ]
        print(table(["MB", "", *NETWORK_KINDS], rows))
        return
    pairs = itertools.product(options.layers, report.MODES)
    rows = [
        [layer, report.MODES[mode], *(_peak(_of_layer, layer, mode, kind) for kind in KINDS)]
        for layer, mode in pairs
    ]
    print(table(["MB", "", *KINDS], rows))


def _peak(measure, *of):
    """The megabytes that it finds in a process of its own, as text."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return f"{pool.apply(measure, of):.0f}"


def _of_network(name, step, kind):
    import numpy as np

    from benchmarks import equal_parameters
    from keras_gcnn.ops.conv import cost_model

    x, y = np.ones((equal_parameters.BATCH, 32, 32, 3), "float32"), np.zeros(equal_parameters.BATCH)

    def first_step():
        model = equal_parameters.network(name, "z2" if kind == "plain" else "p4m")
        model.train_on_batch(x, y)
        return model

    choose = mock.Mock(return_value=kind) if kind == "direct" else cost_model.choose
    with mock.patch.object(cost_model, "choose", choose):
        if step == "first step":
            return peak(first_step)
        model = first_step()
        return peak(lambda: model.train_on_batch(x, y))


def _of_layer(layer, mode, kind):
    from benchmarks import backend, work

    ours, x, _ = work.layer(layer, "direct" if kind == "Conv2D" else kind)
    pair = work.planar_layer(layer, x) if kind == "Conv2D" else (ours, x)
    return peak(getattr(backend, mode)(*pair))


def peak(run):
    """Peak memory of one call, in megabytes above what was resident before."""
    ctypes.CDLL(None).malloc_trim(0)  # give back what earlier calls left,
    (PROCESS / "clear_refs").write_text("5")  # and forget the peak so far
    before = _kilobytes("VmRSS")
    run()
    return (_kilobytes("VmHWM") - before) / 1000


def _kilobytes(name):
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
