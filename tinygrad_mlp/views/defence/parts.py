"""What an answer is made of: sentences, workings, tables and verdicts. How they look is the writers' business.

In sentences, what stands between backticks is a formula or a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tinygrad_mlp.views import wording

LINE = 74
"""The longest line of a working, in columns: with its indentation it fits in a terminal of 80."""


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Working:
    """Lines of a computation, each at most `LINE` columns long."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A head and rows of cells, all as text; every column but the first is of numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Verdict:
    """A claim that was computed: whether two ways to a number agree."""

    text: str
    holds: bool


Part = Prose | Working | Table | Verdict


@dataclass(frozen=True)
class Question:
    """What a corrector asks, and the answer.

    Attributes:
        topic: the chapter that it belongs to.
        title: the question.
        parts: the answer.
    """

    topic: str
    title: str
    parts: tuple[Part, ...]

    @property
    def holds(self) -> bool:
        """Whether all that the answer claims to be equal is."""
        return all(part.holds for part in self.parts if isinstance(part, Verdict))


def prose(*sentences: str) -> Prose:
    """A paragraph of sentences; empty ones are left out."""
    return Prose(" ".join(sentence for sentence in sentences if sentence))


def working(*lines: str) -> Working:
    """Lines of a computation."""
    return Working(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table."""
    return Table(tuple(head), tuple(tuple(row) for row in rows))


def small(value: Any) -> str:
    """A number with three digits, `0.265`."""
    return written(value, 3)


def exact(value: Any) -> str:
    """A number with six digits, for two that are to be compared."""
    return written(value, 6)


def written(value: Any, digits: int) -> str:
    """A number with so many digits; what is 0 but for rounding is 0."""
    value = float(value)
    if not isfinite(value):
        return wording.number(value)
    if abs(value) < 1e-15:
        return "0"
    if 10**digits <= abs(value) < 1e6:
        return f"{value:.0f}"
    return re.sub(r"e([+-])0*", lambda found: "e" + found[1].replace("+", ""), f"{value:.{digits}g}")


def signed(value: Any) -> str:
    """A number as a factor: in brackets if it is negative."""
    text = small(value)
    return f"({text})" if text.startswith("-") else text


def numbers(values: Iterable[Any], most: int = 6) -> str:
    """`0.81 -1.2 0.3 … (24)`: the first numbers of a row."""
    listed = list(values)
    shown = " ".join(small(v) for v in listed[:most])
    return shown if len(listed) <= most else f"{shown} …"


def summed(name: str, terms: Sequence[str], most: int = 40) -> list[str]:
    """`z = a·b + c·d + …` over as many lines as it needs; of more terms than `most`, the first ones and their count."""
    shown = list(terms[:most])
    if len(terms) > most:
        shown.append(f"… ({len(terms) - most:,} more terms)")
    lines, line = [], f"{name} ="
    for i, term in enumerate(shown):
        piece = f" {term}" if i == 0 else f" + {term}"
        if len(line) + len(piece) > LINE:
            lines.append(line)
            line = " " * len(name) + piece
        else:
            line += piece
    return [*lines, line]
