"""Docstrings as they are written here, for autodoc: operations as functions, and prose as prose.

An operation is an object that is called like its body; autodoc would document it as data, with the body's result, a
`Rule`, that no caller sees. In docstrings `code` stands in single backticks, as in Markdown, and `*` and `|` mean
themselves.
"""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.utils import unescape
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.environment import BuildEnvironment
from sphinx.util.inspect import safe_getattr

from tinygrad_mlp.autograd import Operation

ALIASES = ("Array", "Axis", "Operand", "Loss", "Initialiser", "Parameters", "Closure", "Rule", "ArrayLike")
"""Names of types that say more than what they stand for."""
KEYWORD_ONLY, EITHER = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
CODE = re.compile(r"(`[^`]+`)")
SECTION = re.compile(r"[A-Z]\w*:")
NAME = re.compile(r"(?:tg\.)?([\w.]+)(\(.*\))?", re.DOTALL)
ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
PACKAGE, SHORT = "tinygrad_mlp.", "tg."
OPERATIONS = "tinygrad_mlp.ops."


def as_function(called: Any) -> Any:
    """A function with the name, docstring and signature that an operation, or a composition, has for its callers.

    It gives an array. An operation's options may follow the arrays by position, as in NumPy, unless there may be any
    number of arrays.
    """
    body = called.body if isinstance(called, Operation) else called
    written = inspect.signature(body)
    parameters = list(written.parameters.values())
    if isinstance(called, Operation) and called.arity is not None:
        parameters = [p.replace(kind=EITHER) if p.kind is KEYWORD_ONLY else p for p in parameters]

    def function(*inputs: Any, **options: Any) -> Any:
        return called(*inputs, **options)

    function.__module__, function.__doc__ = called.__module__, called.__doc__
    function.__name__ = function.__qualname__ = called.__name__
    function.__annotations__ = {**body.__annotations__, "return": "Array"}
    vars(function)["__signature__"] = written.replace(parameters=parameters, return_annotation="Array")
    return function


def attribute(module: ModuleType, name: str, *default: Any) -> Any:
    """What autodoc finds in a module: for operations, and compositions that only say `Any`, what callers see."""
    value = safe_getattr(module, name, *default)
    composed = inspect.isfunction(value) and value.__module__.startswith(OPERATIONS)
    if isinstance(value, Operation) or (composed and value.__annotations__.get("return") == "Any"):
        return as_function(value)
    return value


def as_restructured_text(text: str) -> str:
    """A docstring with `*`, `|` and a `_` behind a word escaped outside of code, and indented blocks as code."""
    blocks: list[str] = []
    above = ""  # the last line that is not indented
    for block in re.split(r"\n[ ]*\n", text):
        indented = block.startswith(" ")
        if indented and not SECTION.fullmatch(above) and not above.startswith("- "):
            blocks += ["::", block]
        else:
            blocks.append(block if block.lstrip().startswith(">>> ") else escaped(block))
        above = next((line for line in reversed(block.splitlines()) if line.strip() == line), above)
    return "\n\n".join(blocks)


def escaped(block: str) -> str:
    """A paragraph, or a section with what it describes."""
    parts = CODE.split(block)
    for i, part in enumerate(parts):
        if i % 2:
            before, after = parts[i - 1][-1:], parts[i + 1][:1]
            code = re.sub(r"\s*\n\s*", " ", part).replace("\\", "\\\\")
            parts[i] = "\\ " * bool(before.strip()) + code + "\\ " * bool(after.strip())
    parts[::2] = [re.sub(r"([*|]|(?<=\w)_(?=\W|$))", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def on_docstring(*event: Any) -> None:
    """Autodoc's event, whose last argument are the lines, before napoleon looks at the sections."""
    lines = event[-1]
    lines[:] = as_restructured_text("\n".join(lines)).splitlines()


def on_signature(*event: Any) -> tuple[str | None, str | None]:
    """Autodoc's event, whose last arguments are the parameters and the result: types by their plain names."""
    parameters, result = (text and ALIAS.sub(r"\1", text) for text in event[-2:])
    return parameters, result


def on_read(_app: Sphinx, doctree: nodes.document) -> None:
    """Names as users write them: `tg.nn.Dense` for tinygrad_mlp.nn.Dense."""
    for node in doctree.findall(addnodes.desc_addname):
        if node.astext().startswith(PACKAGE):
            text = SHORT + node.astext().removeprefix(PACKAGE)
            node.children = [nodes.Text(text)]


def code(
    _role: str, _raw: str, text: str, _line: int, _inliner: Any, _options: Any = None, _content: Any = None
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """The role of `text` in a docstring: code, and a link if it names something that the reference has."""
    text = unescape(text)
    literal = nodes.literal(text, text, classes=["code"])
    return [addnodes.pending_xref("", literal, refdomain="", reftype="code", reftarget=text, refwarn=False)], []


def on_missing(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    """Where `tg.grad`, `fit()` or `Table` lead: to the name of the package, not to an argument that is called so."""
    if node["reftype"] != "code" or not (found := NAME.fullmatch(node["reftarget"])):
        return None
    name, called = found.groups()
    if not (called or name[0].isupper() or node["reftarget"].startswith(SHORT)):
        return None
    python = env.domains.python_domain
    if PACKAGE + name not in python.objects:
        return None
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", PACKAGE + name, node, contnode)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.add_role("code_or_name", code)
    app.add_autodoc_attrgetter(ModuleType, attribute)
    app.connect("autodoc-process-docstring", on_docstring, priority=100)
    app.connect("autodoc-process-signature", on_signature)
    app.connect("doctree-read", on_read)
    app.connect("missing-reference", on_missing)
    app.config.autodoc_type_aliases = {name: name for name in ALIASES}
    return {"parallel_read_safe": True, "parallel_write_safe": True}
