"""What an experiment is: plain data. Each has a file in `reproductions/experiments/`."""

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from reproductions.errors import SettingsError

PRESETS = ("quick", "paper")


@dataclass(frozen=True)
class Experiment:
    """One row of a table of the paper, or of ours.

    Args:
        data: Name of a data set, such as `"rotated_mnist/mnist_10k"`.
        network: Name of a function of `keras_gcnn.models`.
        network_options: Its arguments.
        optimizer: `"adam"`, or `"momentum"` for SGD with momentum 0.9.
        learning_rate: At the first step.
        schedule: `"constant"`, `"cosine"`, down to 0 at the last step, or the epochs after which
            the rate is divided by 10.
        weight_decay: λ of the L2 penalty ½ λ |w|² on every weight, for `"momentum"`.
        augmentation: `None`, `"rotation"`, `"slight_rotation"` or `"shift_and_flip"`.
        fill: What comes into a turned image from outside: `"black"` or the `"mean"` of all pixels.
        batch_size: Images a batch, on all devices together.
        epochs: Passes over the training images.
        fraction: The part of the training images used, from the first on.
        seeds: One run each.
        tested: The epoch whose network is tested: `"best"`, that of the least validation error, or
            `"last"`.
        held_out: Whether some training images are held out, to validate on. If not, only the last
            epoch can be tested.
        statistics: Means and variances of batch normalization in the tested network: `"moving"`,
            Keras' averages over the last batches, or `"recomputed"` in one pass over the training
            images.
        symmetry: Name of the group whose `equivariance_error` the trained network is measured for.
        test_angles: Number of angles in a full turn at which the upright test digits are tested.
        test_rotated: Whether to test on the test images turned at random too.
        quick: Fields that the preset `"quick"` changes.
        paper_table, paper_row, paper_error: Where the paper has this number, and the number, in
            percent; `None` where it has none.
        original: Whether it is trained as the experiments that the paper's authors published.
        title: What tables and figures of results call it, where it is no row of the paper.
        expected_error: Test error in percent that this command reached, mean over seeds.
        wall_time: How long a seed took, and on what.
    """

    data: str
    network: str
    network_options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str | tuple = "constant"
    weight_decay: float = 0.0
    augmentation: str | None = None
    fill: str = "black"
    batch_size: int = 128
    epochs: int = 100
    fraction: float = 1.0
    seeds: tuple = (0, 1, 2)
    tested: str = "best"
    held_out: bool = True
    statistics: str = "moving"
    symmetry: str = "p4"
    test_angles: int = 0
    test_rotated: bool = False
    quick: Mapping[str, Any] = field(default_factory=dict)
    paper_table: str | None = None
    paper_row: str | None = None
    paper_error: float | None = None
    original: bool = False
    title: str | None = None
    expected_error: float | None = None
    wall_time: str = "not yet run"

    @property
    def label(self):
        """What tables and figures call it."""
        name = self.paper_row or self.title
        return f"{name}, as the original" if self.original else name

    def but(self, **changes):
        """This experiment with other fields. Network options are added to those it has."""
        options = {**self.network_options, **changes.pop("network_options", {})}
        return dataclasses.replace(self, network_options=options, **changes)

    def preset(self, name):
        """This experiment as the preset `"quick"` or `"paper"` has it."""
        if name not in PRESETS:
            raise SettingsError(
                f"The presets are {' and '.join(PRESETS)}. Received: preset={name}."
            )
        return dataclasses.replace(self, **self.quick) if name == "quick" else self


def names():
    """The names of all experiments, those of their files."""
    from reproductions import experiments

    return sorted(module.name for module in pkgutil.iter_modules(experiments.__path__))


def get(name):
    """The `Experiment` of a name."""
    return importlib.import_module(f"reproductions.experiments.{name}").experiment


def matching(patterns):
    """Names of experiments that match one of the patterns, such as `"rotated_mnist_*"`.

    Raises:
        SettingsError: If a pattern matches none.
    """
    found = []
    for pattern in patterns:
        hits = [name for name in names() if fnmatch(name, pattern)]
        if not hits:
            near = difflib.get_close_matches(pattern, names(), n=1) or names()[:1]
            raise SettingsError(
                f"No experiment matches '{pattern}'. Did you mean '{near[0]}'? `python -m "
                "reproductions list` lists them all; * stands for any letters."
            )
        found += [name for name in hits if name not in found]
    return found
