"""Mini-batches: the rows of a data set a few at a time, each exactly once, the last batch smaller if need be."""

import operator
from collections.abc import Iterator
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from tinygrad_mlp.errors import OptionError, ShapeError

Array = NDArray[Any]


@overload
def batches(
    X: Array, y: Array, batch_size: int, *, rng: np.random.Generator | None = None
) -> Iterator[tuple[Array, Array]]: ...
@overload
def batches(
    X: Array, y: None, batch_size: int, *, rng: np.random.Generator | None = None
) -> Iterator[tuple[Array, None]]: ...
def batches(
    X: Array, y: Array | None, batch_size: int, *, rng: np.random.Generator | None = None
) -> Iterator[tuple[Array, Array | None]]:
    """One epoch of batches `(xb, yb)` of X (N, …) and y (N, …); yb is None if y is.

    With `rng` the rows are shuffled, by one permutation drawn at the call: calling again gives the next epoch another
    order. The batches are then copies; without `rng` they are views, in the order of X.

    Raises `ShapeError` if X and y differ in length, `OptionError` for a batch size below 1 and for an `rng` that is no
    generator (a seed would give every epoch the same order).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> [len(xb) for xb, yb in tg.data.batches(np.zeros((10, 3)), np.zeros(10), 4)]
    [4, 4, 2]
    """
    if X.ndim < 1 or (y is not None and (y.ndim < 1 or len(X) != len(y))):
        shapes = f"X {X.shape}" + ("" if y is None else f" and y {y.shape}")
        raise ShapeError(f"batches: {shapes}, expected the same number of rows")
    try:
        size = operator.index(batch_size)
    except TypeError:
        size = 0
    if size < 1:
        raise OptionError(f"batches: batch_size {batch_size!r}, expected an integer of at least 1")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise OptionError(f"batches: rng {rng!r}, expected a numpy.random.Generator, made once and used for all epochs")
    order = None if rng is None else rng.permutation(len(X))
    return _walk(X, y, size, order)


def _walk(X: Array, y: Array | None, size: int, order: Array | None) -> Iterator[tuple[Array, Array | None]]:
    for start in range(0, len(X), size):
        if order is None:
            rows = slice(start, start + size)
            yield X[rows], None if y is None else y[rows]
        else:
            chosen = order[start : start + size]
            yield X.take(chosen, axis=0), None if y is None else y.take(chosen, axis=0)
