"""Text of several sizes and colours as Graphviz takes it, HTML-like labels; nothing in it means more than it says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

GREY, DARK, BLUE, AMBER, RED = "#5d6c84", "#333333", "#2f5591", "#a05a00", "#c62828"
TABLE = '<table border="0" cellborder="0" cellspacing="0" cellpadding="{padding}">'
GAP = "&#160;&#160;"


def piece(text: str, color: str = "", size: int = 0, bold: bool = False) -> str:
    """A piece of text in a colour and a size; nothing if it is blank, which Graphviz takes for an error."""
    if not text.strip():
        return ""
    # Graphviz replaces \N and the like in these labels too, and drops blanks at the ends and in a row.
    written = re.sub("^ | $|(?<= ) ", "&#160;", html.escape(text, quote=False).replace("\\", "\\\\"))
    if bold:
        written = f"<b>{written}</b>"
    look = f' color="{color}"' * bool(color) + f' point-size="{size}"' * bool(size)
    return f"<font{look}>{written}</font>" if look else written


def label(rows: Iterable[list[str]], align: str = "left") -> str:
    """Rows of pieces, one below the other, as a label."""
    lines = [GAP.join(filter(None, row)) for row in rows]
    return table(([line] for line in lines if line), padding=1, align=align)


def table(rows: Iterable[list[str]], padding: int = 3, align: str = "left") -> str:
    """Rows of cells in columns, as a label."""
    lines = ["".join(f'<td align="{align}">{cell or " "}</td>' for cell in row) for row in rows]
    return f"<{TABLE.format(padding=padding)}{''.join(f'<tr>{line}</tr>' for line in lines)}</table>>"
