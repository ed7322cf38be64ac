import json
import math

from benchmarks import report

LAYERS = {"p4-3x3-8-filters-4x4-batch-2": 0.375, "p4m-3x3-32-filters-4x4-batch-2": 0.1875}


def runs(ratios):
    """What pytest-benchmark writes, with ratios by backend, layer, implementation and mode."""
    info = {
        "processor": "2 cores of Some CPU, without AVX-512",
        "onednn": "without oneDNN",
        "python_version": "3.11.7",
        "versions": {"keras": "3.15.0"},
    }
    found = {}
    for (backend, layer, implementation, mode), ratio in ratios.items():
        extra = {
            "ratio": ratio,
            "chosen_by_auto": implementation == "fourier",
            "product_ratio": LAYERS[layer],
            "construction_seconds": 0.002,
            "first_call_seconds": 1.0,
            "baseline_first_call_seconds": 0.5,
            "counted": {"flops": 2, "peak_bytes": 30 if implementation == "fourier" else 10},
            "baseline_counted": {"flops": 8, "peak_bytes": 10},
        }
        parameters = {"layer": layer, "implementation": implementation, "mode": mode}
        run = found.setdefault(backend, {"machine_info": info, "benchmarks": []})
        run["benchmarks"].append(
            {"name": "test_same_maps[…]", "params": parameters, "extra_info": extra}
        )
    return found


def measured():
    p4, p4m = LAYERS
    by_layer = {p4: (1.0, 0.5), p4m: (1.25, 0.25)}
    return runs(
        {
            ("jax", layer, implementation, mode): by_layer[layer][place]
            for layer in LAYERS
            for place, implementation in enumerate(report.IMPLEMENTATIONS)
            for mode in report.MODES
        }
    )


def test_the_tables_hold_each_ratio_and_mark_what_auto_takes():
    text = report.report(measured(), {})
    assert "| p4-3x3-8-filters-4x4-batch-2 | 1.00 | 0.50* |" in text
    assert "| p4m-3x3-32-filters-4x4-batch-2 | 1.25 | 0.25* |" in text
    assert '"auto" on jax: largest 0.50 (p4-3x3-8-filters-4x4-batch-2), geometric mean 0.25' in text
    assert "peak memory at most 3.00 of direct." in text
    assert "Forward | 0.25 | 3.00 | 0.50 | 1.00 | 1.00 |" in text  # operations, memory, seconds
    named = "Python 3.11.7, TensorFlow without oneDNN, keras 3.15.0"
    assert f"2 cores of Some CPU, without AVX-512, {named}\n" in text
    assert "settings of the memory allocator" not in text  # nothing was measured with them


def test_what_was_measured_with_settings_of_the_allocator_stands_beside_what_was_without():
    layer = "p4m-3x3-32-filters-4x4-batch-2"
    again = runs({("jax", layer, "fourier", "forward"): 0.2})
    text = report.report(measured(), again)
    assert f"| {layer} | fourier | Forward | 0.25, 0.20 |" in text


def test_the_parts_stand_beside_the_whole():
    found = measured()
    layer = list(LAYERS)[1]
    parameters = {"layer": layer, "implementation": "fourier", "mode": "forward"}
    found["jax"]["benchmarks"] += [
        {"name": f"{name}[…]", "params": parameters, "extra_info": {"ratio": ratio}}
        for name, ratio in (
            ("test_products_alone", 0.125),
            ("test_traffic_alone", 0.03),
            ("test_transform_alone", 0.0625),
            ("test_bank_alone", 0.07),
        )
    ]
    row = f"| {layer} | jax | 0.12 | 0.03 | 0.06 | 0.25 | 0.07 | 1.25 |"
    assert row in report.report(found, {})


def test_layers_of_other_kinds_are_other_readings():
    found = measured()
    of_other = {"layer": "transposed", "mode": "forward"}
    found["jax"]["benchmarks"].append(
        {"name": "test_same_maps_of_others[…]", "params": of_other, "extra_info": {"ratio": 0.98}}
    )
    assert "| transposed | same maps of others | – | Forward | 0.98 |" in report.report(found, {})


def test_layers_and_networks_of_a_backend_are_one_run(tmp_path):
    for name, numbers in {"jax": [1, 2], "jax-networks": [3], "torch": [4]}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"of": name, "benchmarks": numbers}))
    found = report.read(tmp_path)
    assert {backend: run["benchmarks"] for backend, run in found.items()} == {
        "jax": [1, 2, 3],
        "torch": [4],
    }
    assert list(found) == ["jax", "torch"]


def test_the_figure_shows_each_ratio_and_the_bound():
    panels = report.figure(measured()).axes
    for axes in panels:
        lines = {line.get_label(): list(line.get_xdata()) for line in axes.get_lines()}
        assert lines["jax, fourier"] == [0.5, 0.25]
        assert lines["jax, direct"] == [1.0, 1.25]
        assert lines["multiplications left"] == list(LAYERS.values())


def test_the_mean_is_geometric():
    assert math.isclose(report._geometric_mean([0.25, 1.0]), 0.5)
