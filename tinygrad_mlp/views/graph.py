"""A plain drawing of the backward graph: operations as boxes, and the way that the gradient takes through them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import graphviz
import numpy as np

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.autograd import Node, Variable
from tinygrad_mlp.errors import DataError, GradientError, OptionError

FORMATS = (".svg", ".png", ".dot")
NO_RENDERER = "to see the drawing, install Graphviz or: pip install 'tinygrad_mlp[cli]'"
DOTS_PER_INCH = 150

CAPTION = "The backward pass: the gradient ∂ of the loss flows along the arrows."
FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontsize": "12", "margin": "0.15,0.07"}
EDGE = {"color": "#4a6fa5", "fontcolor": "#4a6fa5", "fontname": FONT["fontname"], "fontsize": "10"}
OPERATION = {"shape": "box", "style": "rounded,filled", "fillcolor": "#dfe8f6", "color": "#4a6fa5"}
PARAMETER = {"shape": "box", "style": "filled", "fillcolor": "#fdf0d5", "color": "#b98a2f"}
DATA = {"shape": "box", "style": "dashed", "color": "#aaaaaa", "fontcolor": "#777777"}
NO_GRADIENT = {"style": "dashed", "color": "#bbbbbb", "dir": "none"}
LAYER = {
    "style": "rounded,filled",
    "fillcolor": "#f6f8fb",
    "color": "#c9d4e6",
    "labeljust": "l",
    "fontname": FONT["fontname"],
    "fontsize": "11",
    "fontcolor": "#6b7a90",
}
BETWEEN_OPERATIONS = {"weight": "10"}  # these arrows are drawn straight, and the others find their way around them


class Box(NamedTuple):
    """A box of the drawing: its text, its style, and the path of the layer it stands in, or ""."""

    text: str
    style: dict[str, str]
    scope: str


class Arrow(NamedTuple):
    """The way from an operation to an input; `gradient` says what flows there: `∂w`, or nothing."""

    start: int
    end: int
    gradient: str


def draw(loss: Variable) -> graphviz.Digraph:
    """Draw the graph that a backward pass from `loss` walks, with its arrows as the gradient flows.

    Rounded boxes are operations, with the shape of their result, in a frame with the path of the layer that called
    them; the filled leaves are parameters, where the gradient ends; dashed ones are data, to which it does not flow.
    An arrow tells the input of the operation above it: `∂w` is the gradient of the input that is called w there.

    Args:
        loss: the result of operations on what requires a gradient; the pass is not run, and no `.grad` is touched.

    Returns:
        The drawing: a notebook shows it, `.source` is its DOT text, `render(drawing, "backward.svg")` writes it.

    Raises:
        GradientError: `loss` is not the result of recorded operations.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> print(draw((w * w).sum()).source.count("->"))  # from sum to multiply, and twice from there to w
    3
    """
    if not isinstance(loss, Variable) or loss._node is None:
        kind = type(loss).__name__ if not isinstance(loss, Variable) else loss.title
        raise GradientError(f"draw: {kind} has no graph; the result of operations on what requires a gradient expected")
    boxes, arrows = parts(loss)
    graph = graphviz.Digraph("backward", node_attr=FONT, edge_attr=EDGE)
    graph.attr(
        rankdir="TB",
        nodesep="0.3",
        ranksep="0.4",
        label=text_of(CAPTION),
        labelloc="t",
        fontname=FONT["fontname"],
        fontsize="12",
    )
    for number, scope in enumerate(dict.fromkeys(box.scope for box in boxes)):
        inside = {i: box for i, box in enumerate(boxes) if box.scope == scope}
        if not scope:
            add_boxes(graph, inside)
            continue
        if len(inside) == 1:  # its name needs no frame
            add_boxes(graph, {i: box._replace(text=rf"{text_of(scope)}\n{box.text}") for i, box in inside.items()})
            continue
        with graph.subgraph(name=f"cluster_{number}", graph_attr={"label": text_of(scope), **LAYER}) as layer:
            add_boxes(layer, inside)
    for start, end, gradient in arrows:
        style = {"label": text_of(f" {gradient} ")} if gradient else NO_GRADIENT
        if boxes[end].style is OPERATION:
            style = style | BETWEEN_OPERATIONS
        graph.edge(f"n{start}", f"n{end}", **style)
    return graph


def parts(loss: Variable) -> tuple[list[Box], list[Arrow]]:
    """The boxes and arrows of a drawing, from the loss on; an arrow has the positions of its boxes."""
    results = recorded(loss)
    places = {id(result._node): i for i, result in enumerate(results)}
    boxes = [operation_box(result) for result in results]
    arrows: list[Arrow] = []
    for result in results:
        node = result._node
        assert node is not None
        for role, x, flows in inputs_of(node):
            made_by = getattr(x, "_node", None)
            key = id(x if made_by is None else made_by)
            if key not in places:
                places[key] = len(boxes)
                boxes.append(leaf_box(x, role, node.scope, flows))
            elif made_by is None and boxes[places[key]].scope != node.scope:
                boxes[places[key]] = boxes[places[key]]._replace(scope="")  # it belongs to no layer alone
            arrows.append(Arrow(places[id(node)], places[key], f"∂{role}" if flows else ""))
    return boxes, arrows


def recorded(loss: Variable) -> list[Variable]:
    """The results of operations that `loss` was made of, one for each node, in the order of the backward pass."""
    found: dict[Node, Variable] = {}
    stack = [loss]
    while stack:
        x = stack.pop()
        if x._node is not None and x._node not in found:
            found[x._node] = x
            stack.extend(y for y in x._node.inputs if isinstance(y, Variable))
    return [found[node] for node in sorted(found, key=lambda node: -node.time)]


def inputs_of(node: Node) -> Iterator[tuple[str, Any, bool]]:
    """The inputs of a node: what its operation calls them, what they are, and whether a gradient flows there."""
    names = node.operation.names
    for i, (x, closure) in enumerate(zip(node.inputs, node.closures, strict=True)):
        yield names[min(i, len(names) - 1)], x, closure is not None


def operation_box(result: Variable) -> Box:
    """The box of the operation that made a result."""
    node = result._node
    assert node is not None
    return Box(text_of(node.operation.name, result.shape), OPERATION, node.scope)


def leaf_box(x: Any, role: str, scope: str, flows: bool) -> Box:
    """The box of a parameter or of data. Data belong to no layer."""
    text = text_of(getattr(x, "name", None) or role, np.shape(x))
    return Box(text, PARAMETER, scope) if flows else Box(text, DATA, "")


def add_boxes(graph: graphviz.Digraph, boxes: dict[int, Box]) -> None:
    """Put boxes into a graph or into a frame of it."""
    for i, box in boxes.items():
        graph.node(f"n{i}", box.text, **box.style)


def text_of(*lines: object) -> str:
    """Lines of text as a label, in which nothing means more than it says."""
    return str(graphviz.nohtml("\\n".join(graphviz.escape(str(line)) for line in lines)))


def render(graph: graphviz.Digraph, path: str | os.PathLike[str]) -> Path:
    """Write a drawing to a .svg, .png or .dot file, which appears whole or not at all.

    Returns:
        The file that was written: with the suffix .dot, the source of the drawing, where nothing can render it.

    Raises:
        OptionError: another suffix.
        DataError: the renderer failed, or the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in FORMATS:
        raise OptionError(f"{target}: drawings are written as {', '.join(FORMATS)}")
    program = None if kind == ".dot" else renderer()
    content = graph.source.encode()
    if program is None:
        target = target.with_suffix(".dot")
    try:
        if program is not None:
            dots = [f"-Gdpi={DOTS_PER_INCH}"] if kind == ".png" else []
            done = subprocess.run([program, f"-T{kind[1:]}", *dots], input=content, capture_output=True, check=False)
            if done.returncode or not done.stdout:
                reason = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
                raise DataError(f"{target}: {program} failed: {reason}")
            content = done.stdout
        atomic_write(target, content)
    except OSError as error:
        raise DataError(f"{target}: the drawing cannot be written: {error.strerror or error}") from error
    return target


def renderer() -> str | None:
    """The system's `dot`, else the renderer that pip installed beside Python; None if there is neither."""
    here = sysconfig.get_path("scripts")
    return shutil.which("dot") or shutil.which("graphviz-pure", path=here) or shutil.which("graphviz-pure")
