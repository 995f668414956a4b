"""What a gradient check found: as an object, as text, as HTML, and as a plot of one element."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mlp.checking.bisection import Guilty
from tinygrad_mlp.checking.comparing import Comparison, Verdict, worst
from tinygrad_mlp.checking.diagnosis import Cause
from tinygrad_mlp.checking.problem import Recorded
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.terminal import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 5
"""Wrong elements of an input that the text shows."""
STYLE_OF = {"pass": "green", "kink": "green", "inconclusive": "yellow", "fail": "red"}
COLOUR_OF = {"pass": "#1a7f37", "kink": "#1a7f37", "inconclusive": "#9a6700", "fail": "#cf222e"}


@dataclass(frozen=True)
class Failure:
    """One wrong element.

    Attributes:
        name: the input or parameter.
        index: the element; None for a random direction, or where the whole input is meant.
        analytic: the gradient of the engine.
        numeric: the measured one, with its uncertainty.
        cause: the kind of mistake: see `Cause`.
        explanation: the cause in words.
        order: 1, or 2 if the first order is right.

    >>> import tinygrad_mlp as tg
    >>> @tg.op
    ... def double(x):
    ...     return 2 * x, lambda g: 3 * g
    >>> failure = tg.gradcheck(double, [1.0]).failures[0]
    >>> failure.name, failure.index, failure.cause, round(failure.analytic / failure.numeric, 6)
    ('x', (0,), 'factor', 1.5)
    """

    name: str
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    uncertainty: float
    cause: str
    explanation: str
    order: int = 1


@dataclass
class Report:
    """What `gradcheck` returns. `print` it; ask `report.passed`, `report.failures`, `report.guilty`.

    Attributes:
        what: the function or the model.
        order: the highest order that was asked for.
        total: how many elements the inputs have.
        reopen: makes the function anew, with its leaves in float64 meanwhile, for `plot`.
        comparisons: of each order, those of the inputs.
        causes: of each order, the likely cause by input.
        guilty: the operations whose closures are wrong by themselves.

    >>> import tinygrad_mlp as tg
    >>> report = tg.gradcheck(lambda x: tg.abs(x).sum(), [1.0, 0.0])  # with the kink of abs at 0
    >>> report.passed, report.verdict, report.compared
    (True, 'kink', 2)
    """

    what: str
    order: int
    total: int
    reopen: Callable[[ExitStack], Recorded] = field(repr=False)
    comparisons: dict[int, list[Comparison]] = field(default_factory=dict)
    causes: dict[int, dict[str, Cause]] = field(default_factory=dict)
    guilty: tuple[Guilty, ...] = ()

    def add(
        self, order: int, comparisons: list[Comparison], causes: dict[str, Cause], guilty: Sequence[Guilty]
    ) -> None:
        """Take in what was found at one order."""
        self.comparisons[order] = comparisons
        self.causes[order] = causes
        self.guilty += tuple(guilty)

    @property
    def verdict(self) -> Verdict:
        """The worst of all: "fail", "inconclusive", "kink" or "pass"."""
        if any(self.causes.values()):
            return "fail"
        return worst(c.verdict for found in self.comparisons.values() for c in found)

    @property
    def passed(self) -> bool:
        """Whether every element that was compared passes, or sits on a kink with a slope between those of its sides."""
        return self.verdict in ("pass", "kink")

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The wrong elements."""
        return tuple(
            failure
            for order, found in self.comparisons.items()
            for comparison in found
            for failure in failures_of(comparison, self.causes[order].get(comparison.name), order)
        )

    @property
    def compared(self) -> int:
        """How many elements were compared, random directions not counted."""
        return sum(e.place is not None for c in self.comparisons.get(1, ()) for e in c.elements)

    @property
    def coverage(self) -> float:
        """The share of the elements that were compared by themselves."""
        return self.compared / self.total if self.total else 1.0

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def lines(self) -> Iterator[str]:
        """The report as text, at most 80 columns wide where names allow it."""
        yield f"gradcheck of {self.what}: {styled(self.verdict.upper(), STYLE_OF[self.verdict])}, {self.extent()}"
        yield ""
        yield from self.table()
        for order, causes in self.causes.items():
            for name, cause in causes.items():
                yield ""
                comparison = next(c for c in self.comparisons[order] if c.name == name)
                yield from explained(comparison, cause, order)
        if self.guilty:
            yield ""
            yield styled("to blame:", "bold")
            yield from (f"  {suspect}" for suspect in self.guilty)
        elif any(self.causes.values()) and self.compared:
            yield ""
            yield "Every operation is right by itself: the sweep is to blame, or a value that changes between calls."

    def extent(self) -> str:
        """How much was compared, in words."""
        orders = " and ".join(str(order) for order in self.comparisons)
        extent = f"order {orders}, {self.compared:,} of {self.total:,} elements compared"
        return extent if self.compared == self.total else f"{extent} ({self.coverage:.1%}) and random directions"

    def table(self) -> Iterator[str]:
        """A line for each input."""
        rows = [row for order, found in self.comparisons.items() for row in self.rows(order, found)]
        head = ("", "shape", "elements", "largest error", "uncertainty", "verdict")
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

        def line(cells: Sequence[str]) -> str:
            left = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
            right = [cell.rjust(width) for cell, width in zip(cells[2:5], widths[2:5], strict=True)]
            return "  ".join([*left, *right, cells[5]]).rstrip()

        yield line(head)
        yield "─" * (sum(widths) + 2 * (len(widths) - 1))
        for row in rows:
            text = line(row)
            yield text[: -len(row[5])] + styled(row[5], STYLE_OF[row[5]])

    def rows(self, order: int, found: Sequence[Comparison]) -> Iterator[tuple[str, ...]]:
        """The cells of the inputs at one order."""
        for c in found:
            title = c.name if order == 1 else f"{c.name}, order {order}"
            verdict = "fail" if c.name in self.causes[order] else c.verdict
            element = c.worst
            error = f"{abs(element.analytic - element.numeric):.1e}" if element else "–"
            uncertainty = f"{element.uncertainty:.1e}" if element else "–"
            yield title, str(c.shape), f"{len(c.elements):,}", error, uncertainty, verdict

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, texts, lists and dicts, for JSON."""
        return {
            "what": self.what,
            "verdict": self.verdict,
            "passed": self.passed,
            "elements": self.total,
            "compared": self.compared,
            "inputs": [
                {
                    "name": c.name,
                    "order": order,
                    "shape": list(c.shape),
                    "verdict": "fail" if c.name in self.causes[order] else c.verdict,
                    "verdicts": {verdict: len(c.of(verdict)) for verdict in STYLE_OF},  # type: ignore[arg-type]
                    "cause": self.causes[order][c.name].kind if c.name in self.causes[order] else None,
                }
                for order, found in self.comparisons.items()
                for c in found
            ],
            "failures": [asdict(failure) for failure in self.failures],
            "guilty": [
                {"operation": g.operation, "where": g.where, "input": g.input, "position": g.position, "layer": g.layer}
                for g in self.guilty
            ],
        }

    def _repr_html_(self) -> str:
        head = f"<p><b>gradcheck of {escape(self.what)}: {coloured(self.verdict)}</b>, {escape(self.extent())}</p>"
        cells = [
            "".join(f"<td>{coloured(cell) if i == 5 else escape(cell)}</td>" for i, cell in enumerate(row))
            for order, found in self.comparisons.items()
            for row in self.rows(order, found)
        ]
        names = ("input", "shape", "elements", "largest error", "uncertainty", "verdict")
        titles = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        causes = "".join(
            f"<li><b>{escape(name)}</b>: {escape(cause.kind)}, {escape(cause.words)}</li>"
            for found in self.causes.values()
            for name, cause in found.items()
        )
        guilty = "".join(f"<li>{escape(str(suspect))}</li>" for suspect in self.guilty)
        parts = [head, f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"]
        parts += [f"<ul>{causes}</ul>"] * bool(causes) + [f"<p>to blame:</p><ul>{guilty}</ul>"] * bool(guilty)
        return "".join(parts)

    def plot(
        self,
        name: str | None = None,
        index: int | Sequence[int] | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> Figure:
        """Draw the error of plain differences against the step, for one element: the V of truncation and rounding.

        Args:
            name: the input; the one with the worst element if None.
            index: the element; the worst one if None.
            path: where to write the picture, if anywhere.

        Raises:
            OptionError: there is no such input or element.
            MissingMatplotlibError: matplotlib is not installed.
        """
        from tinygrad_mlp.checking.v_curve import draw_v_curve, measure_v_curve

        found = {c.name: c for c in self.comparisons[1]}
        if name is None:
            order = {"pass": 0, "kink": 0, "inconclusive": 1, "fail": 2}
            name = max(found, key=lambda n: order[found[n].verdict])
        if name not in found:
            raise OptionError(f"there is no input {name!r}; there is {', '.join(found)}")
        shape = found[name].shape
        if index is None:
            element = found[name].worst
            place = element.place if element is not None and element.place is not None else 0
        else:
            try:
                place = int(np.ravel_multi_index(tuple(np.atleast_1d(index).tolist()), shape)) if shape else 0
            except ValueError as error:
                raise OptionError(f"{name} {shape} has no element {index!r}") from error
        with ExitStack() as borrowed:
            curve = measure_v_curve(self.reopen(borrowed), name, place)
        where = index_of(place, shape)
        return draw_v_curve(curve, f"{name}{list(where)}" if where else name, path)


def failures_of(comparison: Comparison, cause: Cause | None, order: int) -> Iterator[Failure]:
    """The wrong elements of an input, or one failure for all of it."""
    kind, words = cause or Cause("unknown", "")
    wrong = comparison.of("fail")
    for e in wrong:
        index = index_of(e.place, comparison.shape)
        yield Failure(comparison.name, index, e.analytic, e.numeric, e.uncertainty, kind, words, order)
    if cause and not wrong:
        yield Failure(comparison.name, None, math.nan, math.nan, math.nan, kind, words, order)


def explained(comparison: Comparison, cause: Cause, order: int) -> Iterator[str]:
    """The lines on one wrong input."""
    wrong = comparison.of("fail")
    at = "" if order == 1 else f" at order {order}"
    count = f": {len(wrong):,} of {len(comparison.elements):,} elements wrong{at}" if wrong else at
    kind = "" if cause.kind == "unknown" else f"{cause.kind}: "
    yield f"{styled('✗', 'red')} {styled(comparison.name, 'bold')}{count}"
    yield from wrap(kind + cause.words, 78, initial_indent="  ", subsequent_indent="  ")
    rows = [("element", "analytic", "numeric", "± uncertainty")]
    for e in sorted(wrong, key=lambda e: -abs(e.analytic - e.numeric))[:SHOWN]:
        index = index_of(e.place, comparison.shape)
        shown = "direction" if index is None else str(list(index)) if index else "the number"
        rows.append((shown, f"{e.analytic:.8g}", f"{e.numeric:.8g}", f"{e.uncertainty:.1g}"))
    if wrong:
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            yield "    " + "  ".join(cells)
    if len(wrong) > SHOWN:
        yield f"    … and {len(wrong) - SHOWN:,} more"


def index_of(place: int | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """A flat index as one for each axis."""
    return None if place is None else tuple(int(i) for i in np.unravel_index(place, shape)) if shape else ()


def coloured(verdict: str) -> str:
    """A verdict in HTML."""
    return f'<span style="color: {COLOUR_OF.get(verdict, "inherit")}">{escape(verdict)}</span>'
