"""The check of the built site finds links that lead nowhere, and what a page would load from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from sphinx_site.built_links import broken, main


def site(folder: Path, body: str) -> Path:
    (folder / "sub").mkdir()
    (folder / "index.html").write_text(f"<p id='top'>{body}</p>", "utf-8")
    (folder / "sub" / "page.html").write_text(
        "<h1 id='here'>A</h1><a name='there'>B</a><a href='../index.html'>C</a>", "utf-8"
    )
    (folder / "sub" / "index.html").write_text("<p>D</p>", "utf-8")
    (folder / "a b.png").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    "body",
    [
        '<a href="sub/page.html#here">',
        '<a href="sub/page.html#there">',
        '<a href="#top">',
        '<a href="sub/">',
        '<img src="a%20b.png">',
        '<source srcset="a%20b.png 2x">',
        '<a href="https://example.org/x">',
        '<img src="data:image/png;base64,AA==">',
    ],
)
def test_links_that_lead_somewhere_pass(body: str, tmp_path: Path) -> None:
    assert list(broken(site(tmp_path, body))) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<a href="none.html">', "index.html: none.html: no such file"),
        ('<a href="sub/page.html#nowhere">', "index.html: sub/page.html#nowhere: no such place in the page"),
        ('<a href="#bottom">', "index.html: #bottom: no such place in the page"),
        ('<img src="none.png">', "index.html: none.png: no such file"),
        ('<source srcset="none.png 2x">', "index.html: none.png: no such file"),
        ('<script src="https://example.org/x.js">', "index.html: https://example.org/x.js: loaded from the network"),
        ('<link href="//example.org/x.css">', "index.html: //example.org/x.css: loaded from the network"),
    ],
)
def test_a_link_that_leads_nowhere_is_named_with_its_page(body: str, message: str, tmp_path: Path) -> None:
    assert list(broken(site(tmp_path, body))) == [message]


def test_the_exit_code_says_whether_anything_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(str(site(tmp_path, '<a href="none.html">'))) == 1
    assert "3 pages, 1 links that lead nowhere" in capsys.readouterr().out
    (tmp_path / "index.html").write_text("", "utf-8")
    assert main(str(tmp_path)) == 0
    assert main(str(tmp_path / "nothing")) == 1
