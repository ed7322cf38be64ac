"""Runs the tests of `groups` where Keras cannot be imported.

`import keras_gcnn` imports Keras, so an empty package stands in its place.
"""

import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


class Count:
    """A plugin of pytest that counts the tests that passed."""

    passed = 0

    def pytest_runtest_logreport(self, report):
        self.passed += report.when == "call" and report.passed


def main():
    """Runs them, and prints how many passed."""
    package = types.ModuleType("keras_gcnn")
    package.__path__ = [str(ROOT / "keras_gcnn")]
    sys.modules |= {"keras_gcnn": package, "keras": None}
    count = Count()
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    status = pytest.main([*options, str(ROOT / "tests" / "groups")], plugins=[count])
    print(f"passed: {count.passed}")
    sys.exit(status)


if __name__ == "__main__":
    main()
