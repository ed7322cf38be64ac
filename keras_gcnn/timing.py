"""Two functions timed alternately, so that whatever slows the machine slows both."""

import statistics
import time

FEWEST_PAIRS = 7


def seconds_of(function):
    """How long a call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def warm_up(*functions):
    """Calls each function twice, which compiles it, and returns the seconds of the last round."""
    for _ in range(2):
        seconds = sum(map(seconds_of, functions))
    return seconds


def paired_ratio(candidate, baseline, seconds):
    """The median of the times of candidate / baseline over pairs of calls, for about `seconds`.

    Both are functions of no arguments. They are warmed up here.
    """
    warm_up(candidate, baseline)
    started, ratios = time.perf_counter(), []
    while len(ratios) < FEWEST_PAIRS or time.perf_counter() - started < seconds:
        ratios.append(seconds_of(candidate) / seconds_of(baseline))
    return statistics.median(ratios)
