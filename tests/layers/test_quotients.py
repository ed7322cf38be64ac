"""Maps on G/K: convolutions and pooling between any two quotients, against sums by cosets."""

import itertools
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from tests import oracle
from tests.layers.test_hexagons import back
from tests.ops.cases import random
from tests.saved_and_planar import check_saved_and_planar
from tests.shaken import shaken

L = kg.layers
both_formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
# A group, and subgroups K and L: by name, or by the indices of their elements.
CASES = [
    ("p4", "p4", "p1"),
    ("p4", "p2", "p1"),
    ("p4", "p1", "p2"),
    ("p4", "p2", "p4"),
    ("p4m", [0, 4], "p2"),
    ("p4m", "p2", [0, 5]),
    ("p4m", "p4", [0, 4]),
    ("p4m", [0, 6], "p4m"),
    ("cmm", "p2", "cm"),
]
if keras.backend.backend() == "jax":  # which compiles each shape by itself
    CASES = CASES[1::3]
every_pair = pytest.mark.parametrize(("group", "k", "l"), CASES)


def cosets(elements, members):
    """The left cosets of a subgroup, as lists of positions, in the order of their first ones."""
    found = []
    for g in elements:
        coset = sorted(oracle.index_of(g @ elements[m], elements) for m in members)
        if coset not in found:
            found.append(coset)
    return found


def members_of(group, subgroup):
    elements = oracle.matrices(group)
    if not isinstance(subgroup, str):
        return subgroup
    return [oracle.index_of(h, elements) for h in oracle.matrices(subgroup)]


def acted(matrix, coset, elements):
    """The coset h·gK."""
    return sorted(oracle.index_of(matrix @ elements[g], elements) for g in coset)


def full_filter(weights, group, k, l, size):
    """ψ(t, gK) from one weight for each orbit of L, in the order of their first pairs."""
    elements = oracle.matrices(group)
    inputs, number = cosets(elements, members_of(group, k)), {}
    values = np.zeros((size, size, len(inputs), *weights.shape[1:]))
    for tap, j in itertools.product(np.ndindex(size, size), range(len(inputs))):
        orbit = set()
        for m in members_of(group, l):
            moved = oracle.position(
                elements[m] @ oracle.about_centre(tap, (size, size)), (size, size)
            )
            orbit.add((moved, inputs.index(acted(elements[m], inputs[j], elements))))
        values[(*tap, j)] = weights[number.setdefault(frozenset(orbit), len(number))]
    assert len(number) == len(weights)  # so there are as many weights as orbits
    return values


def summed(f, psi, group, k, h):
    """Σ_y Σ_gK f(y, gK) ψ(h⁻¹(y - x), h⁻¹gK) for one h, "valid"."""
    elements = oracle.matrices(group)
    inputs, back_by = cosets(elements, members_of(group, k)), oracle.inverse(elements[h])
    size, steps = psi.shape[:2], [n - s + 1 for n, s in zip(f.shape, psi.shape[:2], strict=False)]
    out = np.zeros((*steps, psi.shape[-1]))
    for tap, j in itertools.product(np.ndindex(*size), range(len(inputs))):
        source = oracle.position(back_by @ oracle.about_centre(tap, size), size)
        moved = inputs.index(acted(back_by, inputs[j], elements))
        for x in np.ndindex(*steps):
            out[x] += f[(*np.add(x, tap), j)] @ psi[(*source, moved)]
    return out


@both_formats
@every_pair
def test_convolutions_equal_the_sums(group, k, l, data_format):
    elements = oracle.matrices(group)
    inputs, outputs = (cosets(elements, members_of(group, s)) for s in (k, l))
    layer = L.GroupConv2D(2, 3, group, input_subgroup=k, output_subgroup=l, data_format=data_format)
    f = random(5, 5, len(inputs), 2)
    has_axis = len(inputs) > 1
    x = f[None] if has_axis else f[None, :, :, 0]
    y = back(layer(oracle.to_data_format(x, data_format, has_axis)), data_format, len(outputs) > 1)
    y = y if len(outputs) > 1 else y[..., None, :]
    psi = full_filter(ops.convert_to_numpy(layer.kernel), group, k, l, 3)
    for i, coset in enumerate(outputs):
        for h in coset:  # each representative gives the same
            oracle.assert_close(y[0, :, :, i], summed(f, psi, group, k, h))


@every_pair
def test_convolutions_are_equivariant(group, k, l):
    layer = L.GroupConv2D(3, 3, group, input_subgroup=k, output_subgroup=l, padding="same")
    count = layer.input_space.cosets
    shape = (6, 6, count, 2) if layer.input_space.has_axis else (6, 6, 2)
    report = kg.equivariance_error(layer, group, shape)
    assert len(report.errors) == len(oracle.matrices(group))
    assert report.is_equivariant, report


@pytest.mark.parametrize(
    ("group", "k", "l", "space"),
    [
        ("p6m", "p3", [0, 6], (7, 7)),
        ("p6", "p2", "p6", (7, 7)),
        ("O", "C4", "C3", (4, 4, 4)),
        ("pm", "pm", "pm", (6,)),
    ],
)
def test_other_lattices_and_dimensions_too(group, k, l, space):
    group = kg.groups.get(group, len(space))
    layer_class = getattr(L, f"GroupConv{len(space)}D")
    layer = layer_class(
        2, 3, group, input_subgroup=k, output_subgroup=l, data_format="channels_last"
    )
    axes = layer.input_space.axis_lengths
    assert kg.equivariance_error(layer, group, (*space, *axes, 2)).is_equivariant


def test_on_the_whole_group_they_are_the_layers_that_they_were():
    x = random(2, 6, 6, 8, 3)
    plain = L.GroupConv2D(4, 3, "p4m")
    expected = ops.convert_to_numpy(plain(x))
    same = L.GroupConv2D(4, 3, "p4m", input_subgroup=[0], output_subgroup="p1")
    same.build(x.shape)
    kernel, bias = plain.get_weights()
    same.set_weights([kernel.reshape(-1, *kernel.shape[-2:]), bias])
    oracle.assert_close(ops.convert_to_numpy(same(x)), expected)
    lifting = L.LiftingConv2D(4, 3, "p4m")
    image = random(2, 6, 6, 3)
    expected = ops.convert_to_numpy(lifting(image))
    same = L.GroupConv2D(4, 3, "p4m", input_subgroup="p4m")
    same.build(image.shape)
    kernel, bias = lifting.get_weights()
    same.set_weights([kernel.reshape(-1, *kernel.shape[-2:]), bias])
    oracle.assert_close(ops.convert_to_numpy(same(image)), expected)


@both_formats
@pytest.mark.parametrize(("k", "l"), [("p1", "p2"), ("p2", "p4"), ([0, 4], "p4m"), ("p2", "p4m")])
@pytest.mark.parametrize("reduction", ["max", "mean", "sum"])
def test_pooling_goes_from_cosets_to_larger_ones(k, l, reduction, data_format):
    elements = oracle.matrices("p4m")
    small, large = (cosets(elements, members_of("p4m", s)) for s in (k, l))
    f = random(2, 3, 3, len(small), 2)
    y = kg.ops.coset_pool(
        oracle.to_data_format(f, data_format), "p4m", l, reduction, data_format, input_subgroup=k
    )
    parts = [[j for j, part in enumerate(small) if set(part) <= set(whole)] for whole in large]
    expected = np.stack([getattr(f[:, :, :, part], reduction)(axis=3) for part in parts], axis=3)
    y = back(y, data_format, len(large) > 1)
    oracle.assert_close(y if len(large) > 1 else y[..., None, :], expected)


def network(data_format):
    inputs = keras.Input((6, 6, 2) if data_format == "channels_last" else (2, 6, 6))
    options = {"data_format": data_format}
    x = L.LiftingConv2D(3, 3, "p4m", output_subgroup=[0, 4], padding="same", **options)(inputs)
    x = L.GroupBatchNormalization(**options)(x)
    x = L.GroupConv2D(4, 3, input_subgroup=[0, 4], output_subgroup="p2", groups=1, **options)(x)
    x = keras.layers.ReLU()(x)
    y = L.CosetPooling2D(subgroup="p4", input_subgroup="p2", **options)(x)
    activation = "softmax" if data_format == "channels_last" else "relu"
    isotropic = {"input_subgroup": "p2", "output_subgroup": "p4m", "activation": activation}
    z = L.GroupConv2D(3, 3, **isotropic, **options)(x)
    return keras.Model(inputs, [x, y, z])


@both_formats
def test_networks_turn_save_and_become_planar(data_format, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", kg.EquivarianceWarning)
        model = shaken(network(data_format))
    report = kg.equivariance_error(model, "p4m", model.input_shape[1:])
    assert report.is_equivariant, report
    assert "p4m/p2" in str(kg.summary(model))
    check_saved_and_planar(model, tmp_path)


def test_what_does_not_fit_is_refused():
    x = L.CosetPooling2D(subgroup="p2")(L.LiftingConv2D(2, 3, "p4")(keras.Input((6, 6, 1))))
    assert L.GroupConv2D(3, 3, input_subgroup="p2")(x).shape == (None, 2, 2, 4, 3)
    with pytest.raises(ValueError, match=r"takes a map on p4\. Received: a map on p4/p2"):
        L.GroupConv2D(3, 3)(x)
    with pytest.raises(ValueError, match="`subgroup` must be made of elements of p4"):
        L.GroupConv2D(3, 3, "p4", input_subgroup="pm")
    with pytest.raises(ValueError, match="`subgroup` must be made of elements of p2"):
        L.CosetPooling2D("p4", subgroup="p2", input_subgroup="p4")


def test_there_is_only_the_direct_implementation():
    with pytest.raises(ValueError, match="'auto' or 'direct' with `output_subgroup`"):
        L.LiftingConv2D(8, 3, "p4", output_subgroup="p2", implementation="fourier")
