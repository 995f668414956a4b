"""A number in a CSV cell: ASCII decimal digits with an optional sign, point and exponent, and nothing else.

Python's `float` also reads `1_000`, `nan`, `inf`, digits of other scripts and blanks of every kind; in a table each of
these is far more often a mistake than a number. The grammar here is

    [+-]? (digits (. digits?)? | . digits) ([eE] [+-]? digits)?

with spaces or tabs around it, and a value that float64 can hold: `1e400` is refused, not read as infinity.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")
_OTHER_BLANKS = "\x0b\x0c\x1c\x1d\x1e\x1f"
_NUMBER_BYTES = b"0123456789+-.eE \t"


def is_number(cell: str) -> bool:
    """True if the cell is written as a number, whether or not float64 can hold it."""
    return _NUMBER.fullmatch(cell) is not None


def is_like_a_number(cell: str) -> bool:
    """True for a number and for what Python would take for one: `nan`, `inf`, `1_000`, digits of other scripts."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def number_problem(cell: str) -> str | None:
    """Why a cell cannot be used as a number, as words for an error message; None if it can."""
    if not cell.strip():
        return "the cell is empty, expected a number"
    if not is_number(cell):
        return f"{shown(cell)} is not a number"
    if not math.isfinite(float(cell)):
        return f"{shown(cell)} is too large for a float64"
    return None


def parse_numbers(cells: Sequence[str]) -> NDArray[np.float64] | None:
    """The values (k,) float64 of k cells, or None if any of them has a `number_problem`.

    Exactly as strict as the grammar, at the speed of `float`: of the texts that `float` reads, those outside of the
    grammar contain a character that the grammar does not have.
    """
    text = "".join(cells)
    if not text.isascii() or text.encode("ascii").translate(None, _NUMBER_BYTES):
        return None
    try:
        values = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def parse_number_lines(lines: Sequence[str], positions: Sequence[int]) -> NDArray[np.float64] | None:
    """The values (len(lines), k) float64 of k columns in lines of cells with commas between; None if they must be
    looked at one by one: they may all be good.

    Twice as fast as `parse_numbers`, by NumPy's reader of text, and as strict: in ASCII, what that reads beyond the
    grammar are `nan` and infinities, and other blanks than space and tab.
    """
    text = "".join(lines)
    if not text.isascii() or any(blank in text for blank in _OTHER_BLANKS):
        return None
    try:
        values = np.loadtxt(lines, delimiter=",", usecols=positions, comments=None, ndmin=2)
    except ValueError:
        return None
    return values if values.shape == (len(lines), len(positions)) and np.isfinite(values).all() else None


def shown(cell: str) -> str:
    """The cell in quotes for an error message, cut when it is long."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
