"""Benchmarks of pairs: the functions of `keras_gcnn.timing` within pytest-benchmark."""

import contextlib
import statistics

from benchmarks import backend
from keras_gcnn import timing
from keras_gcnn.ops import policy

ROUNDS = (15, 500)
RULES = (
    "pads_planes",
    "convolves_by_rows",
    "multiplies_points",
    "multiplies_whole_maps",
    "tiles_are_reduced",
    "views_maps",
)


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
    with as_keras_would():
        baseline = make(*theirs, compiled)
    benchmark.group = mode
    measure(benchmark, candidate, baseline, seconds)


@contextlib.contextmanager
def as_keras_would():
    """Computes what planar networks have of keras_gcnn, on Z², as Keras' own layers would."""
    rules = {name: getattr(policy, name) for name in RULES}
    vars(policy).update(dict.fromkeys(RULES, lambda *_: False))
    try:
        yield
    finally:
        vars(policy).update(rules)


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
    pair = timing.warm_up(candidate, baseline)
    rounds = max(ROUNDS[0], min(ROUNDS[1], int(seconds / pair))) if seconds else 1
    baseline_seconds = []
    benchmark.pedantic(
        candidate,
        setup=lambda: baseline_seconds.append(timing.seconds_of(baseline)),
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
