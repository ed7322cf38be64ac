"""Two functions timed in turns, so that whatever slows the machine slows both."""

import statistics
import time

ROUNDS = (15, 500)


def measure(benchmark, candidate, baseline, seconds):
    """Benchmarks `candidate`, running `baseline` once before each of its rounds.

    Args:
        benchmark: The fixture of pytest-benchmark.
        candidate: Function of no arguments that waits for its result.
        baseline: Another such function.
        seconds: About how long to measure. Both are run three times before, to compile and to
            warm up.

    Returns:
        The median of candidate / baseline over the rounds, which is kept with the benchmark, with
        the baseline's median seconds, as `ratio` and `baseline_seconds`.
    """
    for _ in range(3):
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
    benchmark.extra_info["ratio"] = round(ratio, 3)
    benchmark.extra_info["baseline_seconds"] = statistics.median(baseline_seconds)
    return ratio


def _seconds_of(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
