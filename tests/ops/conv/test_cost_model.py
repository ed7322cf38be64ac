import functools
import json

import keras
import numpy as np
import pytest

import keras_gcnn as kg
from keras_gcnn.ops import backend
from keras_gcnn.ops.conv import cost_model
from tests import oracle


@pytest.fixture
def fits(monkeypatch):
    """A dictionary in place of the fits of the package and of this machine."""
    fits = {}
    monkeypatch.setattr(cost_model, "fits", lambda: fits)
    return fits


def compilation(compiler="xla", device="cpu"):
    return backend.Compilation(keras.backend.backend(), compiler, device)


def key(training=False, compiler="xla"):
    return cost_model.key(compilation(compiler), training)


def chosen_for(group, training=False, strides=(1, 1), groups=1, **of):
    shape = (3, 3, group.order, 16, 16)
    return cost_model.choose(compilation(**of), shape, group, strides, training, groups)


def test_a_key_says_what_a_fit_is_for():
    name = keras.backend.backend()
    assert key(training=True, compiler="graph") == f"{name}/graph/cpu/training"


def test_features_count_products_and_numbers():
    """p4m, 3×3: 12 products a tap for 64; f̂ and ô have as many numbers as f and o have there."""
    group, (channels, filters) = kg.groups.get("p4m"), (5, 7)
    direct = 9 * 64 * channels * filters
    numbers = 9 * 8 * channels / direct
    expected = 12 / 64, numbers, 8 / 9 * numbers, 8 * filters / direct, 1.0
    found = cost_model.features(group, (3, 3, 8, channels, filters))
    assert found == pytest.approx(expected)
    # Where sums are not joined, the 148 additions of f̂ count.
    apart = cost_model.features(group, (3, 3, 8, channels, filters), joined=False)
    additions = 148 * channels / direct
    assert apart == pytest.approx((12 / 64, additions, 8 / 9 * additions, *expected[3:]))


@pytest.mark.parametrize("compiler", backend.compilers())
def test_few_channels_are_direct_where_sums_are_apart(compiler, fits):
    fits[key(compiler=compiler)] = {"coefficients": [0, 0, 0, 0, 0], "limit": 1}
    group, of = kg.groups.get("p4m"), compilation(compiler)
    chosen = [
        cost_model.choose(of, (3, 3, 8, channels, 32), group, (1, 1)) for channels in (15, 16)
    ]
    assert chosen == ["fourier" if compiler in ("xla", "torch.compile") else "direct", "fourier"]


@pytest.mark.parametrize("compiler", backend.compilers())
def test_many_sums_are_not_for_torch_compile(compiler, fits):
    """It would compile a layer on Oh for more than nine minutes."""
    fits[key(compiler=compiler)] = {"coefficients": [0, 0, 0, 0, 0], "limit": 1}
    kernels = {"p4m": (5, 5, 8, 16, 16), "C4h": (3, 3, 3, 8, 16, 16), "Oh": (3, 3, 3, 48, 16, 16)}
    chosen = {
        name: cost_model.choose(compilation(compiler), shape, kg.groups.get(name), (1, 1, 1))
        for name, shape in kernels.items()
    }
    of_oh = "direct" if compiler == "torch.compile" else "fourier"
    assert chosen == {"p4m": "fourier", "C4h": "fourier", "Oh": of_oh}


def test_a_fit_finds_the_coefficients_and_the_limit():
    rng = np.random.default_rng(0)
    rows = rng.uniform(size=(30, 5)) / 4
    coefficients = np.array([1.0, 2.0, 0.0, 0.5, 0.1])
    ratios = rows @ coefficients
    found = cost_model.fit(rows, ratios)
    assert found["coefficients"] == pytest.approx(coefficients, abs=1e-9)
    assert found["limit"] == cost_model.LARGEST_LIMIT
    # After one was slower than predicted, none that is predicted to be as slow is taken.
    slower = int(np.argsort(ratios)[9])
    ratios[slower] = 1.1
    found = cost_model.fit(rows, ratios)
    predicted = rows @ found["coefficients"]
    assert (ratios[predicted < found["limit"]] <= 1).all()
    assert found["limit"] == pytest.approx(predicted[slower])


def compiled(layer, shape, compiler):
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    model.compile("sgd", "mse", jit_compile=compiler == "xla")
    return model


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch.compile takes a minute")
@pytest.mark.parametrize("compiler", backend.compilers())
@pytest.mark.parametrize("training", [False, True])
def test_auto_takes_what_is_predicted_to_be_faster_where_it_compiles(
    fits, training, compiler, monkeypatch
):
    chosen = []
    choose = cost_model.choose
    monkeypatch.setattr(cost_model, "choose", lambda *a: chosen.append(choose(*a)) or chosen[-1])
    fits[key(training, compiler)] = {"coefficients": [0, 0, 0, 0, 0.5], "limit": 0.6}
    x = np.ones((1, 4, 4, 4, 16), "float32")
    layer = kg.layers.GroupConv2D(16, 1, data_format="channels_last", group="p4")
    model = compiled(layer, x.shape, compiler)
    layer(x)
    assert chosen.pop() == "direct"  # eager
    chosen.clear()
    model.train_on_batch(x, x) if training else model.predict_on_batch(x)
    assert chosen[-1] == "fourier"
    fits[key(training, compiler)]["limit"] = 0.4
    model = compiled(layer, x.shape, compiler)
    chosen.clear()
    model.train_on_batch(x, x) if training else model.predict_on_batch(x)
    assert chosen[-1] == "direct"


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own")
@pytest.mark.parametrize("training", [False, True])
def test_auto_asks_for_the_fit_of_torch_compile_and_of_eager_code(fits, training, monkeypatch):
    import torch

    chosen = []
    choose = cost_model.choose
    monkeypatch.setattr(cost_model, "choose", lambda *a: chosen.append(choose(*a)) or chosen[-1])
    x, kernel = torch.ones(1, 4, 4, 4, 16), torch.ones(3, 3, 4, 16, 16)
    options = {"data_format": "channels_last", "training": training}
    correlation = functools.partial(kg.ops.group_conv, group="p4", **options)
    for compiler in backend.compilers():
        fits[key(training, compiler)] = {"coefficients": [0, 0, 0, 0, 0.5], "limit": 0.6}
        torch.compiler.reset()
        correlation(x, kernel)
        torch.compile(correlation, backend="eager")(x, kernel)
    assert chosen == ["direct", "fourier", "fourier", "fourier"]


def test_blocks_of_channels_get_the_direct_one(fits):
    """The Fourier implementation would take the 96 blocks of ConvNeXt one after the other."""
    p4 = kg.groups.get("p4")
    fits[key()] = {"coefficients": [0, 0, 0, 0, 0], "limit": 1}
    assert chosen_for(p4, groups=1) == "fourier"
    assert chosen_for(p4, groups=2) == "direct"


def test_devices_that_nobody_measured_get_the_direct_one(fits):
    p4 = kg.groups.get("p4")
    fits[key()] = {"coefficients": [0, 0, 0, 0, 0], "limit": 1}
    assert chosen_for(p4) == "fourier"
    assert chosen_for(p4, device="gpu") == "direct"
    assert chosen_for(p4, training=True) == "direct"
    assert chosen_for(p4, compiler="graph") == "direct"
    assert chosen_for(p4, compiler=None) == "direct"


@pytest.mark.parametrize("training", [False, True])
def test_the_plane_has_no_product_to_save(fits, training):
    fits[key(training)] = {"coefficients": [0, 0, 0, 0, 0], "limit": 1}
    chosen = {name: chosen_for(kg.groups.get(name), training) for name in oracle.GROUPS}
    assert chosen == {name: "direct" if name == "p1" else "fourier" for name in oracle.GROUPS}


def test_the_fits_of_this_machine_replace_those_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    own = {"some/device/training": {"coefficients": [1, 1, 1, 1, 1], "limit": 0.5}}
    cost_model.fits_file().write_text(json.dumps(own))
    cost_model.fits.cache_clear()
    assert cost_model.fits()["some/device/training"] == own["some/device/training"]
    cost_model.fits.cache_clear()


@pytest.mark.parametrize("compiler", backend.compilers())
def test_training_with_strides_is_direct_but_by_xla(compiler, fits):
    for training in (False, True):
        fits[key(training, compiler)] = {"coefficients": [0, 0, 0, 0, 0], "limit": 1}
    chosen = {
        (stride, training): chosen_for(
            kg.groups.get("p4"), training, (stride, 1), compiler=compiler
        )
        for stride in (1, 2)
        for training in (False, True)
    }
    direct = [case for case, choice in chosen.items() if choice == "direct"]
    assert direct == ([] if compiler == "xla" else [(2, True)])


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", '{"a": 1}', '{"a": {"limit": 1}}', b"\xff\xfe", "[" * 10**5]
)
def test_a_broken_file_of_fits_is_ignored_with_one_warning(tmp_path, content, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    data = content if isinstance(content, bytes) else content.encode()
    cost_model.fits_file().write_bytes(data)
    cost_model.fits.cache_clear()
    with pytest.warns(UserWarning, match="keras_gcnn_cost_model.json is ignored") as caught:
        found = cost_model.fits()
    assert len(caught) == 1
    assert cost_model.fits() is found
    assert found["jax/xla/cpu/inference"]["limit"] <= 1
    cost_model.fits.cache_clear()


def test_a_folder_in_place_of_the_file_is_ignored_too(tmp_path):
    with pytest.warns(UserWarning, match="is ignored: .*directory"):
        assert cost_model.read_fits(tmp_path) == {}
