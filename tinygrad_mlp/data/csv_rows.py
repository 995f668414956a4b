"""Rows of a CSV file, some hundred at a time: their cells, one column of them, or the numbers in many columns."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data.number_cells import parse_number_lines, parse_numbers

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Commas(csv.excel):
    """Commas and double quotes; text after a closing quote is an error, spaces before an opening one are not."""

    strict = True
    skipinitialspace = True


class Rows:
    """Some rows in a run.

    Attributes:
        lines: the physical line on which each begins, from 1.
        cells: the cells of each.
    """

    def __init__(self, lines: Sequence[int], cells: list[list[str]]) -> None:
        self.lines, self.cells = lines, cells

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return iter(zip(self.lines, self.cells, strict=True))

    def column(self, position: int) -> list[str]:
        """The cells of one column."""
        return [row[position] for row in self.cells]

    def numbers(self, positions: Sequence[int]) -> NDArray[np.float64] | None:
        """The numbers (rows, k) of k columns; None if one of the cells has a `number_problem`."""
        numbers = parse_numbers([row[j] for row in self.cells for j in positions])
        return None if numbers is None else numbers.reshape(len(self), len(positions))

    def last_lines(self) -> Iterable[int]:
        """The physical line on which each row ends."""
        return [line + count_breaks(row) for line, row in self]


class PlainRows(Rows):
    """Rows without quotes, each of them one physical line: what is needed of them is cut out when it is asked for.

    Args:
        lines: the numbers of the lines.
        texts: the lines, each with `width` − 1 commas and its line break.
        width: the number of cells in each.
    """

    def __init__(self, lines: Sequence[int], texts: list[str], width: int) -> None:
        self.lines, self._texts, self._width = lines, texts, width

    @cached_property
    def cells(self) -> list[list[str]]:  # type: ignore[override]  # an attribute that is made when it is needed
        """The cells of each row."""
        return list(csv.reader(self._texts, Commas))

    def column(self, position: int) -> list[str]:
        """The cells of one column, cut out from the nearer end of the lines."""
        behind = self._width - position
        if position < behind:
            cells = [text.split(",", position + 1)[position] for text in self._texts]
        else:
            cells = [text.rsplit(",", behind)[-behind] for text in self._texts]
        # As the reader has them: only blanks before a cell are none of it.
        return [cell.lstrip(" ") for cell in cells] if behind > 1 else [c.lstrip(" ").rstrip("\r\n") for c in cells]

    def numbers(self, positions: Sequence[int]) -> NDArray[np.float64] | None:
        """The numbers (rows, k) of k columns; None if one of the cells has a `number_problem`."""
        numbers = parse_number_lines(self._texts, positions)
        return super().numbers(positions) if numbers is None else numbers

    def last_lines(self) -> Iterable[int]:
        """Each row ends on the line on which it begins."""
        return self.lines


def count_breaks(cells: Iterable[str]) -> int:
    """How many line breaks the cells hold: a row begins this many lines before it ends."""
    return sum(len(_LINE_BREAK.findall(cell)) for cell in cells)
