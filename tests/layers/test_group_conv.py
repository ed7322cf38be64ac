import contextlib

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import keras_gcnn as kg
from keras_gcnn.layers import GroupConv2D, LiftingConv2D
from keras_gcnn.ops.conv import cost_model
from tests import differentiate, oracle
from tests.compiled import by_xla, with_xla
from tests.layers.contract import run_layer_contract

every_group = pytest.mark.parametrize("group", oracle.GROUPS)
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
both_layers = pytest.mark.parametrize("layer_class", [LiftingConv2D, GroupConv2D])


def double_precision():
    """JAX has no float64 unless asked for it."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def input_shape(layer_class, group, data_format="channels_last", size=7, channels=2):
    order = (kg.groups.get(group).order,) if layer_class is GroupConv2D else ()
    space = (size, size)
    if data_format == "channels_last":
        return (*space, *order, channels)
    return (channels, *order, *space)


@pytest.mark.parametrize("group", ["p1", "p4", "p4m"])
@both_formats
@both_layers
def test_contract(layer_class, group, data_format, tmp_path):
    shape = input_shape(layer_class, group, data_format)
    order = shape[2:-1] if data_format == "channels_last" else shape[1:-2]
    run_layer_contract(
        layer_class,
        {"filters": 3, "kernel_size": 3, "group": group, "data_format": data_format},
        (2, *shape),
        [(3, 3, *order, 2, 3), (3,)],
        tmp_path,
    )


@both_layers
def test_contract_with_every_argument(layer_class, tmp_path):
    arguments = {
        "filters": 4,
        "kernel_size": (2, 3),
        "group": "pmm",
        "strides": (2, 1),
        "padding": "valid",
        "groups": 2,
        "activation": "tanh",
        "use_bias": False,
        "kernel_initializer": keras.initializers.HeNormal(seed=1),
        "kernel_regularizer": "l2",
        "activity_regularizer": "l1",
        "kernel_constraint": "max_norm",
        "name": "some_name",
    }
    shape = input_shape(layer_class, "pmm", size=8)
    run_layer_contract(layer_class, arguments, (2, *shape), [(2, 3, *shape[2:-1], 1, 4)], tmp_path)


@every_group
@both_formats
@both_layers
@settings(max_examples=4)
@given(
    kernel=st.integers(1, 4),
    size=st.integers(4, 7),
    padding=st.sampled_from(["valid", "same"]),
    dilation=st.integers(1, 2),
)
def test_is_equivariant_under_every_element(
    layer_class, group, data_format, kernel, size, padding, dilation
):
    if (kernel - 1) * dilation + 1 > size:
        dilation = 1
    if kernel % 2 == 0 and dilation % 2:
        padding = "valid"
    layer = layer_class(
        3,
        kernel,
        group=group,
        padding=padding,
        dilation_rate=dilation,
        data_format=data_format,
        activation="relu",
        bias_initializer="normal",
    )
    shape = input_shape(layer_class, group, data_format, size)
    report = kg.equivariance_error(layer, group, shape)
    assert len(report.errors) == kg.groups.get(group).order
    assert report.max_error <= 1e-5, report


@every_group
@both_formats
@both_layers
def test_is_equivariant_in_float64(layer_class, group, data_format):
    with double_precision():
        layer = layer_class(3, 3, group=group, data_format=data_format, dtype="float64")
        report = kg.equivariance_error(layer, group, input_shape(layer_class, group, data_format))
    assert report.max_error <= 1e-12, report


@every_group
@both_formats
@both_layers
def test_layer_adds_bias_and_activation_to_the_direct_sum(layer_class, group, data_format):
    layer = layer_class(
        3, 3, group=group, data_format=data_format, bias_initializer="normal", activation="tanh"
    )
    f = np.random.default_rng(0).normal(size=input_shape(layer_class, group, size=5))
    f = f.astype("float32")
    actual = layer(oracle.to_data_format(f[None], data_format))
    psi, bias = layer.get_weights()
    expected = np.tanh(oracle.group_correlation(f, psi, group) + bias)
    oracle.assert_close(
        ops.convert_to_numpy(actual), oracle.to_data_format(expected[None], data_format)
    )


def test_a_conv2d_lifts_with_its_own_weights():
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    planar = keras.layers.Conv2D(5, 3, bias_initializer="normal")
    lifted = LiftingConv2D(5, 3, group="p4m")
    planar.build(x.shape)
    lifted.build(x.shape)
    lifted.set_weights(planar.get_weights())
    y = ops.convert_to_numpy(lifted(x))
    oracle.assert_close(y[..., 0, :], ops.convert_to_numpy(planar(x)))
    for h in range(8):
        turned = np.stack([oracle.transform(image, "p4m", h, False) for image in x])
        back = kg.groups.get("p4m").inverses[h]
        plane = [
            oracle.transform(image, "p4m", back, False)
            for image in ops.convert_to_numpy(planar(turned))
        ]
        oracle.assert_close(y[..., back, :], np.stack(plane))


@pytest.mark.parametrize("group", ["z2", "p1"])
@both_formats
def test_on_z2_it_is_conv2d(group, data_format):
    shape = (2, *input_shape(LiftingConv2D, group, data_format))
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = LiftingConv2D(3, 3, group=group, strides=2, data_format=data_format)
    actual = layer(x)
    image = x if data_format == "channels_last" else np.moveaxis(x, 1, -1)
    planar = ops.conv(image, layer.kernel, strides=2, data_format="channels_last")
    expected = ops.convert_to_numpy(planar)[..., None, :]
    oracle.assert_close(ops.convert_to_numpy(actual), oracle.to_data_format(expected, data_format))


def own_initializer(shape, dtype=None):
    return keras.ops.full(shape, len(shape), dtype)


@pytest.mark.parametrize(
    "initializer",
    [
        keras.initializers.GlorotUniform(seed=1),
        keras.initializers.HeNormal(seed=1),
        keras.initializers.TruncatedNormal(seed=1),
        keras.initializers.Orthogonal(seed=1),
        keras.initializers.Constant(0.3),
        keras.initializers.Constant(np.arange(864.0).reshape(3, 3, 8, 2, 6)),
        own_initializer,
    ],
)
def test_a_kernel_starts_as_its_initializer_draws_its_shape(initializer):
    layer = GroupConv2D(6, 3, group="p4m", kernel_initializer=initializer)
    layer.build((1, 5, 5, 8, 2))
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    np.testing.assert_array_equal(kernel, initializer((3, 3, 8, 2, 6), dtype="float32"))


@pytest.mark.parametrize("initializer", ["he_normal", "lecun_normal", "glorot_normal"])
def test_initial_variance_is_that_of_the_effective_fan_in(initializer):
    layer = GroupConv2D(64, 3, group="p4m", kernel_initializer=initializer)
    layer.build((None, 8, 8, 8, 64))
    gain = {"he_normal": 2.0, "lecun_normal": 1.0, "glorot_normal": 1.0}[initializer]
    expected = gain / (8 * 64 * 3 * 3)
    assert np.var(layer.get_weights()[0]) == pytest.approx(expected, rel=0.05)
    lifting = LiftingConv2D(512, 5, group="p4m", kernel_initializer="he_normal")
    lifting.build((None, 8, 8, 16))
    assert np.var(lifting.get_weights()[0]) == pytest.approx(2 / (16 * 25), rel=0.05)


@both_layers
def test_a_user_defined_group_travels_in_the_saved_model(layer_class, tmp_path):
    diagonal = kg.groups.get("p4m").subgroup([0, 5])
    shape = input_shape(layer_class, diagonal)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer_class(2, 3, group=diagonal)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].group == diagonal
    assert kg.equivariance_error(loaded, diagonal, shape).is_equivariant


LIFT = LiftingConv2D
GROUP = GroupConv2D


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LIFT(0, 3), r"`filters` must be a positive integer, such as 8\. .*filters=0"),
        (lambda: LIFT(-4, 3), "filters=-4"),
        (lambda: LIFT(2.5, 3), r"filters=2\.5"),
        (lambda: LIFT(None, 3), "filters=None"),
        (lambda: LIFT(8, 0), r"`kernel_size` must be a positive integer.*kernel_size=0"),
        (lambda: LIFT(8, (3, 3, 3)), r"or 2 of them, one per axis.*kernel_size=\(3, 3, 3\)"),
        (
            lambda: LIFT(8, (3, 5)),
            r"axes that p4 exchanges.*kernel_size=\(3, 5\)\. Use \(5, 5\).*'pmm'",
        ),
        (lambda: GROUP(8, 3, "p4", dilation_rate=(1, 2)), r"`dilation_rate`.*Received.*\(1, 2\)"),
        (lambda: LIFT(8, 3, strides=0), "`strides` must be a positive"),
        (
            lambda: LIFT(8, 3, padding="causal"),
            r"\['valid', 'same', 'centered'\].*padding='causal'",
        ),
        (lambda: LIFT(8, 3, data_format="NCHW"), "data_format='NCHW'"),
        (lambda: LIFT(8, 3, group="p4n"), "Did you mean 'p4'"),
        (lambda: LIFT(8, 3, strides=2, dilation_rate=2), r"strides=\(2, 2\), dilation_rate=\(2"),
        (lambda: LIFT(8, 3, groups=3), "`filters` must be a multiple of `groups`.*8 and groups=3"),
        (
            lambda: LIFT(8, 3, group=kg.groups.PointGroup("mirror", [[[1]], [[-1]]])),
            "must act on 2 dimensions.*PointGroup mirror",
        ),
        (
            lambda: LIFT(8, 3).build((None, 28, 28)),
            r"rank 4, \(batch, height, width, channels\)\. Received: input_shape=\(None, 28, 28\)",
        ),
        (lambda: LIFT(8, 3).build((None, 28, 28, 4, 1)), "on the group already, use GroupConv2D"),
        (lambda: GROUP(8, 3, "p4").build((None, 28, 28, 1)), "Lift an image.*with LiftingConv2D"),
        (
            lambda: GROUP(8, 3, group="p4m").build((None, 28, 28, 4, 2)),
            r"axis \|H\| has length 8\. Received: .* with \|H\|=4\. Give every layer the same",
        ),
        (
            lambda: GROUP(8, 3, "p4", data_format="channels_first").build((None, 28, 28, 4, 2)),
            r"\(batch, channels, \|H\|, height, width\) with \|H\|=28",
        ),
        (lambda: GROUP(8, 3, "p4").build((None, 28, 28, 4, None)), "channel axis.*must be known"),
        (
            lambda: GROUP(8, 3, "p4", groups=2).build((None, 8, 8, 4, 3)),
            "input channels.*3 and groups=2",
        ),
        (
            lambda: LIFT(8, 5).build((None, 4, 4, 1)),
            r"must fit into its input\. Received: an input of size \(4, 4\).*padding='same'",
        ),
        (lambda: LIFT(8, 3, dilation_rate=3).build((None, 6, 6, 1)), r"which spans \(7, 7\)"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_error_reaches_the_user_of_a_functional_model():
    x = keras.Input((28, 28, 1))
    with pytest.raises(ValueError, match="Lift an image"):
        GroupConv2D(8, 3, group="p4")(x)


@both_formats
@both_layers
@every_group
def test_the_fourier_implementation_is_equivariant_and_equal(layer_class, group, data_format):
    shape = input_shape(layer_class, group, data_format, size=6)
    options = {"filters": 3, "kernel_size": 2, "group": group, "data_format": data_format}
    fourier = layer_class(**options, implementation="fourier")
    assert kg.equivariance_error(fourier, group, shape).is_equivariant
    direct = layer_class.from_config({**fourier.get_config(), "implementation": "direct"})
    direct.build((None, *shape))
    direct.set_weights(fourier.get_weights())
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    outputs = [ops.convert_to_numpy(layer(x)) for layer in (fourier, direct)]
    oracle.assert_close(*outputs)


def test_a_model_saved_with_one_implementation_loads_with_another(tmp_path):
    model = keras.Sequential([keras.Input((6, 6, 8, 2)), GroupConv2D(3, 3, "p4m")])
    model.layers[0].implementation = "fourier"
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 8, 2)).astype("float32")
    expected = model.predict_on_batch(x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].implementation == "fourier"
    loaded.layers[0].implementation = "direct"
    oracle.assert_close(loaded.predict_on_batch(x), expected)


def test_in_double_precision_the_implementations_agree_to_the_last_digits():
    with double_precision():
        x = np.random.default_rng(0).normal(size=(2, 6, 6, 8, 2))
        kernel = np.random.default_rng(1).normal(size=(3, 3, 8, 2, 3))
        x, kernel = (ops.convert_to_tensor(a, "float64") for a in (x, kernel))
        outputs = [
            ops.convert_to_numpy(kg.ops.group_conv(x, kernel, "p4m", implementation=name))
            for name in ("fourier", "direct")
        ]
    assert outputs[0].dtype == "float64"
    oracle.assert_close(*outputs, tolerance=1e-12)


def test_unknown_implementations_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r"`implementation` must be one of .*Received: .*fft"):
        GroupConv2D(3, 3, implementation="fft", group="p4")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others know every size")
def test_the_fourier_implementation_pads_unknown_sizes_where_strides_are_1():
    import tensorflow as tf

    def output(strides):
        layer = GroupConv2D(
            3, 3, padding="same", strides=strides, implementation="fourier", group="p4"
        )
        layer.build((None, None, None, 4, 2))
        sizes = tf.TensorSpec((1, None, None, 4, 2))
        return layer, tf.function(layer, input_signature=[sizes])

    x = np.random.default_rng(0).normal(size=(1, 5, 6, 4, 2)).astype("float32")
    layer, traced = output(strides=1)
    oracle.assert_close(traced(x), layer(x))
    with pytest.raises(ValueError, match="unknown size only where strides are 1"):
        output(strides=2)[1](x)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others know every size")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_auto_takes_sizes_that_the_fourier_implementation_cannot_pad(jit_compile):
    import tensorflow as tf

    layer = GroupConv2D(64, 3, "p4m", strides=2, padding="same")
    layer.build((None, None, None, 8, 64))
    sizes = [tf.TensorSpec((None, None, None, 8, 64))]
    x = np.random.default_rng(0).normal(size=(1, 5, 7, 8, 64)).astype("float32")
    traced = tf.function(layer, input_signature=sizes, jit_compile=jit_compile)
    oracle.assert_close(traced(x), layer(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda: LiftingConv2D(3, 3, data_format="channels_last"),
        lambda: kg.layers.ResidualBlock2D(3, data_format="channels_last", group="p4"),
        lambda: GroupConv2D(3, 3, implementation="direct", data_format="channels_last", group="p4"),
        lambda: GroupConv2D(
            3, 3, implementation="fourier", data_format="channels_last", group="p4"
        ),
    ],
)
@pytest.mark.parametrize("training", [True, False, None])
def test_rematerialization_changes_nothing(make, training):
    with keras.RematScope(mode="full"):
        layer = make()
    is_lifting = isinstance(layer, LiftingConv2D)
    shape = (2, 7, 7, 2) if is_lifting else (2, 7, 7, 4, 3)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    if isinstance(layer, kg.layers.ResidualBlock2D) and training:
        training = False  # under which Keras' own statistics cannot move
    layer.build(shape)
    plain = type(layer).from_config(layer.get_config())
    plain.build(shape)
    plain.set_weights(layer.get_weights())

    def loss(layer):
        return lambda x: ops.sum(layer(x, training=training) ** 2)

    (actual,), (expected,) = (differentiate.gradients(loss(f), x) for f in (layer, plain))
    oracle.assert_close(actual, expected)


@both_layers
@both_formats
@pytest.mark.parametrize("group", ["p2", "p4m"])
@pytest.mark.parametrize(("size", "strides", "kernel"), [(6, 2, 3), (7, 3, 4)])
@pytest.mark.filterwarnings("ignore::keras_gcnn.EquivarianceWarning")
def test_centered_padding_is_the_sum(layer_class, data_format, group, size, strides, kernel):
    shape = input_shape(layer_class, group, size=size)
    f = np.random.default_rng(0).normal(size=shape).astype("float32")
    for implementation in ("direct", "fourier"):
        layer = layer_class(
            2,
            kernel,
            group,
            strides,
            "centered",
            data_format,
            use_bias=False,
            implementation=implementation,
        )
        actual = layer(oracle.to_data_format(f[None], data_format))
        (psi,) = layer.get_weights()
        expected = oracle.group_correlation(f, psi, group, (strides,) * 2, padding="centered")
        expected = oracle.to_data_format(expected[None], data_format)
        oracle.assert_close(ops.convert_to_numpy(actual), expected)


def assert_does_not_overflow(layer, size, channels=2, training=False, compiled=lambda f: f):
    """With a single tap, for two channels and e, of which 0.5 is taken: a mean of equal numbers."""
    on_group = (layer.group.order,) if "Group" in type(layer).__name__ else ()
    x = np.full((1, *size, *on_group, channels), 9000, "float16")
    layer.build(x.shape)
    kernel = np.zeros(layer.kernel.shape, "float32")
    kernel.reshape(-1, channels, layer.filters)[0, :2] = 0.5
    layer.kernel.assign(kernel)
    y = compiled(lambda x: layer(x, training=training))(ops.convert_to_tensor(x))
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    assert np.array_equal(ops.convert_to_numpy(y), np.full(y.shape, 9000, "float16"))


HALF = {"dtype": "mixed_float16", "use_bias": False, "data_format": "channels_last"}
both_implementations = pytest.mark.parametrize("implementation", ["direct", "fourier"])
in_training_and_not = pytest.mark.parametrize("training", [True, False])


@both_layers
@both_implementations
@in_training_and_not
@pytest.mark.parametrize(("group", "kernel_size"), [("p4m", 1), ("p4", 3), ("p4m", 3)])
def test_float16_overflows_nowhere_where_the_result_fits(
    layer_class, implementation, training, group, kernel_size
):
    layer = layer_class(2, kernel_size, group, implementation=implementation, **HALF)
    assert_does_not_overflow(layer, (4, 4), training=training)


@with_xla
@both_layers
@both_implementations
@in_training_and_not
def test_compiled_float16_overflows_nowhere_either(layer_class, implementation, training):
    layer = layer_class(2, 3, "p4m", implementation=implementation, **HALF)
    assert_does_not_overflow(layer, (4, 4), training=training, compiled=by_xla)


@both_implementations
@pytest.mark.parametrize("name", ["LiftingConv3D", "GroupConv3D"])
def test_float16_overflows_nowhere_on_the_largest_group(name, implementation):
    layer = getattr(kg.layers, name)(2, 3, "Oh", implementation=implementation, **HALF)
    assert_does_not_overflow(layer, (3, 3, 3))


@in_training_and_not
def test_float16_overflows_nowhere_where_auto_chooses_fourier(training, monkeypatch):
    chosen, choose = [], cost_model.choose
    monkeypatch.setattr(cost_model, "choose", lambda *a: chosen.append(choose(*a)) or chosen[-1])
    layer = GroupConv2D(64, 3, "p4m", **HALF)
    compiled = by_xla if keras.backend.backend() != "torch" else lambda f: f
    assert_does_not_overflow(layer, (4, 4), 64, training, compiled)
    assert chosen[-1] == "fourier"


@pytest.mark.parametrize("floatx", ["bfloat16", "float16"])
def test_a_floatx_of_half_precision(floatx):
    before = keras.config.floatx()
    keras.config.set_floatx(floatx)
    try:
        inputs = keras.Input((9, 9, 1))
        x = LiftingConv2D(2, 3, group="p4m", data_format="channels_last")(inputs)
        x = GroupConv2D(2, 3, "p4m", implementation="fourier", data_format="channels_last")(x)
        outputs = kg.layers.CosetPooling2D("p4m", "p2", data_format="channels_last")(x)
        y = keras.Model(inputs, outputs).predict(np.ones((2, 9, 9, 1)), verbose=0)
        assert np.isfinite(np.asarray(y, "float32")).all()
    finally:
        keras.config.set_floatx(before)
