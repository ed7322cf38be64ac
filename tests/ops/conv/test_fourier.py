"""How the Fourier implementation computes. What it computes is tested in test_correlation.py."""

import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from keras_gcnn.ops import backend, policy
from tests import differentiate, oracle
from tests.compiled import on_jax
from tests.ops.cases import random

BY_XLA = backend.Compilation("jax", "xla", "cpu")


def correlation(x, kernel, **options):
    return kg.ops.group_conv(
        x, kernel, "p4m", data_format="channels_last", implementation="fourier", **options
    )


@on_jax
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("images", [0, 1, 5, 6, 7, 64, 100])
@pytest.mark.parametrize(
    ("group", "kernel_shape"),
    [
        ("p4m", (3, 3, 8, 16, 16)),
        ("p4m", (3, 3, 8, 16, 2)),
        ("p4", (5, 5, 4, 2, 16)),
        ("p4m", (3, 3, 1, 3)),
    ],
)
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_chunks_keep_the_transform_small(mode, images, group, kernel_shape, strides):
    """There are as few equal chunks as that takes."""
    group = kg.groups.get(group)
    size = kernel_shape[:2]
    sampling = kg.groups.Sampling(size, (strides, strides), "same", (1, 1))
    *_, channels, filters = kernel_shape
    cosets = kernel_shape[2] if len(kernel_shape) == 5 else 1
    amounts = sampling.padding_amounts((12, 18))
    points = np.prod(sampling.output_size((12, 18)))
    transform = images * points * np.prod(size) * cosets * channels
    maps = images * (12 * 18 * cosets * channels + points * group.order * filters)
    bank = group.order * np.prod(kernel_shape)
    largest = policy.LARGEST_TRANSFORM[mode] * (maps + bank)
    allowed = [n for n in range(1, images + 1) if images % n == 0]
    expected = next((n for n in allowed if transform / n <= largest), max(images, 1))
    x_shape = (images, 12, 18, cosets, channels)
    arguments = x_shape, kernel_shape, group, sampling, amounts, mode
    assert policy.number_of_chunks(BY_XLA, *arguments) == expected


@on_jax
def test_no_chunks_where_no_tap_is_shifted_or_the_batch_is_not_known():
    group, kernel_shape, amounts = kg.groups.get("p4m"), (3, 3, 8, 2, 5), ((1, 1), (1, 1))
    small, large = (kg.groups.Sampling((n, n), (1, 1), "same", (1, 1)) for n in (1, 3))

    def number(batch, kernel_shape, sampling, amounts):
        arguments = (batch, 8, 8, 8, 2), kernel_shape, group, sampling, amounts, "inference"
        return policy.number_of_chunks(BY_XLA, *arguments)

    assert number(60, kernel_shape, large, amounts) > 1
    assert number(60, (1, 1, 8, 2, 5), small, ((0, 0), (0, 0))) == 1
    assert number(None, kernel_shape, large, amounts) == 1


@on_jax
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_chunks_change_nothing(padding, strides, training, monkeypatch):
    """Outputs and gradients stay the same, be they derived by JAX or written by us."""
    x, kernel = random(6, 5, 5, 8, 2), random(3, 3, 8, 2, 3, seed=1)
    expected = [
        oracle.group_correlation(f, kernel, "p4m", (strides,) * 2, padding=padding) for f in x
    ]
    weights = random(6, *expected[0].shape, seed=2)

    def loss(x, kernel):
        options = {"strides": strides, "padding": padding, "training": training}
        return ops.sum(correlation(x, kernel, **options) * weights)

    def in_chunks(chunks):
        monkeypatch.setattr(policy, "number_of_chunks", lambda *_: chunks)
        return differentiate.gradients(loss, x, kernel)

    whole, parts = in_chunks(1), in_chunks(3)
    y = correlation(ops.convert_to_tensor(x), kernel, strides=strides, padding=padding)
    oracle.assert_close(ops.convert_to_numpy(y), np.stack(expected))
    for gradient, of_parts in zip(whole, parts, strict=True):
        oracle.assert_close(of_parts, gradient)


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
