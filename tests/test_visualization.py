"""Pictures are read back from matplotlib's artists, and compared with the formulas."""

import ast
import doctest
import io
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

import keras_gcnn as kg
from docs import visualization as page
from keras_gcnn.groups import rings_of
from keras_gcnn.visualization import names

LAST = {"data_format": "channels_last"}
GROUPS = [kg.groups.get(name, d) for d in (1, 2, 3) for name in kg.groups.names(d)]
TURN60, MIRROR = [[0, -1], [1, 1]], [[0, 1], [1, 0]]
P6M = kg.groups.PointGroup.from_generators("hexagons", [TURN60, MIRROR])
P6 = kg.groups.PointGroup.from_generators("six turns", [TURN60])
draw = kg.visualization


def drawn(figure):
    """The numbers of each image of a figure, by its name, in the order in which it is drawn."""
    return {i.get_gid(): np.asarray(i.get_array(), float) for i in figure.axes[0].images}


def hexagons(figure):
    """Each `PolyCollection` of a figure, by its name."""
    found = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    return {c.get_gid(): c for c in found}


def curves(figure):
    """The heights of each curve of a figure, by its name."""
    return {c.get_gid(): c.get_ydata() for c in figure.axes[0].lines if c.get_gid()}


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def turned_by(group, h, f):
    """(L_h f)(x, h′) = f(h⁻¹x, h⁻¹h′) of a map (*space, |H|), point by point."""
    moved, middle = np.zeros_like(f), (np.array(f.shape[:-1]) - 1) / 2
    inverse = np.linalg.inv(group.elements[h])
    for *x, k in np.ndindex(*f.shape):
        source = inverse @ (np.array(x) - middle) + middle
        index = tuple(np.round(source).astype(int))
        product = np.round(inverse @ group.elements[k]).astype(int)
        (coset,) = np.flatnonzero((group.elements == product).all(axis=(1, 2)))
        if all(0 <= i < n for i, n in zip(index, f.shape, strict=False)):
            moved[(*x, k)] = f[(*index, coset)]
    return moved


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: f"{g.name}-{g.dimension}")
def test_rings_hold_each_element_once_and_are_orbits(group):
    rings, product = rings_of(group), group.cayley_table
    assert sorted(rings.table.reshape(-1).tolist()) == list(range(group.order))
    r = rings.turn
    np.testing.assert_array_equal(product[r, rings.table[:, 0]], np.roll(rings.table[:, 0], -1, 1))
    assert np.linalg.det(group.elements[r]) > 0
    if rings.partner is not None:
        s = rings.partner
        np.testing.assert_array_equal(product[s, rings.table[:, 0]], rings.table[:, 1])
        for orbit in rings.table:
            assert set(product[[[r], [s]], orbit.reshape(-1)].reshape(-1)) == set(orbit.reshape(-1))


def test_names_of_elements():
    p4m = ["e", "r", "r²", "r³", "m", "mr", "mr²", "mr³"]
    assert names.element_names(kg.groups.get("p4m")) == p4m
    assert names.labels(kg.groups.get("pm", 1)) == ["0: e", "1: m"]
    assert names.element_names(kg.groups.get("D2", 3))[2] == "s"  # a half turn is no mirror
    assert len(set(names.element_names(kg.groups.get("Oh", 3)))) == 48


@pytest.mark.parametrize("name", ["p4", "p4m", "cm", "pmm"])
def test_patches_are_the_planes_of_the_map_and_of_the_moved_map(name):
    group = kg.groups.get(name)
    f = random(5, 5, group.order)
    for element in range(group.order):
        figure = draw.feature_map(f, name, element)
        images = figure.axes[0].images
        assert [i.get_gid() for i in images] == [f"h={h}" for h in range(group.order)] * 2
        planes = np.stack([i.get_array() for i in images], axis=-1)
        np.testing.assert_array_equal(planes[..., : group.order], f)
        np.testing.assert_allclose(planes[..., group.order :], turned_by(group, element, f))
        limits = {i.get_clim() for i in images}
        assert len(limits) == 1  # colours mean the same everywhere


def arrows_between(figure, order):
    """Pairs (h, h′) of the first patches of a figure that arrows or lines join, by colour."""
    axes = figure.axes[0]
    figure.canvas.draw()
    frames = [p for p in axes.patches if isinstance(p, Rectangle)][:order]
    centers = np.array([frame.get_center() for frame in frames])
    joined = {}
    for arrow in axes.patches:
        if isinstance(arrow, FancyArrowPatch):
            ends = np.asarray(arrow.get_path().vertices)
            distance = np.linalg.norm(ends[:, None] - centers, axis=-1)
            start = distance[0].argmin()
            rest = distance[1:].copy()
            rest[:, start] = np.inf
            end = np.unravel_index(rest.argmin(), rest.shape)[1]
            joined.setdefault(arrow.get_edgecolor()[:3], []).append((int(start), int(end)))
    return joined


@pytest.mark.parametrize("group", [*map(kg.groups.get, ["p4", "p4m", "p2", "pm"]), P6M, P6])
def test_arrows_lead_from_h_to_the_product(group):
    rings, product = rings_of(group), group.cayley_table
    figure = draw.feature_map(random(5, 5, group.order), group)
    joined = list(arrows_between(figure, group.order).values())
    generators = [g for g in (rings.turn, rings.partner) if g]
    assert len(joined) == len(generators)
    for g, pairs in zip(generators, joined, strict=True):
        expected = {(h, int(product[g, h])) for h in range(group.order)}
        if product[g, g] == 0:  # a line for both ways
            expected = {(h, moved) for h, moved in expected if h < moved}
        assert set(pairs) == expected
        assert len(pairs) == len(expected)


def test_no_patches_overlap():
    plane = [kg.groups.get(name) for name in ("p1", "p2", "cm", "pmm", "p4m")]
    for group in (*plane, kg.groups.get("pm", 1), kg.groups.get("Th", 3), P6M):
        f = np.zeros((*(3,) * group.dimension, group.order))
        axes = draw.feature_map(f, group).axes[0]
        frames = [p for p in axes.patches if isinstance(p, Rectangle)]
        corners = np.array([p.get_bbox().get_points() for p in frames])
        assert len(corners) == group.order
        apart = (corners[:, None, 0] >= corners[None, :, 1] - 1e-9).any(axis=-1)
        assert (apart | apart.T | np.eye(group.order, dtype=bool)).all(), group


@pytest.mark.parametrize(
    ("group", "step"),
    [(kg.groups.get("p4m"), 90), (P6M, 60), (kg.groups.get("p6m"), -60), (P6, 60)],
)
def test_turns_stand_at_their_angle_and_mirrors_inside(group, step):
    figure = draw.feature_map(random(5, 5, group.order), group)
    frames = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    x, y = np.transpose([frame.get_center() for frame in frames])
    angles = np.round(np.degrees(np.arctan2(y, x)) / 10).astype(int) * 10 % 360  # of an ellipse
    radii, rings = np.hypot(x, y), rings_of(group).table[0]
    for ring in rings:
        assert angles[ring].tolist() == [step * k % 360 for k in range(len(ring))]
    if len(rings) == 2:
        assert radii[rings[0]].min() > radii[rings[1]].max() + 1


@pytest.mark.parametrize("radius", [1, 3])
def test_hexagons_have_the_number_and_places_of_geometry(radius):
    size = 2 * radius + 1
    f = random(size, size, 6)
    for h, collection in enumerate(hexagons(draw.feature_map(f, P6)).values()):
        polygons = np.array([path.vertices[:6] for path in collection.get_paths()])
        assert len(polygons) == 3 * radius**2 + 3 * radius + 1
        middles = polygons.mean(axis=1)
        sides = np.linalg.norm(polygons - np.roll(polygons, 1, axis=1), axis=-1)
        np.testing.assert_allclose(sides, sides[0, 0])  # regular
        step = sides[0, 0] * np.sqrt(3)  # neighbours share a side
        center = middles.mean(axis=0)
        pixels, values = [], []
        for r, q in np.ndindex(size, size):
            r, q = r - radius, q - radius
            if abs(q + r) <= radius:
                pixels.append((q + r / 2, -r * np.sqrt(3) / 2))
                values.append(f[r + radius, q + radius, h])
        np.testing.assert_allclose((middles - center) / step, pixels, atol=1e-9)
        np.testing.assert_array_equal(collection.get_array(), values)


@pytest.mark.parametrize("element", range(12))
def test_a_hexagonal_map_turns_on_the_screen(element):
    """Each hexagon of L_g f has the value that f has where g⁻¹ takes its centre, in the plane."""
    f = random(5, 5, 12)
    axes = draw.feature_map(f, P6M, element).axes[0]
    before, after = axes.collections[:12], axes.collections[12:]
    basis = np.array([[0.5, -np.sqrt(3) / 2], [1, 0]]).T  # rows downwards
    inverse = basis @ np.linalg.inv(P6M.elements[element]) @ np.linalg.inv(basis)
    np.testing.assert_allclose(inverse @ inverse.T, np.eye(2), atol=1e-9)

    def places(collection):
        middles = np.array([path.vertices[:6].mean(axis=0) for path in collection.get_paths()])
        return middles - middles.mean(axis=0)

    for h, moved in enumerate(P6M.cayley_table[element]):
        source = places(after[moved]) @ inverse.T
        distance = np.linalg.norm(source[:, None] - places(before[h]), axis=-1)
        assert distance.min(axis=1).max() < 1e-6
        values = before[h].get_array()[distance.argmin(axis=1)]
        np.testing.assert_array_equal(after[moved].get_array(), values)


def test_slices_of_volumes():
    f = random(6, 5, 5, 8)
    group = kg.groups.get("D4", 3)
    images = draw.feature_map(f, "D4", element=2, slices=2).axes[0].images
    assert [i.get_gid() for i in images[:3]] == ["h=0, slice 2", "h=0, slice 3", "h=1, slice 2"]
    planes = np.array([i.get_array() for i in images]).reshape(2, 8, 2, 5, 5)
    np.testing.assert_array_equal(planes[0], np.moveaxis(f[2:4], -1, 0))
    np.testing.assert_allclose(planes[1], np.moveaxis(turned_by(group, 2, f)[2:4], -1, 0))


def test_signals_are_curves():
    f = random(7, 2)
    lines = [line for line in draw.feature_map(f, "pm", 1).axes[0].lines if line.get_gid()]
    heights = np.array([line.get_ydata() for line in lines])  # the scale is one for all
    slope, offset = np.polyfit(f.T.reshape(-1), heights[:2].reshape(-1), 1)
    assert slope > 0
    np.testing.assert_allclose(heights[:2], slope * f.T + offset)
    np.testing.assert_allclose(heights[2:], slope * f[::-1, ::-1].T + offset)


def transformed(group, h, f):
    """(L_h f)(x) = f(h⁻¹x) of an image, by flips and quarter turns."""
    quarters = [np.rot90(f, k) for k in range(4)]
    matrices = kg.groups.get("p4m").elements
    (found,) = np.flatnonzero((matrices == group.elements[h]).all(axis=(1, 2)))
    return [*quarters, *map(np.flipud, quarters)][found]


@pytest.mark.parametrize("name", ["p4", "p4m", "cmm"])
def test_the_bank_of_a_lifting_filter(name):
    kernel, group = random(3, 3, 2, 3), kg.groups.get(name)
    images = drawn(draw.filter_bank(kernel, name, channel=1, filter_index=2))
    assert list(images) == [f"h'=0, h={h}" for h in range(group.order)]
    for h, image in enumerate(images.values()):
        np.testing.assert_allclose(image, transformed(group, h, kernel[..., 1, 2]))


@pytest.mark.parametrize("name", ["p4", "p4m"])
def test_the_bank_of_a_filter_on_the_group(name):
    group = kg.groups.get(name)
    kernel = random(3, 3, group.order, 2, 3)
    figure = draw.filter_bank(keras.ops.convert_to_tensor(kernel), name, 1, 2)
    images = drawn(figure)
    for h in range(group.order):
        expected = turned_by(group, h, kernel[..., 1, 2])
        for row in range(group.order):
            image = images[f"h'={row}, h={h}"]
            np.testing.assert_allclose(image, expected[..., row], rtol=1e-6)
    assert texts(figure)[: group.order] == [f"h = {x}" for x in names.labels(group)]


def test_the_bank_of_a_hexagonal_filter():
    """Each hexagon of L_h ψ has the value that ψ has where h⁻¹ takes its centre."""
    group, taps = kg.groups.get("p6m"), random(19, 12, 1, 2)
    bank = hexagons(draw.filter_bank(taps, group, filter_index=1))
    alone = hexagons(draw.filter_bank(taps[:, 0], group, filter_index=1))
    assert (len(bank), len(alone)) == (144, 12)
    own = [(r, q) for r, q in np.ndindex(5, 5) if abs(r + q - 4) <= 2]
    for h, inverse in enumerate(group.inverses):
        source = (np.array(own) - 2) @ group.elements[inverse].T + 2
        moved = [own.index(tuple(x)) for x in source.tolist()]
        for row in range(12):
            expected = taps[moved, group.cayley_table[inverse, row], 0, 1]
            np.testing.assert_array_equal(bank[f"h'={row}, h={h}"].get_array(), expected)
        np.testing.assert_array_equal(alone[f"h'=0, h={h}"].get_array(), taps[moved, 0, 0, 1])


@pytest.mark.parametrize("group", [*map(kg.groups.get, ["p4m", "pmm", "O"]), P6M])
def test_the_cayley_table(group):
    axes = draw.cayley_table(group).axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    products = np.einsum("aij,bjk->abik", group.elements, group.elements)
    for a, b in np.ndindex(group.order, group.order):
        entry = group.elements[int(written[(b, a)])]  # x is the column
        np.testing.assert_array_equal(entry, products[a, b])
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    assert ticks == [tick.get_text() for tick in axes.get_xticklabels()] == names.labels(group)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_rows_of_the_equivariance_figure_turn_and_permute(data_format):
    layer = kg.layers.LiftingConv2D(3, 3, group="p4m", data_format=data_format)
    image = random(7, 7, 2)
    given = image if data_format == "channels_last" else np.moveaxis(image, -1, 0)
    figure = draw.equivariance_figure(layer, given, "p4m", channel=1)
    images, group = drawn(figure), kg.groups.get("p4m")
    y = keras.ops.convert_to_numpy(layer(given[None].astype("float32")))[0]
    y = y[..., 1] if data_format == "channels_last" else np.moveaxis(y[1], 0, -1)
    for g in range(8):
        gray = transformed(group, g, image.mean(axis=-1))
        np.testing.assert_allclose(images[f"g={g}, input, h=0"], gray)
        expected = turned_by(group, g, y)
        for h in range(8):
            plane = images[f"g={g}, h={h}"]
            np.testing.assert_allclose(plane, expected[..., h], atol=1e-5)
        np.testing.assert_allclose(images[f"g={g}, maximum"], expected.max(axis=-1), atol=1e-5)
    assert len(images) == 8 * 10
    assert texts(figure)[:10] == ["input", *[f"h = {x}" for x in names.labels(group)], "max over h"]


def test_a_plain_layer_is_seen_not_to_turn():
    layer = layers.Conv2D(1, 3, **LAST)
    images = drawn(draw.equivariance_figure(layer, random(7, 7, 1), "p4", elements=[0, 2]))
    assert len(images) == 4
    difference = images["g=2, h=0"] - np.rot90(images["g=0, h=0"], 2)
    assert np.abs(difference).max() > 1e-2


def test_outputs_on_cosets_and_maps_as_input():
    inputs = keras.Input((5, 5, 8, 2))
    x = kg.layers.CosetPooling2D("p4m", "pm", **LAST)(inputs)
    model = keras.Model(inputs, layers.ReLU()(x))
    f = random(5, 5, 8, 2)
    figure = draw.equivariance_figure(model, f, "p4", channel=0)
    images, p4m = drawn(figure), kg.groups.get("p4m")
    pooled = np.maximum(f[..., :4, 0], f[..., p4m.left_cosets("pm")[:, 1], 0])
    for j in range(4):
        np.testing.assert_allclose(images[f"g=0, h={j}"], np.maximum(pooled[..., j], 0), rtol=1e-6)
    assert {f"g=3, input, h={h}" for h in range(8)} <= set(images)
    assert f"coset of {names.labels(p4m)[0]}" in texts(figure)


def test_vectors_are_curves_and_colours_are_colours():
    inputs = keras.Input((7, 7, 3))
    x = kg.layers.LiftingConv2D(5, 3, group="p4", **LAST)(inputs)
    model = keras.Model(inputs, kg.layers.GlobalGroupMaxPooling2D(**LAST)(x))
    image = random(7, 7, 3)
    figure = draw.equivariance_figure(model, image, "p4")
    rows = curves(figure)
    shapes = [rows[f"g={g}, h=0"] - rows[f"g={g}, h=0"][0] for g in range(4)]
    np.testing.assert_allclose(shapes, [shapes[0]] * 4, atol=1e-5)  # invariant
    rgb = drawn(figure)["g=1, input, h=0"]
    expected = (np.rot90(image) - image.min()) / np.ptp(image)
    np.testing.assert_allclose(rgb, expected, atol=1e-6)


def test_equivariance_in_one_and_three_dimensions_and_on_hexagons():
    f = random(6, 2)
    rows = curves(draw.equivariance_figure(layers.ReLU(), f, kg.groups.get("pm", 1), elements=[1]))
    assert "g=1, h=0" in rows
    strands = kg.layers.StrandLifting(**LAST)  # of which the mirror exchanges the bases too
    rows = curves(draw.equivariance_figure(strands, random(6, 4), kg.groups.get("pm", 1)))
    turned, upright = rows["g=1, h=1"], rows["g=0, h=0"]
    np.testing.assert_allclose(np.diff(turned), np.diff(upright[::-1]), atol=1e-6)
    layer = kg.layers.LiftingConv3D(1, 3, group="C4", **LAST)
    group = kg.groups.get("C4", 3)
    images = drawn(draw.equivariance_figure(layer, random(5, 5, 5, 1), group))
    for h in range(4):
        turned = np.rot90(images[f"g=0, h={h}, slice 1"])
        np.testing.assert_allclose(images[f"g=1, h={(h + 1) % 4}, slice 1"], turned, atol=1e-5)
    rows = hexagons(draw.equivariance_figure(layers.ReLU(), random(5, 5, 1), P6))
    assert len(rows) == 12
    for g in range(6):
        gray = rows[f"g={g}, input, h=0"].get_array()
        np.testing.assert_allclose(rows[f"g={g}, h=0"].get_array(), np.maximum(gray, 0), rtol=1e-6)


def test_a_network_on_hexagons():
    inputs, group = keras.Input((9, 9, 1)), kg.groups.get("p6")
    x = kg.layers.LiftingConv2D(4, 3, group="p6m", activation="relu", **LAST)(inputs)
    features = keras.Model(inputs, x)
    model = keras.Model(inputs, layers.Dense(3)(kg.layers.GlobalGroupAveragePooling2D(**LAST)(x)))
    image, p6m = random(9, 9, 1), kg.groups.get("p6m")
    images = hexagons(draw.equivariance_figure(features, image, group))
    points = p6m.lattice.points((7, 7)).tolist()
    for g in p6m.indices(group):
        moved = [points.index(x) for x in (points @ p6m.elements[p6m.inverses[g]].T).tolist()]
        for h in range(12):
            expected = images[f"g=0, h={h}"].get_array()[moved]
            actual = images[f"g={g}, h={p6m.cayley_table[g, h]}"].get_array()
            np.testing.assert_allclose(actual, expected, atol=1e-5)
    logits = keras.ops.convert_to_numpy(model(image[None].astype("float32")))[0]
    maps = hexagons(draw.class_activation_map(model, image, 1))
    np.testing.assert_allclose(maps["sum"].get_array().sum(), logits[1], atol=1e-5)


def heads():
    """Ways from a map on G to the mean over space and H."""
    yield [kg.layers.GlobalGroupAveragePooling2D(**LAST), layers.Dropout(0.5)]
    yield [
        kg.layers.CosetPooling2D(reduction="mean", **LAST),
        layers.GlobalAveragePooling2D(**LAST),
    ]
    yield [layers.GlobalAveragePooling3D(**LAST)]


def classifier(head, **dense):
    inputs = keras.Input((9, 9, 1))
    x = kg.layers.LiftingConv2D(4, 3, group="p4m", **LAST)(inputs)
    x = layers.ReLU()(kg.layers.GroupConv2D(6, 3, **LAST)(x))
    for layer in head:
        x = layer(x)
    return keras.Model(inputs, layers.Dense(5, bias_initializer="normal", **dense)(x))


@pytest.mark.parametrize("head", heads(), ids=["one layer", "two layers", "stock"])
def test_the_class_activation_map_adds_up_to_the_logit(head):
    model, image, class_index = classifier(head), random(9, 9, 1), None if len(head) == 1 else 3
    logits = keras.ops.convert_to_numpy(model(image[None].astype("float32")))[0]
    k = int(logits.argmax()) if class_index is None else class_index
    bias = keras.ops.convert_to_numpy(model.layers[-1].bias)[k]
    figure = draw.class_activation_map(model, image, class_index)
    images = drawn(figure)
    maps = np.stack([images[f"map, h={h}"] for h in range(8)], axis=-1)
    np.testing.assert_allclose(maps.sum(), logits[k] - bias, atol=1e-5)
    np.testing.assert_allclose(images["sum"], maps.sum(axis=-1), atol=1e-12)
    assert f"class {k}\nlogit {logits[k]:.3g}" in texts(figure)
    turned = drawn(draw.class_activation_map(model, np.rot90(image), k))
    for h, moved in enumerate(kg.groups.get("p4m").cayley_table[1]):
        np.testing.assert_allclose(turned[f"map, h={moved}"], np.rot90(maps[..., h]), atol=1e-5)


def test_class_activation_of_softmax_and_of_maximum_over_h():
    image = random(9, 9, 1)
    head = [kg.layers.CosetPooling2D(**LAST), layers.GlobalAveragePooling2D(**LAST)]
    model = classifier(head, activation="softmax")
    images = drawn(draw.class_activation_map(model, image, 0))
    assert list(images) == ["input, h=0", "map, h=0"]  # on the plane, where the mean is
    outputs = keras.ops.convert_to_numpy(model(image[None].astype("float32")))[0]
    bias = keras.ops.convert_to_numpy(model.layers[-1].bias)
    logits = [
        drawn(draw.class_activation_map(model, image, k))["map, h=0"].sum() + bias[k]
        for k in range(5)
    ]
    np.testing.assert_allclose(np.exp(logits) / np.sum(np.exp(logits)), outputs, atol=1e-5)


def test_draws_in_the_figure_that_is_given_and_opens_no_window():
    parts = Figure(figsize=(6, 3)).subfigures(1, 2)
    assert draw.cayley_table("p4", figure=parts[0]) is parts[0]
    assert draw.feature_map(random(5, 5, 4), "p4", figure=parts[1]) is parts[1]
    assert len(parts[0].axes) == len(parts[1].axes) == 1
    file = io.BytesIO()
    draw.filter_bank(random(3, 3, 1, 1), "p4").savefig(file)
    assert file.getvalue().startswith(b"\x89PNG")


GLOBAL_MAXIMUM = [kg.layers.GlobalGroupMaxPooling2D(**LAST)]
WRONG = {
    "rank": (lambda: draw.feature_map(random(4), "p4"), "rank 2, 3 or 4. Received.*(4,)"),
    "order": (lambda: draw.feature_map(random(5, 5, 8), "p4"), "length 4.*Received.*(5, 5, 8)"),
    "group": (lambda: draw.feature_map(random(5, 5, 8), "p5"), "one of the names.*'p5'"),
    "text": (lambda: draw.feature_map("map", "p4"), "array of numbers. Received.*'map'"),
    "element": (lambda: draw.feature_map(random(5, 5, 4), "p4", 4), "`element`.*at most 3.*4"),
    "grid": (lambda: draw.feature_map(random(3, 5, 4), "p4", 1), "to itself.*Use the shape"),
    "slices": (lambda: draw.feature_map(random(5, 5, 4), "p4", slices=0), "`slices`.*slices=0"),
    "figure": (lambda: draw.cayley_table("p4", figure=3), "Figure or SubFigure.*figure=3"),
    "kernel": (lambda: draw.filter_bank(random(3, 3), "p4"), "`kernel` must.*(3, 3)"),
    "channel": (lambda: draw.filter_bank(random(3, 3, 1, 1), "p4", 1), "`channel`.*channel=1"),
    "filter": (
        lambda: draw.filter_bank(random(3, 3, 1, 1), "p4", filter_index=-1),
        "filter_index=-1",
    ),
    "taps": (lambda: draw.filter_bank(random(8, 1, 1), P6), "with 1, 7, 19.*(8, 1, 1)"),
    "image": (
        lambda: draw.equivariance_figure(layers.ReLU(), random(5), "p4"),
        "must be a map.*(1, 5)",
    ),
    "elements": (
        lambda: draw.equivariance_figure(layers.ReLU(), random(5, 5, 1), "p4", elements=[7]),
        "`elements`.*at most 3.*7",
    ),
    "no elements": (
        lambda: draw.equivariance_figure(layers.ReLU(), random(5, 5, 1), "p4", elements=[]),
        "list of indices.*elements=\\[\\]",
    ),
    "no map": (
        lambda: draw.class_activation_map(
            keras.Sequential([keras.Input((5, 5, 1)), layers.Flatten(), layers.Dense(2)]),
            random(5, 5, 1),
        ),
        "end with the mean.*Received.*does not get the mean",
    ),
    "no dense": (
        lambda: draw.class_activation_map(
            keras.Sequential([keras.Input((5, 5, 1)), layers.Flatten()]), random(5, 5, 1)
        ),
        "end with the mean.*no Dense",
    ),
    "maximum": (
        lambda: draw.class_activation_map(classifier(GLOBAL_MAXIMUM), random(9, 9, 1)),
        "does not get the mean of a map",
    ),
    "class": (
        lambda: draw.class_activation_map(classifier(next(heads())), random(9, 9, 1), 5),
        "`class_index`.*at most 4.*class_index=5",
    ),
    "subclassed": (
        lambda: draw.class_activation_map(keras.Model(), random(9, 9, 1)),
        "Functional or Sequential",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_input_is_refused(what):
    call, message = WRONG[what]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        call()


def test_a_thing_that_is_no_layer_is_refused():
    with pytest.raises(TypeError, match=r"layer or model. Received: 'p4'"):
        draw.equivariance_figure("p4", random(5, 5, 1), "p4")


def test_matplotlib_is_imported_when_something_is_drawn(monkeypatch):
    for path in Path(draw.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert "matplotlib" not in ast.unparse(node), path
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        draw.cayley_table("p4")


@pytest.mark.parametrize("name", draw.__all__)
def test_the_example_of_a_docstring_runs(name):
    doc = getattr(draw, name).__doc__
    for section in ("Args:", "Returns:", "Raises:", "Example:", "Reference:"):
        assert section in doc
    known = {"keras": keras, "keras_gcnn": kg, "np": np, "file": io.BytesIO()}
    for example in doctest.DocTestParser().get_examples(doc):
        exec(example.source, known)
    assert isinstance(known["figure"], Figure)


@pytest.mark.skipif(keras.config.backend() != "torch", reason="one backend is enough")
def test_the_code_of_the_page_makes_its_pictures(monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: None)  # it takes a minute
    paths = []
    for path, figure in page.pictures():
        assert path.stat().st_size < 150_000
        assert isinstance(figure, Figure)
        paths.append(path)
    assert set(paths) == set((page.PAGE.parent / "visualization").glob("*.png"))
