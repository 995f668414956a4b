"""What commands print beside tables: lines of names and what they are."""

from __future__ import annotations

from collections.abc import Mapping

from tinygrad_mlp.terminal import has_colour, is_terminal, styled

__all__ = ["fields", "has_colour", "is_terminal", "styled"]


def shown(value: float) -> str:
    """A score with four decimals; with five digits if it is too large or too small for that."""
    return f"{value:.4f}" if 0.001 <= abs(value) < 1000 or not value else f"{value:.5g}"


def fields(rows: Mapping[str, object]) -> str:
    """Lines of names and what they are, one below the other."""
    width = max(map(len, rows))
    return "\n".join(f"{styled(name.ljust(width), 'dim')}  {value}" for name, value in rows.items())
