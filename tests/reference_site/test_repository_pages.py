"""What the site makes of pages that are read in the repository too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("sphinx", reason="needs the [docs] extra")

from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes
from sphinx_site.pages_of_the_repository import on_links, on_read, on_source

ROOT = Path(__file__).parents[2]


def application(folder: Path) -> Any:
    return SimpleNamespace(
        srcdir=str(ROOT),
        outdir=str(folder),
        builder=SimpleNamespace(format="html"),
        config=SimpleNamespace(source_suffix={".md": "", ".py": ""}),
        env=SimpleNamespace(found_docs={"README", "docs/operations"}),
    )


def page(*children: nodes.Node) -> nodes.document:
    document = new_document(str(ROOT / "README.md"))
    document.extend(children)
    return document


def raw(html: str, folder: Path) -> str:
    document = page(nodes.raw("", html, format="html"))
    on_read(application(folder), document)
    return document.astext()


def test_a_file_that_html_points_to_is_brought_along(tmp_path: Path) -> None:
    assert raw('<img src="docs/backward.svg">', tmp_path) == '<img src="docs/backward.svg">'
    assert (tmp_path / "docs" / "backward.svg").read_bytes() == (ROOT / "docs" / "backward.svg").read_bytes()


def test_html_points_to_the_page_that_the_site_has(tmp_path: Path) -> None:
    assert raw('<a href="docs/operations.md#kinks">', tmp_path) == '<a href="docs/operations.html#kinks">'
    assert raw('<a href="https://example.org/x.md">', tmp_path) == '<a href="https://example.org/x.md">'
    assert [*tmp_path.iterdir()] == []


def test_a_link_to_code_that_has_no_page_is_a_link_to_the_file(tmp_path: Path) -> None:
    link = addnodes.pending_xref(
        "", nodes.inline("", "code"), refdomain="doc", reftarget="tests/conftest", refdoc="README"
    )
    other = addnodes.pending_xref("", refdomain="doc", reftarget="docs/operations", refdoc="README")
    document = page(nodes.paragraph("", "", link, other))
    on_links(application(tmp_path), document)
    file, kept = document[0].children
    assert isinstance(file, addnodes.download_reference)
    assert (file["reftarget"], file.astext()) == ("/tests/conftest.py", "code")
    assert isinstance(file[0], nodes.inline)
    assert kept is other


@pytest.mark.parametrize("folder", ["notebooks", "examples"])
def test_the_table_of_a_folder_becomes_its_gallery(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text("utf-8")
    source = [text]
    on_source(None, f"{folder}/README", source)  # type: ignore[arg-type] # it looks at the text only
    assert source[0].startswith(text.partition("\n|")[0])
    assert f"```{{gallery}} {folder}\n```\n" in source[0]
    assert f"/{folder}/" in source[0].partition("{toctree}")[2]
    assert "\n|" not in source[0]


def test_the_readme_is_called_getting_started() -> None:
    source = ["# project\n\n# Other\n"]
    on_source(None, "README", source)  # type: ignore[arg-type] # it looks at the text only
    assert source == ["# Getting started\n\n# Other\n"]
