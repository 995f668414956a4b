"""The console: plain lines, and on a terminal that wants them, colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "cyan": "36"}


def is_terminal() -> bool:
    """Whether somebody watches the output, and lines can be drawn over."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def has_colour() -> bool:
    """Whether the output may have colours: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def styled(text: object, style: str) -> str:
    """The text in a style, if the output may have colours; as it is otherwise."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if has_colour() else str(text)


def shown(value: float) -> str:
    """A score with four decimals; with five digits if it is too large or too small for that."""
    return f"{value:.4f}" if 0.001 <= abs(value) < 1000 or not value else f"{value:.5g}"


def fields(rows: Mapping[str, object]) -> str:
    """Lines of names and what they are, one below the other."""
    width = max(map(len, rows))
    return "\n".join(f"{styled(name.ljust(width), 'dim')}  {value}" for name, value in rows.items())
