import itertools
import json
import os

import keras
import pytest

from keras_gcnn import tune
from keras_gcnn.ops import backend


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch.compile takes minutes")
def test_it_measures_fits_and_keeps(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tune, "SWEEP", [("p4", 1, 2, 4, 3), ("p4", 3, 2, 4, 3)])
    out = tmp_path / "folder" / "fits.json"
    tune.main(["--seconds", "0", "--out", str(out)])
    kept = json.loads(out.read_text())
    name, compilers = keras.backend.backend(), backend.compilers()
    ways = itertools.product(compilers, ["inference", "training"])
    assert list(kept) == [f"{name}/{compiler or 'eager'}/cpu/{mode}" for compiler, mode in ways]
    for fit in kept.values():
        assert len(fit["coefficients"]) == 5
        assert 0 < fit["limit"] <= 1
    assert capsys.readouterr().out.count("filters") == 4 * len(compilers)

    kept["another/device/training"] = next(iter(kept.values()))
    out.write_text(json.dumps(kept))
    tune.main(["--seconds", "0", "--out", str(out)])
    assert "another/device/training" in json.loads(out.read_text())
    assert [path.name for path in out.parent.iterdir()] == ["fits.json"]


def interrupted_after(count, function):
    """The function, that is interrupted once it has been called as often as that."""
    left = iter(range(count))

    def call(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return function(*arguments)

    return call


def test_what_was_measured_is_kept_whenever_it_stops(tmp_path, monkeypatch):
    """It is killed at each measurement, and at each writing, in turn."""
    monkeypatch.setattr(tune, "SWEEP", [("p4", 3, 2, 4, 3)])
    out, replace = tmp_path / "fits.json", os.replace
    keys = 2 * len(backend.compilers())
    for count in range(keys):
        monkeypatch.setattr(tune, "measure", interrupted_after(count, lambda *_: 0.5))
        with pytest.raises(KeyboardInterrupt):
            tune.main(["--seconds", "0", "--out", str(out)])
        assert len(json.loads(out.read_text()) if count else {}) == count

        monkeypatch.setattr(tune, "measure", lambda *_: 0.5)
        monkeypatch.setattr(os, "replace", interrupted_after(count, replace))
        with pytest.raises(KeyboardInterrupt):
            tune.main(["--seconds", "0", "--out", str(out)])
        monkeypatch.setattr(os, "replace", replace)
        assert [path.name for path in tmp_path.iterdir()] == ["fits.json"] * bool(count)
        assert len(json.loads(out.read_text()) if count else {}) == count


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seconds", "-1"], "argument --seconds: invalid"),
        (["--seconds", "nan"], "argument --seconds: invalid"),
        (["--seconds", "inf"], "argument --seconds: invalid"),
        (["--out", "."], "argument --out: . cannot be written: it is a folder"),
        (["--out", "/dev/null/fits.json"], "cannot be written: "),
    ],
)
def test_it_checks_its_arguments_before_it_measures(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(tune, "SWEEP", None)
    with pytest.raises(SystemExit) as stopped:
        tune.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
