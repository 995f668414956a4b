"""Predictions: what a model says of the rows of a table, as words, columns, a CSV file and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mlp.cli.console import styled
from tinygrad_mlp.cli.tables import in_words, spread
from tinygrad_mlp.data import Table


class Predictions:
    """What a model says of N rows; the base of classes and of numbers.

    Attributes:
        table: the rows.
        heads: the names of the columns in which the predictions are shown, after the one that identifies a row.
    """

    def __init__(self, table: Table, heads: list[str]) -> None:
        self.table, self.heads = table, heads

    def in_words(self) -> str:
        """What was predicted altogether."""
        raise NotImplementedError

    def summary(self) -> dict[str, Any]:
        """The same for a program."""
        raise NotImplementedError

    def cells(self, short: bool) -> Iterator[list[str]]:
        """The columns of each row: numbers in full, or short enough to be read."""
        raise NotImplementedError

    def values(self) -> Iterator[dict[str, Any]]:
        """The prediction for each row, for a program."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """What identifies a row: the column of ids if there is one; else its number, from 1."""
        return list(self.table.ids or map(str, range(1, len(self.table) + 1)))

    def all_heads(self) -> list[str]:
        """The names of all columns."""
        return ["id" if self.table.ids else "row", *self.heads]

    def records(self) -> Iterator[dict[str, Any]]:
        """A dictionary for each row."""
        for i, (name, value) in enumerate(zip(self.names(), self.values(), strict=True), 1):
            yield {"row": i, **({"id": name} if self.table.ids else {}), **value}

    def csv(self) -> str:
        """A line for each row: its id or number, and what is predicted."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.all_heads())
        writer.writerows([name, *cells] for name, cells in zip(self.names(), self.cells(short=False), strict=True))
        return text.getvalue()

    def text(self) -> str:
        """The same as columns, with short numbers."""
        heads = self.all_heads()
        rows = [[name, *cells] for name, cells in zip(self.names(), self.cells(short=True), strict=True)]
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

        def line(first: str, *others: str) -> str:
            cells = [other.ljust(width) for other, width in zip(others, widths[1:], strict=True)]
            return "  ".join([first.rjust(widths[0]), *cells]).rstrip()

        return "\n".join([styled(line(*heads), "dim"), *(line(*row) for row in rows)])


class ClassPredictions(Predictions):
    """Classes, with their probabilities.

    Attributes:
        classes: the names of the C classes.
        probabilities: (N, C).
        indices: (N,) the classes that the rows are given.
        predicted: their N names.
    """

    def __init__(self, classes: tuple[str, ...], table: Table, probabilities: np.ndarray, indices: np.ndarray) -> None:
        super().__init__(table, ["predicted", *(f"P({name})" for name in classes)])
        self.classes, self.probabilities, self.indices = classes, probabilities, indices
        self.predicted = [classes[i] for i in indices]

    def counts(self) -> dict[str, int]:
        """How many rows were given each class."""
        counts = np.bincount(self.indices, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, counts, strict=True))

    def in_words(self) -> str:
        """`B 72, M 42`."""
        return in_words(self.counts())

    def summary(self) -> dict[str, Any]:
        """How many rows there are, and how many were given each class."""
        return {"rows": len(self.table), "classes": self.classes, "predicted": self.counts()}

    def cells(self, short: bool) -> Iterator[list[str]]:
        """The class of each row, and the probability of each class, with four decimals if it is to be short."""
        for name, row in zip(self.predicted, self.probabilities.tolist(), strict=True):
            yield [name, *(f"{p:.4f}" if short else repr(p) for p in row)]

    def values(self) -> Iterator[dict[str, Any]]:
        """The class of each row, and the probability of each class."""
        for name, row in zip(self.predicted, self.probabilities.tolist(), strict=True):
            yield {"predicted": name, "probabilities": dict(zip(self.classes, row, strict=True))}


class NumberPredictions(Predictions):
    """Numbers.

    Attributes:
        numbers: (N,), in the units of the data.
    """

    def __init__(self, table: Table, numbers: np.ndarray) -> None:
        super().__init__(table, ["predicted"])
        self.numbers = numbers

    def in_words(self) -> str:
        """`71.2 to 280.1, mean 152.9`."""
        return spread(self.numbers)

    def summary(self) -> dict[str, Any]:
        """How many rows there are, and what the numbers are like."""
        low, high, mean = (float(n) for n in (self.numbers.min(), self.numbers.max(), self.numbers.mean()))
        return {"rows": len(self.table), "predicted": {"lowest": low, "highest": high, "mean": mean}}

    def cells(self, short: bool) -> Iterator[list[str]]:
        """The number of each row, with six digits if it is to be short."""
        for number in self.numbers.tolist():
            yield [f"{number:.6g}" if short else repr(number)]

    def values(self) -> Iterator[dict[str, Any]]:
        """The number of each row."""
        for number in self.numbers.tolist():
            yield {"predicted": number}
