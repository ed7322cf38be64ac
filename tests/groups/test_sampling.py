import itertools
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_gcnn import groups
from keras_gcnn.groups import Sampling
from tests import oracle


def sampled_points(size, kernel, strides, padding, dilation):
    """The centres of the windows on each axis, in half-pixels about the centre of the input."""
    axes = []
    for n, k, s, d in zip(size, kernel, strides, dilation, strict=True):
        span = (k - 1) * d + 1
        steps = -(-n // s) if padding == "same" else (n - span) // s + 1
        total = max((steps - 1) * s + span - n, 0) if padding == "same" else 0
        first = -(total // 2)
        axes.append([2 * (first + s * i) + span - 1 - (n - 1) for i in range(steps)])
    return set(itertools.product(*axes))


@pytest.mark.parametrize("name", oracle.GROUPS)
@settings(max_examples=300)
@given(
    n=st.integers(1, 12),
    k=st.integers(1, 5),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    d=st.integers(1, 2),
    padding=st.sampled_from(["valid", "same"]),
)
def test_preserves_exactly_where_the_points_map_to_themselves(name, n, k, strides, d, padding):
    assume(padding == "same" or (k - 1) * d + 1 <= n)
    sampling = Sampling((k, k), strides, padding, (d, d))
    points = sampled_points((n, n), (k, k), strides, padding, (d, d))
    turned = [{tuple(h @ p) for p in points} for h in oracle.matrices(name)]
    expected = all(moved == points for moved in turned)
    assert sampling.preserves(groups.get(name), (n, n)) == expected


@given(n=st.integers(6, 40), k=st.integers(1, 5), s=st.integers(1, 4))
def test_nearest_sizes_are_the_nearest(n, k, s):
    p4, sampling = groups.get("p4"), Sampling((k, k), (s, s))

    def works(m):
        return m >= k and sampling.preserves(p4, (m, m))

    nearest = [size[0] for size in sampling.nearest_sizes(p4, (n, n))]
    below = next((m for m in range(n, 0, -1) if works(m)), None)
    above = next(m for m in itertools.count(n) if works(m))
    assert nearest == [m for m in (below, above) if m is not None]


def test_unknown_sizes_count_as_suitable_ones():
    p4 = groups.get("p4")
    assert Sampling((3, 3), (2, 2), "same").preserves(p4, (None, None))
    assert Sampling((3, 3), (2, 2), "same").preserves(p4, (None, 29))
    assert not Sampling((3, 3), (2, 2), "same").preserves(p4, (None, 28))
    assert not Sampling((2, 2), (1, 1), "same").preserves(p4, (None, None))
    assert not Sampling((3, 3), (2, 1), "valid").preserves(p4, (None, None))


def test_the_rule_of_the_contract():
    p4 = groups.get("p4")
    for n, k in itertools.product(range(4, 20, 2), (1, 3)):
        assert not Sampling((k, k), (2, 2), "valid").preserves(p4, (n, n))
        assert not Sampling((k, k), (2, 2), "same").preserves(p4, (n, n))
        assert Sampling((k + 1, k + 1), (2, 2), "valid").preserves(p4, (n, n))


@pytest.mark.parametrize("name", oracle.GROUPS)
@settings(max_examples=300)
@given(
    n=st.integers(1, 8),
    k=st.integers(1, 9),
    strides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_pooling_sees_only_the_points_inside(name, n, k, strides):
    sampling = Sampling((k, k), strides, "same", sees_padding=False)
    windows = set()
    for corner in sampled_points((n, n), (k, k), strides, "same", (1, 1)):
        edges = [(c - k, c + k) for c in corner]
        windows.add(tuple((max(low, -n), min(high, n)) for low, high in edges))
    turned = [{turn(h, window) for window in windows} for h in oracle.matrices(name)]
    steps = sampling.output_size((n, n))
    expected = all(moved == windows for moved in turned)
    if name in oracle.SQUARE_GROUPS:
        expected = expected and steps[0] == steps[1]
    assert sampling.preserves(groups.get(name), (n, n)) == expected


def turn(matrix, window):
    low, high = (matrix @ corner for corner in zip(*window, strict=True))
    return tuple((min(a, b), max(a, b)) for a, b in zip(low, high, strict=True))


@pytest.mark.parametrize("strides", [(10**9, 10**9), (2**31 - 1, 2)])
@pytest.mark.parametrize("size", [(28, 28), (None, None), (10**9, 10**9)])
@pytest.mark.parametrize("padding", ["valid", "same", "centered"])
def test_huge_strides_are_answered_at_once(strides, size, padding):
    p4, sampling = groups.get("p4"), Sampling((3, 3), strides, padding)
    started = time.thread_time()
    sampling.preserves(p4, size)
    if None not in size:
        sampling.nearest_sizes(p4, size)
    assert time.thread_time() - started < 0.1


@given(n=st.integers(1, 30), k=st.sampled_from([1, 3, 5]), s=st.integers(1, 4))
def test_centered_windows_start_on_the_first_point(n, k, s):
    """The condition is then that of a kernel of size 1: n - 1 is a multiple of the stride."""
    p4, sampling = groups.get("p4"), Sampling((k, k), (s, s), "centered")
    ((front, behind), _) = sampling.padding_amounts((n, n))
    assert front == behind == (k - 1) // 2
    assert sampling.output_size((n, n)) == (-(-n // s),) * 2
    centres = {s * i + (k - 1) // 2 - front for i in range(-(-n // s))}
    mirrored = {n - 1 - centre for centre in centres}
    assert sampling.preserves(p4, (n, n)) == (centres == mirrored)
