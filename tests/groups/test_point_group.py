import itertools

import numpy as np
import pytest

from keras_gcnn import groups
from keras_gcnn.groups import PointGroup
from tests import oracle

every_group = pytest.mark.parametrize("name", oracle.GROUPS)


@every_group
def test_elements_stand_in_the_order_of_the_contract(name):
    assert np.array_equal(groups.get(name).elements, oracle.matrices(name))


@every_group
def test_cayley_table_is_the_product_of_matrices(name):
    group = groups.get(name)
    for a, b in itertools.product(range(group.order), repeat=2):
        product = group.elements[a] @ group.elements[b]
        assert np.array_equal(group.elements[group.cayley_table[a, b]], product)


@every_group
def test_axioms(name):
    group = groups.get(name)
    table, every = group.cayley_table, range(group.order)
    assert np.array_equal(table[0], every)
    assert np.array_equal(table[:, 0], every)
    for a in every:
        assert table[a, group.inverses[a]] == table[group.inverses[a], a] == 0
        assert sorted(table[a]) == sorted(table[:, a]) == list(every)
    for a, b, c in itertools.product(every, repeat=3):
        assert table[table[a, b], c] == table[a, table[b, c]]


@every_group
def test_tables_are_read_only(name):
    group = groups.get(name)
    tables = [group.elements, group.cayley_table, group.inverses, group.left_cosets([0])]
    for table in tables:
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


@pytest.mark.parametrize(
    ("name", "subgroup"),
    [(g, k) for g, k in itertools.product(oracle.GROUPS, repeat=2)],
)
def test_left_cosets_partition_the_group(name, subgroup):
    group = groups.get(name)
    wanted = {matrix.tobytes() for matrix in groups.get(subgroup).elements}
    if not wanted <= {matrix.tobytes() for matrix in group.elements}:
        with pytest.raises(ValueError, match="made of elements of"):
            group.subgroup(subgroup)
        return
    cosets = group.left_cosets(subgroup)
    assert sorted(cosets.ravel()) == list(range(group.order))
    for coset in cosets:
        assert coset[0] == coset.min()
        back = group.inverses[coset[0]]
        members = {group.elements[group.cayley_table[back, g]].tobytes() for g in coset}
        assert members == wanted


def test_coset_action_is_an_action():
    group = groups.get("p4m")
    for subgroup in ([0], [0, 4], [0, 5], "p2", "p4", "p4m"):
        action = group.coset_action(subgroup)
        for a, b in itertools.product(range(8), repeat=2):
            assert np.array_equal(action[a][action[b]], action[group.cayley_table[a, b]])


def test_subgroup_by_name_group_and_indices():
    p4m = groups.get("p4m")
    assert p4m.subgroup("p4") is groups.get("p4")
    assert p4m.subgroup(groups.get("pm")) is groups.get("pm")
    diagonal = p4m.subgroup([0, 5])
    assert diagonal.order == 2
    assert np.array_equal(diagonal.elements[1], p4m.elements[5])


def test_names():
    assert groups.get("z2") is groups.get("p1")
    assert groups.get("P4M") is groups.get("p4m")
    assert groups.get(groups.get("p4")) is groups.get("p4")
    assert groups.names() == ["p1", "p2", "p4", "p4m", "pm", "pmm", "z2"]


def test_user_defined_group_survives_serialisation():
    diagonal = PointGroup("diagonal", [[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    assert groups.get(groups.serialize(diagonal)) == diagonal
    assert groups.serialize(groups.get("p4")) == "p4"


def test_dimension_comes_from_the_matrices():
    mirror = PointGroup("mirror", [[[1]], [[-1]]])
    assert (mirror.order, mirror.dimension) == (2, 1)
    cyclic = np.eye(3, dtype=int)[[[0, 1, 2], [1, 2, 0], [2, 0, 1]]]
    assert PointGroup("c3", cyclic).inverses.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: groups.get("p4n"), r"Received: group='p4n'\. Did you mean 'p4' or 'p4m'"),
        (
            lambda: groups.get("p3"),
            r"one of the names \['p1', 'p2', 'p4', 'p4m', 'pm', 'pmm', 'z2'",
        ),
        (lambda: groups.get(4), "Received: group=4"),
        (lambda: groups.get("p4").subgroup([0, 1]), r"subgroup=\[0, 1\].*closed"),
        (lambda: groups.get("p4").subgroup([0, 7]), r"0 to 3\. Received: subgroup=\[0, 7\]"),
        (lambda: groups.get("p4").subgroup([1, 3]), "must start with the identity"),
        (lambda: groups.get("p4").subgroup("pm"), r"by name: \['p1', 'p2', 'p4'\]"),
        (lambda: PointGroup("x", [[[1, 0]]]), r"shape \(order, d, d\).*shape \(1, 1, 2\)"),
        (lambda: PointGroup("x", [[[1.5]]]), "must be integers"),
        (lambda: PointGroup("x", [[[1]], [[1]]]), "must not repeat"),
        (lambda: PointGroup("x", [[[-1]], [[1]]]), "start with the identity"),
        (
            lambda: PointGroup("x", [[[1, 0], [0, 1]], [[0, -1], [1, 0]]]),
            r"closed under multiplication.*\[\[-1, 0\], \[0, -1\]\]",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
