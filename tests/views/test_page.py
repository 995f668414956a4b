"""The page: one file without network, and in a real browser what it says is what NumPy computes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import GradientError, OptionError

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None, reason="needs Chromium and playwright: `make check` has both"
)
X = np.array([[0.2, 0.9, -0.4, 1.0], [1.1, -0.3, 0.5, -0.8]])
LABELS = np.array([0, 1])


def small() -> tuple[nn.Sequential, tg.Tensor]:
    """The 4-3-2 network of the guide, in float64, and its loss."""
    tg.set_default_dtype(np.float64)
    try:
        model = nn.Dense(4, 3, rng=0) >> nn.ReLU() >> nn.Dense(3, 2, rng=1)
    finally:
        tg.set_default_dtype(np.float32)
    return model, tg.softmax_cross_entropy(model(X), LABELS)


def demo_loss() -> tg.Tensor:
    model = nn.Dense(30, 24, rng=0) >> nn.ReLU() >> nn.Dense(24, 24, rng=1) >> nn.ReLU() >> nn.Dense(24, 2, rng=2)
    rng = np.random.default_rng(0)
    return tg.softmax_cross_entropy(model(rng.normal(size=(32, 30))), rng.integers(0, 2, 32))


class Tags(HTMLParser):
    """Whether every element is closed, and which attributes there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "input", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# Without a browser.


def test_the_page_is_whole_small_and_needs_no_network() -> None:
    html = tg.show_backward(demo_loss()).html
    assert len(html.encode()) < 300_000
    tags = Tags(html)
    assert tags.open == []
    assert set(tags.links) == {"data:,", "#panel"}
    assert "default-src 'none'" in html
    assert "unsafe" not in html.split("</head>")[0]
    assert not re.search(r"https?://(?!www\.w3\.org)", html)


def test_the_page_touches_no_gradient() -> None:
    model, loss = small()
    tg.show_backward(loss)
    assert all(p.grad is None for p in model.parameters())


def test_the_page_is_saved_and_embedded(tmp_path: Path) -> None:
    page = tg.show_backward(small()[1])
    assert page.save(tmp_path / "b.html").read_text("utf-8") == page.html
    frame = page._repr_html_()
    assert frame.startswith("<iframe")
    assert 'sandbox="allow-scripts"' in frame
    assert "<script" not in frame
    with pytest.raises(OptionError, match=r"b\.txt: pages are written as \.html"):
        page.save(tmp_path / "b.txt")
    with pytest.raises(OptionError, match="checks is -1"):
        tg.show_backward(small()[1], checks=-1)
    with pytest.raises(GradientError):
        tg.show_backward(tg.Tensor(1.0))


def test_a_changed_parameter_is_said() -> None:
    model, loss = small()
    model.layers[0].W.data = np.zeros((4, 3))  # type: ignore[union-attr]
    assert "was changed" in tg.show_backward(loss).html


def test_a_graph_of_thousands_of_operations_is_a_table() -> None:
    x = tg.Tensor(0.5, requires_grad=True)
    y = x
    for _ in range(2000):
        y = y * 1.0001
    assert len(tg.show_backward(y).html) < 300_000


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_no_name_can_end_the_data(name: str) -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name=f"</script>{name}<!--")
    html = tg.show_backward((w * w).sum()).html
    assert html.count("</script>") == 2
    assert Tags(html).open == []


# In a browser.


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a page from the disk, without a network; nothing may be asked for and nothing be said on the console."""
    contexts: list[Any] = []
    said: list[str] = []

    def open_(page: Any, address: str = "", width: int = 1400, scheme: str = "light") -> Any:
        file = page.save(tmp_path / f"page{len(contexts)}.html")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        tab.goto(f"{file.as_uri()}{address}")
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def heading(tab: Any) -> str:
    return str(tab.locator("#panel h2").first.inner_text())


def numbers_of(card: Any) -> list[float]:
    """The elements of a card's heat map."""
    texts = card.locator("[role=gridcell]").all_inner_texts()
    return [float(text.replace("−", "-")) for text in texts if text.strip()]


@needs_browser
def test_keys_buttons_slider_and_clicks_go_through_the_steps(opened: Any) -> None:
    tab = opened(tg.show_backward(small()[1]))
    assert heading(tab).startswith("Step 1 of 4: softmax_cross_entropy")
    tab.keyboard.press("ArrowRight")
    assert heading(tab).startswith("Step 2 of 4: dense")
    assert tab.url.endswith("#step=2")
    tab.locator("#next").click()
    assert heading(tab).startswith("Step 3 of 4: relu")
    tab.locator("#previous").click()
    tab.keyboard.press("End")
    assert heading(tab).startswith("Step 4 of 4: dense")
    tab.locator("#slider").fill("2")
    assert heading(tab).startswith("Step 2 of 4")
    tab.locator("#graph .step").nth(2).click()
    assert heading(tab).startswith("Step 3 of 4")
    assert "Step 3 of 4: relu in layers.1" in tab.locator("#status").inner_text()


@needs_browser
def test_the_numbers_are_numpys(opened: Any) -> None:
    model, loss = small()
    W1, b1, W2, b2 = (p.numpy() for p in model.parameters())
    H = np.maximum(X @ W1 + b1, 0)
    Z = H @ W2 + b2
    Y = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    dZ = (Y - np.eye(2)[LABELS]) / 2
    tab = opened(tg.show_backward(loss), "#step=2")
    cards = {}
    for card in tab.locator("#panel section").all():
        cards[card.locator("h3").inner_text().split(" ")[0]] = card
    for name, expected in {"dY": dZ, "dW": H.T @ dZ, "db": dZ.sum(axis=0), "dX": dZ @ W2.T}.items():
        np.testing.assert_allclose(numbers_of(cards[name]), expected.ravel(), rtol=6e-3, atol=1e-9, err_msg=name)
    cell = cards["dW"].locator("[role=gridcell]").nth(3)
    cell.click()
    numeric = cards["dW"].locator("b.numeric").inner_text().replace("−", "-")
    assert float(numeric) == pytest.approx((H.T @ dZ).ravel()[3], rel=1e-5)


@needs_browser
def test_values_take_the_place_of_gradients(opened: Any) -> None:
    model, loss = small()
    tab = opened(tg.show_backward(loss), "#step=3")
    tab.locator("#values").click()
    assert tab.url.endswith("#step=3&show=values")
    assert tab.locator("#values").get_attribute("aria-pressed") == "true"
    W1, b1 = (p.numpy() for p in model.parameters()[:2])
    shown = numbers_of(tab.locator("#panel section").first)
    hidden = X @ W1 + b1
    assert any(np.allclose(shown, v.ravel(), rtol=6e-3, atol=1e-9) for v in (hidden, np.maximum(hidden, 0)))


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_stands_beyond_the_edge_in_either_scheme(opened: Any, width: int, scheme: str) -> None:
    model, loss = small()
    for page in (tg.show_backward(loss, optimizer=optim.SGD(model, 0.1)), tg.show_backward(demo_loss())):
        tab = opened(page, "#step=2", width, scheme)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor").startswith("rgb(1")
        assert dark == (scheme == "dark")


@needs_browser
@pytest.mark.parametrize("name", ["</script><b>x</b>", '"quotes" & <lambda>', "a\x00b\x0bc", "{{data}}", "∂w 汉字"])
def test_any_name_comes_back_as_it_was(opened: Any, name: str) -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name=name)
    tab = opened(tg.show_backward((w * w).sum()), "#step=2")
    shown = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", name)
    assert shown in tab.locator("#panel").inner_text()
    assert tab.locator("#panel b", has_text="x").count() == 0 or "<b>" not in name
