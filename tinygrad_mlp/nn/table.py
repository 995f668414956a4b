"""A plain table: columns as wide as their longest cell, the last one flush right."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str]) -> str:
    """Lines of text, with a rule below the head and above the foot."""
    widths = [max(map(len, column)) for column in zip(head, *rows, foot, strict=True)]

    def line(cells: Sequence[str]) -> str:
        left = [cell.ljust(width) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
        return f"{left[0]}  {'   '.join([*left[1:], cells[-1].rjust(widths[-1])])}"

    rule = "─" * len(line(head))
    return "\n".join([line(head), rule, *map(line, rows), rule, line(foot)])
