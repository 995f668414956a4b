"""Splitting a CSV file into two CSV files: the rows are copied byte for byte, the header goes into both."""

import codecs
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.data.class_labels import ClassEncoder, class_name
from tinygrad_mlp.data.column_roles import ColumnReference, find_label
from tinygrad_mlp.data.csv_text import CsvText, count_breaks
from tinygrad_mlp.data.number_cells import shown
from tinygrad_mlp.data.splitting import split_indices
from tinygrad_mlp.data.tasks import Task, find_task
from tinygrad_mlp.errors import DataError


@dataclass(frozen=True)
class SplitFiles:
    """The two files that a split has written, and how many rows of data are in each."""

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
    """
    text = CsvText.load(path, header)
    source = Path(path)
    train_file = _beside(source, "train") if train_path is None else Path(train_path)
    valid_file = _beside(source, "valid") if valid_path is None else Path(valid_path)
    if len({file.resolve() for file in (source, train_file, valid_file)}) < 3:
        raise DataError(f"{source}: cannot be split into {train_file} and {valid_file}, expected three different files")
    train, valid = split_indices(_strata(text, label, task), ratio, seed)
    top, rows = _verbatim(text)
    _write({file: top + b"".join([rows[i] for i in part]) for file, part in ((train_file, train), (valid_file, valid))})
    return SplitFiles(train_file, valid_file, len(train), len(valid))


def _beside(source: Path, part: str) -> Path:
    return source.with_name(f"{source.stem}_{part}{source.suffix or '.csv'}")


def _strata(text: CsvText, label: ColumnReference | None, task: Task | None) -> NDArray[np.int64]:
    """Class indices of all rows, zeros if they have none. A class with one row is refused here, with its line."""
    column = find_label(text, label, range(len(text.names)))
    assert column is not None  # a label is required
    if (task or find_task(text, column).task) == "regression":
        return np.zeros(sum(len(rows.cells) for rows in text.blocks()), np.int64)
    encoder = ClassEncoder()
    codes = [code for rows in text.blocks() for code in encoder.encode(text, rows, column)]
    labels, classes = encoder.finish(np.array(codes, dtype=np.int64))
    counts = np.bincount(labels)
    if counts.min() > 1:
        return labels
    single = {classes[index] for index in np.flatnonzero(counts == 1)}
    line, row = next(
        (line, row)
        for rows in text.blocks()
        for line, row in zip(*rows, strict=True)
        if class_name(row[column]) in single
    )
    problem = f"class {shown(class_name(row[column]))} has 1 row, expected at least 2, one for each file"
    raise text.cell_error(line, row, column, problem)


def _verbatim(text: CsvText) -> tuple[bytes, list[bytes]]:
    """The bytes above the first row of data (byte order mark, header), and those of each row with its line break."""
    mark = codecs.BOM_UTF8 if text.data.startswith(codecs.BOM_UTF8) else b""
    lines = text.data.removeprefix(mark).splitlines(keepends=True)
    places = [(line, line + count_breaks(row)) for rows in text.blocks() for line, row in zip(*rows, strict=True)]
    rows = [b"".join(lines[first - 1 : last]) for first, last in places]
    if not rows[-1].endswith((b"\r", b"\n")):
        rows[-1] += rows[0][len(rows[0].rstrip(b"\r\n")) :]
    return mark + b"".join(lines[: places[0][0] - 1]), rows


def _write(contents: Mapping[Path, bytes]) -> None:
    """Write files whole: beside the target first, onto the disk, and only then under their names."""
    parts: dict[Path, Path] = {}
    path = Path()
    try:
        for path, content in contents.items():
            parts[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
            with parts[path].open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a path without a name
        raise DataError(f"{path}: the file cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
