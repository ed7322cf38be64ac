import keras
import pytest

import keras_gcnn as kg
from benchmarks import roofline


def layer_of(strides=1):
    layer = kg.layers.GroupConv2D(5, 3, "p4m", strides=strides, data_format="channels_last")
    layer.build((2, 7, 7, 8, 3))
    return layer


@pytest.mark.parametrize(("strides", "points"), [(1, 5 * 5), (2, 3 * 3)])
def test_a_training_step_has_three_times_the_products_of_the_fourier_implementation(
    strides, points
):
    products = roofline.TrainingProducts(layer_of(strides), (2, 7, 7, 8, 3))
    counted = sum(f.shape[0] * f.shape[1] * psi.shape[1] for f, psi, _ in products.factors)
    assert counted == 2 * points * 9 * 3 * 5 * 12  # 12 in place of 64 for each tap
    shapes = [tuple(y.shape) for y in products(None)]
    factors = [tuple(w.shape) for of in products.factors for w in (of[2], of[0], of[1])]
    assert shapes == factors  # ô, df̂ and dψ̂ are as large as dô, f̂ and ψ̂


def test_the_parts_of_a_network_are_added_up(monkeypatch):
    """By a clock that gives each measurement one second."""

    def network(name, side):
        x = inputs = keras.Input((7, 7, 1))
        group = {"p4m": "p4m", "z2": "p1"}[side]
        x = kg.layers.LiftingConv2D(2, 3, group, data_format="channels_last")(x)
        for _ in range(2):
            conv = kg.layers.GroupConv2D(2, 3, padding="same", data_format="channels_last")
            x = keras.layers.Add()([conv(x), x])
        return keras.Model(inputs, x)

    monkeypatch.setattr(roofline, "network", network)
    monkeypatch.setattr(roofline.timing, "seconds_of", lambda function: 1)
    monkeypatch.setattr(roofline, "ROUNDS", 1)
    monkeypatch.setattr(roofline, "runnables", lambda layer, shape, side: names(layer, side))
    assert roofline.measured("any") == {"z2": 3, "p4m": 3, "products": 3, "traffic": 4}


def names(layer, side):
    is_ours = side == "p4m" and isinstance(layer, kg.layers.GroupConv2D)
    return dict.fromkeys([side, *(("products", "traffic") if is_ours else ())], lambda: None)
