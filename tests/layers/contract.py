"""The contract of every layer: whatever Keras promises of a layer."""

import json

import keras
import numpy as np
from keras import ops

TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2, "float16": 2e-2}


def run_layer_contract(layer_class, arguments, input_shape, weight_shapes, tmp_path):
    """Checks that a layer keeps the contract.

    Args:
        layer_class: The layer's class.
        arguments: Its constructor's arguments.
        input_shape: With the batch axis.
        weight_shapes: The shapes of all its weights.
        tmp_path: A folder to save in.
    """
    x = np.random.default_rng(0).normal(size=input_shape).astype("float32")
    layer = layer_class(**arguments)
    y = ops.convert_to_numpy(layer(x))
    assert [tuple(w.shape) for w in layer.weights] == weight_shapes
    _check_config(layer_class, layer)
    _check_shapes(layer, x, y)
    _check_training_step(layer_class, arguments, x, bool(weight_shapes))
    _check_saving(layer, x, weight_shapes, tmp_path)
    _check_mixed_precision(layer_class, arguments, layer, x, y)


def _check_config(layer_class, layer):
    config = layer.get_config()
    again = layer_class.from_config(json.loads(json.dumps(config)))
    assert json.dumps(again.get_config()) == json.dumps(config)
    registered = keras.saving.get_registered_name(layer_class)
    assert registered == f"keras_gcnn>{layer_class.__name__}"


def _check_shapes(layer, x, y):
    assert layer.compute_output_shape(x.shape) == y.shape
    symbolic = layer(keras.Input(x.shape[1:]))
    assert symbolic.shape == (None, *y.shape[1:])
    space = _space(layer, x.ndim)
    open_shape = tuple(None if axis in space else n for axis, n in enumerate(x.shape))
    inputs = keras.Input(open_shape[1:])
    model = keras.Model(inputs, _copy(layer)(inputs))
    assert all(model.output_shape[axis] is None for axis in _space(layer, y.ndim))
    model.set_weights(layer.get_weights())
    np.testing.assert_allclose(model.predict(x, verbose=0), y, atol=1e-5 * np.abs(y).max())


def _copy(layer):
    return type(layer).from_config(layer.get_config())


def _space(layer, rank):
    last = layer.data_format == "channels_last"
    return (1, 2) if last else (rank - 2, rank - 1)


def _check_training_step(layer_class, arguments, x, has_weights):
    inputs = keras.Input(x.shape[1:])
    layer = layer_class(**arguments)
    scale = keras.layers.Rescaling(1.0)  # a layer without weights needs a model around it
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(scale(layer(inputs))))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    before = [w.copy() for w in layer.get_weights()]
    assert np.isfinite(model.train_on_batch(x, np.ones((len(x), 1))))
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, layer.get_weights(), strict=True)]
    assert all(moved)
    assert bool(moved) == has_weights


def _check_saving(layer, x, weight_shapes, tmp_path):
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[-1], type(layer))
    assert np.array_equal(ops.convert_to_numpy(loaded(x)), ops.convert_to_numpy(model(x)))
    model.save_weights(tmp_path / "model.weights.h5")
    stored = _stored_arrays(tmp_path / "model.weights.h5")
    assert sorted(stored) == sorted(weight_shapes)


def _stored_arrays(path):
    import h5py

    shapes = []
    with h5py.File(path) as file:
        file.visititems(lambda _, x: shapes.append(x.shape) if hasattr(x, "shape") else None)
    return shapes


def _check_mixed_precision(layer_class, arguments, layer, x, y):
    for half in ("bfloat16", "float16"):
        mixed = layer_class(**arguments, dtype=f"mixed_{half}")
        mixed.build(x.shape)
        mixed.set_weights(layer.get_weights())
        assert {w.dtype for w in mixed.weights} <= {"float32"}
        z = mixed(x)
        assert keras.backend.standardize_dtype(z.dtype) == half
        z = ops.convert_to_numpy(ops.cast(z, "float32"))
        assert np.abs(z - y).max() <= TOLERANCE[half] * np.abs(y).max()
