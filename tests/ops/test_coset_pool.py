import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import oracle

SUBGROUPS = [
    (group, subgroup)
    for group in oracle.GROUPS
    for subgroup in [*oracle.GROUPS, [0], [0, 5], [0, 2]]
    if isinstance(subgroup, str) or max(subgroup) < kg.groups.get(group).order
]
REDUCTIONS = {"max": np.max, "mean": np.mean, "sum": np.sum}


def cosets(group, subgroup):
    """The sets gK, found by multiplying matrices; `None` where K is no subgroup of the group."""
    elements = oracle.matrices(group)
    if isinstance(subgroup, str):
        members = oracle.matrices(subgroup)
    else:
        members = [elements[i] for i in subgroup]
    bytes_of = [e.tobytes() for e in elements]
    products = [(a @ b).tobytes() for a in members for b in members]
    if not {*products, *(m.tobytes() for m in members)} <= {m.tobytes() for m in members} & {
        *bytes_of
    }:
        return None
    found = []
    for g in elements:
        coset = sorted(bytes_of.index((g @ k).tobytes()) for k in members)
        if coset not in found:
            found.append(coset)
    return found


@pytest.mark.parametrize(("group", "subgroup"), SUBGROUPS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_equals_the_reduction_over_each_coset(group, subgroup, data_format):
    expected_cosets = cosets(group, subgroup)
    if expected_cosets is None:
        with pytest.raises(ValueError, match="subgroup"):
            kg.ops.coset_pool(np.zeros((1, 1, 1, 1, 1)), group, subgroup)
        return
    f = np.random.default_rng(0).normal(size=(2, 3, 4, kg.groups.get(group).order, 3))
    f = f.astype("float32")
    for name, reduce in REDUCTIONS.items():
        pooled = np.stack([reduce(f[..., c, :], axis=-2) for c in expected_cosets], axis=-2)
        expected = oracle.to_data_format(
            pooled if len(expected_cosets) > 1 else pooled[..., 0, :], data_format
        )
        actual = kg.ops.coset_pool(
            oracle.to_data_format(f, data_format), group, subgroup, name, data_format
        )
        oracle.assert_close(ops.convert_to_numpy(actual), expected)


def test_errors():
    with pytest.raises(ValueError, match=r"\['max', 'mean', 'sum'\]\. Received: reduction='min'"):
        kg.ops.coset_pool(np.zeros((1, 2, 2, 4, 1)), "p4", reduction="min")
