"""Types of public signatures: that they are there, and what mypy makes of a user's code."""

import doctest
import inspect
import os
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import keras
import pytest

import keras_gcnn as kg
from keras_gcnn.groups import point_group

ROOT = Path(__file__).parents[1]
MODULES = (kg, kg.groups, kg.layers, kg.models, kg.ops, kg.visualization)
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if callable(getattr(module, name))
}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

HEAD = """
from typing import Any, assert_type

import keras
import numpy as np
import keras_gcnn as kg

x = np.ones((1, 9, 9, 4, 2), "float32")
kernel = np.ones((3, 3, 4, 2, 5), "float32")
inputs = keras.Input((9, 9, 1))
plain = keras.Sequential([inputs, keras.layers.Conv2D(4, 3)])
options: dict[str, Any] = {"padding": "same", "strides": 2}
"""

# What users may write, one statement a line.
RIGHT = """
kg.layers.LiftingConv2D(8, 3)(inputs).shape[-1]
kg.layers.LiftingConv2D(np.int64(8), (3, 3), kg.groups.get("p4"), strides=[2, 2], padding="same")
kg.layers.LiftingConv3D(np.arange(9)[8], [3, 3, np.int32(3)], "O", name="stem", dtype="float16")
kg.layers.GroupConv2D(8, 3, activation="relu", kernel_initializer=keras.initializers.HeNormal())
kg.layers.GroupConv2D(8, 3, activation=keras.ops.relu, kernel_regularizer="l2", trainable=False)
kg.layers.GroupConv2D(8, 3, activation=lambda y: y * 2, bias_initializer="ones", **options)
kg.layers.GroupConv2D(8, 3, group=kg.groups.serialize(kg.groups.get("p4")), input_subgroup=[0, 2])
kg.layers.GroupConv2D(8, 3, None, 1, "valid", "channels_first", implementation="fourier")
kg.layers.GroupConv2D(8, kernel_size=3, lora_rank=np.int64(4), lora_alpha=2)
kg.layers.GroupConv1DTranspose(8, 3, strides=2, output_padding=(1,), use_bias=False)
kg.layers.GroupSeparableConv2D(8, 3, depth_multiplier=2, depthwise_initializer="zeros")
kg.layers.GroupDense(8, "p4", activation=keras.layers.LeakyReLU())
kg.layers.CosetPooling2D("p4", subgroup="p2", reduction="mean")(x) + 1
kg.layers.CosetPooling2D(subgroup=np.array([0, 2]), data_format=None)
kg.layers.GroupMaxPooling2D((2, 2), strides=2, padding="same", group="p4")
kg.layers.GroupZeroPadding2D(((1, 1), (np.int64(2), 2)))
kg.layers.GroupBatchNormalization(momentum=0.9, lattice="hexagonal")
kg.layers.SubsetPooling([((0, 0), 0), ((-1, 0), np.int64(1))])
kg.layers.ResidualBlock2D(8, strides=2, downsampling="pooling", dropout=np.float32(0.1))
kg.layers.RandomGroupElement("p4m", seed=1)([x[..., 0], x[..., 1]], training=True)
kg.ops.group_conv(x, kernel, "p4", dilation_rate=(2, 2)).shape
kg.ops.group_conv(x, kg.ops.transform_kernel(kernel, "p4"), group=kg.groups.get("p4"))
kg.ops.group_pool(x, 2, reduction="blur", lattice=kg.groups.HEXAGONAL)
kg.groups.PointGroup("mine", [[[1, 0], [0, 1]]]).cayley_table.tolist()
kg.groups.register(kg.groups.PointGroup.from_generators("mine", np.eye(2)[None]))
kg.models.unet("p4m", (64, None, 1), widths=[8, np.int64(16)], activation="sigmoid").name
kg.models.resnet(depth=np.int64(8), widths=None, invariant=False)
assert_type(kg.equivariance_error(plain, "p4", (9, 9, 1)).max_error, float)
assert_type(kg.layers.GroupConv2D(8, 3, "p4").group.order, int)
assert_type(kg.summary(plain).rows[0].verdict, str)
assert_type(kg.convert(plain, "p4", "maps")[1], kg.ConversionReport)
assert_type(kg.groups.Space.whole(kg.groups.get("p4")).axis_lengths, tuple[int, ...])
kg.visualization.cayley_table("p4m").savefig("table.png")
"""

# What mypy must refuse, line by line.
WRONG = """
kg.layers.LiftingConv2D(8, 3, padding="smae")
kg.layers.LiftingConv2D(8, 3, group=5)
kg.layers.LiftingConv1D(8, 3)
kg.layers.LiftingConv2D("a", 3)
kg.layers.LiftingConv2D(8, 3, input_subgroup="p2")
kg.layers.GroupConv2D(8)
kg.layers.GroupConv2D(8, 3, 2)
kg.layers.GroupConv2D(8, 3.0)
kg.layers.GroupConv2D(8, 3, data_format="channel_last")
kg.layers.GroupConv2D(8, 3, implementation="fft")
kg.layers.GroupConv2D(8, 3, stride=2)
kg.layers.GroupConv2D(8, 3, strides=(2, "2"))
kg.layers.GroupConv2D(8, 3, activation=1)
kg.layers.GroupConv2D(8, 3).enable_lora("4")
kg.layers.GroupConv2d(8, 3)
kg.layers.GroupConv3DTranspose(8, 3, implementation="direct")
kg.layers.GroupDepthwiseConv2D(3, depth_multiplier=0.5)
kg.layers.CosetPooling2D(reduction="median")
kg.layers.GroupMaxPooling2D(2, padding="centered")
kg.layers.GroupBlurPooling2D(3, 2, reduction="max")
kg.layers.GroupZeroPadding2D((1, "2"))
kg.layers.GroupBatchNormalization(momentun=0.9)
kg.layers.GroupUpSampling2D(2, interpolation="cubic")
kg.layers.SubsetPooling([(0, 0)])
kg.layers.ResidualBlock3D(8, downsampling="max")
kg.layers.HighwayBlock1D(8, strides=2)
kg.ops.group_conv(x, x)
kg.ops.group_pool(x, 2, reduction="min")
kg.ops.transform_feature_map(x, "p4", element="1")
kg.groups.get(4)
kg.groups.get("p4").oder
kg.groups.Space.whole("p4")
kg.models.resnet(depth="44")
kg.convert(plain, width="filters")
kg.convert(plain).save("converted.keras")
kg.equivariance_error(plain, "p4")
kg.equivariance_error(plain, "p4", (9, 9, 1)).max_eror
kg.summary(plain).rows + 1
kg.visualization.filter_bank(x)
"""


def functions_of(thing):
    """A public function, or those that a public class has of this package, by name."""
    if not isinstance(thing, type):
        yield thing.__name__, thing
        return
    for base in thing.__mro__:
        members = vars(base) if base.__module__.startswith("keras_gcnn") else {}
        for name, member in members.items():
            for inner in ("__func__", "fget", "func"):  # of methods of a class, of properties
                member = getattr(member, inner, member)
            is_public = name in ("__init__", "__call__") or not name.startswith("_")
            if is_public and inspect.isfunction(member):
                yield f"{base.__name__}.{name}", member


def without_type(thing):
    """The parameters that have no annotation, and `"return"`, behind the name of the function."""
    for name, function in functions_of(thing):
        signature = inspect.signature(function)
        types = {p.name: p.annotation for p in signature.parameters.values()}
        types["return"] = signature.return_annotation
        for parameter, annotation in types.items():
            if annotation is inspect.Signature.empty and parameter not in ("self", "cls"):
                yield f"{name}: {parameter}"


@pytest.mark.parametrize("thing", PUBLIC.values(), ids=PUBLIC)
def test_public_signatures_have_types(thing):
    assert not list(without_type(thing))


def test_a_missing_type_is_seen():
    class Thing:
        __module__ = "keras_gcnn"

        def __init__(self, a, b: int):
            pass

        @classmethod
        def of(cls, c) -> int:
            return 0

        @cached_property
        def size(self):
            return 0

    expected = ["__init__: a", "__init__: return", "of: c", "size: return"]
    assert list(without_type(Thing)) == [f"Thing.{name}" for name in expected]


def examples():
    """The examples in the docstrings of all that is public, each in a function of its own."""
    yield "import keras\nimport numpy as np\nimport warnings\nimport keras_gcnn\n"
    for n, thing in enumerate(PUBLIC.values()):
        lines = doctest.script_from_examples(thing.__doc__ or "").splitlines()
        lines = [line for line in lines if not line.startswith("#")]
        yield "\n    ".join([f"def example_{n}(file: str) -> None:", *lines, "pass\n"])


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """Line and message of each error that mypy finds, by the name of the file, in one run."""
    folder = tmp_path_factory.mktemp("typing")
    sources = {"right": HEAD + RIGHT, "wrong": HEAD + WRONG, "docstrings": "\n".join(examples())}
    for page in PAGES:
        blocks = (ROOT / page).read_text("utf-8").split("```python\n")[1:]
        sources[Path(page).stem] = "\n".join(block.split("```")[0] for block in blocks)
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source, "utf-8")
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(folder / "cache")]
    options += ["--allow-redefinition", "--hide-error-context", "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *(f"{name}.py" for name in sources)],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr  # 0: no errors, 2: it broke down
    found = {name: [] for name in sources}
    for name, line, message in re.findall(r"(?m)^(.*)\.py:(\d+): error: (.*)$", done.stdout):
        found.setdefault(name, []).append((int(line), message))
    return found


needs_one_run = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="one backend is enough, as mypy runs no code"
)


@needs_one_run
def test_mypy_finds_no_error_in_the_package(errors):
    assert not {name: found for name, found in errors.items() if "keras_gcnn" in name}


@needs_one_run
@pytest.mark.parametrize("source", ["right", "docstrings", *(Path(page).stem for page in PAGES)])
def test_mypy_finds_no_error_where_there_is_none(source, errors):
    assert not errors[source]


@needs_one_run
def test_what_mypy_takes_is_taken(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    registry = {d: dict(known) for d, known in point_group.REGISTRY.items()}
    monkeypatch.setattr(point_group, "REGISTRY", registry)
    exec(HEAD + RIGHT, {})


@needs_one_run
def test_mypy_finds_each_wrong_line(errors):
    lines = (HEAD + WRONG).splitlines()
    assert [lines[line - 1] for line, _ in errors["wrong"]] == WRONG.strip().splitlines()
