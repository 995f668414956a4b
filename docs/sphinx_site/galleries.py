"""The block `{gallery} notebooks` or `{gallery} examples`: a card for each, with a picture of what it shows.

Titles and what they are about come from the table in the folder's README. The picture is the first drawing or plot
among a notebook's committed outputs; for a script, the one of its name in `docs/pictures`. Where there is none, it is
the largest text that is printed.
"""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sphinx_site.example_pages import PRINTS, without_docstring

ROW = re.compile(r"^\| (\d* ?)\[([^\]]+)\]\(([^)]+)\) \| (.+) \|$", re.MULTILINE)
LINES, COLUMNS = 16, 60
KINDS = {".svg": "image/svg+xml", ".png": "image/png"}


def text_picture(text: str) -> str:
    """The first lines of a text, small."""
    lines = [line[:COLUMNS] for line in text.strip("\n").splitlines()[:LINES]]
    columns = max(len(line) for line in lines)
    return f'<pre class="thumbnail" style="--columns: {columns}">{html.escape(chr(10).join(lines))}</pre>'


def picture(kind: str, data: str) -> str:
    """A drawing or a plot, in the page itself."""
    return f'<img class="thumbnail" alt="" src="data:{kind};base64,{data}">'


def of_notebook(path: Path) -> str:
    """The picture for a notebook."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    outputs: list[dict[str, Any]] = [output for cell in cells for output in cell.get("outputs", [])]
    for output in outputs:
        data = output.get("data", {})
        if "image/svg+xml" in data:
            drawing = "".join(data["image/svg+xml"]).encode()
            return picture("image/svg+xml", base64.b64encode(drawing).decode())
        if "image/png" in data:
            return picture("image/png", "".join(data["image/png"]).replace("\n", ""))
    texts = ["".join(output.get("text") or output.get("data", {}).get("text/plain", "")) for output in outputs]
    return text_picture(max(texts, key=lambda text: text.count("\n")))


def of_example(path: Path) -> str:
    """The picture for a script: what it draws or prints, or else its code."""
    for suffix, kind in KINDS.items():
        drawn = path.parents[1] / "docs" / "pictures" / f"{path.stem}{suffix}"
        if drawn.is_file():
            return picture(kind, base64.b64encode(drawn.read_bytes()).decode())
    if path.suffix != ".py":
        return text_picture(path.read_text("utf-8"))
    docstring, code = without_docstring(path.read_text("utf-8"))
    _, printed, output = docstring.partition(PRINTS)
    return text_picture(re.sub(r"^ {4}", "", output.strip("\n"), flags=re.MULTILINE) if printed else code)


def card(folder: Path, number: str, title: str, file: str, about: str) -> str:
    """Markdown for one of them. What has no page of its own is a file to look at."""
    path = folder / file
    shown = of_notebook(path) if path.suffix == ".ipynb" else of_example(path)
    link = f"/{folder.name}/{path.stem}" if path.suffix in (".py", ".ipynb") else ""
    options = f":link: {link}\n:link-type: doc\n" if link else ""
    title = f"{number}{title[0].upper()}{title[1:]}"
    return f":::{{grid-item-card}} {title}\n{options}\n```{{raw}} html\n{shown}\n```\n\n{about}\n:::"


class Gallery(SphinxDirective):
    """The cards of a folder."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parsed as if they stood in the page, which is made anew when the table changes."""
        folder = Path(self.env.srcdir) / self.arguments[0]
        readme = folder / "README.md"
        self.env.note_dependency(str(readme))
        rows = ROW.findall(readme.read_text("utf-8"))
        for *_, file, _ in rows:
            self.env.note_dependency(str(folder / file))
        cards = "\n\n".join(card(folder, *row) for row in rows)
        grid = f"::::{{grid}} 1 2 2 3\n:gutter: 3\n:class-container: gallery\n\n{cards}\n\n::::"
        return self.parse_text_to_nodes(grid)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
