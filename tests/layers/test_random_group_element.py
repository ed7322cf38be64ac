import keras
import numpy as np
import pytest
from keras import ops

import keras_gcnn as kg
from keras_gcnn.layers import RandomGroupElement
from tests import oracle
from tests.ops.cases import random


def numbers(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("group", ["p4", "pmm", "p4m"])
def test_image_and_mask_are_transformed_by_one_element(group, data_format):
    count = 64
    images = random(count, 5, 5, 1)
    masks = np.round(images[..., 0] * 100).astype("int32")
    layer = RandomGroupElement(group, data_format, seed=1)
    x = images if data_format == "channels_last" else np.moveaxis(images, -1, 1)
    turned, turned_masks = (numbers(y) for y in layer([x, masks], training=True))
    turned = turned if data_format == "channels_last" else np.moveaxis(turned, 1, -1)
    assert turned_masks.dtype == np.int32
    assert np.array_equal(turned_masks, np.round(turned[..., 0] * 100).astype("int32"))
    drawn = set()
    for before, after in zip(images, turned, strict=True):
        candidates = [
            oracle.transform(before, group, h, on_group=False)
            for h in range(kg.groups.get(group).order)
        ]
        (element,) = [h for h, c in enumerate(candidates) if np.array_equal(c, after)]
        drawn.add(element)
    assert drawn == set(range(kg.groups.get(group).order))


def test_inference_changes_nothing_and_a_seed_repeats():
    x = {"image": random(4, 6, 6, 2), "mask": random(4, 6, 6, seed=1)}
    layer = RandomGroupElement("p4m", "channels_last", seed=3)
    assert layer(x, training=False)["image"] is x["image"] or np.array_equal(
        numbers(layer(x, training=False)["image"]), x["image"]
    )
    again = RandomGroupElement.from_config(layer.get_config())
    first, second = (numbers(of(x, training=True)["image"]) for of in (layer, again))
    assert np.array_equal(first, second)


def test_it_runs_in_a_pipeline():
    tf = pytest.importorskip("tensorflow")
    images = random(8, 5, 5, 1)
    masks = np.round(images[..., 0] * 100).astype("int32")
    layer = RandomGroupElement("p4m", "channels_last", seed=1)
    pipeline = tf.data.Dataset.from_tensor_slices((images, masks)).batch(4)
    pipeline = pipeline.map(lambda *pair: layer(pair, training=True))
    assert [tuple(of.shape) for of in pipeline.element_spec] == [(None, 5, 5, 1), (None, 5, 5)]
    pairs = list(pipeline.as_numpy_iterator())
    turned = np.concatenate([image for image, _ in pairs])
    assert not np.array_equal(turned, images)
    assert np.array_equal(np.sort(turned.reshape(8, -1)), np.sort(images.reshape(8, -1)))
    found = np.concatenate([mask for _, mask in pairs])
    assert np.array_equal(found, np.round(turned[..., 0] * 100).astype("int32"))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_pipeline_keeps_dtypes(policy):
    tf = pytest.importorskip("tensorflow")
    pair = random(2, 5, 5, 1).astype("float64"), np.ones((2, 5, 5), "int64")
    layer = RandomGroupElement("p4", "channels_last", dtype=policy)
    pipeline = tf.data.Dataset.from_tensor_slices(pair).batch(2)
    pipeline = pipeline.map(lambda *of: layer(of, training=True))
    images, masks = next(pipeline.as_numpy_iterator())
    assert images.shape == (2, 5, 5, 1)
    assert np.array_equal(masks, pair[1])


def test_it_is_a_layer_of_a_model(tmp_path):
    inputs = keras.Input((8, 8, 1))
    x = RandomGroupElement("p4m", "channels_last")(inputs)
    x = keras.layers.Conv2D(2, 3, data_format="channels_last")(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    model.compile("sgd", "mse")
    images = random(4, 8, 8, 1)
    assert np.isfinite(model.train_on_batch(images, np.ones((4, 1))))
    model.save(tmp_path / "model.keras")
    assert not any("random" in layer.name for layer in kg.to_planar(model).layers)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


@pytest.mark.parametrize(
    ("shape", "message"),
    [((2, 4, 6, 1), "must map the grid to itself"), ((2, 4), "of rank 4, or 3")],
)
def test_bad_input_is_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        RandomGroupElement("p4", "channels_last")(np.zeros(shape, "float32"), training=True)


def test_a_symbolic_image_is_checked_too():
    with pytest.raises(ValueError, match="must map the grid to itself"):
        RandomGroupElement("p4", "channels_last")(keras.Input((6, 8, 1)))
    assert RandomGroupElement("p4", "channels_last")(keras.Input((None, None, 1))).shape[-1] == 1
