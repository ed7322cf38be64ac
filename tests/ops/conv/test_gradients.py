"""Our own gradients, against the formula and against other derivatives."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from keras import ops

import keras_gcnn as kg
from keras_gcnn import groups
from keras_gcnn.ops import policy
from tests import differentiate, oracle
from tests.compiled import by_xla
from tests.ops.cases import cases, random

every_group = pytest.mark.parametrize("group", oracle.GROUPS)


def loss(implementation, weights, group, power=1, **options):
    """A function of input and filter: Σ weights · (f ⋆ ψ)ᵖ."""
    weights = ops.convert_to_tensor(weights)

    def function(x, kernel):
        y = kg.ops.group_conv(
            x,
            kernel,
            group,
            data_format="channels_last",
            implementation=implementation,
            training=True,
            **options,
        )
        return ops.sum(y**power * weights)

    # JAX takes half the time to compile the whole as to compile each operation by itself.
    return by_xla(function) if keras.backend.backend() == "jax" else function


@every_group
@pytest.mark.parametrize("lifting", [True, False])
@pytest.mark.parametrize("implementation", ["direct", "fourier"])
@settings(max_examples=2 if keras.backend.backend() == "jax" else 5)  # JAX compiles each size
@given(case=cases())
def test_is_the_derivative_of_the_sum_over_the_group(group, lifting, implementation, case):
    size, kernel, strides, dilation, padding = case
    order = () if lifting else (groups.get(group).order,)
    f, psi = random(1, *size, *order, 2), random(kernel, kernel, *order, 2, 3, seed=1)

    def correlation(f, psi):
        return oracle.group_correlation(f[0], psi, group, (strides,) * 2, (dilation,) * 2, padding)

    weights = random(*correlation(f, psi).shape, seed=2)
    options = {"strides": strides, "dilation_rate": dilation, "padding": padding}
    df, dpsi = differentiate.gradients(loss(implementation, weights, group, **options), f, psi)
    # The sum is linear in f and in ψ, so its derivative along a direction is its value there.
    along_f = [random(*f.shape, seed=seed) for seed in range(3, 6)]
    along_psi = [random(*psi.shape, seed=seed) for seed in range(6, 9)]
    actual = [np.sum(df * d) for d in along_f] + [np.sum(dpsi * d) for d in along_psi]
    expected = [np.sum(weights * correlation(d, psi)) for d in along_f]
    expected += [np.sum(weights * correlation(f, d)) for d in along_psi]
    scale = np.sqrt(df.size) * np.abs(df).max() + np.sqrt(dpsi.size) * np.abs(dpsi).max()
    assert np.abs(np.subtract(actual, expected)).max() <= 1e-5 * scale


@pytest.mark.compile
@pytest.mark.skipif(keras.backend.backend() != "torch", reason="about torch.compile")
@every_group
@pytest.mark.parametrize("lifting", [True, False])
def test_the_direct_one_has_its_own_under_torch_compile(group, lifting, monkeypatch):
    """It gathers where PyTorch would scatter. The numbers are the same, and no graph breaks."""
    import torch

    order = () if lifting else (groups.get(group).order,)
    x, psi = random(2, 4, 4, *order, 2), random(3, 3, *order, 2, 3, seed=1)
    weights = random(groups.get(group).order, 3, seed=2)
    function = loss("direct", weights, group, power=2)
    expected = differentiate.gradients(function, x, psi)
    for own in (True, False):
        monkeypatch.setattr(policy, "has_own_bank_gradient", lambda *of, own=own: own)
        graphs = []

        def keep(graph, _, graphs=graphs):
            graphs.append(str(graph.graph))
            return graph.forward

        compiled = torch.compile(function, backend=keep, fullgraph=True)
        for actual, wanted in zip(differentiate.gradients(compiled, x, psi), expected, strict=True):
            oracle.assert_close(actual, wanted)
        assert any("autograd_function_apply" in graph for graph in graphs) == own
        torch.compiler.reset()


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("padding", "strides"), [("valid", 1), ("same", 2)])
def test_first_and_second_derivatives_are_those_of_the_direct_one(order, padding, strides):
    differentiated = [differentiate.gradients, differentiate.gradients_of_gradients][order - 1]
    x, psi, weights = random(2, 4, 4, 8, 3), random(3, 3, 8, 3, 2, seed=1), random(8, 2, seed=2)
    direct, fourier = (
        differentiated(
            loss(name, weights, "p4m", power=2, padding=padding, strides=strides), x, psi
        )
        for name in ("direct", "fourier")
    )
    for actual, expected in zip(fourier, direct, strict=True):
        oracle.assert_close(actual, expected)


@every_group
@pytest.mark.parametrize("size", [1, 2, 3])
def test_adjoint_filter_indices(group, size):
    """ψ*(u, a) = ψ(-a⁻¹u, a⁻¹), one value at a time."""
    table = groups.adjoint_filter_indices(groups.get(group), (size, size))
    elements, shape = oracle.matrices(group), (size, size)
    psi = random(size, size, len(elements))
    for i, j, a in itertools.product(range(size), range(size), range(len(elements))):
        back = oracle.inverse(elements[a])
        source = oracle.position(-back @ oracle.about_centre((i, j), shape), shape)
        expected = psi[(*source, oracle.index_of(back, elements))]
        assert psi.ravel()[table[i * size + j, a]] == expected
