"""The backend under test comes from KERAS_BACKEND, and from nowhere else.

Keras is imported by the tests that need it: those of `groups` run without.
"""

import os
import sys
from pathlib import Path

import hypothesis
import pytest

BACKENDS = ("tensorflow", "jax", "torch")

if os.environ.get("KERAS_BACKEND") not in BACKENDS:
    raise pytest.UsageError(
        f"Set KERAS_BACKEND to one of {BACKENDS}; received: {os.environ.get('KERAS_BACKEND')!r}. "
        "Or run `tox`, which does."
    )
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What JAX compiles is kept for the other worker, and for the next run: a third of the time.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# And it compiles without its optimizations, which take longer than what the tests compute.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=1 --xla_llvm_disable_expensive_passes=true",
)

# No deadline, since a new shape compiles. Derandomized, so that CI repeats itself.
EXAMPLES = 5 if os.environ["KERAS_BACKEND"] == "jax" else 10
hypothesis.settings.register_profile(
    "default", deadline=None, derandomize=True, max_examples=EXAMPLES
)
hypothesis.settings.load_profile("default")

# Modules by mark. Those of `fast` are quick on every backend.
FAST = (
    *("groups/", "test_arguments", "test_project", "test_stock", "test_equivariance"),
    "test_typing",
    *("layers/test_guard", "layers/test_coset_pooling", "layers/test_rotated_image"),
    *("ops/test_coset_pool", "ops/test_feature_map", "ops/conv/test_correlation_by_eye"),
    *("benchmarks/test_report", "reproductions/test_report", "reproductions/test_experiments"),
)
COMPILE = (
    *("ops/test_tables", "ops/conv/test_planar", "ops/conv/test_cost_model", "test_tune"),
    "benchmarks/test_smoke",
)
EXPORT = ("test_export",)


def pytest_collection_modifyitems(items):
    for item in items:
        path = item.nodeid.split("::")[0].removeprefix("tests/")
        for mark, modules in {"fast": FAST, "compile": COMPILE, "export": EXPORT}.items():
            if path.startswith(modules):
                item.add_marker(mark)


@pytest.fixture(autouse=True)
def seed():
    if sys.modules.get("keras") is not None:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def clear_session():
    yield
    if sys.modules.get("keras") is not None:
        sys.modules["keras"].backend.clear_session()
