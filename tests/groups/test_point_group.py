import itertools
import re
import time

import numpy as np
import pytest

from keras_gcnn import groups
from keras_gcnn.groups import PointGroup, point_group
from tests import oracle

every_group = pytest.mark.parametrize("name", oracle.GROUPS)


@pytest.mark.parametrize(
    ("name", "mirrors", "quarters"),
    [
        ("p1", [0], [0]),
        ("p2", [0], [0, 2]),
        ("p4", [0], [0, 1, 2, 3]),
        ("pm", [0, 1], [0]),
        ("pmm", [0, 1], [0, 2]),
        ("p4m", [0, 1], [0, 1, 2, 3]),
    ],
)
def test_elements_stand_in_the_order_of_the_contract(name, mirrors, quarters):
    expected = [oracle.g(m, r) for m in mirrors for r in quarters]
    assert np.array_equal(groups.get(name).elements, expected)


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
    assert groups.get("c4") is groups.get("p4")
    assert groups.names() == sorted({*groups.names(1), *groups.names(2), *groups.names(3)})
    assert set(groups.names(2)) >= {"p1", "p2", "p4", "p4m", "pm", "pmm", "z2", "C1", "D4"}


def test_user_defined_group_survives_serialization():
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
            lambda: groups.get("p5"),
            re.escape(f"one of the names {groups.names()}"),
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


E = [[1, 0], [0, 1]]
FORGED = {
    "overflow": [E, [[2**63 - 1, 0], [0, 1]]],
    "overflow in products": [E, [[2**32, 0], [0, 2**32]]],
    "beyond 64 bits": [E, [[2**70, 0], [0, 1]]],
    "no inverse": [E, [[0, 0], [0, 0]]],
    "an idempotent": [E, [[1, 0], [0, 0]]],
    "too many": [np.roll(np.eye(3, dtype=int), k, 0).tolist() for k in range(49)],
    "40 dimensions": [np.roll(np.eye(40, dtype=int), k, 0).tolist() for k in range(40)],
    "order 3840": np.zeros((3840, 5, 5), int).tolist(),
    "4 dimensions": [np.eye(4, dtype=int).tolist()],
    "ragged": [[[1, 0], [0]]],
    "booleans": [[[True, False], [False, True]]],
    "floats": [[[1.0]]],
    "NaN": [[[float("nan")]]],
    "strings": [[["1"]]],
    "empty": [],
    "None": None,
    "a dictionary": {"a": 1},
}


@pytest.mark.parametrize("elements", FORGED.values(), ids=FORGED)
def test_forged_groups_are_refused_at_once(elements):
    started = time.thread_time()
    with pytest.raises(ValueError, match="`elements`"):
        PointGroup("x", elements)
    assert time.thread_time() - started < 0.1


@pytest.mark.parametrize("name", [["x"], None, 3, {"a": 1}])
def test_a_name_is_a_string(name):
    with pytest.raises(ValueError, match="`name` of a PointGroup must be a string"):
        PointGroup(name, [E])


@pytest.mark.parametrize(
    "value",
    [["p4"], {"name": "x"}, {"name": "x", "elements": [E], "path": 1}, 4, None, b"p4", np.eye(2)],
)
def test_what_names_no_group_is_refused(value):
    with pytest.raises(ValueError, match="must be a PointGroup or one of the names"):
        groups.get(value)


@pytest.mark.parametrize("value", [[0.0], ["0"], [True, False], [[0]], 3, [2**70], None])
def test_what_names_no_subgroup_is_refused(value):
    with pytest.raises(ValueError, match="list of indices of elements of p4"):
        groups.get("p4").subgroup(value)


def test_a_group_acts_on_the_dimension_that_is_asked_for():
    with pytest.raises(ValueError, match=r"must act on 3 dimensions.*PointGroup p4"):
        groups.get("p4", dimension=3)
    assert groups.get("p4", dimension=2) is groups.get("p4")


def test_registering_is_all_that_a_new_group_takes(monkeypatch):
    """Names, errors and subgroups follow a row of data."""
    monkeypatch.setitem(point_group.REGISTRY, 2, dict(point_group.REGISTRY[2]))
    mine = PointGroup("Mine", [oracle.g(0, 0), oracle.g(0, 2), oracle.g(1, 1), oracle.g(1, 3)])
    groups.register(mine)
    assert groups.get("mine") is mine
    assert "Mine" in groups.names(dimension=2)
    with pytest.raises(ValueError, match="'Mine'"):
        groups.get("p5")
    with pytest.raises(ValueError, match=r"by name: .*'Mine'"):
        groups.get("p4m").subgroup(PointGroup("x", [E, [[1, 1], [0, -1]]]))
    with pytest.raises(ValueError, match="a name of its own"):
        groups.register(PointGroup("mine", [E]))
    # The config holds the matrices, since another installation may lack the row.
    assert groups.get(groups.serialize(mine)) == mine
