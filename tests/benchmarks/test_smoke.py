import json
import os
import shutil
import subprocess
import sys

import keras
import pytest

from benchmarks import paired

compiles = keras.backend.backend() != "torch" or shutil.which("c++") or shutil.which("g++")


@pytest.mark.skipif(not compiles, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("mode", ["forward", "training_step"])
def test_a_benchmark_runs_and_reports_its_ratio(mode, tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pytest", "benchmarks", "--seconds", "0", "-q"]
    command += ["-p", "no:xdist", "-p", "no:cacheprovider", f"--benchmark-json={report}"]
    environment = {name: v for name, v in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        [*command, "-k", f"conv7-4x4 and {mode}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (benchmark,) = json.loads(report.read_text())["benchmarks"]
    assert benchmark["extra_info"]["ratio"] > 0
    assert benchmark["extra_info"]["baseline_seconds"] > 0


def test_the_ratio_is_that_of_the_two_functions():
    """A candidate that does the baseline's work three times takes three times as long."""

    class Fixture:
        extra_info: dict = {}

        def pedantic(self, target, setup, rounds):
            self.stats = type("Stats", (), {})()
            self.stats.stats = type("Stats", (), {"data": []})()
            for _ in range(rounds):
                setup()
                self.stats.stats.data.append(paired._seconds_of(target))

    def work(times):
        return lambda: sum(range(times * 200_000))

    assert paired.measure(Fixture(), work(3), work(1), seconds=0.5) == pytest.approx(3, rel=0.4)
