"""Blocks of a large array: what is done to one of them at a time needs little memory beside the array."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

_BLOCK = 2**18


def column_blocks(X: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Views of neighbouring columns of X (N, n), some 100,000 cells each, but of 8 columns at least.

    In memory the rows stand one behind the other, and 8 numbers of a row come into the processor together.
    """
    width = max(8, _BLOCK // max(1, len(X)))
    return (X[:, start : start + width] for start in range(0, X.shape[1], width))


def row_blocks(X: NDArray[Any]) -> Iterator[slice]:
    """Slices of the rows of X (N, n), some 100,000 cells each."""
    height = max(1, _BLOCK // max(1, X.shape[1]))
    return (slice(start, start + height) for start in range(0, len(X), height))
