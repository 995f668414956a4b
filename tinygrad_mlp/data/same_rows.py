"""Rows that are the same: in two parts of a table, or in two tables whose rows stand in any order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.errors import DataError, ShapeError

Array = NDArray[Any]
BITS = 128
ROWS_AT_ONCE = 1024
"""Of so many rows there is a copy at a time."""


def shared_rows(first: tuple[Array, Array], second: tuple[Array, Array]) -> list[tuple[int, int]]:
    """The rows of the second pair (X, y) that are in the first one too: where they are, in the first and in the second.

    A row is the same if all its numbers are, and its label or targets. Of equal rows in the first pair, the first one
    counts. In the order of the second.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.data.shared_rows((np.eye(3), np.array([0, 1, 2])), (np.eye(3)[::-1], np.array([2, 7, 0])))
    [(2, 0), (0, 2)]
    """
    dtypes = [np.result_type(a, b) for a, b in zip(first, second, strict=True)]
    wanted: dict[bytes, list[int]] = {}
    for j, row in enumerate(row_bytes(second, dtypes)):
        wanted.setdefault(row, []).append(j)
    found: dict[int, int] = {}
    for i, row in enumerate(row_bytes(first, dtypes)):
        for j in wanted.pop(row, ()):
            found[j] = i
    return [(found[j], j) for j in sorted(found)]


def row_bytes(pair: tuple[Array, Array], dtypes: list[np.dtype[Any]]) -> Iterator[bytes]:
    """The numbers of each row of a pair (X, y) in these dtypes, as bytes that are equal if the numbers are."""
    X, y = pair
    if len(X) != len(y):
        raise ShapeError(f"X {X.shape} and y {y.shape}; as many rows in both are expected")
    for start in range(0, len(X), ROWS_AT_ONCE):
        parts = []
        for values, dtype in zip(pair, dtypes, strict=True):
            rows = np.asarray(values[start : start + ROWS_AT_ONCE], dtype) + np.zeros((), dtype)  # −0 + 0 is 0
            data, width = rows.tobytes(), rows.nbytes // len(rows)
            parts.append([data[i * width : (i + 1) * width] for i in range(len(rows))])
        for x_row, y_row in zip(*parts, strict=True):
            yield x_row + y_row


@dataclass(frozen=True)
class Fingerprint:
    """The rows of a table in 128 bits and a count, in whatever order they stand: two tables with the same rows have it.

    It is the sum of a hash of each row modulo 2¹²⁸ (Bellare & Micciancio 1997, "AdHash"), so those of two tables add up
    to that of both together. Tables with other rows have the same one with a probability of 2⁻¹²⁸.

    Attributes:
        rows: how many there are.
        total: the sum, 0 ≤ total < 2¹²⁸.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> X, y = np.array([[1.5, 2.0], [3.0, 4.0]]), np.array([0, 1])
    >>> tg.data.Fingerprint.of(X, y) == tg.data.Fingerprint.of(X[::-1], y[::-1])
    True
    >>> tg.data.Fingerprint.of(X, y) == tg.data.Fingerprint.of(X, y[::-1])
    False
    """

    rows: int
    total: int

    @classmethod
    def of(cls, X: Array, y: Array) -> Fingerprint:
        """The fingerprint of rows X (N, n) with labels y (N,), numbers of any dtype. Raises `ShapeError` for others."""
        total = 0
        for row in row_bytes((X, y), [np.dtype("<f8"), np.dtype("<f8")]):
            total += int.from_bytes(blake2b(row, digest_size=BITS // 8).digest(), "big")
        return cls(len(X), total % 2**BITS)

    def __add__(self, other: Fingerprint) -> Fingerprint:
        """The fingerprint of both tables' rows together."""
        return Fingerprint(self.rows + other.rows, (self.total + other.total) % 2**BITS)

    def __str__(self) -> str:
        return f"{self.rows}:{self.total:032x}"

    @classmethod
    def parse(cls, text: object) -> Fingerprint:
        """The fingerprint that `str` wrote. Raises `DataError` for anything else."""
        if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{32}", text):
            raise DataError(f"{text!r:.80} is no fingerprint; rows and 32 hexadecimal digits are expected, 114:0f…")
        rows, _, total = text.partition(":")
        return cls(int(rows), int(total, 16))
