import itertools

import numpy as np
import pytest

from keras_gcnn import groups
from tests import oracle
from tests.groups.test_irreps import GROUPS, every_group


def functions(group, count=2):
    return np.random.default_rng(0).normal(size=(count, group.order))


@every_group
def test_the_inverse_undoes_it(name):
    group = GROUPS[name][0]
    f = functions(group)
    again = groups.inverse_fourier_transform(group, groups.fourier_transform(group, f))
    assert np.allclose(again, f, atol=1e-12)


@every_group
def test_it_keeps_lengths(name):
    """Plancherel: Σ_h |f(h)|² = 1/|H| Σ_ρ m |f̂(ρ)|²."""
    group = GROUPS[name][0]
    f = functions(group, 1)[0]
    squares = [
        irrep.multiplicity * (matrix**2).sum()
        for irrep, matrix in zip(group.irreps(), groups.fourier_transform(group, f), strict=True)
    ]
    assert np.isclose(sum(squares) / group.order, (f**2).sum(), rtol=1e-12)


@every_group
def test_it_makes_products_of_convolutions_and_correlations(name):
    group = GROUPS[name][0]
    f, psi = functions(group)
    convolution, correlation = np.zeros(group.order), np.zeros(group.order)
    for g, h in itertools.product(range(group.order), repeat=2):
        convolution[g] += f[h] * psi[group.cayley_table[group.inverses[h], g]]
        correlation[g] += f[h] * psi[group.cayley_table[group.inverses[g], h]]
    transforms = [groups.fourier_transform(group, v) for v in (f, psi, convolution, correlation)]
    for f_hat, psi_hat, convolved, correlated in zip(*transforms, strict=True):
        assert np.allclose(f_hat @ psi_hat, convolved, atol=1e-12)
        assert np.allclose(f_hat @ psi_hat.T, correlated, atol=1e-12)


@pytest.mark.parametrize("name", oracle.GROUPS)
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("on_group", [True, False])
def test_the_recipe_is_the_correlation_at_a_point(name, size, on_group):
    group = groups.get(name)
    shape = (*size, group.order, 1) if on_group else (*size, 1)
    rng = np.random.default_rng(0)
    f, psi = rng.normal(size=shape), rng.normal(size=(*shape, 1))
    expected = oracle.group_correlation(f, psi, name)[0, 0, :, 0]
    found = np.zeros(group.order)
    domain = group.subgroup([0]) if on_group else group
    for part in groups.correlation_recipe(group, size, domain):
        product = (part.neighbours @ f.ravel()) @ (part.taps @ psi.ravel()).T
        found += np.einsum("gij,ij->g", part.outputs, product)
    assert np.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "on_group", "products"), [("p4", True, 54), ("p4m", True, 108), ("p4m", False, 13)]
)
def test_how_many_products_a_3x3_kernel_takes(name, on_group, products):
    """Directly they are 9·|H|² on the group, 144 and 576, and 9·|H| on the plane, 72."""
    group = groups.get(name)
    domain = group.subgroup([0]) if on_group else group
    recipe = groups.correlation_recipe(group, (3, 3), domain)
    counted = [part.neighbours.shape[0] * part.taps[..., 0].size for part in recipe]
    assert sum(counted) == products
