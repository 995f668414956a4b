"""Splitting a CSV file into two CSV files: the rows are copied byte for byte, the header goes into both."""

import codecs
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data.class_labels import ClassEncoder, class_name
from tinygrad_mlp.data.column_roles import ColumnReference, find_label
from tinygrad_mlp.data.csv_text import CsvText
from tinygrad_mlp.data.number_cells import shown
from tinygrad_mlp.data.splitting import split_indices
from tinygrad_mlp.data.tasks import Task, find_task
from tinygrad_mlp.errors import DataError


@dataclass(frozen=True)
class SplitFiles:
    """The two files that a split has written, and how many rows of data are in each.

    Attributes:
        train_path, valid_path: where they are.
        train_rows, valid_rows: how many rows they have, the header not counted.

    >>> from pathlib import Path
    >>> import tinygrad_mlp as tg
    >>> files = tg.data.SplitFiles(Path("masses_train.csv"), Path("masses_valid.csv"), 455, 114)
    >>> f"{files.valid_path}: {files.valid_rows / (files.train_rows + files.valid_rows):.0%} of the rows"
    'masses_valid.csv: 20% of the rows'
    """

    train_path: Path
    valid_path: Path
    train_rows: int
    valid_rows: int


def split_csv(
    path: str | os.PathLike[str],
    *,
    ratio: float = 0.8,
    seed: int = 0,
    label: ColumnReference | None = None,
    header: bool | None = None,
    train_path: str | os.PathLike[str] | None = None,
    valid_path: str | os.PathLike[str] | None = None,
    task: Task | None = None,
) -> SplitFiles:
    """Write NAME_train.csv and NAME_valid.csv beside NAME.csv (or to the given paths), each class in proportion.

    `ratio` is the share of training rows; the rows are shuffled, and the same seed gives the same files. Only the
    structure of the file and its labels are checked: its numbers are read by whoever uses the parts. `label` and
    `header` are as in `read_csv`. With `task="regression"` there are no classes to keep in proportion; None: if the
    label column holds numbers that name no classes, as `find_task` says. Each file appears complete or not at all.

    Raises `DataError` as `read_csv` and `split_indices` do, for an output that would replace the input or the other
    output, and if a file cannot be written.

    >>> import tempfile
    >>> import numpy as np, tinygrad_mlp as tg
    >>> with tempfile.TemporaryDirectory() as folder, tg.data.breast_cancer_path() as path:
    ...     files = tg.data.split_csv(path, train_path=f"{folder}/train.csv", valid_path=f"{folder}/valid.csv")
    ...     [np.bincount(tg.data.read_csv(part).labels).tolist() for part in (files.train_path, files.valid_path)]
    [[286, 169], [71, 43]]
    """
    text = CsvText.load(path, header)
    source = Path(path)
    train_file = _beside(source, "train") if train_path is None else Path(train_path)
    valid_file = _beside(source, "valid") if valid_path is None else Path(valid_path)
    if len({file.resolve() for file in (source, train_file, valid_file)}) < 3:
        raise DataError(f"{source}: cannot be split into {train_file} and {valid_file}, expected three different files")
    strata, spans = _strata(text, label, task)
    train, valid = split_indices(strata, ratio, seed)
    rows = Verbatim(text, spans)
    _write({train_file: rows.pieces(train), valid_file: rows.pieces(valid)})
    return SplitFiles(train_file, valid_file, len(train), len(valid))


def _beside(source: Path, part: str) -> Path:
    return source.with_name(f"{source.stem}_{part}{source.suffix or '.csv'}")


def _strata(
    text: CsvText, label: ColumnReference | None, task: Task | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Class indices (N,) of all rows, zeros if they have none; and the lines (N, 2) on which they begin and end.

    A class with one row is refused here, where its line is known.
    """
    column = find_label(text, label, range(len(text.names)))
    assert column is not None  # a label is required
    alike = (task or find_task(text, column).task) == "regression"
    encoder = ClassEncoder()
    codes, spans = [np.zeros(0, np.int64)], [np.zeros((0, 2), np.int64)]
    for rows in text.blocks():
        codes.append(np.zeros(len(rows), np.int64) if alike else np.array(encoder.encode(text, rows, column)))
        spans.append(np.array([*zip(rows.lines, rows.last_lines(), strict=True)]))
    if alike:
        return np.concatenate(codes), np.concatenate(spans)
    labels, classes = encoder.finish(np.concatenate(codes))
    counts = np.bincount(labels)
    if counts.min() > 1:
        return labels, np.concatenate(spans)
    single = {classes[index] for index in np.flatnonzero(counts == 1)}
    line, row = next((line, row) for rows in text.blocks() for line, row in rows if class_name(row[column]) in single)
    problem = f"class {shown(class_name(row[column]))} has 1 row, expected at least 2, one for each file"
    raise text.cell_error(line, row, column, problem)


class Verbatim:
    """The bytes of a file: those above the first row of data (byte order mark, header), and those of each row.

    Args:
        text: the file.
        spans: the physical lines (N, 2) on which its rows of data begin and end.
    """

    def __init__(self, text: CsvText, spans: NDArray[np.int64]) -> None:
        self._open = text.file.open
        starts = text.file.line_starts()
        with self._open() as file:
            if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
                starts[0] = len(codecs.BOM_UTF8)
            self._places = np.stack([starts[spans[:, 0] - 1], starts[spans[:, 1]]], axis=1)
            first = self._read(file, 0)
        self._break = first[len(first.rstrip(b"\r\n")) :]

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[bytes]:
        """The top of the file, and then these rows in this order, each with a line break."""
        with self._open() as file:
            yield file.read(int(self._places[0, 0]))
            for row in rows:
                content = self._read(file, row)
                yield content if content.endswith((b"\r", b"\n")) else content + self._break

    def _read(self, file: BinaryIO, row: int) -> bytes:
        start, stop = self._places[row].tolist()
        file.seek(start)
        return file.read(stop - start)


def _write(contents: Mapping[Path, Iterable[bytes]]) -> None:
    """Write files whole: beside the target first, onto the disk, and only then under their names."""
    parts: dict[Path, Path] = {}
    path = Path()
    try:
        for path, content in contents.items():
            parts[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
            with parts[path].open("xb") as file:
                file.writelines(content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a path without a name
        raise DataError(f"{path}: the file cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
