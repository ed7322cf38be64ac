import json

from benchmarks import report

RUNS = {
    "jax": {("a", "forward"): 1.01, ("a", "training_step"): 0.98},
    "torch": {("a", "forward"): 1.07, ("a", "training_step"): 1.02},
}


def test_the_table_holds_each_ratio_and_names_the_largest(tmp_path):
    files = {}
    for backend, ratios in RUNS.items():
        files[backend] = tmp_path / f"{backend}.json"
        benchmarks = [
            {"params": {"name": name, "mode": mode}, "extra_info": {"ratio": ratio}}
            for (name, mode), ratio in ratios.items()
        ]
        info = {
            "cpu": {"count": 2, "brand_raw": "Some CPU"},
            "python_version": "3.11.7",
            "versions": {"keras": "3.15.0"},
        }
        files[backend].write_text(json.dumps({"benchmarks": benchmarks, "machine_info": info}))
    lines = report.report(files).splitlines()
    assert lines[0].split(" | ")[1:3] == ["forward, jax", "forward, torch"]
    assert lines[2] == "| a | 1.01 | 1.07 | 0.98 | 1.02 |"
    assert lines[4] == (
        "Largest: 1.07 (a, forward, torch). 2 cores of Some CPU; Python 3.11.7, keras 3.15.0."
    )
