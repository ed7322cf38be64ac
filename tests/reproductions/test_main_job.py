import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from reproductions import figures, rotated_mnist


@pytest.fixture
def options(small, data_dir, tmp_path, monkeypatch):
    """Arguments of a run on the small data set, which stands in for mnist_10k."""
    from reproductions.data.pipeline import RotatedMnistPipeline

    monkeypatch.setattr(RotatedMnistPipeline, "load", lambda *_: small)
    backend = keras.backend.backend()
    return ["--epochs", "1", "--out", str(tmp_path), "--backend", backend]


def test_trains_all_three_and_prints_the_paper_beside(options, tmp_path, capsys):
    rotated_mnist.main(options)
    printed = capsys.readouterr().out
    table = printed[printed.index("test error %") :].splitlines()
    assert [line.split()[0] for line in table[1:4]] == list(rotated_mnist.PAPER)
    folder = tmp_path / "mnist_10k-fixed-seed0"
    for line in table[1:4]:
        name, error, paper, epochs, _ = line.split()
        result = json.loads((folder / name / "result.json").read_text())
        assert float(error) == pytest.approx(result["test_error_percent"], abs=0.01)
        assert float(paper) == rotated_mnist.PAPER[name]
        assert int(epochs) == len(result["history"]) == 1
        assert keras.saving.load_model(folder / name / "best.keras").output_shape == (None, 10)
    for picture in ("error_curves.png", "feature_maps.png"):
        assert (folder / picture).stat().st_size > 10_000


def test_an_error_of_the_data_is_one_line(tmp_path, monkeypatch):
    from reproductions.data import rotated_mnist as source

    monkeypatch.setattr(source, "EMBEDDED", tmp_path / "gone.npz")
    backend = keras.backend.backend()
    with pytest.raises(SystemExit, match=r"^error: .*gone.npz cannot be read"):
        rotated_mnist.main(["--data-dir", str(tmp_path), "--backend", backend])


def test_the_feature_maps_of_the_picture_turn_and_move_on():
    model = kg.models.p4cnn()
    image = np.random.default_rng(0).normal(size=(28, 28, 1)).astype("float32")
    figure = figures.turning_feature_maps(model, image)
    cells = np.array([axis.images[0].get_array() for axis in figure.axes], dtype=object)
    rows = cells.reshape(4, 6, *cells[1].shape) if cells.ndim > 1 else cells.reshape(4, 6)
    for r in range(4):
        np.testing.assert_allclose(rows[r][0].astype(float), np.rot90(image[..., 0], r), atol=1e-6)
        for h in range(4):
            turned = np.rot90(rows[0][1 + h].astype(float), r)
            np.testing.assert_allclose(rows[r][1 + (h + r) % 4].astype(float), turned, atol=1e-4)
        overall = np.rot90(rows[0][5].astype(float), r)
        np.testing.assert_allclose(rows[r][5].astype(float), overall, atol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the job's default backend")
def test_killed_with_sigkill_it_goes_on(data_dir, tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from reproductions.data.pipeline import RotatedMnistPipeline as P\n"
        "from reproductions.data.rotated_mnist import RotatedMnistConfig as C\n"
        "c = C(name='small', train=40, validation=10, test=10, angles_per_test_digit=3)\n"
        f"data = P.load(c, {str(data_dir)!r}, batch_size=16)\n"
        "P.load = classmethod(lambda *_: data)\n"
        "from reproductions import rotated_mnist\n"
        "rotated_mnist.main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", script, "--network", "z2cnn", "--out", str(tmp_path)]
    folder = tmp_path / "mnist_10k-fixed-seed0" / "z2cnn"
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    with subprocess.Popen([*command, "--epochs", "1000"], env=environment) as job:
        deadline = time.monotonic() + 120
        while not (folder / "epoch-0002.npz").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        job.send_signal(signal.SIGKILL)
    done = len(json.loads((folder / "history.json").read_text()))
    assert 0 < done < 1000
    finished = subprocess.run(
        [*command, "--epochs", str(done + 3)], env=environment, capture_output=True, check=True
    )
    assert f"of {done + 3} epochs done".encode() in finished.stdout
    assert len(json.loads((folder / "result.json").read_text())["history"]) == done + 3
