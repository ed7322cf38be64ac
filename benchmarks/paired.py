"""Two functions timed in turns, so that whatever slows the machine slows both."""

import statistics
import time


def measure(benchmark, candidate, baseline, rounds):
    """Benchmarks `candidate`, running `baseline` once before each of its rounds.

    Args:
        benchmark: The fixture of pytest-benchmark.
        candidate: Function of no arguments that waits for its result.
        baseline: Another such function.
        rounds: Number of rounds; one more of each is run first, to compile and to warm up.

    Returns:
        The median of candidate / baseline over the rounds, which is kept with the benchmark, with
        the baseline's median seconds, as `ratio` and `baseline_seconds`.
    """
    baseline_seconds = []

    def run_baseline():
        started = time.perf_counter()
        baseline()
        baseline_seconds.append(time.perf_counter() - started)

    benchmark.pedantic(candidate, setup=run_baseline, rounds=rounds, warmup_rounds=3)
    if not benchmark.enabled:
        return None
    pairs = zip(benchmark.stats.stats.data, baseline_seconds[-rounds:], strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    benchmark.extra_info["ratio"] = round(ratio, 3)
    benchmark.extra_info["baseline_seconds"] = statistics.median(baseline_seconds[-rounds:])
    return ratio
