"""Below each operation, the formulas of its gradients, read from the source of the closures that compute them.

An operation is called once for that, on inputs that its row in the table of the tests (`tests/ops`) has.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from ops.all_rows import TABLE, Case
from sphinx.application import Sphinx

import tinygrad_mlp as tg
from sphinx_site.listing import found
from tinygrad_mlp.autograd import Operation
from tinygrad_mlp.views.formulas import formula

NUMBER = re.compile(r" = [-−]?[\d.]+(e[-−]?\d+)?$")


@cache
def formulas(operation: Operation) -> tuple[str, ...]:
    """One line for each input that has a gradient, with what the names in it stand for.

    Of an operation with any number of inputs, it is the first one's. What the source does not tell is left out, as are
    the numbers that a name stands for in this one call.
    """
    cases = [case for subject, cases in TABLE if subject is operation for case in cases if case.differentiable]
    if not cases:
        return ()
    case = max(cases, key=axes)
    inputs = [tg.Tensor(x, requires_grad=True) if i in case.differentiable else x for i, x in enumerate(case.inputs)]
    result = case(*inputs)
    node = result._node
    if node is None or node.operation is not operation:
        return ()
    several = operation.arity is None
    read = [formula(node, i, result.ndim) for i, closure in enumerate(node.closures) if closure is not None]
    return tuple(
        ", ".join([str(one), *(where for where in one.where if not NUMBER.search(where))])
        for one in read[: 1 if several else None]
        if one.is_read
    )


def axes(case: Case) -> int:
    """How telling the shapes of a call are: formulas of matrices have more signs than those of numbers."""
    return min(2, *(x.ndim for x in case.inputs), 2)


def on_docstring(_app: Sphinx, _what: str, name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Autodoc's event: the formulas behind what an operation's docstring says, before its example."""
    operation = found(name) if name.count(".") == 1 else None
    if isinstance(operation, Operation) and (known := formulas(operation)):
        end = next((i for i, line in enumerate(lines) if line.startswith(">>> ")), len(lines))
        lines[end:end] = ["", ":Backward:", *(f"    | ``{line}``" for line in known), ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect it, behind napoleon."""
    app.connect("autodoc-process-docstring", on_docstring, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
