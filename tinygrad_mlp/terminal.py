"""What the output may look like: whether somebody watches it, and colours where they are wanted."""

from __future__ import annotations

import os
import sys

STYLES = {"bold": "1", "dim": "2", "green": "32", "red": "31", "yellow": "33", "cyan": "36"}


def is_terminal() -> bool:
    """Whether somebody watches the output, and lines can be drawn over."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def has_colour() -> bool:
    """Whether the output may have colours: on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def styled(text: object, style: str) -> str:
    """The text in a style, if the output may have colours; as it is otherwise."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if has_colour() else str(text)
