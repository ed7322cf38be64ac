import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproductions import optimizers
from reproductions.experiment import Experiment

EXPERIMENT = Experiment(data="cifar10", network="all_cnn", learning_rate=0.1, epochs=8)


def rates(schedule, steps):
    optimizer = optimizers.make(
        Experiment(**{**vars(EXPERIMENT), "schedule": schedule, "optimizer": "momentum"}), 2
    )
    found = []
    variable = keras.Variable(np.zeros(1))
    optimizer.build([variable])
    for _ in range(steps):
        found.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.zeros(1)])
    return found


def test_the_rate_drops_to_a_tenth_after_the_epochs_named():
    expected = [0.1] * 6 + [0.01] * 4 + [0.001] * 6  # two steps an epoch; drops after 3 and 5
    assert rates((3, 5), 16) == pytest.approx(expected)


def test_cosine_goes_from_the_rate_to_zero():
    steps = np.arange(16)
    expected = 0.1 * (1 + np.cos(np.pi * steps / 16)) / 2
    np.testing.assert_allclose(rates("cosine", 16), expected, rtol=1e-4)
    assert rates("constant", 3) == pytest.approx([0.1] * 3)


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 0.5), st.lists(st.floats(-2, 2), min_size=1, max_size=6))
def test_momentum_with_l2_by_hand(l2, gradients):
    optimizer = optimizers.MomentumWithL2(0.1, l2=l2)
    variable = keras.Variable(np.array([1.0, -2.0], "float32"))
    weights, velocity = np.array([1.0, -2.0]), np.zeros(2)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor([gradient, 2 * gradient])], [variable])
        velocity = 0.9 * velocity - 0.1 * (np.array([gradient, 2 * gradient]) + l2 * weights)
        weights = weights + velocity
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), weights, rtol=1e-4, atol=1e-5)


def test_it_is_saved_and_unknown_ones_are_told():
    again = optimizers.MomentumWithL2.from_config(
        optimizers.MomentumWithL2(0.1, l2=0.25).get_config()
    )
    assert (again.l2, again.momentum) == (0.25, 0.9)
    with pytest.raises(ValueError, match=r"must be 'adam' or 'momentum'\. Received: optimizer=sgd"):
        optimizers.make(Experiment(**{**vars(EXPERIMENT), "optimizer": "sgd"}), 1)
