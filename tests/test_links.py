"""The links are true: what README, docs and notebooks point to is there, as are the headings behind a #."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md", "notebooks/*.md", "notebooks/*.ipynb")
    for path in ROOT.glob(pattern)
)
FENCE = re.compile(r"^( *)(`{3,}|~{3,}|:{3,}).*?^\1\2[`~:]*\n", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
IN_MARKDOWN = re.compile(r"\]\(\s*<?([^\s)>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
IN_HTML = re.compile(r"""<[^>]*?\s(?:href|src|srcset)=["']([^"']+)["']""")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
NAMED = re.compile(r"""\b(?:id|name)=["']([^"']+)["']|^\(([\w-]+)\)=$""", re.MULTILINE)


def text_of(path: Path) -> str:
    """The Markdown of a page, or of a notebook's cells of text."""
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def links_in(text: str) -> list[str]:
    """Where the links and pictures of a Markdown text point to, not those in code."""
    prose = CODE.sub("`code`", FENCE.sub("", text))
    found = [one or other for one, other in IN_MARKDOWN.findall(prose)]
    return [html.unescape(link) for link in found + IN_HTML.findall(prose)]


def anchor(heading: str) -> str:
    """What GitHub, and MyST, call a heading in a link."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = (c for c in words.strip().lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def anchors_in(text: str) -> set[str]:
    """All that a `#` may name in a page."""
    prose = FENCE.sub("", text)
    names: set[str] = {one or other for one, other in NAMED.findall(prose)}
    for heading in HEADING.findall(prose):
        name, count = anchor(heading), 0
        while name in names:
            count += 1
            name = f"{anchor(heading)}-{count}"
        names.add(name)
    return names


def broken(path: Path, text: str) -> Iterator[str]:
    """For each link of a page that leads nowhere, why."""
    for link in links_in(text):
        parts = urlsplit(link)
        if parts.scheme:
            if parts.scheme not in ("https", "http", "mailto") or (
                parts.scheme != "mailto" and "." not in parts.netloc
            ):
                yield f"{link}: neither a file nor an address"
            continue
        target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
        if parts.path.startswith("/") or not (target == path or target.exists()):
            yield f"{link}: no such file"
        elif not target.is_relative_to(ROOT):
            yield f"{link}: outside of the repository"
        elif parts.fragment and target.suffix in (".md", ".ipynb"):
            there = anchors_in(text if target == path else text_of(target))
            if unquote(parts.fragment) not in there:
                yield f"{link}: {target.name} has no such heading; there are {', '.join(sorted(there))}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert list(broken(path, text_of(path))) == []


def test_there_are_links_to_check() -> None:
    assert len(PAGES) > 15
    assert {"docs/operations.md", "CHANGELOG.md"} <= set(links_in(text_of(ROOT / "README.md")))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[a](no-such.md)", "no such file"),
        ("![a](docs/none.svg)", "no such file"),
        ('<img src="docs/none.svg">', "no such file"),
        ("[a](README.md#no-such-heading)", "no such heading"),
        ("[a](#b)\n# A", "no such heading"),
        ("[a](/README.md)", "no such file"),
        ("[a](../outside)", "no such file"),
        ("[a](https://nowhere)", "neither a file nor an address"),
        ("[a]\n\n[a]: none.md", "no such file"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(text: str, why: str) -> None:
    (message,) = broken(ROOT / "page.md", text)
    assert why in message


@pytest.mark.parametrize(
    "text",
    [
        "`[b](none.md)`",
        "```\n[b](none.md)\n```\n",
        "[a](#two-words-and-code)\n\n## Two words, and `code`",
        "[a](#again-1)\n\n# Again\n\n# Again\n",
        "[a](docs/)",
        "[a](https://example.org/x)",
        "(here)=\n# There\n[a](#here)",
    ],
)
def test_a_link_that_leads_somewhere_is_not_reported(text: str) -> None:
    assert list(broken(ROOT / "page.md", text)) == []
