import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_gcnn import groups
from tests import oracle


@pytest.mark.parametrize("name", oracle.GROUPS)
@given(n=st.integers(1, 6), m=st.integers(1, 6))
def test_left_translation_is_the_action_of_the_matrices(name, n, m):
    group = groups.get(name)
    shape = (n, n) if name in oracle.SQUARE_GROUPS else (n, m)
    image = np.arange(shape[0] * shape[1], dtype=float).reshape(*shape, 1)
    on_group = np.arange(image.size * group.order, dtype=float).reshape(*shape, group.order, 1)
    for h in range(group.order):
        table = groups.left_translation(group, h, shape, group)
        expected = oracle.transform(image, name, h, on_group=False)
        assert np.array_equal(image.ravel()[table].reshape(image.shape), expected)
        table = groups.left_translation(group, h, shape, group.subgroup([0]))
        expected = oracle.transform(on_group, name, h, on_group=True)
        assert np.array_equal(on_group.ravel()[table].reshape(on_group.shape), expected)


@pytest.mark.parametrize("size", [3, 4])
def test_rotations_and_mirrors_are_those_of_numpy(size):
    group, image = groups.get("p4m"), np.arange(size * size).reshape(size, size)
    for m, r in itertools.product(range(2), range(4)):
        table = groups.left_translation(group, 4 * m + r, (size, size), group)
        turned = np.rot90(image, r)
        expected = np.flipud(turned) if m else turned
        assert np.array_equal(image.ravel()[table].reshape(size, size), expected)


@pytest.mark.parametrize("name", oracle.GROUPS)
@pytest.mark.parametrize("size", [(3, 3), (2, 2)])
@pytest.mark.parametrize("subgroup", [[0], "p1"])
def test_left_translation_is_a_homomorphism(name, size, subgroup):
    group = groups.get(name)
    space = group.subgroup(subgroup)
    tables = [groups.left_translation(group, h, size, space).ravel() for h in range(group.order)]
    for a, b in itertools.product(range(group.order), repeat=2):
        assert np.array_equal(tables[b][tables[a]], tables[group.cayley_table[a, b]])


@pytest.mark.parametrize("name", oracle.GROUPS)
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("lifting", [True, False])
def test_filter_bank_adjoint_indices(name, size, lifting):
    """Σ_h b_h(h p), the value at p of each filter of a bank turned back, by the matrices."""
    group = groups.get(name)
    subgroup = group if lifting else group.subgroup([0])
    cosets = () if lifting else (group.order,)
    bank = np.random.default_rng(0).normal(size=(size, size, *cosets, group.order))
    table = groups.filter_bank_adjoint_indices(group, (size, size), subgroup)
    expected = 0
    for h in range(group.order):
        back = oracle.index_of(oracle.inverse(oracle.matrices(name)[h]), oracle.matrices(name))
        turned_back = oracle.transform(bank[..., h, None], name, back, on_group=not lifting)
        expected = expected + turned_back[..., 0]
    assert np.allclose(bank.ravel()[table].sum(axis=1), expected.ravel())


def test_filter_bank_indices_are_cached_and_read_only():
    group = groups.get("p4m")
    table = groups.filter_bank_indices(group, (4, 4), group)
    assert table is groups.filter_bank_indices(group, (4, 4), group)
    assert table.shape == (16, 1, 8)
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


def test_action_in_one_and_three_dimensions():
    mirror = groups.PointGroup("mirror", [[[1]], [[-1]]])
    assert groups.left_translation(mirror, 1, (5,), mirror).ravel().tolist() == [4, 3, 2, 1, 0]
    point = groups.PointGroup("inversion", [np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    table = groups.left_translation(point, 1, (2, 3, 2), point).ravel()
    assert table.tolist() == list(range(12))[::-1]


def test_quarter_turns_need_a_square():
    group = groups.get("p4")
    with pytest.raises(
        ValueError, match=r"shape \(3, 5\) on the square.*Use the shape \(5, 5\).*'pmm'"
    ):
        groups.left_translation(group, 1, (3, 5), group)
    assert not group.fixes_lengths((3, 5))
    assert groups.get("pmm").fixes_lengths((3, 5))
