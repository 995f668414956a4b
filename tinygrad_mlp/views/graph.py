"""A plain drawing of the backward graph: operations as boxes, and the way that the gradient takes through them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graphviz
import numpy as np

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.autograd import Node, Variable
from tinygrad_mlp.errors import DataError, GradientError, OptionError

FORMATS = (".svg", ".png", ".dot")
NO_RENDERER = "to see the drawing, install Graphviz or: pip install 'tinygrad_mlp[cli]'"

FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontsize": "12"}
OPERATION = {"shape": "box", "style": "rounded,filled", "fillcolor": "#eef3fb", "color": "#4a6fa5"}
PARAMETER = {"shape": "box", "style": "filled", "fillcolor": "#fdf0d5", "color": "#b98a2f"}
DATA = {"shape": "box", "style": "dashed", "color": "#aaaaaa", "fontcolor": "#888888"}
NO_GRADIENT = {"style": "dashed", "color": "#bbbbbb", "arrowhead": "none"}


def draw(loss: Variable) -> graphviz.Digraph:
    """Draw the graph that a backward pass from `loss` walks, with its edges as the gradient flows.

    Boxes are operations, with the layer that called them and the shape of their result; the filled leaves are
    parameters, which the gradient reaches; dashed ones are data, to which it does not flow.

    Raises:
        GradientError: `loss` is not the result of recorded operations.
    """
    if not isinstance(loss, Variable) or loss._node is None:
        raise GradientError("there is no graph to draw: the result of operations on what requires a gradient is expected")
    graph = graphviz.Digraph("backward", node_attr=FONT, edge_attr={"color": "#4a6fa5"})
    graph.attr(rankdir="TB", nodesep="0.3", ranksep="0.35")
    names: dict[int, str] = {}
    for result in reversed(recorded(loss)):
        node = result._node
        assert node is not None
        scope = [node.scope] if node.scope else []
        names[id(node)] = f"n{len(names)}"
        graph.node(names[id(node)], label(node.operation.name, *scope, result.shape), **OPERATION)
    for result in reversed(recorded(loss)):
        for role, x, flows in inputs_of(result._node):
            place = getattr(x, "_node", None) or x
            if id(place) not in names:
                names[id(place)] = f"n{len(names)}"
                title = getattr(x, "name", None) or role
                graph.node(names[id(place)], label(title, np.shape(x)), **(PARAMETER if flows else DATA))
            graph.edge(names[id(result._node)], names[id(place)], **({} if flows else NO_GRADIENT))
    return graph


def recorded(loss: Variable) -> list[Variable]:
    """The results of operations that `loss` was made of, one for each node, oldest first."""
    found: dict[Node, Variable] = {}
    stack = [loss]
    while stack:
        x = stack.pop()
        if x._node is not None and x._node not in found:
            found[x._node] = x
            stack.extend(y for y in x._node.inputs if isinstance(y, Variable))
    return [found[node] for node in sorted(found, key=lambda node: node.time)]


def inputs_of(node: Node | None) -> Iterator[tuple[str, Any, bool]]:
    """The inputs of a node: what its operation calls them, what they are, and whether a gradient flows there."""
    assert node is not None
    names = node.operation.names
    for i, (x, closure) in enumerate(zip(node.inputs, node.closures, strict=True)):
        yield names[min(i, len(names) - 1)], x, closure is not None


def label(*lines: object) -> str:
    """Lines of text as a label, in which nothing means more than it says."""
    return str(graphviz.nohtml("\\n".join(graphviz.escape(str(line)) for line in lines)))


def render(graph: graphviz.Digraph, path: str | os.PathLike[str]) -> Path:
    """Write a drawing to a .svg, .png or .dot file.

    Returns:
        The file that was written: with the suffix .dot, the source of the drawing, where nothing can render it.

    Raises:
        OptionError: another suffix.
        DataError: the renderer failed, or the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise OptionError(f"{target}: drawings are written as {', '.join(FORMATS)}")
    program = renderer()
    if program is None:
        target = target.with_suffix(".dot")
    content = graph.source.encode()
    try:
        if target.suffix.lower() != ".dot":
            done = subprocess.run([str(program), f"-T{target.suffix[1:].lower()}"], input=content, capture_output=True)
            if done.returncode:
                raise DataError(f"{target}: {program} failed: {done.stderr.decode(errors='replace').strip()}")
            content = done.stdout
        atomic_write(target, content)
    except OSError as error:
        raise DataError(f"{target}: the drawing cannot be written: {error.strerror or error}") from error
    return target


def renderer() -> str | None:
    """The system's `dot`, else the renderer that pip installed beside Python; None if there is neither."""
    here = sysconfig.get_path("scripts")
    return shutil.which("dot") or shutil.which("graphviz-pure", path=here) or shutil.which("graphviz-pure")
