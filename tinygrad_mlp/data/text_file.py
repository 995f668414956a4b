"""A text file that is read from its start as often as need be, a piece at a time: its bytes are never all in memory."""

import codecs
import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.errors import DataError

_PIECE = 2**18


@dataclass(frozen=True)
class TextFile:
    """UTF-8 text in a file, or in bytes.

    Attributes:
        name: of the file, as in error messages.
        open: gives the bytes from the start.
    """

    name: str
    open: Callable[[], BinaryIO] = field(repr=False)

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> "TextFile":
        """The text in a file. What cannot be read twice, such as a pipe, is kept in memory.

        Raises `DataError` for a file that cannot be opened; from `open`, if it is no longer what it was.
        """
        try:
            first = Path(path).stat()
            if not stat.S_ISREG(first.st_mode):
                return cls.of(Path(path).read_bytes(), str(path))
            Path(path).open("rb").close()
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise _unreadable(path, error) from error

        def reopened() -> BinaryIO:
            try:
                file = Path(path).open("rb")  # noqa: SIM115 - whoever asked for it closes it
            except OSError as error:
                raise _unreadable(path, error) from error
            now = os.fstat(file.fileno())
            if (now.st_ino, now.st_size, now.st_mtime_ns) != (first.st_ino, first.st_size, first.st_mtime_ns):
                file.close()
                raise DataError(f"{path}: the file was changed while it was read")
            return file

        return cls(str(path), reopened)

    @classmethod
    def of(cls, data: bytes, name: str) -> "TextFile":
        """The text that bytes hold."""
        return cls(name, lambda: io.BytesIO(data))

    def count_lines(self) -> int:
        """How many physical lines there are, ended by LF, CRLF or CR; the last one may be empty.

        Raises `DataError` with the line of a byte that is not UTF-8, or is NUL, and for UTF-16.
        """
        decode = codecs.getincrementaldecoder("utf-8")().decode
        lines = 1
        try:
            for piece in self._pieces():
                if b"\0" in piece:
                    raise _not_utf8(self)
                decode(piece)
                lines += _count_breaks(piece)
            decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise _not_utf8(self) from error
        return lines

    def line_starts(self) -> NDArray[np.int64]:
        """Where each physical line begins, in bytes, and at the end how many bytes there are."""
        starts, at = [np.zeros(1, np.int64)], 0
        for piece in self._pieces():
            codes = np.frombuffer(piece, np.uint8)
            ends = codes == ord("\n")
            if b"\r" in piece:
                returns = codes == ord("\r")
                returns[:-1] &= ~ends[1:]
                ends |= returns
            starts.append(np.flatnonzero(ends) + (at + 1))
            at += len(piece)
        found = np.concatenate(starts)
        return found if found[-1] == at else np.append(found, at)

    def _pieces(self) -> Iterator[bytes]:
        """The bytes, in pieces that do not end between a CR and its LF."""
        with self.open() as file:
            while piece := file.read(_PIECE):
                while piece.endswith(b"\r") and (more := file.read(1)):
                    piece += more
                yield piece


def _count_breaks(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _unreadable(path: str | os.PathLike[str], error: Exception) -> DataError:
    return DataError(f"{path}: the file cannot be read: {getattr(error, 'strerror', None) or error}")


def _not_utf8(text: TextFile) -> DataError:
    """The error about the first byte that is no UTF-8 text; for that, all of them are looked at together."""
    with text.open() as file:
        data = file.read()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return DataError(f"{text.name}, line 1: the text is encoded as UTF-16, expected UTF-8")
    nul = data.find(b"\0")
    if nul >= 0:
        return DataError(f"{text.name}, line {1 + _count_breaks(data[:nul])}: a NUL byte, expected text in UTF-8")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte, line = f"byte 0x{data[error.start]:02x}", 1 + _count_breaks(data[: error.start])
        return DataError(f"{text.name}, line {line}: {byte} is not valid UTF-8; save the file as UTF-8")
    return DataError(f"{text.name}: the file was changed while it was read")
