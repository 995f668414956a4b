"""A page for each script of `examples/`: what its docstring says, what it prints, and the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

README = Path("examples/README.md")
ROW = re.compile(r"^\| \[([^\]]+)\]\(([^)]+)\) \| (.+) \|$", re.MULTILINE)
PRINTS = "\nIt prints:\n"


def titles(root: Path) -> dict[str, str]:
    """The title of each file, from the table of the examples."""
    return {file: title[0].upper() + title[1:] for title, file, _ in ROW.findall((root / README).read_text("utf-8"))}


def without_docstring(code: str) -> tuple[str, str]:
    """A script's docstring, and the code below it."""
    statement = ast.parse(code).body[0]
    docstring = ast.get_docstring(ast.parse(code)) or ""
    lines = code.splitlines()[statement.end_lineno if docstring else 0 :]
    return docstring, "\n".join(lines).strip()


def page(title: str, name: str, code: str) -> str:
    """The page in Markdown."""
    docstring, body = without_docstring(code)
    about, prints, output = docstring.partition(PRINTS)
    about = re.sub(r":?\s*(python examples/\S+(?: \[[^\]]+\])*)", r".\n\n```console\n$ \1\n```\n\n", about)
    parts = [f"# {title}", about.strip(), f"```python\n{body}\n```"]
    if prints:
        parts.append("It prints:\n\n```text\n" + re.sub(r"^ {4}", "", output.strip("\n"), flags=re.MULTILINE) + "\n```")
    parts.append(f"{{download}}`{name} <{name}>`")
    return "\n\n".join(parts)


class ExampleParser(MystParser):
    """Reads a script as the page about it."""

    supported = ("example",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """As Markdown."""
        path = Path(document["source"])
        title = titles(path.parents[1]).get(path.name, path.stem)
        super().parse(page(title, path.name, inputstring), document)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the parser for files that the configuration calls examples."""
    app.add_source_parser(ExampleParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
