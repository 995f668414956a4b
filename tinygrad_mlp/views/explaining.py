"""The backward pass in words and numbers: a table for a terminal, in the order of the pass."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import hypot
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.autograd import Variable
from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.views import wording
from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.measures import Gradient
from tinygrad_mlp.views.overview import FULL, headline, overview
from tinygrad_mlp.views.plain_text import WIDTH, Paper
from tinygrad_mlp.views.steps import Edge, Leaf, Step

LEFT, TARGET, SHAPE, NORM, BAR = 34, 16, 11, 7, 8
"""The widths of the columns; with a blank between two, they are 80."""
PARAMETERS = 40
"""How many parameters have a line of their own."""


def explain(loss: Variable | BackwardPass, *, optimizer: Optimizer | None = None, gradient: Any = None) -> Explanation:
    """Explain the backward pass from a loss: each step, with the formulas that it applies and what they gave.

    Like `tg.draw` it runs a sweep of its own, and touches no `.grad`.

    Args:
        loss: the result of operations on what requires a gradient.
        optimizer: what trains the parameters: they then tell by how much the next step will move them.
        gradient: ∂E/∂loss, for a loss that is not a scalar.

    Returns:
        What `print` writes as a table of 80 columns: with signs and colours that the terminal has, of ASCII if it has
        no others. Of more than 150 steps, it has a line for each layer; `.save(path)` writes all.

    Raises:
        GradientError: `loss` is not the result of recorded operations.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([3.0, 4.0], requires_grad=True, name="w")
    >>> print(tg.explain((w * w).sum()))
    backward pass: 2 steps from sum = 25 to 1 parameter
    <BLANKLINE>
       step, gradient                  goes to          shape          norm
    ────────────────────────────────────────────────────────────────────────────────
      1 sum                                             ()                1 ▏
        dX = dY, repeated              → step 2         (2,)           1.41 █▎
      2 multiply                                        (2,)           1.41 █▎
        dA = dY ⊙ B                    → w              (2,)              5 █████▋
        dB = dY ⊙ A                    → w              (2,)              5 █████▋
    ────────────────────────────────────────────────────────────────────────────────
       parameter                                        shape          norm
        w  sum of 2 paths                               (2,)             10 ████████
    """
    return Explanation(loss if isinstance(loss, BackwardPass) else BackwardPass.of(loss, optimizer, gradient))


class Explanation:
    """A backward pass as text: `print` it, or `.save("steps.txt")`.

    Attributes:
        seen: the backward pass.
    """

    def __init__(self, seen: BackwardPass) -> None:
        self.seen = seen
        gradients = [edge.gradient for edge in seen.edges()] + [leaf.gradient for leaf in seen.leaves]
        arrived = [step.arrived for step in seen.steps]
        self.scale = wording.Scale.of(g.norm for g in (*gradients, *arrived) if g is not None)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def text(self, *, all: bool | None = None, ascii: bool | None = None, colour: bool | None = None) -> str:
        """The table.

        Args:
            all: whether every step has its lines; None means up to 150.
            ascii: whether to use nothing but ASCII; None means where the output can take no more.
            colour: whether to use colours; None means on a terminal, unless NO_COLOR is set.
        """
        full = len(self.seen.steps) <= FULL if all is None else all
        return "\n".join(Table(self, Paper(ascii, colour)).lines(full))

    def step(self, number: int, *, ascii: bool | None = None, colour: bool | None = None) -> str:
        """One step, with the elements of what arrives and of what it sends on.

        Raises:
            OptionError: there is no such step.
        """
        if not 1 <= number <= len(self.seen.steps):
            raise OptionError(f"there is no step {number}; 1 to {len(self.seen.steps):,} are expected")
        paper = Paper(ascii, colour)
        return "\n".join(close_up(self.seen.steps[number - 1], len(self.seen.steps), paper))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the table with every step to a text file, which appears whole or not at all.

        Raises:
            DataError: the file cannot be written.
        """
        try:
            atomic_write(path, f"{self.text(all=True, ascii=False, colour=False)}\n".encode())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{os.fspath(path)}: the explanation cannot be written: {reason}") from error
        return Path(path)


class Table:
    """The lines of an explanation."""

    def __init__(self, explanation: Explanation, paper: Paper) -> None:
        self.seen = explanation.seen
        self.scale = explanation.scale
        self.paper = paper

    def lines(self, full: bool) -> Iterator[str]:
        """All of them."""
        paper = self.paper
        yield paper.styled(paper.text(f"backward pass: {headline(self.seen)}"), "bold")
        for note in self.seen.notes:
            for line in wrap(paper.text(wording.shown(note, 400)), WIDTH):
                yield paper.styled(line, "yellow")
        yield ""
        if full:
            yield self.head("   step, gradient", "goes to")
            yield self.rule()
            yield from self.steps()
        else:
            yield from self.parts()
        yield self.rule()
        yield from self.parameters()
        if self.seen.data:
            names = ", ".join(f"{wording.title(x)} {wording.shape(x.shape)}" for x in self.seen.data[:8] if x.shape)
            more = ", …" * (len(self.seen.data) > 8)
            if names:
                for line in wrap(paper.text(f"no gradient flows to the data: {names}{more}"), WIDTH - 4):
                    yield paper.styled(f"    {line}", "dim")

    def rule(self) -> str:
        """A line across."""
        return self.paper.styled(self.paper.text("─") * WIDTH, "dim")

    def head(self, left: str, target: str) -> str:
        """The names of the columns."""
        cells = [self.paper.cell(left, LEFT), self.paper.cell(target, TARGET), self.paper.cell("shape", SHAPE)]
        norm = self.paper.cell("norm", NORM, right=True) if self.seen.has_numbers else ""
        return self.paper.styled(" ".join([*cells, norm]).rstrip(), "dim")

    def row(self, left: str, target: str, shape: tuple[int, ...], gradient: Gradient | None, style: str = "") -> str:
        """A line of the table."""
        paper = self.paper
        cells = [paper.cell(left, LEFT), paper.cell(target, TARGET), paper.cell(wording.shape(shape), SHAPE)]
        if style:
            cells[0] = paper.styled(cells[0], style)
        if gradient is not None:
            cells += self.measure(gradient)
        return " ".join(cells).rstrip()

    def measure(self, gradient: Gradient) -> list[str]:
        """The columns of a gradient's norm and its bar."""
        paper = self.paper
        norm = paper.cell(wording.number(gradient.norm), NORM, right=True)
        match gradient.mark:
            case "nan" | "inf":
                return [paper.styled(norm, "red"), paper.styled("<" * BAR, "red")]
            case "zero":
                return [paper.styled(norm, "yellow"), paper.styled("all zero", "yellow")]
        return [norm, paper.styled(paper.bar(self.scale(gradient.norm), BAR).rstrip(), "cyan")]

    def steps(self) -> Iterator[str]:
        """Each step, under the path of its layer."""
        layer = ""
        told: set[str] = set()
        for step in self.seen.steps:
            if step.layer != layer:
                layer = step.layer
                yield self.paper.styled(self.paper.text(wording.shown(layer)), "bold") if layer else ""
            yield from self.of_step(step, told)

    def of_step(self, step: Step, told: set[str]) -> Iterator[str]:
        """A step: what arrives, and what it sends on. What a formula's names stand for is told once."""
        name = f" {wording.shown(step.result.name, 20)}:" if step.result.name else ""
        yield self.row(f"{step.number:3}{name} {wording.shown(step.operation)}", "", step.shape, step.arrived, "bold")
        for remark in filter(None, [wording.paths(step.uses), wording.activity(step)]):
            style = "yellow" if "%" in remark else "dim"
            yield self.paper.styled(self.paper.text(f"    {remark}"), style)
        for edge in step.outgoing:
            yield from self.of_edge(edge)
            names = ", ".join(edge.formula.where)
            if names and names not in told:
                told.add(names)
                for line in wrap(self.paper.text(names), WIDTH - 6):
                    yield self.paper.styled(f"      {line}", "dim")

    def of_edge(self, edge: Edge) -> Iterator[str]:
        """A gradient that a step sends on."""
        formula = self.paper.text(wording.shown(edge.formula, 3 * WIDTH))
        left = f"    {formula}"
        if len(left) > LEFT:
            yield from (f"    {line}" for line in wrap(formula, WIDTH - 4))
            left = ""
        yield self.row(left, f"→ {name_of(edge.target)}", tuple(np.shape(input_of(edge))), edge.gradient)

    def parameters(self) -> Iterator[str]:
        """The gradients where they end, and how far the next step moves the parameters."""
        ratios = any(leaf.update_ratio is not None for leaf in self.seen.parameters)
        yield self.head("   parameter", "next step" if ratios else "")
        for leaf in self.seen.parameters[:PARAMETERS]:
            moved = "" if leaf.update_ratio is None else f"moves {wording.percent(leaf.update_ratio)}"
            paths = f"  {wording.paths(leaf.uses)}" if leaf.uses > 1 else ""
            name = wording.shown(leaf.name, LEFT - 4 - len(paths))
            yield self.row(f"    {name}{paths}", moved, leaf.shape, leaf.gradient)
        rest = self.seen.parameters[PARAMETERS:]
        if rest:
            norms = [leaf.gradient.norm for leaf in rest if leaf.gradient is not None]
            total = f", norm {wording.number(hypot(*norms))} together" if norms else ""
            yield self.paper.text(f"    … and {wording.counted(len(rest), 'more parameter')}{total}")

    def parts(self) -> Iterator[str]:
        """A line for each layer, where there are too many steps."""
        cell = self.paper.cell
        yield self.paper.styled(f"{cell('   layer or operation', LEFT)} {cell('steps', 22)} norms that arrive", "dim")
        yield self.rule()
        for part in overview(self.seen):
            remark = self.paper.styled(self.paper.text(f"  {part.remarks}"), "red") if part.remarks else ""
            line = f"    {cell(part.title, LEFT - 4)} {cell(part.numbers, 22)} {self.paper.text(part.norms)}"
            yield line.rstrip() + remark
        yield self.paper.text(f"    every step: tg.explain(loss).save('steps.txt'), {len(self.seen.steps):,} of them")


def close_up(step: Step, count: int, paper: Paper) -> Iterator[str]:
    """The lines about one step alone."""
    where = f" in {wording.shown(step.layer)}" if step.layer else ""
    title = (
        f"step {step.number:,} of {count:,}: {wording.shown(step.operation)}{where}, result {wording.shape(step.shape)}"
    )
    yield paper.styled(paper.text(title), "bold")
    if remark := wording.activity(step):
        yield paper.styled(paper.text(remark), "yellow")
    yield ""
    paths = f", {wording.paths(step.uses)}" if step.uses > 1 else ""
    yield paper.text(f"dY arrives{paths}") + paper.text(norm_text(step.arrived))
    yield from elements(step.arrived)
    for edge in step.outgoing:
        yield ""
        yield paper.styled(paper.text(wording.shown(edge.formula, 3 * WIDTH)), "cyan")
        if edge.formula.where:
            yield from (paper.styled(line, "dim") for line in wrap(paper.text(", ".join(edge.formula.where)), WIDTH))
        shape = wording.shape(np.shape(input_of(edge)))
        yield paper.text(f"goes to {name_of(edge.target)} {shape}{norm_text(edge.gradient)}")
        yield from elements(edge.gradient)


def norm_text(gradient: Gradient | None) -> str:
    """`, norm 0.5`."""
    return "" if gradient is None else f", norm {wording.number(gradient.norm)}"


def elements(gradient: Gradient | None) -> Iterator[str]:
    """The elements of a gradient, of a large one those at its corners."""
    if gradient is None or gradient.array is None:
        return
    with np.printoptions(precision=3, threshold=40, edgeitems=3, linewidth=WIDTH - 2, suppress=False):
        yield from (f"  {line}" for line in str(gradient.array).splitlines())


def name_of(target: Step | Leaf) -> str:
    """What a table calls the place that a gradient goes to."""
    return f"step {target.number}" if isinstance(target, Step) else wording.shown(target.name)


def input_of(edge: Edge) -> Any:
    """The values that an edge's gradient is the gradient of."""
    x = edge.step.node.inputs[edge.position]
    return getattr(x, "_data", x)
