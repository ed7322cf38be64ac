import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import keras
import pytest

from benchmarks import backend, paired, work
from keras_gcnn import timing
from keras_gcnn.ops import policy

compiles = keras.backend.backend() != "torch" or shutil.which("c++") or shutil.which("g++")


CHOSEN = (
    "test_same_maps and p4-4x4-10 and fourier and forward",
    "test_products_alone and p4m-1x1-64-filters-8x8",
    "test_transform_alone and p4m-1x1-64-filters-8x8",
    "test_traffic_alone and p4m-1x1-64-filters-8x8",
    "test_bank_alone and p4m-1x1-64-filters-8x8",
    "test_network_with_defaults and P4CNN and train_on_batch",
)
if keras.backend.backend() == "torch":  # which compiles the others for half a minute each
    CHOSEN += ("test_same_maps_not_compiled and p4m and fourier and training_step",)
else:
    CHOSEN += (
        "test_same_maps and p4-4x4-10 and fourier and training_step",
        "test_same_maps and O-3x3x3-8-filters and direct and forward",
        "test_normalization_and_relu and training_step",
    )
if keras.backend.backend() == "tensorflow":  # JAX compiles three networks for it
    CHOSEN += ("test_network_made_planar and P4CNN",)


@pytest.mark.skipif(not compiles, reason="torch.compile needs a C++ compiler")
def test_benchmarks_of_each_kind_run_and_report_their_ratios(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pytest", "benchmarks", "--seconds", "0", "-q"]
    command += ["-p", "no:xdist", "-p", "no:cacheprovider", f"--benchmark-json={report}"]
    environment = {name: v for name, v in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        [*command, "-k", " or ".join(f"({kind})" for kind in CHOSEN)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    benchmarks = json.loads(report.read_text())["benchmarks"]
    assert len(benchmarks) == len(CHOSEN)
    for benchmark in benchmarks:
        assert benchmark["extra_info"]["ratio"] > 0
        assert benchmark["extra_info"]["baseline_seconds"] > 0


def test_the_ratio_is_that_of_the_two_functions(monkeypatch):
    """By a clock that only the two functions move."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    class Fixture:
        extra_info: dict = {}

        def pedantic(self, target, setup, rounds):
            self.stats = type("Stats", (), {})()
            self.stats.stats = type("Stats", (), {"data": []})()
            for _ in range(rounds):
                setup()
                self.stats.stats.data.append(timing.seconds_of(target))

    def taking(seconds):
        def run():
            clock.now += seconds

        return backend.Runnable(run)

    measured = paired.measure(Fixture(), taking(0.3), taking(0.1), seconds=20)
    assert measured == pytest.approx(3)
    assert Fixture.extra_info["ratio"] == 3
    assert Fixture.extra_info["baseline_seconds"] == pytest.approx(0.1)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only XLA on JAX counts")
def test_operations_are_counted_once_for_every_part(monkeypatch):
    layer, x, _ = work.layer("p4-4x4-10-filters-4x4-batch-128", "fourier")
    monkeypatch.setitem(policy.LARGEST_TRANSFORMS, "xla", 1000)
    in_parts = backend.forward(layer, x[:4]).counted
    monkeypatch.setattr(policy, "images_at_once", lambda _, batch, *of: batch)
    whole = backend.forward(layer, x[:4]).counted
    assert in_parts["peak_bytes"] != whole["peak_bytes"]  # so that there were parts
    assert in_parts["flops"] == whole["flops"] > 0
