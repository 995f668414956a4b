"""A figure of the table: what was counted, what it has to be, and what it was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was counted, the number, and the greatest that it may be (or with `exactly`, what it has to be)."""

    what: str
    found: float
    limit: float
    exactly: bool = False

    @property
    def good(self) -> bool:
        return self.found == self.limit if self.exactly else self.found <= self.limit

    def __str__(self) -> str:
        sign = "" if self.exactly else "≤ "
        return f"{self.what.ljust(74)} {self.found:>10,.6g}   {sign}{self.limit:,.6g}".ljust(98) + (
            "  ok" if self.good else "  WRONG"
        )
