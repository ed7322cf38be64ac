"""The table of `docs/parity.md`: what Keras does with a Conv2D it does with a GroupConv2D."""

import json

import keras
import pytest

from docs import parity

BACKEND = keras.backend.backend()
RECORDED = json.loads((parity.FOLDER / "parity" / f"{BACKEND}.json").read_text("utf-8"))
PASSED = [title for title in parity.FEATURES if RECORDED["Conv2D"].get(title) == "passed"]
if BACKEND == "torch":
    PASSED.remove("`fit`, `jit_compile=True`")  # torch.compile takes most of a minute


def test_all_of_them_were_tried_on_all_layers():
    assert {name: set(of) for name, of in RECORDED.items()} == {
        name: set(parity.FEATURES) for name in parity.LAYERS
    }
    assert len(PASSED) >= 30


@pytest.fixture
def fresh_session():
    """Policies of an earlier `floatx` are forgotten."""
    keras.utils.clear_session()
    yield
    keras.utils.clear_session()


@pytest.mark.usefixtures("fresh_session")
@pytest.mark.parametrize("title", PASSED)
@pytest.mark.filterwarnings("ignore")
def test_ours_passes_where_the_stock_one_does(title):
    parity.FEATURES[title](parity.Subject("GroupConv2D"))
