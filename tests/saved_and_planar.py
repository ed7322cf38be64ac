"""A network that is saved, and made planar and saved."""

import keras
import numpy as np
from keras import ops

import keras_gcnn as kg
from tests import oracle
from tests.ops.cases import random


def check_saved_and_planar(model, folder):
    """Checks that a model loads as it was, and that its planar model is Keras' own and equal."""
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    planar = kg.to_planar(model)
    modules = {type(layer).__module__.split(".")[0] for layer in planar._flatten_layers()}
    assert modules == {"keras"}
    planar.save(folder / "planar.keras")
    planar = keras.saving.load_model(folder / "planar.keras")
    x = random(2, *model.input_shape[1:])
    for expected, same, flat in zip(model(x), loaded(x), planar(x), strict=True):
        expected = ops.convert_to_numpy(expected)
        assert np.array_equal(expected, ops.convert_to_numpy(same))
        oracle.assert_close(ops.convert_to_numpy(flat), expected, tolerance=1e-4)
