import itertools
import json

import keras
import pytest

from keras_gcnn import tune
from keras_gcnn.ops import cost_model


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch.compile takes minutes")
def test_it_measures_fits_and_keeps(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tune, "SWEEP", [("p4", 1, 2, 4, 3), ("p4", 3, 2, 4, 3)])
    out = tmp_path / "folder" / "fits.json"
    tune.main(["--seconds", "0", "--out", str(out)])
    kept = json.loads(out.read_text())
    compilers = tune.COMPILERS[keras.backend.backend()]
    ways = itertools.product(compilers, ["cpu"], [False, True])
    assert list(kept) == [cost_model.key(*way) for way in ways]
    for fit in kept.values():
        assert len(fit["coefficients"]) == 5
        assert 0 < fit["limit"] <= 1
    assert capsys.readouterr().out.count("filters") == 4 * len(compilers)

    kept["another/device/training"] = {}
    out.write_text(json.dumps(kept))
    tune.main(["--seconds", "0", "--out", str(out)])
    assert "another/device/training" in json.loads(out.read_text())
    assert [path.name for path in out.parent.iterdir()] == ["fits.json"]
