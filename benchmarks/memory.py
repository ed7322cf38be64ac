"""Measures the resident memory that one call of a compiled layer adds.

    KERAS_BACKEND=jax python -m benchmarks.memory

prints the peak for Conv2D and both implementations. Each runs in a process of its own. The peak is
read from the operating system, Linux with glibc. The compiler's own count would leave out what its
libraries of convolutions allocate. TensorFlow keeps the memory it once took, so its peaks show
nothing.
"""

import argparse
import ctypes
import itertools
import multiprocessing
from pathlib import Path

from benchmarks import report
from reproductions.markdown import table

LAYERS = ("p4m-3x3-32-filters-32x32-batch-8", "p4m-3x3-64-filters-16x16-batch-16")
KINDS = ("Conv2D", *report.IMPLEMENTATIONS)
PROCESS = Path("/proc/self")


def main(arguments=None):
    """Runs the command line `arguments`, `sys.argv` by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--layers", nargs="+", default=LAYERS)
    options = parser.parse_args(arguments)
    rows = []
    for layer, mode in itertools.product(options.layers, report.MODES):
        peaks = [_in_own_process(layer, kind, mode) for kind in KINDS]
        rows.append([layer, report.MODES[mode], *(f"{peak:.0f}" for peak in peaks)])
    print(table(["MB", "", *KINDS], rows))


def _in_own_process(*of):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_of_layer, of)


def _of_layer(layer, kind, mode):
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
