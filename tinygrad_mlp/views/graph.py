"""The backward graph as a Graphviz drawing: operations as boxes, and the gradients that flow between them as arrows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from math import hypot
from textwrap import wrap
from typing import Any, Literal, get_args

import graphviz

from tinygrad_mlp.autograd import Variable
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.views import wording
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.labels import AMBER, BLUE, DARK, GREY, RED, label, piece, table
from tinygrad_mlp.views.layers import Layer, close, close_to_fit, layers_of
from tinygrad_mlp.views.measures import Gradient, mark_of
from tinygrad_mlp.views.overview import FULL, MOST, headline, overview
from tinygrad_mlp.views.rendering import Drawing
from tinygrad_mlp.views.steps import Edge, Leaf, Step

Direction = Literal["down", "up", "right", "left"]
Shown = Literal["formulas", "norms", "shapes", "parameters", "data"]
EVERYTHING: tuple[Shown, ...] = get_args(Shown)
RANKS = {"down": "TB", "up": "BT", "right": "LR", "left": "RL"}

FONT = "Helvetica"  # renderers without font files know its widths, and write it with a fallback
NODE = {"fontname": FONT, "fontsize": "12", "shape": "box", "margin": "0.12,0.07"}
EDGE = {"fontname": FONT, "fontsize": "10", "arrowsize": "0.8"}
OPERATION = {"style": "rounded,filled", "fillcolor": "#e3ecf8", "color": "#4a6fa5"}
PARAMETER = {"style": "filled", "fillcolor": "#fdf0d5", "color": "#b98a2f"}
CLOSED = {"style": "rounded,filled", "fillcolor": "#d3e0f3", "color": "#4a6fa5", "peripheries": "2"}
DATA = {"style": "dashed,rounded", "color": "#aaaaaa", "fontcolor": "#777777"}
FRAME = {
    "style": "rounded,filled", "fillcolor": "#f6f8fb", "color": "#c9d4e6", "labeljust": "l", "fontname": FONT,
    "fontsize": "11", "fontcolor": "#5d6c84",
}  # fmt: skip
NO_GRADIENT = {"style": "dashed", "color": "#bbbbbb", "dir": "none"}
ZERO = {"style": "dotted", "color": "#777777", "fontcolor": "#777777"}
BROKEN = {"style": "bold", "color": "#c62828", "fontcolor": "#c62828", "penwidth": "3"}
UNKNOWN = {"color": "#4a6fa5", "fontcolor": "#4a6fa5"}
LONGEST = 90
"""Characters of a formula."""
WEAK, STRONG = (159, 193, 231), (8, 48, 107)
"""The colours of the smallest and the largest gradient."""
ABOVE = '<font point-size="7">&#160;</font>'  # below a text beside a level arrow, so that it stands above it
BETWEEN_OPERATIONS = {"weight": "10"}  # these arrows are drawn straight, and the others find their way around them


def draw(
    loss: Variable | BackwardPass,
    *,
    optimizer: Optimizer | None = None,
    gradient: Any = None,
    show: Collection[Shown] = EVERYTHING,
    direction: Direction = "down",
    depth: int | None = None,
    collapse: bool | Collection[str] = False,
) -> Drawing:
    """Draw the backward pass from a loss, with its arrows as the gradient flows.

    Blue boxes are operations, with their number in the order of the backward pass, the formulas of the gradients that
    they send on, read from their source, and the norm of the gradient that arrives. They stand in frames with the
    paths of the layers that called them. Yellow boxes are parameters, where the gradient ends; dashed ones are data,
    to which none flows. Arrows are the wider and the darker the larger the gradient is, on a logarithmic scale; red
    means NaN or infinite, dotted exactly zero.

    The gradients come from a sweep of the drawing's own, which touches no `.grad`. If a parameter was changed since the
    forward pass, there are none, and the drawing says so. Of more than 150 operations, layers are drawn as one box
    each; of more than 1,500, there is a table.

    Args:
        loss: the result of operations on what requires a gradient.
        optimizer: what trains the parameters: they then tell by how much the next step will move them.
        gradient: ∂E/∂loss, for a loss that is not a scalar.
        show: what to show beside the names: "formulas", "norms", "shapes", "parameters", "data".
        direction: where the gradient flows: "down", "up", "right" or "left".
        depth: how many levels of layers are opened; 0 draws each outermost layer as one box.
        collapse: paths of layers that are drawn as one box; True for all.

    Returns:
        A `graphviz.Digraph`: a notebook shows it, `.source` is its DOT text, `.render(outfile="x.svg")` writes it.

    Raises:
        GradientError: `loss` is not the result of recorded operations.
        OptionError: a value that an option does not know, or a layer that is not there.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> print(tg.draw((w * w).sum()).source.count("->"))  # from sum to multiply, and twice from there to w
    3
    """
    if direction not in RANKS:
        raise OptionError(f"direction is {direction!r}; one of {', '.join(RANKS)} is expected")
    for thing in [show] if isinstance(show, str) else show:
        if thing not in EVERYTHING:
            raise OptionError(f"show: {thing!r} is not known; any of {', '.join(EVERYTHING)} are expected")
    seen = loss if isinstance(loss, BackwardPass) else BackwardPass.of(loss, optimizer, gradient)
    graph = Drawing("backward", node_attr=NODE, edge_attr=EDGE)
    graph.attr(rankdir=RANKS[direction], nodesep="0.3", ranksep="0.45", labelloc="t", fontname=FONT, fontsize="12")
    if len(seen.steps) > MOST:
        graph.attr(label=label(caption(seen, "too many steps to draw, so here is a table of them"), "center"))
        graph.node("overview", table(overview_rows(seen)), style="rounded", color="#c9d4e6")
        return graph
    whole = layers_of(seen)
    close(whole, depth, collapse)
    fitted = depth is None and not collapse and close_to_fit(whole, FULL)
    Picture(seen, whole, set(show), direction in ("right", "left")).put_into(graph)
    graph.attr(label=label(caption(seen, "layers are collapsed" if fitted else ""), "center"))
    return graph


@dataclass(eq=False)
class Arrow:
    """What flows between two boxes: one edge of the graph, or several whose ends are within closed layers."""

    start: str
    end: str
    edges: list[Edge] = field(default_factory=list)

    @property
    def norm(self) -> float | None:
        """The norm of all that flows here, taken together; None without numbers."""
        found = [edge.gradient.norm for edge in self.edges if edge.gradient is not None]
        return hypot(*found) if found else None


class Picture:
    """The boxes and arrows of a drawing.

    Args:
        seen: the backward pass.
        whole: its layers, some of them closed.
        show: what to show.
        sideways: whether the arrows run along a line of text.
    """

    def __init__(self, seen: BackwardPass, whole: Layer, show: set[Shown], sideways: bool) -> None:
        self.seen = seen
        self.sideways = sideways
        self.whole = whole
        self.show = show
        self.places: dict[Step | Leaf, str] = {}
        self.framed: set[Leaf] = set()
        for layer in whole.walk():
            self.framed.update(layer.parameters if layer.path else ())
            if layer.is_closed:
                inside: list[Step | Leaf] = [*layer.all_steps(), *layer.all_parameters()]
                for x in inside:
                    self.places.setdefault(x, f"layer{layer.all_steps()[0].number}")
        self.arrows = self.joined()
        self.scale = wording.Scale.of(arrow.norm for arrow in self.arrows if arrow.norm is not None)

    def place(self, x: Step | Leaf) -> str:
        """The box of a step or a leaf."""
        return self.places.get(x, x.key)

    def is_drawn(self, leaf: Leaf) -> bool:
        """Whether a leaf has a box of its own."""
        if leaf in self.places:
            return False
        return ("parameters" if leaf.is_parameter else "data") in self.show

    def joined(self) -> list[Arrow]:
        """The arrows; those between the same two boxes are one, if one of these is a closed layer."""
        arrows: dict[Any, Arrow] = {}
        for edge in self.seen.edges():
            start, end = self.place(edge.step), self.place(edge.target)
            constant = isinstance(edge.target, Leaf) and not edge.target.is_parameter and not edge.target.shape
            if start == end or (constant and start != edge.step.key):
                continue
            if isinstance(edge.target, Leaf) and not self.is_drawn(edge.target):
                continue
            closed = start != edge.step.key or end != edge.target.key
            key = (start, end, edge.flows) if closed else edge
            arrows.setdefault(key, Arrow(start, end)).edges.append(edge)
        return list(arrows.values())

    def put_into(self, graph: graphviz.Digraph) -> None:
        """Draw it."""
        self.add_layer(graph, self.whole)
        ends = {arrow.end for arrow in self.arrows}
        for leaf in self.seen.leaves:
            if leaf not in self.framed and self.is_drawn(leaf) and leaf.key in ends:
                self.add_leaf(graph, leaf)
        boxes = {self.place(step) for step in self.seen.steps}
        for arrow in self.arrows:
            style = self.arrow_style(arrow)
            graph.edge(arrow.start, arrow.end, **(style | BETWEEN_OPERATIONS if arrow.end in boxes else style))

    def add_layer(self, graph: graphviz.Digraph, layer: Layer) -> None:
        """Add what is in a layer. (Layers are as deep as the model's classes, so this may call itself.)"""
        if layer.is_closed:
            first = layer.all_steps()[0].number
            graph.node(f"layer{first}", label(self.closed_rows(layer)), **CLOSED)
            return
        alone = bool(layer.path) and len(layer.steps) == 1 and not layer.inner
        if not layer.path or (alone and not ("parameters" in self.show and layer.parameters)):
            self.add_inside(graph, layer, layer.title if alone else "")
            return
        name = f"cluster_{layer.all_steps()[0].number}_{layer.path.count('.')}"
        title = label([[piece(wording.shown(layer.title))]])
        with graph.subgraph(name=name, graph_attr={"label": title, **FRAME}) as frame:
            self.add_inside(frame, layer, "")

    def add_inside(self, graph: graphviz.Digraph, layer: Layer, title: str) -> None:
        """Add the steps, parameters and inner layers of an open layer."""
        for step in layer.steps:
            graph.node(step.key, label(self.step_rows(step, title)), **OPERATION)
        for leaf in layer.parameters:
            if layer.path and self.is_drawn(leaf):
                self.add_leaf(graph, leaf)
        for inner in layer.inner:
            self.add_layer(graph, inner)

    def add_leaf(self, graph: graphviz.Digraph, leaf: Leaf) -> None:
        """Add the box of a parameter or of data."""
        graph.node(leaf.key, label(self.leaf_rows(leaf)), **(PARAMETER if leaf.is_parameter else DATA))

    def shape(self, x: Step | Leaf) -> str:
        """A shape, if shapes are shown."""
        return piece(wording.shape(x.shape), GREY, size=10) if "shapes" in self.show else ""

    def step_rows(self, step: Step, title: str) -> Iterator[list[str]]:
        """The text in the box of an operation."""
        if title:
            yield [piece(wording.shown(title), GREY, size=11)]
        name = f" → {wording.shown(step.result.name)}" if step.result.name else ""
        yield [
            piece(f"{step.number}", BLUE, bold=True),
            piece(wording.shown(step.operation) + name, bold=True),
            self.shape(step),
        ]
        if "formulas" in self.show:
            for formula in dict.fromkeys(str(edge.formula) for edge in step.outgoing):
                yield [piece(wording.shown(formula, LONGEST), DARK, size=11)]
        yield self.norm_row("dY", step.arrived, step.uses)
        if asleep := wording.activity(step):
            yield [piece(asleep, AMBER, size=10)]

    def leaf_rows(self, leaf: Leaf) -> Iterator[list[str]]:
        """The text in the box of a parameter or of data."""
        constant = not leaf.is_parameter and not leaf.shape
        yield [piece(wording.title(leaf), bold=leaf.is_parameter), "" if constant else self.shape(leaf)]
        if not leaf.is_parameter:
            if leaf.shape:
                yield [piece("no gradient", size=10)]
            return
        yield self.norm_row("grad", leaf.gradient, leaf.uses)
        if leaf.update_ratio is not None and "norms" in self.show:
            yield [piece(f"next step moves it by {wording.percent(leaf.update_ratio)}", GREY, size=10)]

    def closed_rows(self, layer: Layer) -> Iterator[list[str]]:
        """The text in the box of a layer that is drawn as one."""
        steps, parameters = layer.all_steps(), layer.all_parameters()
        yield [piece(wording.shown(layer.title), bold=True), self.shape(steps[0])]
        numbers = f"step {steps[0].number}" if len(steps) == 1 else f"steps {steps[0].number}–{steps[-1].number}"
        operations = ", ".join(dict.fromkeys(step.operation for step in steps))
        yield [piece(f"{numbers}: {wording.shown(operations, 32)}", DARK, size=11)]
        yield self.norm_row("dY", steps[0].arrived, steps[0].uses)
        if parameters:
            norms = [p.gradient.norm for p in parameters if p.gradient is not None]
            total = f", ‖grad‖ = {wording.number(hypot(*norms))}" if norms and "norms" in self.show else ""
            yield [piece(wording.counted(len(parameters), "parameter") + total, GREY, size=10)]

    def norm_row(self, what: str, gradient: Gradient | None, uses: int) -> list[str]:
        """`‖dY‖ = 0.5, sum of 2 paths`."""
        words = [wording.paths(uses)]
        if gradient is not None and "norms" in self.show:
            words.insert(0, f"‖{what}‖ = {wording.number(gradient.norm)}")
        broken = gradient is not None and gradient.mark in ("nan", "inf")
        return [piece(", ".join(filter(None, words)), RED if broken else GREY, size=10, bold=broken)]

    def arrow_style(self, arrow: Arrow) -> dict[str, str]:
        """How an arrow looks, and what is written beside it."""
        flowing = [edge for edge in arrow.edges if edge.flows]
        if not flowing:
            return NO_GRADIENT
        norm = arrow.norm if "norms" in self.show else None
        name = flowing[0].formula.gradient if len(flowing) == 1 else wording.counted(len(flowing), "gradient")
        words = [[piece(f" {name} {'' if norm is None else wording.number(norm)} ")]]
        if self.sideways:
            words.append([ABOVE])
        text = {"label": label(words)}
        if norm is None:
            return text | UNKNOWN
        if mark := mark_of(norm):
            return text | (ZERO if mark == "zero" else BROKEN)
        at = self.scale(norm)
        color = "#" + "".join(f"{round(a + (b - a) * at):02x}" for a, b in zip(WEAK, STRONG, strict=True))
        return text | {"color": color, "penwidth": f"{1 + 3.5 * at:.2f}", "fontcolor": BLUE}


def caption(seen: BackwardPass, remark: str) -> Iterator[list[str]]:
    """What stands above the drawing."""
    yield [piece(f"The backward pass: {headline(seen)}", bold=True)]
    if seen.has_numbers and len(seen.steps) <= MOST:
        yield [piece("each arrow is a gradient ∂loss/∂…, wide and dark where its norm is large", GREY, size=10)]
    for note in [*seen.notes, *filter(None, [remark])]:
        for line in wrap(wording.shown(note, 400), 90):
            yield [piece(line, AMBER, size=11)]


def overview_rows(seen: BackwardPass) -> Iterator[list[str]]:
    """The table that stands for a drawing of too many steps."""
    yield [piece(head, GREY) for head in ("where", "steps", "‖dY‖", "")]
    for part in overview(seen):
        yield [piece(part.title, bold=True), piece(part.numbers), piece(part.norms, BLUE), piece(part.remarks, RED)]
