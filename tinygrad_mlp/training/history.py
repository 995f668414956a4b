"""A history: the numbers of each epoch of a training run, one column for each metric."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.data.number_cells import shown
from tinygrad_mlp.errors import DataError, StateError

EPOCH = "epoch"
"""The first column of the CSV file: 1, 2, …. Here it is the position in a column, plus 1."""


PART = "/"
"""Between what a column measures and the part of the network that it measures: `gradient_norm/layers.0.W`."""


class History:
    """Columns of numbers by name, `loss`, `val_accuracy`, …, with one entry for each epoch.

    The first epoch decides which columns there are.

    >>> import tinygrad_mlp as tg
    >>> history = tg.History()
    >>> history.append({"loss": 0.7, "val_loss": 0.8})
    >>> history.append({"loss": 0.5, "val_loss": 0.6})
    >>> history["val_loss"]
    [0.8, 0.6]
    >>> history
    History(2 epochs, loss 0.7 → 0.5, val_loss 0.8 → 0.6)
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self._columns)

    def __len__(self) -> int:
        """The number of epochs."""
        return len(next(iter(self._columns.values()), ()))

    def __getitem__(self, name: str) -> list[float]:
        """A column: its values, epoch by epoch. Raises `StateError` for a name that is not there."""
        if name not in self._columns:
            raise StateError(f"the history has no column {name!r}: {', '.join(self.names) or 'it is empty'}")
        return list(self._columns[name])

    def __repr__(self) -> str:
        ends = [f", {name} {column[0]:.4g} → {column[-1]:.4g}" for name, column in self._columns.items() if column]
        return f"History({len(self)} epochs{''.join(ends)})"

    def copy(self) -> History:
        """A history of its own, with the same epochs."""
        other = History()
        other._columns = {name: list(column) for name, column in self._columns.items()}
        return other

    def append(self, numbers: Mapping[str, float]) -> None:
        """Add an epoch. Raises `DataError` unless it has the names of the epochs before it."""
        columns = self._columns or new_columns(list(numbers))
        if not numbers or numbers.keys() != columns.keys():
            raise DataError(f"an epoch with {other_names(list(numbers), list(columns))}")
        row = {name: float(number) for name, number in numbers.items()}  # all of them, before one is added
        for name, number in row.items():
            columns[name].append(number)
        self._columns = columns

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `epoch,loss,…`, a line for each epoch; numbers as Python shows them, so that they read back exactly.

        The file appears whole or not at all. Raises `DataError` if it cannot be written.

        >>> import tempfile
        >>> from pathlib import Path
        >>> import tinygrad_mlp as tg
        >>> history = tg.History()
        >>> history.append({"loss": 0.1 + 0.2})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "run.csv")
        ...     history.to_csv(path)
        ...     path.read_text("utf-8").splitlines(), tg.History.from_csv(path)["loss"] == history["loss"]
        (['epoch,loss', '1,0.30000000000000004'], True)
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([EPOCH, *self.names])
        writer.writerows([e, *map(repr, row)] for e, row in enumerate(zip(*self._columns.values(), strict=True), 1))
        try:
            atomic_write(path, text.getvalue().encode())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{os.fspath(path)}: the history cannot be written: {reason}") from error

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> History:
        """Read what `to_csv` wrote. Raises `DataError` with file and line for anything else."""
        source = os.fspath(path)
        try:
            content = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{source}: the history cannot be read: {reason}") from error
        history = cls()
        line = 1
        try:
            reader = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
            names = column_names(next(reader, []))
            history._columns = new_columns(names)
            line = reader.line_num + 1
            for row in reader:
                history.append(epoch_numbers(row, len(history) + 1, names))
                line = reader.line_num + 1
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise DataError(f"{source}, line {line}: the history is not UTF-8 text") from error
        except (DataError, csv.Error) as error:
            raise DataError(f"{source}, line {line}: {error}") from error
        return history


def column_names(head: list[str]) -> list[str]:
    """The names in the first line of a file, or `DataError`."""
    if head[:1] != [EPOCH]:
        raise DataError(f"{shown(','.join(head))}, expected {EPOCH},loss,… as to_csv writes it")
    return head[1:]


def epoch_numbers(row: list[str], epoch: int, names: list[str]) -> dict[str, float]:
    """The numbers in a line of a file, or `DataError`."""
    try:
        if row[:1] == [str(epoch)]:
            return dict(zip(names, map(float, row[1:]), strict=True))
    except ValueError:
        pass
    raise DataError(f"{shown(','.join(row))}, expected epoch {epoch} and {len(names)} numbers")


def other_names(names: list[str], expected: list[str]) -> str:
    """How the names of an epoch's numbers differ from those of the epochs before it."""
    if not names:
        return "no numbers; at least one expected"
    more, missing = ([name for name in a if name not in b] for a, b in ((names, expected), (expected, names)))
    seen = f"{brief(more)}, which the epochs before do not have" if more else "fewer numbers than the epochs before"
    return seen + (f", and without {brief(missing)}" if missing else "")


def brief(names: list[str]) -> str:
    """The first names of a list, and how many there are more."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def new_columns(names: list[str]) -> dict[str, list[float]]:
    """Empty columns, whose names can stand side by side in a line of a file; or `DataError`."""
    if len({EPOCH, "", *names}) != len(names) + 2 or any("\n" in name or "\r" in name for name in names):
        expected = f"different names in one line each expected, none of them empty or {EPOCH!r}"
        raise DataError(f"columns {', '.join(names)!r}: {expected}")
    return {name: [] for name in names}
