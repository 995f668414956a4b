"""Taking elements out by an index, and its adjoint: adding them up where they came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, kernel, op
from tinygrad_mlp.errors import TraceError


class Slot:
    """In a pattern, the place of an index array; arrays are inputs, because they may change from call to call."""

    def __repr__(self) -> str:
        return "array"


SLOT = Slot()
Pattern = tuple[Any, ...]
"""An index without its arrays: integers, slices, None, Ellipsis, and a SLOT for each array."""


def getitem(x: Array, index: Any) -> Any:
    """`x[index]` as in NumPy: integers, slices, None, `...`, boolean arrays, arrays of (repeated) integers.

    >>> import tinygrad_mlp as tg
    >>> tg.getitem([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], (slice(None), [0, 2]))
    array([[1., 3.],
           [4., 6.]])
    >>> tg.jacobian(lambda x: x[[0, 0, 2]].sum())([1.0, 2.0, 3.0])
    array([2., 0., 1.], dtype=float32)
    """
    pattern, arrays = index_parts(index)
    return get(x, *arrays, pattern=pattern)


def index_parts(index: Any) -> tuple[Pattern, list[Any]]:
    """An index as a pattern and the arrays in it."""
    pattern: list[Any] = []
    arrays: list[Any] = []
    for item in index if isinstance(index, tuple) else (index,):
        if isinstance(item, list) or (hasattr(item, "dtype") and not isinstance(item, np.integer)):
            array = item if hasattr(item, "dtype") else np.array(item, None if item else np.intp)
            if array.dtype.kind == "b" and not isinstance(getattr(array, "_data", array), np.ndarray | np.bool_):
                raise TraceError("x[mask] has a length that depends on values, so it cannot be traced: use where")
            arrays.append(array)
            pattern.append(SLOT)
        else:
            pattern.append(item)
    return tuple(pattern), arrays


@op(discrete=("indices",))
def get(x: Array, *indices: Array, pattern: Pattern) -> Rule:
    """The elements of X at an index; an element taken k times gets the sum of k gradients."""
    shape = x.shape
    y = taken(x, *indices, pattern=pattern)
    return y, lambda g: scatter(g, *indices, pattern=pattern, shape=shape), *[None] * len(indices)


@op(discrete=("indices",))
def scatter(g: Array, *indices: Array, pattern: Pattern, shape: tuple[int, ...]) -> Rule:
    """Zeros of a shape, with the elements of g added at an index: the adjoint of get."""
    y = add_at(g, *indices, pattern=pattern, shape=shape)
    return y, lambda h: get(h, *indices, pattern=pattern), *[None] * len(indices)


@kernel
def taken(x: np.ndarray, *indices: np.ndarray, pattern: Pattern) -> Any:
    """`x[index]`."""
    return x[filled(pattern, indices)]


@kernel
def add_at(g: np.ndarray, *indices: np.ndarray, pattern: Pattern, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros with `g` added at the index, repeated places added up."""
    y = np.zeros(shape, g.dtype)
    if any(i.dtype.kind != "b" for i in indices):
        if g.dtype.itemsize < 8 and max(i.size for i in indices) > 128:  # one by one, as in `precise_sum`
            wide = np.zeros(shape)
            np.add.at(wide, filled(pattern, indices), g.astype(np.float64))
            return wide.astype(g.dtype)
        np.add.at(y, filled(pattern, indices), g)
    else:  # without integer arrays no place comes twice
        y[filled(pattern, indices)] = g
    return y


def filled(pattern: Pattern, indices: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    """The pattern with its arrays in their places."""
    arrays = iter(indices)
    return tuple(next(arrays) if item is SLOT else item for item in pattern)
