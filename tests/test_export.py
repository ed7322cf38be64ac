"""Models in each runtime that Keras exports to, from the backends that can export.

Elsewhere, save the planar model as .keras and load it on one of these backends.
"""

import importlib.util

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from tests.convert.test_to_planar import images_for, shaken


def saved_model(model, folder, images):
    import tensorflow as tf

    model.export(folder / "model", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(folder / "model")
    return loaded.serve(images)


def litert(model, folder, images):
    from ai_edge_litert.interpreter import Interpreter

    model.export(f"{folder}/model.tflite", format="litert", verbose=False)
    interpreter = Interpreter(f"{folder}/model.tflite")
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(inputs["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(inputs["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(outputs["index"])


def onnx(model, folder, images):
    from onnxruntime import InferenceSession

    model.export(f"{folder}/model.onnx", format="onnx", verbose=False)
    session = InferenceSession(f"{folder}/model.onnx")
    (inputs,) = session.get_inputs()
    return session.run(None, {inputs.name: images})[0]


def openvino(model, folder, images):
    from openvino import Core

    model.export(f"{folder}/model.xml", format="openvino", verbose=False)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # some processors would take bfloat16
    return Core().compile_model(f"{folder}/model.xml", "CPU", exact)(images)[0]


RUNTIMES = {  # its runtime, and the backends from which Keras 3.15 exports it
    "tf_saved_model": (saved_model, "tensorflow", ("tensorflow", "jax")),
    "litert": (litert, "ai_edge_litert", ("tensorflow",)),
    "onnx": (onnx, "onnxruntime", ("tensorflow", "torch")),
    "openvino": (openvino, "openvino", ("tensorflow", "torch")),
}


def on_the_group(implementation):
    options = {"group": "p4m", "implementation": implementation}
    inputs = keras.Input((9, 9, 2))
    x = kg.layers.LiftingConv2D(3, 3, activation="relu", **options)(inputs)
    x = kg.layers.GroupConv2D(4, 3, padding="same", **options)(x)
    return keras.Model(inputs, kg.layers.CosetPooling2D("p4m")(x))


def converted(name, **options):
    """A network of keras.applications made equivariant, narrow, and then planar."""
    options |= {"weights": None, "input_shape": (33, 33, 3), "classifier_activation": None}
    plain = getattr(keras.applications, name)(**options, classes=5)
    model, report = kg.convert(plain, "p4", width="maps")
    assert not report.losses
    return kg.to_planar(shaken(model))


MODELS = {
    "planar p4cnn": lambda: kg.to_planar(shaken(kg.models.p4cnn())),
    "planar resnet": lambda: kg.to_planar(
        shaken(kg.models.resnet("p4m", 8, (16, 16, 3), widths=(2, 3, 4), downsampling="pooling"))
    ),
    "planar unet": lambda: kg.to_planar(
        shaken(kg.models.unet("p4m", (16, 16, 1), widths=(3, 4), activation="sigmoid"))
    ),
    "converted MobileNetV2": lambda: converted("MobileNetV2", alpha=0.35),
    "converted ResNet50V2": lambda: converted("ResNet50V2"),
    "direct": lambda: on_the_group("direct"),
    "fourier": lambda: on_the_group("fourier"),
}


@pytest.mark.filterwarnings("ignore")  # the exporters' own
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_outputs_through_each_runtime(runtime, name, tmp_path):
    run, package, backends = RUNTIMES[runtime]
    if keras.backend.backend() not in backends:
        pytest.skip(f"Keras exports {runtime} from {' and '.join(backends)} alone")
    if name.startswith("converted") and keras.backend.backend() == "jax":
        pytest.skip("TensorFlow exports these to SavedModel in less time")
    if (runtime, name, keras.backend.backend()) == ("onnx", "converted MobileNetV2", "tensorflow"):
        pytest.skip("tf2onnx has no convolution in blocks; PyTorch exports this model")
    assert importlib.util.find_spec(package), f"{package} must be installed, by the export extra"
    model = MODELS[name]()
    images = images_for(model)
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    found = np.asarray(run(model, tmp_path, images))
    tolerance = 1e-5 if "unet" in name else 1e-4
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
