"""The site that was made: its links, and the page to play with, driven in a browser.

It runs after `sphinx-build` in `tox -e docs`.
"""

import functools
import http.server
import json
import os
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

SITE = Path(__file__).parents[1] / "build" / "site"
PAGES = sorted(SITE.rglob("*.html"))
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Page(HTMLParser):
    """The anchors of a page, and what it links to or loads."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = {""}, []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        """Called by `HTMLParser`."""
        for name, value in attrs:
            if name == "id":
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *args):
        """Called for each request."""


@functools.cache
def read(path):
    """The `Page` of a file."""
    return Page(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(SITE)))
def test_all_links_within_the_site_lead_somewhere(path):
    for link in read(path).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
        assert target.exists(), link
        if parts.fragment and target.suffix == ".html":
            assert unquote(parts.fragment) in read(target).anchors, link


def test_every_figure_is_drawn():
    for path in PAGES:
        assert "&lt;Figure size" not in path.read_text("utf-8"), path
    assert (SITE / "docs" / "visualization.html").read_text("utf-8").count("<img") > 10


def test_every_public_name_has_its_page():
    import keras_gcnn as kg

    for module in (kg, kg.layers, kg.ops, kg.groups, kg.models, kg.visualization):
        for name in module.__all__:
            assert (SITE / "docs" / "api" / f"{module.__name__}.{name}.html").exists(), name


def test_the_overview_by_purpose_leads_to_every_layer_and_model():
    import keras_gcnn as kg

    links = {link.split("#")[0] for link in read(SITE / "docs" / "api.html").links}
    for module in (kg.layers, kg.models):
        for name in module.__all__:
            name = name.replace("1D", "2D").replace("3D", "2D")
            assert f"api/{module.__name__}.{name}.html" in links, name


@pytest.fixture(scope="module")
def address():
    """Where the site is served."""
    handler = functools.partial(QuietHandler, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(address):
    """The page to play with, in Chromium, when its networks have run once."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, errors = browser.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{address}/docs/playground.html")
        wait(page, 0)
        yield page
        assert not errors
        browser.close()


def wait(page, degrees):
    """Until the networks have seen the digit at this angle."""
    page.wait_for_selector(f'#pg-state[data-degrees="{degrees}"]', state="attached", timeout=60000)


def turn(page, degrees):
    """Moves the slider."""
    move = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }"
    page.eval_on_selector("#pg-angle", move, degrees)
    wait(page, degrees)


def shown(page):
    """Logits and classes of both networks, and the five maps as arrays of pixels."""
    found = {}
    for name in ("p4cnn", "z2cnn"):
        box = page.locator(f'[data-network="{name}"]')
        logits = np.array(json.loads(box.get_attribute("data-logits")))
        assert box.get_attribute("data-prediction") == str(logits.argmax())
        found[name] = logits
    pixels = (
        "all => all.map(c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])"
    )
    maps = np.array(page.eval_on_selector_all("#pg-maps canvas", pixels))
    found["maps"] = maps.reshape(5, 24, 24, 4).astype(int)
    return found


def test_p4cnn_sees_the_same_digit_at_quarter_turns_and_the_plain_network_does_not(page):
    changed = 0
    for label in range(10):
        turn(page, 45)
        page.get_by_role("button", name=f"digit {label}").click()
        turn(page, 0)
        upright = shown(page)
        for quarter in (1, 2, 3):
            turn(page, 90 * quarter)
            turned = shown(page)
            np.testing.assert_allclose(turned["p4cnn"], upright["p4cnn"], atol=1e-3)
            changed += turned["z2cnn"].argmax() != upright["z2cnn"].argmax()
            planes = np.rot90(upright["maps"], quarter, axes=(1, 2))
            planes = np.concatenate([np.roll(planes[:4], quarter, axis=0), planes[4:]])
            assert abs(turned["maps"] - planes).max() <= 2  # of 255 levels
    assert changed > 10  # of 30


def test_a_digit_can_be_drawn_and_cleared(page):
    page.get_by_role("button", name="Clear").click()
    box = page.locator("#pg-drawn").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 5)
    page.mouse.down()
    for step in range(11):
        page.mouse.move(
            box["x"] + box["width"] / 2, box["y"] + box["height"] * (2 + 0.6 * step) / 10
        )
    page.mouse.up()
    turn(page, 180)
    turn(page, 0)
    assert shown(page)["p4cnn"].argmax() == 1  # a stroke is a one


PAGES_OF_EACH_KIND = ["docs/start", "docs/stock_layers", "docs/groups", "docs/speed", "index"]


@pytest.mark.parametrize("width", [420, 1100])
def test_a_window_of_any_width_holds_the_text(page, address, width):
    page.set_viewport_size({"width": width, "height": 900})
    for name in PAGES_OF_EACH_KIND:
        page.goto(f"{address}/{name}.html")
        for paragraph in page.locator("article section > p").all():  # tables have a slider
            box = paragraph.bounding_box()
            assert box is None or box["x"] + box["width"] <= width, (name, paragraph.inner_text())
