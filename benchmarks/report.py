"""Turns the JSON files of the benchmark suites into one Markdown table.

    tox -e bench-tensorflow,bench-jax,bench-torch && python -m benchmarks.report

reads `benchmarks/results/*.json` and writes `benchmarks/results.md`.
"""

import json
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
MODES = {"forward": "forward", "training_step": "training step"}


def report(files):
    """The Markdown report of the pytest-benchmark files `{backend: path}`."""
    runs = {backend: json.loads(path.read_text()) for backend, path in files.items()}
    ratios = {
        (run["params"]["name"], run["params"]["mode"], backend): run["extra_info"]["ratio"]
        for backend, runs_of_backend in runs.items()
        for run in runs_of_backend["benchmarks"]
    }
    layers = dict.fromkeys(name for name, _, _ in ratios)
    columns = [(mode, backend) for mode in MODES for backend in runs]
    lines = [
        "| layer | " + " | ".join(f"{MODES[mode]}, {backend}" for mode, backend in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for name in layers:
        cells = [f"{ratios[name, mode, backend]:.2f}" for mode, backend in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    worst = max(ratios, key=ratios.get)
    lines += ["", f"Largest: {ratios[worst]:.2f} ({', '.join(worst)}). {_machine(runs)}"]
    return "\n".join(lines) + "\n"


def _machine(runs):
    infos = [run["machine_info"] for run in runs.values()]
    cpu, python = infos[0]["cpu"], infos[0]["python_version"]
    # Each backend ran in an environment of its own, which holds only its own packages.
    versions = {name: v for info in infos for name, v in info["versions"].items()}
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{cpu['count']} cores of {cpu['brand_raw']}; Python {python}, {named}."


def main():
    """Writes the report of whatever results there are."""
    files = {path.stem: path for path in sorted(RESULTS.glob("*.json"))}
    text = report(files)
    Path(__file__).with_name("results.md").write_text(
        "# GroupConv2D against Conv2D of the same feature maps\n\n"
        "Seconds of ours over seconds of Conv2D: medians of interleaved pairs, compiled; made by\n"
        "`tox -e bench-tensorflow,bench-jax,bench-torch && python -m benchmarks.report`.\n\n" + text
    )
    print(text)


if __name__ == "__main__":
    main()
