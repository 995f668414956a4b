"""Text in a terminal: columns, bars, and what stands for signs that the terminal does not have."""

from __future__ import annotations

import sys
import unicodedata

from tinygrad_mlp.terminal import STYLES, has_colour

WIDTH = 80
EIGHTHS = " ▏▎▍▌▋▊▉█"
ASCII = {
    "─": "-", "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "#", "▎": "#", "▏": "#", "→": "->", "‖": "|",
    "Σ": "sum", "ᵀ": "^T", "·": ".", "⊙": "*", "−": "-", "²": "^2", "³": "^3", "√": "sqrt", "∞": "inf", "≥": ">=",
    "≤": "<=", "≠": "!=", "…": "..", "–": "-", "∂": "d", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta",
    "ε": "eps", "θ": "theta", "λ": "lambda", "μ": "mu", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega",
    "ρ": "rho", "␣": "_", "±": "+-", "′": "'", "η": "eta", "Φ": "Phi", "×": "x", "←": "<-", "✓": "ok:", "✗": "WRONG:",
    **{chr(0x2080 + digit): str(digit) for digit in range(10)},
}  # fmt: skip


class Paper:
    """What is written on: it has all signs or ASCII alone, and colours or none.

    Args:
        ascii: whether there is nothing but ASCII; None asks whether the output can take more.
        colour: whether there are colours; None asks for a terminal without NO_COLOR.
    """

    def __init__(self, ascii: bool | None = None, colour: bool | None = None) -> None:
        self.ascii = not takes_all_signs() if ascii is None else ascii
        self.colour = has_colour() if colour is None else colour

    def text(self, text: str) -> str:
        """Text in the signs that there are."""
        if not self.ascii or text.isascii():
            return text
        return "".join(ASCII.get(c, c) for c in text).encode("ascii", "replace").decode()

    def styled(self, text: str, style: str) -> str:
        """Text in a style, if there are colours."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.colour and text.strip() else text

    def cell(self, text: str, width: int, right: bool = False) -> str:
        """Text in a column: filled up with blanks, or its middle cut out."""
        text = fitting(self.text(text), width, self.text("…"))
        blanks = " " * (width - columns(text))
        return blanks + text if right else text + blanks

    def bar(self, share: float, width: int) -> str:
        """A bar as long as a share of the width, and at least an eighth of a sign."""
        eighths = max(1, round(share * width * 8))
        bar = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
        if self.ascii:
            bar = "#" * max(1, round(share * width))
        return bar + " " * (width - len(bar))


def takes_all_signs() -> bool:
    """Whether the output can take more than ASCII."""
    try:
        "─█‖ᵀ⊙".encode(getattr(sys.stdout, "encoding", None) or "utf-8")  # a StringIO has none, and takes all
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for each East Asian wide sign, none for a combining one."""
    if text.isascii():
        return len(text)
    widths = (0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return sum(widths)


def fitting(text: str, width: int, dots: str = "…") -> str:
    """The text, with its middle cut out until it fits into so many columns."""
    if columns(text) <= width:
        return text
    keep = width - len(dots)
    for n in range(keep, 0, -1):
        shorter = text[: n - n // 2] + dots + text[len(text) - n // 2 :]
        if columns(shorter) <= width:
            return shorter
    return dots[:width]
