"""What the page to play with loads: two networks, and what runs them in a browser.

    KERAS_BACKEND=jax python -m docs.playground

trains the networks on upright digits, which takes some minutes, and writes their weights to
`docs/playground/`.

    KERAS_BACKEND=torch python -m docs.playground FOLDER

exports them as ONNX and fetches onnxruntime-web by npm, as is done while the site is made.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import keras
import numpy as np

import keras_gcnn as kg

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "playground"
NETWORKS = {"p4cnn": kg.models.p4cnn, "z2cnn": kg.models.z2cnn}
RUNTIME = "onnxruntime-web@1.22.0"
RUNTIME_FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
SHOWN = "relu2"  # the layer whose map on p4 is drawn


def digits():
    """Images in [0, 1], `(10000, 28, 28, 1)`, and labels."""
    with np.load(ROOT / "reproductions" / "data" / "mnist_10k.npz") as data:
        return data["images"][..., None].astype("float32") / 255, data["labels"]


def train():
    """Trains both networks, and writes their weights."""
    images, labels = digits()
    FOLDER.mkdir(exist_ok=True)
    for name, network in NETWORKS.items():
        keras.utils.set_random_seed(0)
        model = network()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
        model.fit(images[:8000], labels[:8000], batch_size=64, epochs=6, verbose=2)
        for quarter in range(4):
            turned = np.rot90(images[8000:], quarter, axes=(1, 2))
            _, accuracy = model.evaluate(turned, labels[8000:], verbose=0)
            print(f"{name}, turned by {90 * quarter}°: {accuracy:.1%} of 2,000 digits")
        np.savez(FOLDER / f"{name}.npz", *model.get_weights())


def export(folder):
    """Writes `p4cnn.onnx`, `z2cnn.onnx` and `digits.json`, one digit of each class."""
    images, labels = digits()
    chosen = images[8000:][[np.flatnonzero(labels[8000:] == label)[0] for label in range(10)]]
    for name, network in NETWORKS.items():
        model = network()
        with np.load(FOLDER / f"{name}.npz") as weights:
            model.set_weights(list(weights.values()))
        if name == "p4cnn":
            maps = model.get_layer(SHOWN).output
            values = keras.Model(model.input, maps).predict(chosen, verbose=0)
            channel = int(values.var(axis=(0, 1, 2, 3)).argmax())  # the one that varies most
            model = kg.to_planar(keras.Model(model.input, [maps, model.output]))
        model(chosen[:1])  # Keras' export wants a model that has been called
        model.export(folder / f"{name}.onnx", format="onnx", verbose=False)
    pixels = (chosen * 255).astype("uint8").reshape(10, -1).tolist()
    (folder / "digits.json").write_text(json.dumps({"digits": pixels, "channel": channel}))


def fetch_runtime(folder):
    """Writes the files of onnxruntime-web that run models on a processor."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["npm", "pack", "--silent", RUNTIME], cwd=place, check=True)
        with tarfile.open(next(Path(place).glob("*.tgz"))) as archive:
            for name in RUNTIME_FILES:
                content = archive.extractfile(f"package/dist/{name}").read()
                (folder / name).write_bytes(content)


def build(folder):
    """Writes all that the page loads to a folder, if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("playground.js", "playground.css"):
        shutil.copy(FOLDER / name, folder)
    if not (folder / RUNTIME_FILES[0]).exists():
        export(folder)
        fetch_runtime(folder)


if __name__ == "__main__":
    build(Path(sys.argv[1])) if sys.argv[1:] else train()
