import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from keras_gcnn import groups
from keras_gcnn.groups.sums import added_up, shared_sums, weighted_sum
from tests import oracle

SIZES = {1: (3,), 2: (3, 3), 3: (2, 2, 2)}
EVERY_GROUP = [(d, name) for d in SIZES for name in groups.names(dimension=d)]


def by_the_recipe(recipe, f, psi):
    """o(h) by the three steps of `groups/recipe.py`, from f and ψ `(taps, cosets)`."""
    at_points = [np.array(added_up(recipe.cosets, point)) for point in f]
    maps = []
    for taps, sums in recipe.orbits:
        maps += added_up(sums, [at_points[tap] for tap in taps])
    entries = []
    for part in recipe.irreps:
        for row in part.rows:
            f_hat = np.concatenate([_columns(slices, maps) for slices in row])
            entries += list(part.taps @ psi.ravel() @ f_hat)
    return np.array(added_up(recipe.outputs, entries))


def _columns(slices, maps):
    return weighted_sum([(s.weight, maps[s.map][s.start : s.stop]) for s in slices])


def recipe_and_functions(group, size, on_group):
    subgroup = group.subgroup([0]) if on_group else group
    recipe = groups.correlation_recipe(group, size, subgroup)
    taps = sum(len(taps) for taps, _ in recipe.orbits)
    cosets = group.order if on_group else 1
    return recipe, np.random.default_rng(0).normal(size=(2, taps, cosets))


@pytest.mark.parametrize("on_group", [True, False])
@pytest.mark.parametrize(("dimension", "name"), EVERY_GROUP)
def test_it_is_the_correlation_at_a_point(dimension, name, on_group):
    """o(h) = Σ_y Σ_j f(y, j) ψ(h⁻¹y, h⁻¹j), with the elements as matrices."""
    group, size = groups.get(name, dimension), SIZES[dimension]
    recipe, (f, psi) = recipe_and_functions(group, size, on_group)
    expected = _correlation(group, size, f, psi)
    assert np.allclose(by_the_recipe(recipe, f, psi), expected, atol=1e-12)


def _correlation(group, size, f, psi):
    points = list(itertools.product(*(range(1 - n, n, 2) for n in size)))  # twice the taps
    if group.lattice == groups.HEXAGONAL:
        points = [(r, q) for r, q in points if abs(r + q) < size[0]]
    places = {point: i for i, point in enumerate(points)}
    elements = [np.asarray(h) for h in group.elements]
    sums = np.zeros(group.order)
    for h, matrix in enumerate(elements):
        inverse = np.rint(np.linalg.inv(matrix)).astype(int)
        for tap, point in enumerate(points):
            moved = places[tuple(inverse @ point)]
            for j in range(f.shape[1]):
                coset = oracle.index_of(inverse @ elements[j], elements) if f.shape[1] > 1 else 0
                sums[h] += f[tap, j] * psi[moved, coset]
    return sums


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 5)])
@pytest.mark.parametrize("name", ["p4", "p4m", "cmm"])
def test_it_is_the_correlation_for_kernels_of_every_size(name, size):
    group = groups.get(name)
    recipe, (f, psi) = recipe_and_functions(group, size, True)
    expected = _correlation(group, size, f, psi)
    assert np.allclose(by_the_recipe(recipe, f, psi), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["p4", "p4m", "p6m"])
def test_entries_are_the_transpose_of_outputs(name):
    group = groups.get(name)
    recipe, _ = recipe_and_functions(group, (3, 3), True)
    identity = list(np.eye(len(recipe.entries.rows)))
    outputs = np.array(added_up(recipe.outputs, identity))
    entries = np.array(added_up(recipe.entries, list(np.eye(group.order))))
    assert np.allclose(outputs, entries.T, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "on_group", "products"), [("p4", True, 54), ("p4m", True, 108), ("p4m", False, 13)]
)
def test_how_many_products_a_3x3_kernel_takes(name, on_group, products):
    """Directly they are 9·|H|² on the group, 144 and 576, and 9·|H| on the plane, 72."""
    recipe, _ = recipe_and_functions(groups.get(name), (3, 3), on_group)
    counted = [len(part.rows) * part.taps[..., 0].size for part in recipe.irreps]
    assert sum(counted) == products


def test_how_few_sums_a_3x3_kernel_takes_on_p4m():
    """One by one, the 72 numbers of f̂ would take 7 additions each, and the 8 of o as many."""
    recipe, _ = recipe_and_functions(groups.get("p4m"), (3, 3), True)
    assert recipe.additions <= 148
    assert recipe.outputs.additions <= 20


def test_how_few_sums_a_3x3x3_kernel_takes_on_the_largest_group():
    """One by one, each of 1,296 numbers would take 47 additions of one map of channels."""
    recipe, _ = recipe_and_functions(groups.get("Oh"), (3, 3, 3), True)
    assert recipe.cosets.additions < 48 * 10
    assert sum(sums.additions for _, sums in recipe.orbits) < 27 * 4


# In a process of its own, since tables are kept. The package is empty, so that it needs no Keras.
SECONDS_OF_TABLES = """
import sys, time, types
package = sys.modules["keras_gcnn"] = types.ModuleType("keras_gcnn")
package.__path__ = [sys.argv[1]]
from keras_gcnn import groups
started = time.thread_time()
group = groups.get("Oh")
for subgroup in (group, group.trivial):
    groups.correlation_recipe(group, (3, 3, 3), subgroup)
    groups.filter_bank_indices(group, (3, 3, 3), subgroup)
    groups.filter_bank_adjoint_indices(group, (3, 3, 3), subgroup)
print(time.thread_time() - started)
"""


def test_the_tables_of_the_largest_group_take_less_than_two_seconds():
    command = [sys.executable, "-c", SECONDS_OF_TABLES, str(Path(groups.__path__[0]).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 2


WEIGHTS = st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.5])
SHAPES = st.tuples(st.integers(1, 8), st.integers(1, 8))


@given(arrays(float, SHAPES, elements=WEIGHTS))
def test_shared_sums_apply_their_matrix(matrix):
    sums = shared_sums(matrix)
    terms = list(np.eye(matrix.shape[1]))
    assert np.allclose([row + np.zeros(len(terms)) for row in added_up(sums, terms)], matrix)
    alone = sum(max(np.count_nonzero(row) - 1, 0) for row in matrix)
    assert sums.additions <= alone


def test_shared_sums_of_characters_are_a_fast_transform():
    hadamard = np.array([[(-1) ** bin(i & j).count("1") for j in range(8)] for i in range(8)])
    assert shared_sums(hadamard).additions == 8 * 3
