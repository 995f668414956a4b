"""Links as they stand in files that are pages of the repository first, and of the site too."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

TITLES = {"README": "Getting started"}
"""The README's own title is the name of the project, which the front page has."""
GALLERIES = {"notebooks/README": "/notebooks/[0-9]*", "examples/README": "/examples/*"}
"""Pages whose table becomes a gallery, and the pages that stand below them in the navigation."""
TABLE = re.compile(r"^\|(?:.*\n)(?:\|.*(?:\n|\Z))+", re.MULTILINE)
GALLERY = """\
```{{gallery}} {folder}
```

```{{toctree}}
:hidden:
:glob:
:titlesonly:

{pages}
```
"""
POINTER = re.compile(r"""(\s(?:href|src|srcset)=["'])([^"'#:]+)((?:#[^"']*)?["'])""")
FRONT = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>tinygrad_mlp</title>
<meta http-equiv="refresh" content="0; url={page}"><a href="{page}">tinygrad_mlp</a></html>
"""


def on_source(_app: Sphinx, docname: str, source: list[str]) -> None:
    """The title that a page has on the site, and cards for a table of notebooks or examples."""
    if docname in TITLES:
        source[0] = re.sub(r"\A# .*$", f"# {TITLES[docname]}", source[0], count=1, flags=re.MULTILINE)
    if docname in GALLERIES:
        gallery = GALLERY.format(folder=docname.partition("/")[0], pages=GALLERIES[docname])
        source[0] = TABLE.sub(gallery, source[0], count=1)


def on_links(app: Sphinx, doctree: nodes.document) -> None:
    """What has no page on the site is a file to look at. (To MyST every .py file is a page, since examples are.)"""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "doc" and node["reftarget"] not in app.env.found_docs:
            for suffix in app.config.source_suffix:
                path = Path(app.srcdir, node["reftarget"] + suffix)
                if path.is_file():
                    target = f"/{path.relative_to(app.srcdir).as_posix()}"
                    download = addnodes.download_reference(
                        "", "", *node.children, reftarget=target, refdoc=node["refdoc"]
                    )
                    download["classes"] = ["xref", "download", "myst"]
                    node.replace_self(download)


def on_read(app: Sphinx, doctree: nodes.document) -> None:
    """Bring along the files that raw HTML points to, and let it point to pages of the site instead of their sources."""
    if app.builder.format != "html":
        return
    here = Path(doctree["source"]).parent

    def pointer(found: re.Match[str]) -> str:
        start, link, end = found.groups()
        path = (here / unquote(urlsplit(link).path)).resolve()
        if not path.is_file():
            return found[0]
        inside = path.relative_to(Path(app.srcdir).resolve())
        if inside.with_suffix("").as_posix() in app.env.found_docs:
            return start + link.removesuffix(path.suffix) + ".html" + end
        copy = Path(app.outdir) / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        return found[0]

    for node in list(doctree.findall(nodes.raw)):
        if "html" in node.get("format", "").split() and "data:" not in node.astext()[:200]:
            text = POINTER.sub(pointer, node.astext())
            node.children = [nodes.Text(text)]


def on_end(app: Sphinx, error: Exception | None) -> None:
    """The address of the site's folder leads to the front page."""
    if error is None and app.builder.format == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        (Path(app.outdir) / "index.html").write_text(FRONT.format(page=page), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it."""
    app.connect("source-read", on_source)
    app.connect("doctree-read", on_links, priority=100)  # before Sphinx collects the files
    app.connect("doctree-read", on_read)
    app.connect("build-finished", on_end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
