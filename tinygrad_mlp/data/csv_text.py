"""The text of a CSV file: bytes become rows of cells, and each row knows the physical line on which it begins.

What is read: UTF-8 with or without a byte order mark, commas, lines that end in LF, CRLF or CR, cells in double quotes
(which may then hold commas, doubled quotes and line breaks). All rows have the same number of cells. Blank lines may
follow the last row, and nowhere else. Everything else is refused with its line.
"""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from tinygrad_mlp.data.csv_rows import Commas, PlainRows, Rows, count_breaks
from tinygrad_mlp.data.number_cells import is_like_a_number, is_number, shown
from tinygrad_mlp.data.text_file import TextFile
from tinygrad_mlp.errors import DataError

_BLOCK_CELLS = 2**15
# A cell of the first row that says "this is a header", even when other names are numbers (0, 1, 2, …).
_HEADER_WORDS = frozenset({"diagnosis", "label", "class", "target", "species"})


@dataclass(frozen=True)
class CsvText:
    """A CSV file: the names of its columns, and a way to walk over its rows, which are read anew for each walk.

    `names` are those of the header, or `column 1`, `column 2`, … when the file has none; `line_count` is the number of
    physical lines: no file has more rows than lines.
    """

    file: TextFile = field(repr=False)
    line_count: int
    names: tuple[str, ...]
    has_header: bool

    @classmethod
    def load(cls, path: str | os.PathLike[str], header: bool | None = None) -> "CsvText":
        """Look at a file. `header` says whether the first row is names; None: it is if none of its cells is a number.

        Raises `DataError` for a file that cannot be opened, is not UTF-8, has no rows, or has a faulty first row.
        """
        return cls._of(TextFile.at(path), header)

    @classmethod
    def parse(cls, data: bytes, source: str, header: bool | None = None) -> "CsvText":
        """As `load`, from bytes; `source` is the name of the file in messages."""
        return cls._of(TextFile.of(data, source), header)

    @classmethod
    def _of(cls, file: TextFile, header: bool | None) -> "CsvText":
        source, line_count = file.name, file.count_lines()
        walk = _walk(file)
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
            return cls(file, line_count, tuple(f"column {j + 1}" for j in range(len(cells))), False)
        names = tuple(cell.strip() for cell in cells)
        _check_names(names, f"{source}, line {line}")
        if second is None:
            raise DataError(f"{source}, line {line}: a header and no row after it")
        return cls(file, line_count, names, True)

    @property
    def source(self) -> str:
        """The name of the file, as in error messages."""
        return self.file.name

    def blocks(self) -> Iterator[Rows]:
        """The rows of data in their order, without the header, many at a time; may be walked any number of times."""
        return islice(_walk(self.file), int(self.has_header), None)

    def column(self, position: int) -> str:
        """The column in words: `column 4 ('Area')`, or `column 4` in a file without a header."""
        return f"column {position + 1}" + (f" ({self.names[position]!r})" if self.has_header else "")

    def cell_error(self, line: int, cells: Sequence[str], position: int, problem: str) -> DataError:
        """An error about one cell of the row that begins on a line: `file.csv, line 17, column 4 ('Area'): …`."""
        line += count_breaks(cells[:position])
        return DataError(f"{self.source}, line {line}, {self.column(position)}: {problem}")


def _walk(file: TextFile) -> Iterator[Rows]:
    """All rows in blocks; the first block is the first row. A block of plain rows costs little Python code per row.

    Raises `DataError` for open quotes, blank lines between rows, and uneven rows, whichever comes first.
    """
    line, size, width, top, blank = 1, 1, 0, 0, 0
    # The physical lines, each with its line break as it stands, without a byte order mark.
    with file.open() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as stream:
        while block := list(islice(stream, size)):
            if width > 1 and not blank and _is_plain(block, width):
                yield PlainRows(range(line, line + len(block)), block, width)
                line += len(block)
                continue
            lines: list[int] = []
            cells: list[list[str]] = []
            reader = csv.reader(chain(block, stream), Commas)  # the last row may go on behind the block
            while reader.line_num < len(block):
                at = line + reader.line_num
                try:
                    row = next(reader)
                except csv.Error as error:
                    raise _quoting_error(str(error), file.name, at, line + reader.line_num - 1) from error
                if len(row) <= 1 and not "".join(row).strip():
                    blank = blank or at
                    continue
                if blank:
                    raise DataError(f"{file.name}, line {blank}: a blank line before a row of data")
                if width and len(row) != width:
                    seen = "1 column" if len(row) == 1 else f"{len(row)} columns"
                    raise DataError(f"{file.name}, line {at}: {seen}, expected {width} as in line {top}")
                width, top = len(row), top or at
                lines.append(at)
                cells.append(row)
            line += reader.line_num
            if cells:
                size = max(1, _BLOCK_CELLS // width)
                yield Rows(lines, cells)


def _is_plain(block: Sequence[str], width: int) -> bool:
    """Whether lines are rows of so many cells without quotes, none of them too long for the reader of other rows."""
    return (
        not any('"' in line for line in block)
        and all(line.count(",") == width - 1 for line in block)
        and max(map(len, block)) <= csv.field_size_limit()
    )


def _quoting_error(message: str, source: str, first_line: int, line: int) -> DataError:
    """An error about quotes in the row that begins on `first_line`, found on `line`."""
    if "expected after" in message:
        return DataError(f"{source}, line {line}: text after a closing quote, expected a comma or the end of the line")
    if "unexpected end" in message:
        return DataError(f"{source}, line {first_line}: a quote that is opened in this row is never closed")
    limit = csv.field_size_limit()  # what is left: a cell over the limit, nearly always everything after an open quote
    return DataError(f"{source}, line {first_line}: a cell of more than {limit} characters; is a quote left open?")


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
