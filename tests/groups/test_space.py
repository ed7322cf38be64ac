import pytest

from keras_gcnn import groups
from keras_gcnn.groups import Space

P1, P2, P4, P4M, PMM = map(groups.get, ("p1", "p2", "p4", "p4m", "pmm"))


@pytest.mark.parametrize(
    ("space", "name", "cosets", "rank"),
    [
        (Space.lattice(P4), "the plane", 1, 4),
        (Space(P4, "p4"), "the plane", 1, 4),
        (Space.whole(P4), "p4", 4, 5),
        (Space(P4M, "p2"), "p4m/p2", 4, 5),
        (Space.whole(P1), "p1", 1, 5),
        (Space.lattice(P1), "the plane", 1, 4),
    ],
)
def test_it_knows_name_cosets_and_rank(space, name, cosets, rank):
    assert (space.name, space.cosets, space.rank) == (name, cosets, rank)
    assert space.axis_lengths == ((cosets,) if space.has_axis else ())


def test_spaces_are_told_apart_by_matrices_and_not_by_orders():
    same_as_p4 = groups.PointGroup("mine", P4.elements)
    assert Space.whole(same_as_p4) == Space.whole(P4)
    assert Space.whole(PMM) != Space.whole(P4)
    assert Space(P4M, "p4") != Space(P4M, "pmm")
    assert Space(P4M, "p4") == Space(P4M, [0, 1, 2, 3])
    assert Space(P4M, "p4") != Space.whole(P2)
    assert Space.lattice(P4) == Space.lattice(P4M)
    assert Space.lattice(P1) != Space.whole(P1)
    assert len({Space.whole(P4), Space.whole(same_as_p4), Space.lattice(P4)}) == 2


def test_a_subgroup_must_be_one():
    with pytest.raises(ValueError, match="made of elements of"):
        Space(P4, "pm")
