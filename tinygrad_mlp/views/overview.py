"""A backward pass that is too long to be shown step by step, as one line for each layer or operation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.measures import Gradient, Mark
from tinygrad_mlp.views.steps import Step
from tinygrad_mlp.views.wording import counted, number, shown

FULL = 150
"""Steps up to which a view shows every one of them; of more, layers are collapsed."""
MOST = 1_500
"""Steps up to which they are drawn at all; of more, there is this overview."""
ROWS = 40
"""Lines of an overview; the rest is one more line."""


@dataclass(frozen=True)
class Part:
    """Some steps of a backward pass.

    Attributes:
        title: a layer's path, or the name of an operation outside of layers.
        steps: how many there are.
        first, last: the first and the last one's number.
        norms: the gradients that arrive, as a range: `0.1 … 2.5`.
        remarks: how many of these gradients are NaN, infinite or exactly zero.
    """

    title: str
    steps: int
    first: int
    last: int
    norms: str
    remarks: str

    @property
    def numbers(self) -> str:
        """`3,000 of 2–3,001`, `all of 5–9`, `7`: how many steps, and which."""
        if self.steps == 1:
            return f"{self.first:,}"
        all_of_them = self.steps == self.last - self.first + 1
        return f"{'all' if all_of_them else f'{self.steps:,}'} of {self.first:,}–{self.last:,}"


def overview(seen: BackwardPass) -> list[Part]:
    """The parts of a backward pass, in its order: outermost layers, and operations outside of them by name."""
    groups: dict[str, list[Step]] = {}
    for step in seen.steps:
        groups.setdefault(outermost(step.layer) or step.operation, []).append(step)
    parts = [part(name, steps) for name, steps in groups.items()]
    if len(parts) > ROWS:
        rest = [step for steps in list(groups.values())[ROWS - 1 :] for step in steps]
        parts[ROWS - 1 :] = [part(f"{len(groups) - ROWS + 1} more", rest)]
    return parts


def outermost(path: str) -> str:
    """The outermost layer of a path; a number belongs to the name before it."""
    parts = path.split(".")
    return ".".join(parts[: 2 if len(parts) > 1 and parts[1].isdigit() else 1])


def part(title: str, steps: list[Step]) -> Part:
    """What there is to say about some steps."""
    arrived = [step.arrived for step in steps if step.arrived is not None]
    return Part(
        shown(title),
        len(steps),
        min(step.number for step in steps),
        max(step.number for step in steps),
        norm_range(arrived),
        remarks(arrived),
    )


def norm_range(gradients: Iterable[Gradient]) -> str:
    """The smallest and the largest norm, of those that are numbers."""
    norms = sorted(g.norm for g in gradients if isfinite(g.norm))
    if not norms:
        return ""
    low, high = number(norms[0]), number(norms[-1])
    return low if low == high else f"{low} … {high}"


def remarks(gradients: Iterable[Gradient]) -> str:
    """`3 NaN, 1 infinite, 2 exactly 0`."""
    marks = [g.mark for g in gradients]
    words: dict[Mark, str] = {"nan": "NaN", "inf": "infinite", "zero": "exactly 0"}
    return ", ".join(f"{marks.count(mark):,} {word}" for mark, word in words.items() if mark in marks)


def headline(seen: BackwardPass) -> str:
    """`5 steps from softmax_cross_entropy = 0.644 to 4 parameters`."""
    first = seen.steps[0]
    value = f" = {number(float(seen.loss._data.reshape(())))}" if seen.loss._data.size == 1 else ""
    ends = counted(len(seen.parameters), "parameter")
    return f"{counted(len(seen.steps), 'step')} from {shown(seen.loss.name or first.operation)}{value} to {ends}"
