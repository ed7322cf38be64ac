import keras
import numpy as np
import pytest

import keras_gcnn as kg
from tests import oracle
from tests.shaken import shaken


def test_the_segmentation_turns_with_its_input():
    for group in ("p4", "p4m"):
        model = shaken(kg.models.unet(group, (16, 16, 2), classes=3, widths=(3, 4, 5)))
        assert model.output_shape == (None, 16, 16, 3)
        report = kg.equivariance_error(model, group, (16, 16, 2), tolerance=1e-5)
        assert report.is_equivariant, report


@pytest.mark.parametrize(("group", "space"), [("pm", (8,)), ("C4", (4, 8, 8)), ("O", (4, 4, 4))])
def test_signals_and_volumes_are_segmented_too(group, space):
    model = shaken(kg.models.unet(group, (*space, 1), classes=2, widths=(2, 3)))
    assert model.output_shape == (None, *space, 2)
    group = kg.groups.get(group, len(space))
    report = kg.equivariance_error(model, group, (*space, 1), tolerance=1e-5)
    assert len(report.errors) == group.order
    assert report.is_equivariant, report


def test_planar_unet_gives_the_same_maps():
    model = shaken(kg.models.unet("p4m", (16, 16, 1), widths=(3, 4), activation="tanh"), scale=0.1)
    planar = kg.to_planar(model)
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 1)).astype("float32")
    expected = model.predict(x, verbose=0)
    oracle.assert_close(planar.predict(x, verbose=0), expected, 1e-5)
    names = {type(layer).__module__.split(".")[0] for layer in planar.layers}
    assert names == {"keras"}


def test_sizes_may_be_open():
    model = kg.models.unet("p4", (None, None, 1), widths=(2, 3))
    for size in (8, 12):
        x = np.zeros((1, size, size, 1), "float32")
        assert model.predict(x, verbose=0).shape == (1, size, size, 1)


@pytest.mark.parametrize("shape", [(30, 32, 1), (32, 6, 1)])
def test_sizes_that_the_poolings_do_not_divide_are_refused(shape):
    with pytest.raises(ValueError, match="must be multiples of 4"):
        kg.models.unet("p4", shape)


def test_on_the_plane_it_is_a_plain_network_of_the_same_form():
    plain, turning = (kg.models.unet(group, (16, 16, 1), widths=(8, 16)) for group in ("z2", "p4"))
    assert [type(x) for x in plain.layers] == [type(x) for x in turning.layers]


def test_dense_net_is_invariant():
    model = shaken(kg.models.dense_net("p4m", (16, 16, 3), growth=2, blocks=3))
    assert model.output_shape == (None, 2)
    assert kg.equivariance_error(model, "p4m", (16, 16, 3)).is_equivariant
    convolutions = [x for x in model.layers if isinstance(x, kg.layers.GroupConv2D)]
    assert [c.filters for c in convolutions] == [2, 6, 2, 8, 2]


def test_dense_net_warns_where_a_pooling_leaves_points_over():
    with pytest.warns(kg.EquivarianceWarning, match="'pool_1' loses"):
        kg.models.dense_net("p4", (17, 17, 1), growth=2, blocks=2)


def test_both_train():
    for model, target in (
        (kg.models.unet("p4", (8, 8, 1), widths=(2, 3)), (2, 8, 8, 1)),
        (kg.models.dense_net("p4", (8, 8, 1), growth=2, blocks=2), (2, 2)),
    ):
        model.compile(keras.optimizers.SGD(0.01), "mse")
        loss = model.train_on_batch(np.ones((2, 8, 8, 1), "float32"), np.zeros(target))
        assert np.isfinite(loss)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"widths": ()}, "one integer or more"), ({"group": "p6"}, "hexagonal lattice")],
)
def test_widths_that_no_network_has(arguments, message):
    with pytest.raises(ValueError, match=message):
        kg.models.unet(**{"input_shape": (33, 33, 1), **arguments})
