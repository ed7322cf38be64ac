"""Rules of the project: imports point one way, and CI runs the commands of the README."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_gcnn as kg
from benchmarks import equal_parameters
from benchmarks.peers import __main__ as peers
from docs import conversions, parity, stock_layers
from keras_gcnn.groups import point_group

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "keras_gcnn").rglob("*.py"))
# What each part may import of the package: nothing above itself.
FLOORS = ["groups", "annotations", "arguments", "ops", "stock", "layers", "models", "audit"]
FLOORS += ["convert", "equivariance", "visualization"]
ALLOWED = {part: set(FLOORS[: floor + 1]) for floor, part in enumerate(FLOORS)}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    part = path.relative_to(ROOT / "keras_gcnn").with_suffix("").parts[0]
    names = list(imports(path))
    assert not {name.split(".")[0] for name in names} & {"tensorflow", "jax", "torch"}
    assert not [name for name in names if name.startswith("keras.src")]
    if part == "groups":
        assert not [name for name in names if name.startswith("keras.") or name == "keras"]
    ours = {name.split(".")[1] for name in names if name.startswith("keras_gcnn.")}
    assert ours <= ALLOWED.get(part, ours)


def test_no_layer_asks_for_a_group_by_name():
    for path in MODULES:
        if path.name != "catalogue.py":
            assert 'group == "' not in path.read_text()


def test_ci_runs_the_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    commands = [line for line in ci.splitlines() if ".venv" in line]
    assert commands
    for command in commands:
        assert command in readme


def test_the_readme_fits_and_its_links_lead_somewhere():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        prose = re.sub(r"(?m)^    .*$|(?s:\$\$.*?\$\$)", "", page.read_text())  # without formulas
        for link in re.findall(r"\]\(([^)#]+)\)", prose):
            assert link.startswith("https://") or (page.parent / link).exists(), (page, link)


def _peers():
    return peers.page(json.loads(peers.ROWS.read_text("utf-8")))


def _equal_parameters():
    return equal_parameters.page(equal_parameters.found())


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("docs/stock_layers.md", stock_layers.text),
        ("docs/parity.md", parity.page),
        ("docs/convert.md", conversions.page),
        ("benchmarks/peers.md", _peers),
        ("benchmarks/equal_parameters.md", _equal_parameters),
    ],
)
def test_a_page_is_made_of_its_template_and_what_was_measured(path, page):
    assert (ROOT / path).read_text("utf-8") == page()


PUBLIC = [
    getattr(module, name)
    for module in (kg, kg.layers, kg.ops, kg.models)
    for name in module.__all__
    if callable(getattr(module, name))
]


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda t: t.__name__)
def test_public_things_are_documented_with_their_source(thing):
    if not issubclass(thing if isinstance(thing, type) else object, Warning):
        assert "Reference:" in thing.__doc__ or isinstance(thing, type)
    if isinstance(thing, type) and issubclass(thing, keras.layers.Layer):
        for section in ("Example:", "Reference:"):
            assert section in thing.__doc__


def test_the_model_of_the_readme_is_equivariant(capsys):
    readme = (ROOT / "README.md").read_text()
    code = readme.split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) <= 12  # ten lines and two imports
    exec(code, {})
    rows = capsys.readouterr().out.splitlines()
    assert len([row for row in rows if row.endswith("equivariant")]) == 8


@pytest.mark.parametrize(
    ("page", "elements"),
    [
        ("volumes.md", 24),
        ("dna.md", 0),
        ("own_group.md", 2),
        ("hexagonal.md", 6),
        ("quotients.md", 8),
    ],
)
def test_the_code_of_a_page_runs(page, elements, capsys, monkeypatch):
    registry = {d: dict(known) for d, known in point_group.REGISTRY.items()}
    monkeypatch.setattr(point_group, "REGISTRY", registry)
    names = {}
    blocks = (ROOT / "docs" / page).read_text("utf-8").split("```python\n")[1:]
    for block in blocks:
        exec(block.split("```")[0], names)
    printed = capsys.readouterr().out
    assert printed.count("equivariant") >= elements
    assert blocks


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of no backend: once is enough")
def test_groups_need_no_keras():
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "tests.groups_without_keras"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.rsplit("passed: ", 1)[1]) > 100


def test_one_room_asks_which_backend_runs():
    for path in MODULES:
        if path.name not in ("backend.py", "policy.py"):
            assert "backend()" not in path.read_text(), path


def test_no_test_or_benchmark_patches_a_private_name():
    private = re.compile(
        r"setattr\([\w.]+, \"_|setitem\([\w.]*\._|delattr\([\w.]+, \"_|patch[\w.]*\([^)]*\._[a-z]"
    )
    for folder in ("tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__):
                assert not private.search(path.read_text()), path


def test_no_module_shares_a_name_with_a_function_it_holds():
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                assert node.name != path.stem, path


@pytest.mark.parametrize("word", ["normalis", "TurnedImage", "turn_image", "widths of pad"])
def test_one_spelling_of_a_word(word):
    old = (
        "normalisation(self)",
        "by the name that saved weights",
        '>TurnedImage"',
        '"TurnedImage":',
    )
    for path in MODULES:
        lines = [x for x in path.read_text().splitlines() if word in x]
        assert not [x for x in lines if not any(known in x for known in old)], path
