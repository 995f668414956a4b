"""The blocks `{public}` and `{operations}` of the pages of the reference: each name with what autodoc says of it."""

from __future__ import annotations

import inspect
import sys
from typing import ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

from sphinx_site.docstrings import as_restructured_text
from sphinx_site.listing import found, in_block
from tinygrad_mlp.autograd import Operation

INTERNAL = ("become_leaf", "mark_changed", "recorded_as", "title")  # of the engine, whose page has them
WITH_NUMPYS_METHODS = "tinygrad_mlp.Tensor"  # its methods come from a base class, and are documented by NumPy


def directive_for(name: str) -> list[str]:
    """The lines that let autodoc document a public name."""
    value = found(name)
    if inspect.isclass(value):
        lines = [f".. autoclass:: {name}", "   :members:"]
        if name == WITH_NUMPYS_METHODS:
            lines += [
                "   :inherited-members: object",
                "   :undoc-members:",
                f"   :exclude-members: {', '.join(INTERNAL)}",
            ]
        return lines
    if callable(value) and (inspect.isroutine(value) or isinstance(value, Operation)):
        return [f".. autofunction:: {name}"]
    return [f".. py:data:: {name}", "", *(f"   {line}" for line in documented(name))]


def documented(name: str) -> list[str]:
    """What stands below an assignment, in whichever file of its part of the package that is."""
    part, _, last = name.rpartition(".")
    for module in sorted(module for module in sys.modules if module == part or module.startswith(f"{part}.")):
        lines = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", last))
        if lines:
            return as_restructured_text("\n".join(lines)).splitlines()
    raise ExtensionError(f"{name} is public data without a docstring below its assignment")


class Public(SphinxDirective):
    """A block of a page of the reference."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    kind: ClassVar[str] = "public"

    def run(self) -> list[nodes.Node]:
        """Autodoc's nodes for each name. A name that is not there is a warning with the place of the block."""
        lines = ["```{eval-rst}"]
        for name in in_block(self.kind, self.arguments[0] if self.arguments else "", "\n".join(self.content)):
            lines += [*directive_for(name), ""]
        holder = nodes.Element()
        self.state.nested_parse(StringList([*lines, "```"], source=self.get_source_info()[0]), 0, holder)
        return holder.children


class Operations(Public):
    """The same for all public functions of files of `ops/`, of which there may come more."""

    kind = "operations"


def setup(app: Sphinx) -> dict[str, bool]:
    """Add both."""
    app.add_directive("public", Public)
    app.add_directive("operations", Operations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
