"""Two functions timed in turns, so that whatever slows the machine slows both."""

import contextlib
import statistics
import time
from unittest import mock

from benchmarks import backend
from keras_gcnn.ops import compiler, planar_conv

ROUNDS = (15, 500)


def compare(benchmark, seconds, mode, ours, theirs, compiled=True):
    """`measure` of two pairs of a layer or model and its input, both compiled for `mode`.

    Args:
        benchmark: The fixture of pytest-benchmark.
        seconds: About how long to measure.
        mode: `"forward"` or `"training_step"`, a function of `backend`.
        ours: Layer and input to benchmark.
        theirs: Those of the baseline.
        compiled: As in `backend.forward`.
    """
    make = getattr(backend, mode)
    candidate = make(*ours, compiled)
    with _as_keras_would():
        baseline = make(*theirs, compiled)
    benchmark.group = mode
    measure(benchmark, candidate, baseline, seconds)


@contextlib.contextmanager
def _as_keras_would():
    """What planar networks have of keras_gcnn, on Z², computed as Keras' own layers would."""
    no = {"return_value": False}
    not_by_rows = mock.patch.object(compiler, "is_xla_on_cpu", **no)
    not_a_product = mock.patch.object(planar_conv, "_covers", **no)
    with not_by_rows, not_a_product:
        yield


def measure(benchmark, candidate, baseline, seconds):
    """Benchmarks `candidate`, running `baseline` once before each of its rounds.

    Args:
        benchmark: The fixture of pytest-benchmark.
        candidate: A `backend.Runnable`.
        baseline: Another.
        seconds: About how long to measure. Both are run twice before, to warm up.

    Returns:
        The median of candidate / baseline over the rounds. It is kept with the benchmark as
        `ratio`, with the baseline's median seconds, and of both the seconds of the first call and
        what the compiler counted.
    """
    for _ in range(2):
        pair = _seconds_of(candidate) + _seconds_of(baseline)
    rounds = max(ROUNDS[0], min(ROUNDS[1], int(seconds / pair))) if seconds else 1
    baseline_seconds = []
    benchmark.pedantic(
        candidate,
        setup=lambda: baseline_seconds.append(_seconds_of(baseline)),
        rounds=rounds,
    )
    pairs = zip(benchmark.stats.stats.data, baseline_seconds, strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    benchmark.extra_info |= {
        "ratio": round(ratio, 3),
        "baseline_seconds": statistics.median(baseline_seconds),
        "first_call_seconds": candidate.first_call_seconds,
        "baseline_first_call_seconds": baseline.first_call_seconds,
        "counted": candidate.counted,
        "baseline_counted": baseline.counted,
    }
    return ratio


def _seconds_of(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
