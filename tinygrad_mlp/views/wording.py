"""Numbers, shapes and names as all views write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, isfinite, log10

from tinygrad_mlp.views.steps import Leaf, Step

LONGEST_NAME = 48
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 allows no document to have (§2.2, Char)."""
DECADES = 6
"""The widest range of a scale: what is smaller by more is shown like the smallest."""


def shown(text: object, longest: int = LONGEST_NAME) -> str:
    """Any text as one line that every view can show.

    Characters that XML forbids are U+FFFD, the middle of a long text is …, and one of nothing but blanks is ␣.
    """
    line = FORBIDDEN.sub("\ufffd", str(text))
    line = re.sub(r"[\t\n\r\x85\u2028\u2029]+", " ", line)
    if not line.strip():
        return "␣"
    if len(line) > longest:
        half = (longest - 1) // 2
        line = f"{line[: longest - 1 - half]}…{line[len(line) - half :]}"
    return line


def number(value: float) -> str:
    """Three digits, in at most seven characters: `0.265`, `1.23e-5`, `1.2e-300`, `NaN`, `∞`; `0` is exactly zero."""
    if value != value:
        return "NaN"
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    for digits in (3, 2, 1):
        text = f"{value:.{digits}g}"
        if "e" in text:
            text = re.sub(r"e([+-])0*", lambda found: "e" + found[1].replace("+", ""), text)
        if len(text) <= 7:
            break
    return text


def percent(share: float) -> str:
    """`0 %`, `0.02 %`, `33 %`: two digits of what is below one, and never 0 or 100 for what is not."""
    value = 100 * share
    if not isfinite(value):
        return f"{number(value)} %"
    if 99.5 <= value < 100:
        return f"{floor(value * 10) / 10:.1f} %"
    return f"{value:.0f} %" if value == 0 or value >= 9.95 else f"{value:.2g} %"


def shape(lengths: Iterable[int]) -> str:
    """`(2, 3)`."""
    return str(tuple(int(n) for n in lengths))


def title(leaf: Leaf) -> str:
    """A leaf's name; of a constant, its value."""
    if not leaf.is_parameter and leaf.array.ndim == 0 and getattr(leaf.value, "name", None) is None:
        return number(float(leaf.array))
    return shown(leaf.name)


def activity(step: Step) -> str:
    """`33 % of the units dead`, `12 % saturated`; nothing where there is nothing to say."""
    if step.asleep is None or not step.asleep[1]:
        return ""
    kind, share = step.asleep
    return f"{percent(share)} of the units dead" if kind == "dead" else f"{percent(share)} saturated"


def paths(uses: int) -> str:
    """`sum of 3 paths`; nothing for one."""
    return f"sum of {uses} paths" if uses > 1 else ""


def counted(n: int, what: str) -> str:
    """`1 step`, `2,000 steps`."""
    return f"{n:,} {what}{'s' * (n != 1)}"


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale of norms, at least one decade long.

    >>> scale = Scale.of([0.001, 1.0, float("nan"), 0.0])
    >>> [round(scale(n), 2) for n in (0.001, 0.01, 1.0, 0.0)]
    [0.0, 0.33, 1.0, 0.0]
    """

    low: float
    high: float

    @classmethod
    def of(cls, norms: Iterable[float]) -> Scale:
        """The scale from the smallest to the largest norm; zeros, NaN and infinities have no place on it."""
        logs = [log10(n) for n in norms if n > 0 and isfinite(n)]
        high = max(logs, default=0.0)
        return cls(max(min(logs, default=0.0), high - DECADES) if high - min(logs, default=0.0) > 1 else high - 1, high)

    def __call__(self, norm: float) -> float:
        """Where a norm stands, from 0 to 1."""
        if norm == 0 or norm != norm:
            return 0.0
        if not isfinite(norm):
            return 1.0
        return min(1.0, max(0.0, (log10(norm) - self.low) / (self.high - self.low)))
