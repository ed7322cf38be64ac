import keras
import numpy as np
import pytest
from hypothesis import given, settings
from keras import ops

import keras_gcnn as kg
from keras_gcnn.ops import backend
from tests import oracle
from tests.ops.cases import cases, random

every_group = pytest.mark.parametrize("group", oracle.GROUPS)
LAST = {"data_format": "channels_last"}
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
both_implementations = pytest.mark.parametrize("implementation", ["direct", "fourier"])


@both_implementations
@every_group
@both_formats
@pytest.mark.parametrize("lifting", [True, False])
@settings(max_examples=2 if keras.backend.backend() == "jax" else 5)  # JAX compiles each size
@given(case=cases())
def test_equals_the_direct_sum_over_the_group(group, data_format, lifting, implementation, case):
    size, kernel, strides, dilation, padding = case
    order = () if lifting else (kg.groups.get(group).order,)
    f = random(*size, *order, 2)
    psi = random(kernel, kernel, *order, 2, 3, seed=1)
    expected = oracle.group_correlation(f, psi, group, (strides,) * 2, (dilation,) * 2, padding)
    actual = kg.ops.group_conv(
        oracle.to_data_format(f[None], data_format),
        psi,
        group,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation,
        implementation=implementation,
    )
    oracle.assert_close(
        ops.convert_to_numpy(actual), oracle.to_data_format(expected[None], data_format)
    )


CYCLE = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
TURN = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])


OTHER_DIMENSIONS = {
    "the mirror of the line": (oracle.generated([[-1]]), (7,), 3),
    "even kernels on the line": (oracle.generated([[-1]]), (6,), 2),
    "the turns of the cube": (oracle.generated(CYCLE, TURN), (3, 3, 4), 3),
    "the inversion of space": (oracle.generated(-np.eye(3, dtype=int)), (3, 4, 3), 2),
}


@both_implementations
@pytest.mark.parametrize("lifting", [True, False])
@pytest.mark.parametrize(
    ("matrices", "size", "kernel"), OTHER_DIMENSIONS.values(), ids=OTHER_DIMENSIONS
)
def test_other_dimensions(matrices, size, kernel, lifting, implementation):
    group = kg.groups.PointGroup("x", matrices)
    order = () if lifting else (group.order,)
    f = random(*size, *order, 2)
    psi = random(*(kernel for _ in size), *order, 2, 1, seed=1)
    expected = oracle.group_correlation(f, psi, matrices)
    actual = kg.ops.group_conv(
        f[None], psi, group, data_format="channels_last", implementation=implementation
    )
    oracle.assert_close(ops.convert_to_numpy(actual)[0], expected)


@both_implementations
@both_formats
@pytest.mark.parametrize("group", oracle.RECTANGULAR_GROUPS)
def test_kernels_need_not_be_square_without_quarter_turns(group, data_format, implementation):
    order = kg.groups.get(group).order
    f, psi = random(6, 5, order, 2), random(2, 3, order, 2, 3, seed=1)
    expected = oracle.group_correlation(f, psi, group, strides=(2, 1))
    actual = kg.ops.group_conv(
        oracle.to_data_format(f[None], data_format),
        psi,
        group,
        (2, 1),
        data_format=data_format,
        implementation=implementation,
    )
    oracle.assert_close(
        ops.convert_to_numpy(actual), oracle.to_data_format(expected[None], data_format)
    )


@both_implementations
@every_group
@both_formats
@pytest.mark.parametrize("lifting", [True, False])
def test_blocks_of_channels_do_not_mix(group, data_format, lifting, implementation):
    order = () if lifting else (kg.groups.get(group).order,)
    f, psi = random(5, 5, *order, 6), random(3, 3, *order, 3, 4, seed=1)
    blocks = [
        oracle.group_correlation(f[..., 3 * b : 3 * b + 3], psi[..., 2 * b : 2 * b + 2], group)
        for b in range(2)
    ]
    actual = kg.ops.group_conv(
        oracle.to_data_format(f[None], data_format),
        psi,
        group,
        data_format=data_format,
        groups=2,
        implementation=implementation,
    )
    expected = np.concatenate(blocks, axis=-1)[None]
    oracle.assert_close(ops.convert_to_numpy(actual), oracle.to_data_format(expected, data_format))


@every_group
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("lifting", [True, False])
def test_transform_filters_moves_each_filter_by_each_element(group, size, lifting):
    order = kg.groups.get(group).order
    psi = random(size, size, *(() if lifting else (order,)), 2, 3)
    bank = ops.convert_to_numpy(kg.ops.transform_filters(psi, group))
    assert bank.shape == (*psi.shape[:-1], order, 3)
    for h in range(order):
        for k in range(3):
            moved = oracle.transform(psi[..., k], group, h, on_group=not lifting)
            assert np.array_equal(bank[..., h, k], moved)


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("implementation", ["direct", "fourier"])
@pytest.mark.parametrize("dtypes", [("float16", "float32"), ("float32", "bfloat16")])
def test_the_result_has_the_dtype_of_the_kernel(size, implementation, dtypes):
    x, kernel = random(2, 5, 5, 4, 2), random(size, size, 4, 2, 3, seed=1)
    x, kernel = (ops.cast(array, dtype) for array, dtype in zip((x, kernel), dtypes, strict=True))
    options = {"data_format": "channels_last", "implementation": implementation}
    y = kg.ops.group_conv(x, kernel, "p4", **options)
    assert keras.backend.standardize_dtype(y.dtype) == dtypes[1]


@both_formats
def test_is_one_gather_and_one_planar_convolution(data_format, monkeypatch):
    calls = []
    for name in ("conv", "take"):
        original = getattr(ops, name)

        def counted(*args, original=original, name=name, **kwargs):
            calls.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(ops, name, counted)
    x = oracle.to_data_format(random(1, 6, 6, 8, 2), data_format)
    kg.ops.group_conv(x, random(3, 3, 8, 2, 3), "p4m", data_format=data_format)
    assert sorted(calls) == ["conv", "take"]


@both_implementations
@every_group
@both_formats
def test_bfloat16_stays_within_the_contract(group, data_format, implementation):
    order = kg.groups.get(group).order
    x, psi = random(6, 6, order, 4), random(3, 3, order, 4, 4, seed=1)
    actual = kg.ops.group_conv(
        ops.cast(oracle.to_data_format(x[None], data_format), "bfloat16"),
        ops.cast(psi, "bfloat16"),
        group,
        data_format=data_format,
        implementation=implementation,
    )
    assert keras.backend.standardize_dtype(actual.dtype) == "bfloat16"
    expected = oracle.group_correlation(x, psi, group)[None]
    oracle.assert_close(
        ops.convert_to_numpy(ops.cast(actual, "float32")),
        oracle.to_data_format(expected, data_format),
        tolerance=2e-2,
    )


@pytest.mark.parametrize(
    ("kernel", "group", "message"),
    [
        (
            (3, 5, 2, 3),
            "p4",
            r"grid of shape \(3, 5\) on the square lattice\. Use the shape \(5, 5\)",
        ),
        ((3, 3, 8, 2, 3), "p4", r"\(\*kernel_size, 4, channels, filters\).*\(3, 3, 8, 2, 3\)"),
        ((3, 3, 2), "p4", r"Received: kernel.shape=\(3, 3, 2\)"),
    ],
)
def test_errors(kernel, group, message):
    with pytest.raises(ValueError, match=message):
        kg.ops.transform_filters(random(*kernel), group)


@pytest.mark.parametrize(
    ("x", "kernel", "message"),
    [
        ((1, 5, 5, 2), (3, 3, 4, 2, 3), "which is on the plane, kernel.shape=.* of rank 4"),
        ((1, 5, 5, 4, 2), (3, 3, 2, 3), "which is on p4, kernel.shape=.* of rank 5"),
        (
            (1, 5, 5, 8, 2),
            (3, 3, 4, 4, 3),
            r"rank 4, or on p4, of rank 5 with .* length 4.*x\.shape=",
        ),
        ((5, 5, 2), (3, 3, 2), r"of rank 4, or on p4.*x\.shape=\(5, 5, 2\)"),
    ],
)
def test_map_and_filter_must_be_on_the_same_space(x, kernel, message):
    with pytest.raises(ValueError, match=message):
        kg.ops.group_conv(random(*x), random(*kernel), "p4", data_format="channels_last")


F, PSI = random(1, 6, 6, 4, 3), random(3, 3, 4, 3, 3)
ONE_CALL = {
    "group_conv": lambda: kg.ops.group_conv(F, PSI, "p4", implementation="auto", **LAST),
    "group_conv_transpose": lambda: kg.ops.group_conv_transpose(F, PSI, "p4", **LAST),
    "group_depthwise_conv": lambda: kg.ops.group_depthwise_conv(F, PSI, "p4", **LAST),
    "group_dense": lambda: kg.ops.group_dense(F, PSI[0, 0], "p4", **LAST),
    "add_bias": lambda: kg.ops.add_bias(F, PSI[0, 0, 0, 0], **LAST),
}


@pytest.mark.parametrize("call", ONE_CALL.values(), ids=ONE_CALL)
def test_one_call_asks_once_what_compiles_it(call, monkeypatch):
    asked, ask = [], backend.compilation_of
    monkeypatch.setattr(backend, "compilation_of", lambda x: asked.append(x) or ask(x))
    call()
    assert len(asked) == 1
