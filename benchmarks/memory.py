"""Resident memory that one call of a compiled layer takes on top of what it starts from.

    KERAS_BACKEND=jax python -m benchmarks.memory

prints the peak for Conv2D and both implementations, each in a process of its own, and reads it from
the operating system, Linux with glibc: what a compiler counts leaves out what its libraries of
convolutions allocate. TensorFlow holds on to memory, so that nothing of it is seen there.
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
    """Megabytes of the peak of a call over what was resident before it."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls left is given back,
    (PROCESS / "clear_refs").write_text("5")  # and the peak so far forgotten
    before = _kilobytes("VmRSS")
    run()
    return (_kilobytes("VmHWM") - before) / 1000


def _kilobytes(name):
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
