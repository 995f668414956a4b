"""Class labels: the text of the label column becomes class indices 0 … C − 1, in the sorted order of the classes.

So of `B` and `M` the class `M` has index 1. Labels that are numbers are one class if they have one value (`1`, `1.0`
and `01` are the class `1`), and they sort by value.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data.csv_rows import Rows
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.number_cells import is_number, shown


def class_name(cell: str) -> str:
    """The class that a cell names: its text without blanks around it, a number in its shortest form."""
    name = cell.strip()
    if not is_number(name):
        return name
    value = float(name)
    if abs(value) >= 2**53:  # two whole numbers up here may be one float: only the text tells them apart
        return name
    return str(int(value)) if value.is_integer() else repr(value)


def sort_classes(names: Iterable[str]) -> tuple[str, ...]:
    """The names in order: by value if all are numbers, else by their characters."""
    names = sorted(names)
    return tuple(sorted(names, key=float) if all(map(is_number, names)) else names)


class ClassEncoder:
    """Turns label cells into class indices, chunk by chunk, and knows all the classes when the last chunk is through.

    With `classes` given, the indices are those of `classes` and any other label is an error.
    """

    def __init__(self, classes: Sequence[str] | None = None) -> None:
        self._given = None if classes is None else tuple(classes)
        self._index_of_name = {class_name(name): index for index, name in enumerate(self._given or ())}
        self._index_of_cell: dict[str, int] = {}

    def encode(self, text: CsvText, rows: Rows, column: int) -> list[int]:
        """Indices of the labels of some rows; provisional (in the order of appearance) until `finish`.

        Raises `DataError` with the place of an empty label, or of one that is not among the given classes.
        """
        cells = rows.column(column)
        if not self._index_of_cell.keys() >= set(cells):
            for line, row in rows:
                self._learn(text, line, row, column)
        return [self._index_of_cell[cell] for cell in cells]

    def _learn(self, text: CsvText, line: int, row: list[str], column: int) -> None:
        cell = row[column]
        name = class_name(cell)
        if not name:
            raise text.cell_error(line, row, column, "the label is empty, expected the name of a class")
        if name not in self._index_of_name:
            if self._given is not None:
                known = ", ".join(map(repr, self._given))
                raise text.cell_error(line, row, column, f"{shown(cell)} is an unknown class, expected one of {known}")
            self._index_of_name[name] = len(self._index_of_name)
        self._index_of_cell[cell] = self._index_of_name[name]

    def finish(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Final indices (N,) and the classes that they point into."""
        if self._given is not None:
            return indices, self._given
        classes = sort_classes(self._index_of_name)
        rank = {name: index for index, name in enumerate(classes)}
        final = np.array([rank[name] for name in self._index_of_name], dtype=np.int64)
        return final[indices], classes
