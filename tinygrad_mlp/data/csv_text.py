"""The text of a CSV file: bytes become rows of cells, and each row knows the physical line on which it begins.

What is read: UTF-8 with or without a byte order mark, commas, lines that end in LF, CRLF or CR, cells in double quotes
(which may then hold commas, doubled quotes and line breaks). All rows have the same number of cells. Blank lines may
follow the last row, and nowhere else. Everything else is refused with its line.
"""

import codecs
import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from pathlib import Path
from typing import NamedTuple

from tinygrad_mlp.data.number_cells import is_like_a_number, is_number, shown
from tinygrad_mlp.errors import DataError

_BLOCK_CELLS = 2**13
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
# A cell of the first row that says "this is a header", even when other names are numbers (0, 1, 2, …).
_HEADER_WORDS = frozenset({"diagnosis", "label", "class", "target", "species"})


class Rows(NamedTuple):
    """Some rows in a run: the physical line on which each begins (1-based), and the cells of each."""

    lines: Sequence[int]
    cells: list[list[str]]


@dataclass(frozen=True)
class CsvText:
    """A CSV file in memory: its bytes, the names of its columns, and a way to walk over its rows.

    `names` are those of the header, or `column 1`, `column 2`, … when the file has none.
    """

    source: str
    data: bytes = field(repr=False)
    names: tuple[str, ...]
    has_header: bool

    @classmethod
    def load(cls, path: str | os.PathLike[str], header: bool | None = None) -> "CsvText":
        """Read a file. `header` says whether the first row holds names; None: it does if none of its cells is a number.

        Raises `DataError` for a file that cannot be opened, is not UTF-8, has no rows, or has a faulty first row.
        """
        try:
            data = Path(path).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise DataError(f"{path}: the file cannot be read: {getattr(error, 'strerror', None) or error}") from error
        return cls.parse(data, str(path), header)

    @classmethod
    def parse(cls, data: bytes, source: str, header: bool | None = None) -> "CsvText":
        """As `load`, from bytes; `source` is the name of the file in messages."""
        _check_encoding(data, source)
        walk = _walk(data, source)
        top = next(walk, None)
        if top is None:
            raise DataError(f"{source}: the file is empty, expected rows of cells separated by commas")
        line, cells = top.lines[0], top.cells[0]
        separator = _other_separator(cells)
        if separator:
            raise DataError(f"{source}, line {line}: the cells are separated by {separator}, expected commas")
        if len(cells) == 1:
            raise DataError(f"{source}, line {line}: 1 column, expected a label and features")
        below = next(walk, None)
        second = below.cells[0] if below else None
        if header is None:
            header = _is_header(cells, second, f"{source}, line {line}")
        if not header:
            return cls(source, data, tuple(f"column {j + 1}" for j in range(len(cells))), False)
        names = tuple(cell.strip() for cell in cells)
        _check_names(names, f"{source}, line {line}")
        if second is None:
            raise DataError(f"{source}, line {line}: a header and no row after it")
        return cls(source, data, names, True)

    def blocks(self) -> Iterator[Rows]:
        """The rows of data in their order, without the header, many at a time; may be walked any number of times."""
        return islice(_walk(self.data, self.source), int(self.has_header), None)

    def max_rows(self) -> int:
        """The number of physical lines: no file has more rows than lines."""
        return self.data.count(b"\n") + self.data.count(b"\r") - self.data.count(b"\r\n") + 1

    def column(self, position: int) -> str:
        """The column in words: `column 4 ('Area')`, or `column 4` in a file without a header."""
        return f"column {position + 1}" + (f" ({self.names[position]!r})" if self.has_header else "")

    def cell_error(self, line: int, cells: Sequence[str], position: int, problem: str) -> DataError:
        """An error about one cell of the row that begins on a line: `file.csv, line 17, column 4 ('Area'): …`."""
        line += count_breaks(cells[:position])
        return DataError(f"{self.source}, line {line}, {self.column(position)}: {problem}")


def count_breaks(cells: Iterable[str]) -> int:
    """How many line breaks the cells hold: a row begins this many lines before it ends."""
    return sum(len(_LINE_BREAK.findall(cell)) for cell in cells)


class _Commas(csv.excel):
    """Commas and double quotes; text after a closing quote is an error, spaces before an opening one are not."""

    strict = True
    skipinitialspace = True


def _lines(data: bytes) -> io.TextIOWrapper:
    """The physical lines, each with its line break as it stands, without a byte order mark."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")


def _walk(data: bytes, source: str, one_by_one: bool = False) -> Iterator[Rows]:
    """All rows in blocks; the first block is the first row. A block of plain rows costs no Python code per row.

    Raises `DataError` for open quotes, blank lines between rows, and uneven rows, whichever comes first.
    """
    reader = csv.reader(_lines(data), _Commas)
    line, size, width, top, blank = 1, 1, 0, 0, 0
    try:
        while cells := list(islice(reader, size)):
            lines: Sequence[int] = range(line, line + len(cells))
            line = reader.line_num + 1
            if line != lines[-1] + 1:
                lines = list(accumulate(cells[:-1], lambda at, row: at + 1 + count_breaks(row), initial=lines[0]))
            if blank or not width or {len(row) for row in cells} != {width}:
                kept = 0
                for at, row in zip(lines, cells, strict=True):
                    if len(row) <= 1 and not "".join(row).strip():
                        blank = blank or at
                        continue
                    if blank:
                        raise DataError(f"{source}, line {blank}: a blank line before a row of data")
                    if width and len(row) != width:
                        seen = "1 column" if len(row) == 1 else f"{len(row)} columns"
                        raise DataError(f"{source}, line {at}: {seen}, expected {width} as in line {top}")
                    width, top, kept = len(row), top or at, kept + 1
                lines, cells = lines[:kept], cells[:kept]
            if cells:
                size = 1 if one_by_one else max(1, _BLOCK_CELLS // width)
                yield Rows(lines, cells)
    except csv.Error as error:
        if size > 1:  # which row it is, and whether one above it in the block is uneven, is not known yet
            for _ in _walk(data, source, one_by_one=True):
                pass
        raise _quoting_error(str(error), source, line, reader.line_num) from error


def _quoting_error(message: str, source: str, first_line: int, line: int) -> DataError:
    """An error about quotes in the row that begins on `first_line`, found on `line`."""
    if "expected after" in message:
        return DataError(f"{source}, line {line}: text after a closing quote, expected a comma or the end of the line")
    if "unexpected end" in message:
        return DataError(f"{source}, line {first_line}: a quote that is opened in this row is never closed")
    limit = csv.field_size_limit()  # what is left: a cell over the limit, nearly always everything after an open quote
    return DataError(f"{source}, line {first_line}: a cell of more than {limit} characters; is a quote left open?")


def _check_encoding(data: bytes, source: str) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{source}, line 1: the text is encoded as UTF-16, expected UTF-8")
    nul = data.find(b"\0")
    if nul >= 0:
        raise DataError(f"{source}, line {_line_of(data, nul)}: a NUL byte, expected text in UTF-8")
    if data.isascii():
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02x}"
        line = _line_of(data, error.start)
        raise DataError(f"{source}, line {line}: {byte} is not valid UTF-8; save the file as UTF-8") from error


def _line_of(data: bytes, offset: int) -> int:
    """The physical line (1-based) on which a byte stands."""
    before = data[:offset]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _other_separator(cells: Sequence[str]) -> str | None:
    """What separates the cells of the first row instead of commas; commas may then be decimal ones (`1,5;2,5;M`)."""
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        for cell in cells:
            before, found, _ = cell.strip().partition(separator)
            if found and (len(cells) == 1 or is_number(before)):
                return name
    return None


def _is_header(first: Sequence[str], second: Sequence[str] | None, place: str) -> bool:
    if not any(is_like_a_number(cell) for cell in first):
        return True
    for j, cell in enumerate(first):
        if cell.strip().casefold() in _HEADER_WORDS and (second is None or second[j] != cell):
            like = f"{shown(cell)} is like the name of a column, but the line also holds numbers"
            choice = "say header=True if it is a header, header=False if it is data"
            raise DataError(f"{place}, column {j + 1}: {like}; {choice}")
    return False


def _check_names(names: Sequence[str], place: str) -> None:
    seen: dict[str, int] = {}
    for j, name in enumerate(names):
        if not name:
            raise DataError(f"{place}, column {j + 1}: the header has an empty name, expected a name for every column")
        if name in seen:
            raise DataError(f"{place}, column {j + 1}: the name {name!r} is already that of column {seen[name] + 1}")
        seen[name] = j
