"""Benchmarks need a backend, named in KERAS_BACKEND; `tox -e bench-jax` and its sisters do it."""

import os

import pytest

from benchmarks import machine

BACKENDS = ("tensorflow", "jax", "torch")

if os.environ.get("KERAS_BACKEND") not in BACKENDS:
    raise pytest.UsageError(f"Set KERAS_BACKEND to one of {BACKENDS}, or run `tox -e bench-jax`.")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_addoption(parser):
    parser.addoption("--seconds", type=float, default=6.0, help="time for each benchmark")


def pytest_sessionfinish(session, exitstatus):
    """Passes where `-k` selects no benchmark of a file."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture
def seconds(request):
    return request.config.getoption("--seconds")


def pytest_benchmark_update_machine_info(config, machine_info):
    """Adds the versions and settings that matter, and leaves out the name of the machine."""
    machine_info["versions"] = machine.versions()
    machine_info["processor"] = machine.processor()
    machine_info["onednn"] = machine.onednn()
    machine_info["node"] = ""
