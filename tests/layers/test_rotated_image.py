import keras
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import keras_gcnn as kg
from keras_gcnn.layers import RotatedImage


@settings(deadline=None, max_examples=10)
@given(st.integers(-400, 400), st.integers(3, 8), st.integers(3, 8))
def test_turns_as_scipy_does(degrees, height, width):
    image = np.random.default_rng(0).random((height, width, 2)).astype("float32")
    turned = ops.convert_to_numpy(RotatedImage(degrees, "channels_last")(image[None]))[0]
    expected = scipy.ndimage.rotate(image, degrees, reshape=False, order=1, mode="nearest")
    np.testing.assert_allclose(turned, expected, atol=1e-4)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_is_equivariant_to_quarter_turns_and_not_to_mirrors(data_format):
    shape = (7, 7, 2) if data_format == "channels_last" else (2, 7, 7)
    layer = RotatedImage(30, data_format)
    assert kg.equivariance_error(layer, "p4", shape).max_error <= 1e-5
    assert not kg.equivariance_error(layer, "pm", shape).is_equivariant


def test_saves_and_computes_in_half_precision(tmp_path):
    inputs = keras.Input((6, 6, 1))
    model = keras.Model(inputs, RotatedImage(45)(inputs))
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).random((2, 6, 6, 1)).astype("float32")
    y = model.predict(x, verbose=0)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(x, verbose=0), y)
    half = RotatedImage(45, dtype="mixed_bfloat16")(x)
    assert keras.backend.standardize_dtype(half.dtype) == "bfloat16"
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(half, "float32")), y, atol=2e-2)


def test_errors():
    with pytest.raises(ValueError, match=r"must be known. Received: shape=\(None, None, 8, 1\)"):
        RotatedImage(45)(keras.Input((None, 8, 1)))
    with pytest.raises(ValueError, match="must be of rank 4"):
        RotatedImage(45)(np.zeros((1, 8, 8, 4, 1)))
