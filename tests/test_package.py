"""What is uploaded to a package index: wheel and sdist, built and used from another folder."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from keras_gcnn.version import VERSION

ROOT = Path(__file__).parents[1]
SOURCES = {
    str(path.relative_to(ROOT))
    for kind in ("*.py", "*.json", "py.typed")
    for path in (ROOT / "keras_gcnn").rglob(kind)
}
BUILD = "from setuptools import build_meta as b; b.build_sdist('out'); b.build_wheel('out')"


def run(code, folder, **variables):
    # Its own folder stands first, before the clone that is installed here.
    environment = {**os.environ, "PYTHONPATH": str(folder), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The files, built from a copy without anything of git."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("keras_gcnn", "reproductions", "benchmarks", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "*.npz", "results")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    run(BUILD, folder)
    return folder / "out"


def test_the_wheel_holds_the_package_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"keras_gcnn-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        metadata = email.message_from_bytes(file.read(f"keras_gcnn-{VERSION}.dist-info/METADATA"))
        licenses = [name for name in file.namelist() if name.endswith("licenses/LICENSE")]
    assert names == SOURCES
    assert "keras_gcnn/py.typed" in names
    assert metadata["Name"] == "keras_gcnn"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# keras_gcnn")
    assert licenses
    required = [line for line in metadata.get_all("Requires-Dist") if "extra" not in line]
    assert sorted(line.split(">")[0] for line in required) == ["keras", "numpy"]


def test_the_sdist_holds_what_builds_it(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.split("/", 1)[1] for name in file.getnames() if "/" in name}
    assert {*SOURCES, "pyproject.toml", "README.md", "LICENSE"} <= names


def test_the_model_of_the_readme_runs_from_the_wheel(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path)
    code = (ROOT / "README.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
    printed = run(f"{code}\nprint('from', kg.__file__)", tmp_path)
    assert f"from {tmp_path}" in printed
    assert printed.count("equivariant\n") == 8


def test_the_import_takes_a_tenth_of_a_second_of_the_processor(tmp_path):
    # Compiling is kept once, and the first run pays for it. Collecting garbage would count what
    # PyTorch left behind, and the whole process what the threads of a backend still do. A machine
    # on which Keras takes more than two seconds is a slow one.
    shutil.copytree(ROOT / "keras_gcnn", tmp_path / "keras_gcnn")
    code = (
        "import gc, time\ngc.disable()\nfirst = time.thread_time()\n"
        "import keras\nsecond = time.thread_time()\n"
        "import keras_gcnn\nthird = time.thread_time()\n"
        "print(keras_gcnn.__file__, second - first, third - second)"
    )
    runs = [run(code, tmp_path, PYTHONDONTWRITEBYTECODE="").split()[-3:] for _ in range(3)]
    assert {Path(file).parents[1] for file, *_ in runs} == {tmp_path}
    keras, ours = (min(float(row[column]) for row in runs) for column in (1, 2))
    assert ours < max(0.1, keras / 20)


def test_a_network_is_trained_without_other_backends():
    """Importing TensorFlow takes seconds, and `keras.initializers.serialize` does so."""
    code = (
        "import sys, keras, numpy as np\nimport keras_gcnn as kg\n"
        "def train(model):\n"
        "    model.compile('sgd', 'mse')\n"
        "    model.train_on_batch(np.zeros((2, 9, 9, 3)), np.zeros((2, 10)))\n"
        "    return {'jax', 'tensorflow', 'torch'} & set(sys.modules)\n"
        "K = keras.layers\n"
        "before = train(keras.Sequential([K.Conv2D(2, 3), K.Flatten(), K.Dense(10)]))\n"
        "print('more:', *(train(kg.models.resnet('p4', 8, (9, 9, 3), widths=(2, 2, 2))) - before))"
    )
    assert run(code, ROOT).splitlines()[-1].split() == ["more:"]
