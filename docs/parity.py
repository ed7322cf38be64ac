"""Tries what Keras does with a Conv2D on our layers too, and writes `docs/parity.md`.

    KERAS_BACKEND=torch python -m docs.parity

tries all on one backend, and makes the page of what has been tried on all of them.
"""

import copy
import json
import pickle
import re
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import ops

import keras_gcnn as kg
from reproductions.files import write_json
from reproductions.markdown import filled, table

FOLDER = Path(__file__).parent
SIZE = 8
CHANNELS, FILTERS = 4, 6
# A layer, and its axes between space and channels.
LAYERS = {
    "Conv2D": (keras.layers.Conv2D, {}, ()),
    "LiftingConv2D": (kg.layers.LiftingConv2D, {"group": "p4"}, ()),
    "GroupConv2D": (kg.layers.GroupConv2D, {"group": "p4"}, (4,)),
    "GroupConv2D by Fourier": (
        kg.layers.GroupConv2D,
        {"group": "p4", "implementation": "fourier"},
        (4,),
    ),
    "GroupConv2DTranspose": (kg.layers.GroupConv2DTranspose, {"group": "p4"}, (4,)),
}
FEATURES = {}


def feature(name):
    """Adds a function of a `Subject` to the table. It raises where something is wrong."""

    def decorate(function):
        FEATURES[name] = function
        return function

    return decorate


class Subject:
    """A layer under trial.

    Args:
        name: A key of `LAYERS`.
    """

    def __init__(self, name):
        self.layer_class, self.arguments, self.axes = LAYERS[name]

    def layer(self, **options):
        """A new layer."""
        options = {"padding": "same", "data_format": "channels_last", **options}
        return self.layer_class(FILTERS, 3, **self.arguments, **options)

    def x(self, batch=2, dtype="float32"):
        """A batch of its inputs."""
        shape = batch, SIZE, SIZE, *self.axes, CHANNELS
        return np.random.default_rng(0).normal(size=shape).astype(dtype)

    def model(self, size=SIZE, dense=False, **options):
        """A functional model with this layer, compiled."""
        inputs = keras.Input((size, size, *self.axes, CHANNELS))
        y = self.layer(**options)(inputs)
        if dense:
            y = keras.layers.Dense(FILTERS)(y)
        y = ops.mean(y, axis=tuple(range(1, len(y.shape) - 1)))
        model = keras.Model(inputs, y)
        model.compile("sgd", "mse")
        return model

    def trained(self, model, steps=2):
        """The model after a few steps, whose losses must be finite and whose weights must move."""
        before = [w.copy() for w in model.get_weights()]
        for _ in range(steps):
            loss = model.train_on_batch(self.x(), np.ones((2, FILTERS), "float32"))
            check(np.isfinite(loss), "the loss is not finite")
        pairs = list(zip(before, model.get_weights(), strict=True))
        check(any((old != new).any() for old, new in pairs), "no weight moved")
        return model


def check(condition, complaint):
    """Raises unless the condition holds."""
    if not condition:
        raise AssertionError(complaint)


def array(x):
    """A tensor as float64 in NumPy."""
    return np.asarray(ops.convert_to_numpy(ops.cast(x, "float32")), "float64")


def same(a, b, tolerance=1e-5):
    """Checks that two tensors are equal to within a share of the largest number."""
    a, b = array(a), array(b)
    check(np.abs(a - b).max() <= tolerance * np.abs(b).max(), "the outputs differ")


def in_policy(policy, tolerance):
    """A feature: a precision, compared with float32."""

    def tried(subject):
        layer, reference = subject.layer(dtype=policy), subject.layer()
        reference.build(subject.x().shape)
        layer.build(subject.x().shape)
        layer.set_weights(reference.get_weights())
        same(layer(subject.x()), reference(subject.x()), tolerance)
        inputs = keras.Input((SIZE, SIZE, *subject.axes, CHANNELS))
        y = subject.layer(dtype=policy)(inputs)
        model = keras.Model(inputs, ops.mean(y, axis=tuple(range(1, len(y.shape) - 1))))
        model.compile("sgd", "mse")
        subject.trained(model)

    return tried


for _policy, _tolerance in (
    ("float64", 1e-5),
    ("mixed_bfloat16", 2e-2),
    ("mixed_float16", 2e-2),
    ("bfloat16", 3e-2),
    ("float16", 2e-2),
):
    FEATURES[f"policy {_policy}"] = in_policy(_policy, _tolerance)


@feature("`DTypePolicyMap`")
def dtype_policy_map(subject):
    """A policy by the layer's path."""
    policies = keras.dtype_policies.DTypePolicyMap()
    policies["chosen"] = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    layer = subject.layer(dtype=policies, name="chosen")
    layer.build(subject.x().shape)
    check(layer.compute_dtype == "bfloat16", "it has another precision")
    check("bfloat16" in str(layer(subject.x()).dtype), "its output has another precision")
    type(layer).from_config(layer.get_config())


@feature('`keras.config.set_floatx("float64")`')
def floatx(subject):
    """All in double precision."""
    before = keras.config.floatx()
    try:
        keras.config.set_floatx("float64")
        model = subject.trained(subject.model())
        check({w.dtype for w in model.weights} == {"float64"}, "a weight is not in float64")
    finally:
        keras.config.set_floatx(before)


def under_remat(mode, **options):
    """A feature: a training step under a mode of `RematScope`."""

    def tried(subject):
        keras.utils.set_random_seed(0)
        expected = subject.trained(subject.model(name="conv")).get_weights()
        keras.utils.set_random_seed(0)
        with keras.RematScope(mode=mode, **options):
            found = subject.trained(subject.model(name="conv")).get_weights()
        for a, b in zip(found, expected, strict=True):
            same(a, b, 1e-4)

    return tried


FEATURES["`RematScope`, full"] = under_remat("full")
FEATURES["`RematScope`, activations"] = under_remat("activations")
FEATURES["`RematScope`, larger_than"] = under_remat("larger_than", output_size_threshold=100)
FEATURES["`RematScope`, list_of_layers"] = under_remat("list_of_layers", layer_names=["conv"])


def quantized(mode):
    """A feature: `model.quantize` beside a Dense layer, after which outputs are near."""

    def tried(subject):
        model = subject.model(dense=True)
        expected = model(subject.x())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.quantize(mode)
        same(model(subject.x()), expected, 0.3)

    return tried


for _mode in ("int8", "int4", "float8"):
    FEATURES[f'`model.quantize("{_mode}")`'] = quantized(_mode)


@feature("`enable_lora`, training, saving")
def lora(subject):
    """The kernel stays, the outputs move; a saved model holds the sum."""
    layer = subject.layer()
    layer.build(subject.x().shape)
    layer.enable_lora(2)
    inputs = keras.Input((SIZE, SIZE, *subject.axes, CHANNELS))
    y = layer(inputs)
    model = keras.Model(inputs, ops.mean(y, axis=tuple(range(1, len(y.shape) - 1))))
    model.compile("sgd", "mse")
    subject.trained(model)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        same(keras.saving.load_model(f"{folder}/model.keras")(subject.x()), model(subject.x()))


@feature("an open batch and open sizes")
def open_sizes(subject):
    """One model for images of several sizes."""
    model = subject.model(size=None)
    fixed = subject.model()
    fixed.set_weights(model.get_weights())
    same(model.predict(subject.x(), verbose=0), fixed(subject.x()))


@feature("the function in a functional model, with an open batch and open sizes")
def function(subject):
    """`ops.conv` and its counterparts in `kg.ops`."""
    layer = subject.layer(use_bias=False)
    layer.build(subject.x().shape)
    kernel = ops.convert_to_numpy(layer.kernel)

    def call(x):
        if isinstance(layer, keras.layers.Conv2D):
            return ops.conv(x, kernel, 1, "same", "channels_last")
        if isinstance(layer, kg.layers.GroupConv2DTranspose):
            return kg.ops.group_conv_transpose(x, kernel, "p4", 1, "same")
        return kg.ops.group_conv(x, kernel, "p4", 1, "same")

    inputs = keras.Input((None, None, *subject.axes, CHANNELS))
    same(keras.Model(inputs, call(inputs))(subject.x()), layer(subject.x()))


@feature("a batch of no images")
def empty_batch(subject):
    """It gives no maps."""
    y = subject.layer()(subject.x(0))
    check(y.shape[0] == 0, "it gives maps")


@feature("`Input(batch_size=…)`")
def fixed_batch(subject):
    """The shape holds the batch."""
    inputs = keras.Input((SIZE, SIZE, *subject.axes, CHANNELS), batch_size=2)
    check(subject.layer()(inputs).shape[0] == 2, "it forgets the batch")


@feature("`compute_output_shape` and `compute_output_spec`")
def specs(subject):
    """They tell what comes out."""
    layer = subject.layer(strides=2)
    y = layer(subject.x())
    check(layer.compute_output_shape(subject.x().shape) == tuple(y.shape), "another shape")
    spec = layer.compute_output_spec(keras.KerasTensor(subject.x().shape))
    check(tuple(spec.shape) == tuple(y.shape), "another spec")


@feature("`trainable = False`")
def frozen(subject):
    """Nothing moves."""
    model = subject.model(dense=True, trainable=False)
    before = [w.copy() for w in model.layers[1].get_weights()]
    subject.trained(model)
    pairs = zip(before, model.layers[1].get_weights(), strict=True)
    check(all(np.array_equal(old, new) for old, new in pairs), "a weight moved")
    check(model.layers[1].get_config()["trainable"] is False, "its configuration forgets it")


@feature("seeds")
def seeds(subject):
    """The same one gives the same weights."""
    found = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        layer = subject.layer()
        layer.build(subject.x().shape)
        found.append(layer.get_weights()[0])
    check(np.array_equal(*found), "they give other weights")


@feature("regularizers and constraints")
def regularized(subject):
    """A loss of the kernel, and a bound on it."""
    regularizer, constraint = keras.regularizers.L2(0.1), keras.constraints.NonNeg()
    model = subject.model(kernel_regularizer=regularizer, kernel_constraint=constraint)
    layer = model.layers[1]
    (loss,) = model.losses
    same(loss, 0.1 * ops.sum(layer.kernel**2))
    subject.trained(model)
    check(array(layer.kernel).min() >= 0, "the bound is not kept")


@feature("masks")
def masks(subject):
    """Keras gives a mask to layers that take one, and none to a convolution."""
    layer, x = subject.layer(), subject.x()
    same(layer(keras.layers.Masking()(x)), layer(x))


@feature("`.keras`, `.weights.h5`, `clone_model`")
def saved(subject):
    """All give the same outputs."""
    model, x = subject.model(), subject.x()
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        same(keras.saving.load_model(f"{folder}/model.keras")(x), model(x))
        model.save_weights(f"{folder}/model.weights.h5")
        copied = keras.models.clone_model(model)
        copied.load_weights(f"{folder}/model.weights.h5")
        same(copied(x), model(x))


@feature("`pickle` and `copy.deepcopy`")
def copied(subject):
    """Both give the same outputs."""
    model, x = subject.model(), subject.x()
    same(pickle.loads(pickle.dumps(model))(x), model(x))
    same(copy.deepcopy(model)(x), model(x))


def fitted(**options):
    """A feature: `fit` with options of `compile`."""

    def tried(subject):
        model = subject.model()
        model.compile("adam", "mse", **options)
        history = model.fit(subject.x(8), np.ones((8, FILTERS)), batch_size=3, verbose=0)
        check(np.isfinite(history.history["loss"]).all(), "the loss is not finite")

    return tried


FEATURES["`fit`"] = fitted()
FEATURES["`fit`, `run_eagerly=True`"] = fitted(run_eagerly=True)
FEATURES["`fit`, `jit_compile=True`"] = fitted(jit_compile=True)
FEATURES["`fit`, `steps_per_execution=2`"] = fitted(steps_per_execution=2)


@feature("gradient accumulation")
def accumulated(subject):
    """An optimizer that adds up two steps."""
    model = subject.model()
    model.compile(keras.optimizers.SGD(gradient_accumulation_steps=2), "mse")
    subject.trained(model)


@feature("`TimeDistributed`")
def distributed(subject):
    """A layer for each image of a sequence."""
    x = np.stack([subject.x()] * 3, axis=1)
    layer = subject.layer()
    same(keras.layers.TimeDistributed(layer)(x)[:, 1], layer(subject.x()))


@feature("`stateless_call`")
def stateless(subject):
    """The layer as a function of its weights."""
    layer = subject.layer()
    y = layer(subject.x())
    weights = [w.value for w in layer.trainable_variables]
    found, _ = layer.stateless_call(weights, [], subject.x())
    same(found, y)


def tried(name):
    """What came of each feature: "passed", or the error."""
    found = {}
    for title, function in FEATURES.items():
        keras.utils.clear_session()
        try:
            function(Subject(name))
            found[title] = "passed"
        except Exception as error:  # whatever a backend raises
            found[title] = f"{type(error).__name__}: {_told(error)}"
        print(name, title, found[title], sep=" | ", flush=True)
    return found


def _told(error):
    """What an error says, without what Keras writes around it."""
    text = str(error)
    inner = re.findall(r"\x1b\[1m(.*?)\x1b\[0m", text, flags=re.DOTALL)
    lines = (inner[-1] if inner else text).strip().splitlines() or [""]
    return lines[0][:160]


def page():
    """The text of the page, from what was found on each backend."""
    backends = {b: FOLDER / "parity" / f"{b}.json" for b in ("jax", "tensorflow", "torch")}
    found = {b: json.loads(file.read_text()) for b, file in backends.items() if file.exists()}
    heads = ["", *(f"{layer}, {b}" for b in found for layer in ("Conv2D", "ours"))]
    notes, rows = [], []
    for title in FEATURES:
        cells = [title]
        for results in found.values():
            ours = {name: r[title] for name, r in results.items() if name != "Conv2D"}
            cells.append(_cell(results["Conv2D"][title], notes))
            failed = {text for text in ours.values() if text != "passed"}
            cells.append(_cell("; ".join(sorted(failed)) or "passed", notes))
        rows.append(cells)
    lines = "\n".join(f"{i}. {note}" for i, note in enumerate(notes, 1)) or "None."
    values = {"table": table(heads, rows), "notes": lines, "layers": ", ".join(list(LAYERS)[1:])}
    return filled(FOLDER / "parity_template.md", values)


def _cell(text, notes):
    if text == "passed":
        return "✓"
    if text not in notes:
        notes.append(text)
    return f"– ({notes.index(text) + 1})"


def main():
    """Tries all on this backend, and writes the page."""
    results = {name: tried(name) for name in LAYERS}
    (FOLDER / "parity").mkdir(exist_ok=True)
    write_json(FOLDER / "parity" / f"{keras.backend.backend()}.json", results)
    (FOLDER / "parity.md").write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
