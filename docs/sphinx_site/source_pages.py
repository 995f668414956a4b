"""The way back from the pages of source code to the reference.

`sphinx.ext.viewcode` keeps one module name for each file, and here parts of one file are reached by several names, as
`tg.gradcheck` and `tinygrad_mlp.checking.Report` are: its links back are mended after the build.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

BACK = re.compile(r'(class="viewcode-back" href="[^"#]*?)([^"#/]+/[^"#/]+)(\.html#)([\w.]+)"')


def on_consistency(_app: Sphinx, env: BuildEnvironment) -> None:
    """Forget modules that have no source, which the list of modules would name."""
    modules = getattr(env, "_viewcode_modules", {})
    for name in [name for name, entry in modules.items() if not entry]:
        del modules[name]


def on_end(app: Sphinx, error: Exception | None) -> None:
    """Give each link the name that its page has."""
    if error is not None or app.builder.format != "html":
        return
    objects = app.env.domains.python_domain.objects

    def mended(found: re.Match[str]) -> str:
        before, page, middle, name = found.groups()
        here = [known for known, entry in objects.items() if entry.docname.endswith(page)]
        steps = name.split(".")
        for i in range(len(steps)):
            ending = "." + ".".join(steps[i:])
            names = [known for known in here if known.endswith(ending)]
            if names:
                return f'{before}{page}{middle}{min(names, key=len)}"'
        return found[0]

    for path in (Path(app.outdir) / "_modules").rglob("*.html"):
        text = path.read_text("utf-8")
        path.write_text(BACK.sub(mended, text), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect it."""
    app.connect("env-check-consistency", on_consistency)
    app.connect("build-finished", on_end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
