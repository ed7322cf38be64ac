"""How the Fourier implementation computes. What it computes is tested in test_correlation.py."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.backend import standardize_dtype

import keras_gcnn as kg
from keras_gcnn.ops import backend, policy, tables
from keras_gcnn.ops.conv import cost_model
from tests import differentiate, oracle
from tests.compiled import by_xla, on_jax, with_xla
from tests.ops.cases import random

BY_XLA = backend.Compilation("jax", "xla", "cpu")
EAGER_TORCH = backend.Compilation("torch", None, "cpu")
BY_INDUCTOR = backend.Compilation("torch", "torch.compile", "cpu")
TENSORFLOW = backend.Compilation("tensorflow", "graph", "cpu")


def correlation(x, kernel, **options):
    return kg.ops.group_conv(
        x, kernel, "p4m", data_format="channels_last", implementation="fourier", **options
    )


@pytest.mark.parametrize("images", [0, 1, 5, 6, 7, 64, 100, 127])
@pytest.mark.parametrize("numbers", [1, 10_000, 60_000, 10_000_000])
@pytest.mark.parametrize("of", [BY_XLA, EAGER_TORCH, TENSORFLOW])
def test_parts_of_a_batch_keep_the_transform_small(images, numbers, of):
    """They are equal where that takes at most twice as many, and otherwise as few as possible."""
    found = policy.images_at_once(of, images, numbers)
    most = max(int(policy.LARGEST_TRANSFORMS[of.compiler] // numbers), 1)
    assert found <= most
    assert found <= images
    if images:
        fewest, parts = (-(-images // n) for n in (most, found))
        assert parts == fewest or (images % found == 0 and 2 * found >= most)


def test_torch_compile_would_compile_each_part_and_takes_a_batch_whole():
    assert policy.images_at_once(BY_INDUCTOR, 64, 10**7) == 64


@pytest.mark.parametrize("strides", [1, 2])
def test_a_batch_is_taken_in_parts_of_few_numbers(strides, monkeypatch):
    asked = []
    rule = policy.images_at_once
    monkeypatch.setattr(policy, "images_at_once", lambda *of: asked.append(of[1:]) or rule(*of))
    correlation(ops.zeros((6, 9, 9, 8, 2)), ops.zeros((3, 3, 8, 2, 1)), strides=strides)
    points = {1: 7, 2: 4}[strides] ** 2
    assert asked == [(6, points * 9 * 8 * 2)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_parts_change_nothing(padding, strides, training, monkeypatch):
    """Outputs and gradients stay the same, be they derived by JAX or written by us."""
    x, kernel = random(6, 5, 5, 8, 2), random(3, 3, 8, 2, 3, seed=1)
    expected = [
        oracle.group_correlation(f, kernel, "p4m", (strides,) * 2, padding=padding) for f in x
    ]
    weights = ops.convert_to_tensor(random(6, *expected[0].shape, seed=2))

    def loss(x, kernel):
        options = {"strides": strides, "padding": padding, "training": training}
        return ops.sum(correlation(x, kernel, **options) * weights)

    def in_parts_of(images):
        monkeypatch.setattr(policy, "images_at_once", lambda *_: images)

        def fresh(*of):  # of which nothing has been compiled yet
            return loss(*of)

        is_jax = keras.backend.backend() == "jax"  # which is slow to compile each operation
        return differentiate.gradients(by_xla(fresh) if is_jax else fresh, x, kernel)

    whole, parts = in_parts_of(6), in_parts_of(4)  # the last one has two images of zeros
    y = correlation(ops.convert_to_tensor(x), kernel, strides=strides, padding=padding)
    oracle.assert_close(ops.convert_to_numpy(y), np.stack(expected))
    for gradient, of_parts in zip(whole, parts, strict=True):
        oracle.assert_close(*map(ops.convert_to_numpy, (of_parts, gradient)))


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="loops are slow elsewhere")
def test_in_bfloat16_the_gradient_of_a_kernel_is_added_up_in_float32(monkeypatch):
    """A sum of hundreds of positive terms in bfloat16 was wrong by a tenth."""
    monkeypatch.setattr(policy, "images_at_once", lambda *_: 1)
    arrays = np.abs(random(300, 3, 3, 8, 2)), random(3, 3, 8, 2, 2, seed=1)

    def loss(x, kernel):
        return ops.mean(ops.cast(correlation(x, kernel, training=True), "float32"))

    (_, expected), (_, found) = (
        differentiate.gradients(loss, *(ops.cast(array, dtype) for array in arrays))
        for dtype in ("float32", "bfloat16")
    )
    error = np.abs(found.astype("float64") - expected).max()
    assert error <= 2e-2 * np.abs(expected).max()


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_of_no_images_has_no_outputs_and_no_gradient(training):
    x, kernel = ops.zeros((0, 5, 5, 8, 2)), ops.ones((3, 3, 8, 2, 3))
    y = correlation(x, kernel, training=training)
    assert tuple(y.shape) == (0, 3, 3, 8, 3)
    _, gradient = differentiate.gradients(
        lambda x, kernel: ops.sum(correlation(x, kernel, training=training)), x, kernel
    )
    assert not gradient.any()


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of PyTorch")
def test_under_autocast_it_has_the_gradients_of_the_direct_one():
    import torch

    x, kernel = random(2, 5, 5, 8, 2), random(3, 3, 8, 2, 3, seed=1)

    def of(implementation):
        def loss(x, kernel):
            options = {"implementation": implementation, "training": True}
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y = kg.ops.group_conv(x, kernel, "p4m", data_format="channels_last", **options)
            assert y.dtype == torch.bfloat16
            return y.float().square().mean()

        return differentiate.gradients(loss, x, kernel)

    for a, b in zip(of("fourier"), of("direct"), strict=True):
        assert np.abs(a - b).max() <= 2e-2 * np.abs(b).max()


@on_jax
@pytest.mark.parametrize("strides", [1, 2])
def test_where_sizes_are_symbols_the_direct_one_is_taken(strides):
    import jax
    from jax import export

    layer = kg.layers.GroupConv2D(64, 3, "p4m", strides=strides, data_format="channels_last")
    layer.build((2, 7, 7, 8, 64))
    x = random(2, 7, 9, 8, 64)
    shape = export.symbolic_shape("b, h, w, 8, 64", constraints=["h >= 3", "w >= 3"])
    program = export.export(jax.jit(layer))(jax.ShapeDtypeStruct(shape, "float32"))
    oracle.assert_close(np.asarray(program.call(x)), np.asarray(layer(x)))


@on_jax
def test_a_kernel_used_twice_in_a_step_is_transformed_once():
    import jax

    def program(function):
        x, kernel = random(2, 6, 6, 8, 3), random(3, 3, 8, 3, 3, seed=1)
        text = jax.jit(function).lower(x, kernel).compile().as_text()
        return text.count("f32[72,9]{1,0} dot(")  # ψ̂: 72 rows by 3·3 channels and filters

    assert program(lambda x, kernel: correlation(x, kernel)) == 1
    assert program(lambda x, kernel: correlation(correlation(x, kernel), kernel)) == 1
    assert program(lambda x, kernel: correlation(correlation(x, kernel), 2 * kernel)) == 2


@on_jax
def test_jax_has_forward_mode_in_inference_and_says_that_training_has_none():
    import jax

    x, kernel, direction = (
        random(2, 4, 4, 8, 2),
        random(3, 3, 8, 2, 3),
        random(2, 4, 4, 8, 2, seed=1),
    )
    _, derivative = jax.jvp(lambda x: correlation(x, kernel), (x,), (direction,))
    oracle.assert_close(derivative, correlation(direction, kernel))  # it is linear
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: correlation(x, kernel, training=True), (x,), (direction,))


@pytest.mark.parametrize("group", oracle.GROUPS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("lifting", [True, False])
def test_a_kernel_transformed_once_serves_every_call(group, data_format, lifting):
    order = () if lifting else (kg.groups.get(group).order,)
    kernel = random(3, 3, *order, 2, 3, seed=1)
    transformed = kg.ops.transform_kernel(kernel, group)
    for size in (4, 6):
        x = random(size, size, *order, 2, seed=size)
        y = kg.ops.group_conv(
            oracle.to_data_format(x[None], data_format),
            transformed,
            group,
            padding="same",
            data_format=data_format,
        )
        expected = oracle.group_correlation(x, kernel, group, padding="same")[None]
        oracle.assert_close(ops.convert_to_numpy(y), oracle.to_data_format(expected, data_format))


@pytest.mark.parametrize("options", [{"implementation": "direct"}, {"groups": 2}])
def test_a_transformed_kernel_is_for_the_fourier_implementation_alone(options):
    transformed = kg.ops.transform_kernel(random(3, 3, 4, 2, 2), "p4")
    with pytest.raises(ValueError, match=r"transformed kernel.*Received: implementation=.*Give"):
        kg.ops.group_conv(random(1, 4, 4, 4, 2), transformed, "p4", **options)


@pytest.mark.parametrize("dtypes", [("float16", "float32"), ("bfloat16", "float32")])
def test_a_map_takes_the_dtype_of_a_transformed_kernel(dtypes):
    of_map, of_kernel = dtypes
    x, psi = ops.cast(random(1, 5, 5, 4, 2), of_map), ops.cast(random(3, 3, 4, 2, 2), of_kernel)
    y = kg.ops.group_conv(x, kg.ops.transform_kernel(psi, "p4"), "p4")
    expected = kg.ops.group_conv(x, psi, "p4", implementation="direct")
    assert standardize_dtype(y.dtype) == of_kernel
    oracle.assert_close(ops.convert_to_numpy(y), ops.convert_to_numpy(expected))


def test_a_transformed_kernel_is_for_its_own_group():
    """pm and cm have transforms of equal shapes."""
    transformed = kg.ops.transform_kernel(random(3, 3, 2, 2, 2), "pm")
    with pytest.raises(ValueError, match="transform on pm, group='cm'"):
        kg.ops.group_conv(random(1, 4, 4, 2, 2), transformed, "cm")


def test_auto_makes_no_large_tables_where_it_is_direct(monkeypatch):
    asked = []
    monkeypatch.setattr(tables, "recipe", lambda *of: asked.append(of))
    shape = (7, 7, 7, 48, 8, 8)  # 16,464 pairs of a tap and an element: 2 GB
    assert cost_model.choose(BY_XLA, shape, kg.groups.get("Oh"), (1, 1, 1)) == "direct"
    assert not asked


@with_xla
@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_by_xla_is_exact_to_its_own_rounding(dtype, once):
    """Also where the kernel was transformed by a function that XLA does not compile."""
    x, psi = random(1, 6, 6, 8, 16), random(3, 3, 8, 16, 4, seed=1)
    halves = [ops.cast(ops.cast(array, dtype), "float32") for array in (x, psi)]
    expected = ops.convert_to_numpy(correlation(*halves))
    x, psi = (ops.cast(array, dtype) for array in (x, psi))
    if once:
        transformed = kg.ops.transform_kernel(psi, "p4m")
        actual = by_xla(lambda x: correlation(x, transformed))(x)
    else:
        actual = by_xla(correlation)(x, psi)
    assert standardize_dtype(actual.dtype) == dtype
    is_rounded_once = not (once and dtype == "bfloat16")  # where ψ̂ is in bfloat16
    tolerance = {"bfloat16": 2**-8, "float16": 2**-11}[dtype] if is_rounded_once else 2e-2
    oracle.assert_close(ops.convert_to_numpy(ops.cast(actual, "float32")), expected, tolerance)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="about TensorFlow's graph")
@pytest.mark.parametrize("training", [False, True])
def test_layers_of_one_shape_are_traced_once_in_a_graph(training):
    import tensorflow as tf

    def loss(x, first, second):
        for kernel in (first, second):
            x = correlation(x, kernel, padding="same", training=training)
        return ops.sum(x**2)

    def gradients(*tensors):
        return differentiate.gradient_tensors(loss, tensors)

    arrays = random(2, 4, 4, 8, 2), *(random(3, 3, 8, 2, 2, seed=n) for n in (1, 2))
    tensors = [tf.constant(array) for array in arrays]
    in_graph = tf.function(gradients)
    operations = in_graph.get_concrete_function(*tensors).graph.get_operations()
    called = [op.get_attr("f").name for op in operations if op.type == "PartitionedCall"]
    assert (len(called), len(set(called))) == (4, 2)  # forward and backward, each of two layers
    for actual, expected in zip(in_graph(*tensors), gradients(*tensors), strict=True):
        oracle.assert_close(actual.numpy(), expected.numpy())


@with_xla
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_a_layer_in_half_precision_is_trained_by_xla_as_one_in_float32(dtype, monkeypatch):
    monkeypatch.setitem(policy.LARGEST_TRANSFORMS, "xla", 1)  # so that a batch is taken in parts

    def trained(dtype):
        layer = kg.layers.GroupConv2D(
            8, 3, "p4m", data_format="channels_last", implementation="fourier", dtype=dtype
        )
        pooling = keras.layers.GlobalAveragePooling3D(data_format="channels_last", dtype="float32")
        model = keras.Sequential([keras.Input((6, 6, 8, 8)), layer, pooling])
        layer.kernel.assign(random(3, 3, 8, 8, 8, seed=1))
        optimizer = keras.optimizers.SGD(1.0)
        model.compile(optimizer, "mse", jit_compile=True)
        model.train_on_batch(random(2, 6, 6, 8, 8), np.zeros((2, 8)))
        return ops.convert_to_numpy(layer.kernel) - random(3, 3, 8, 8, 8, seed=1)

    oracle.assert_close(trained(dtype), trained("float32"), tolerance=2e-2)
