"""Runs the model of the README where the wheel is installed: `tox -e wheel-jax` and its sisters.

It needs the package, its backend and nothing else.
"""

import contextlib
import importlib.metadata
import io
from pathlib import Path

import keras

import keras_gcnn as kg

ROOT = Path(__file__).parents[1]
NOT_NEEDED = ("pytest", "scipy", "matplotlib", "tensorflow_datasets", "ruff", "mypy")

assert not Path(kg.__file__).is_relative_to(ROOT / "keras_gcnn"), kg.__file__
installed = {distribution.metadata["Name"] for distribution in importlib.metadata.distributions()}
code = (ROOT / "README.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    exec(code, {})
assert printed.getvalue().count("equivariant\n") == 8, printed.getvalue()
present = sorted(installed.intersection(NOT_NEEDED))
print(f"keras_gcnn {kg.__version__} on {keras.backend.backend()} runs the README's model")
print(f"with {len(installed)} packages; of {', '.join(NOT_NEEDED)} there is {present or 'none'}")
