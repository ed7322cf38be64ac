import itertools

import numpy as np

from keras_gcnn import groups
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
