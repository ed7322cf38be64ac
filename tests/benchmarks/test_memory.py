import numpy as np
import pytest

from benchmarks import memory


@pytest.mark.skipif(not memory.PROCESS.exists(), reason="about Linux")
def test_the_peak_is_what_a_call_holds_at_once():
    def run():
        sum(np.ones(8_000_000).sum() for _ in range(3))  # 64 MB, three times one after the other

    assert memory.peak(run) == pytest.approx(64, rel=0.1)
