"""`python -m sphinx_site.built_links FOLDER`: whether every link of the built pages leads somewhere, without a network.

Whatever a page loads (a picture, a style, a script) has to be in the folder: nothing may come from elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {"img", "script", "link", "source", "iframe", "video", "audio", "embed", "object"}


class Page(HTMLParser):
    """What a page points to, and what can be pointed to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Remember ids, and addresses with the element that has them."""
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.names.add(value or "")
            elif name in ("href", "src", "data"):
                self.links.append((tag, value or ""))
            elif name == "srcset":
                self.links += [(tag, part.split()[0]) for part in (value or "").split(",") if part.strip()]


def broken(folder: Path) -> Iterator[str]:
    """For each link that leads nowhere, the page, the link, and why."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        for tag, link in page.links:
            if why := reason(path, tag, link, pages):
                yield f"{path.relative_to(folder.resolve())}: {link}: {why}"


def reason(path: Path, tag: str, link: str, pages: dict[Path, Page]) -> str:
    """Why a link of a page leads nowhere; nothing if it does not."""
    parts = urlsplit(link)
    if parts.scheme in ("data", "mailto"):
        return ""
    if parts.scheme or parts.netloc:
        return "loaded from the network" if tag in LOADING else ""
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
        return "no such place in the page"
    return ""


def main(folder: str) -> int:
    """Print what is broken; 1 if anything is."""
    found = list(broken(Path(folder)))
    pages = len(list(Path(folder).rglob("*.html")))
    print("\n".join([*found, f"{folder}: {pages} pages, {len(found)} links that lead nowhere"]))
    return bool(found) or not pages


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
