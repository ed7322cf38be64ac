"""The backend under test comes from KERAS_BACKEND, and from nowhere else."""

import os

import hypothesis
import pytest

BACKENDS = ("tensorflow", "jax", "torch")

if os.environ.get("KERAS_BACKEND") not in BACKENDS:
    raise pytest.UsageError(
        f"Set KERAS_BACKEND to one of {BACKENDS}; received: {os.environ.get('KERAS_BACKEND')!r}. "
        "Or run `tox`, which does."
    )
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402  (once the backend is known)

# The first example of a shape compiles, so no deadline; derandomised, so that CI repeats itself.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True, max_examples=10)
hypothesis.settings.load_profile("default")


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def clear_session():
    yield
    keras.backend.clear_session()
