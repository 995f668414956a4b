"""A split: the rows of a data set are dealt into a training part and a validation part, each class in proportion."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mlp.errors import DataError, OptionError, ShapeError


def split(
    X: ArrayLike,
    y: ArrayLike,
    *extra: ArrayLike,
    ratio: float = 0.8,
    rng: np.random.Generator | int = 0,
    stratify: bool = True,
) -> tuple[NDArray[Any], ...]:
    """Two parts of each array, of N rows each: `X_train, X_valid, y_train, y_valid`, and two more for each extra.

    `ratio` is the share of rows for training; `rng` a generator or a seed (same seed, same rows). Rows are shuffled.
    With `stratify`, y (N,) holds class labels and each class is shared out in the same ratio. The arrays are copies.

    Raises `ShapeError` for arrays of different lengths, otherwise as `split_indices`.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> X, y = np.arange(20).reshape(10, 2), np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    >>> X_train, X_valid, y_train, y_valid = tg.data.split(X, y, ratio=0.5)
    >>> np.bincount(y_train), np.bincount(y_valid), X_train.shape
    (array([4, 1]), array([4, 1]), (5, 2))
    """
    arrays = [np.asarray(array) for array in (X, y, *extra)]
    lengths = [array.shape[0] if array.ndim else None for array in arrays]
    if len(set(lengths)) != 1 or lengths[0] is None:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ShapeError(f"split: arrays {shapes}, expected the same number of rows in each")
    train, valid = split_indices(arrays[1] if stratify else np.zeros(lengths[0], np.int8), ratio, rng)
    return tuple(part for array in arrays for part in (array[train], array[valid]))


def split_indices(
    y: ArrayLike, ratio: float = 0.8, rng: np.random.Generator | int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row indices of the training and of the validation part, shuffled; y (N,) holds the class labels.

    The training part has ratio·N rows, rounded (half a row up); each class gets its share by largest remainder, but at
    least one row on each side, if need be at the cost of the total. For the ratio the decimal number is meant, not its
    binary neighbour: of 45 rows, 0.7 leaves 32 (31.5), on every machine.

    Raises `DataError` for a ratio that is not between 0 and 1 and for a class with a single row, `ShapeError` if y has
    other than one axis, `OptionError` for an `rng` that is neither a generator nor a seed.

    >>> import tinygrad_mlp as tg
    >>> train, valid = tg.data.split_indices(["B", "B", "B", "B", "M", "M"], ratio=0.5)
    >>> len(train), len(valid), sorted([*train.tolist(), *valid.tolist()])
    (3, 3, [0, 1, 2, 3, 4, 5])
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ShapeError(f"split: labels of shape {labels.shape}, expected (N,)")
    if not 0 < ratio < 1:
        raise DataError(f"split: ratio {ratio}, expected the share of training rows, between 0 and 1")
    names, members, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if not len(sizes):
        raise DataError("split: no rows, expected at least two")
    if sizes.min() < 2:
        name = names[sizes.argmin()]
        raise DataError(f"split: class {name} has 1 row, expected at least 2, one for each part")
    counts = _apportion(sizes.tolist(), Fraction(repr(float(ratio))))
    try:
        rng = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise OptionError(f"split: rng {rng!r}, expected a numpy.random.Generator or a seed of at least 0") from error
    in_class_order = np.argsort(members, kind="stable")
    train, valid = [], []
    for rows, count in zip(np.split(in_class_order, np.cumsum(sizes)[:-1]), counts, strict=True):
        shuffled = rng.permutation(rows)
        train.append(shuffled[:count])
        valid.append(shuffled[count:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(valid))


def folds(
    y: ArrayLike, k: int = 5, rng: np.random.Generator | int = 0
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Row indices of the training and of the validation part of each of k folds, for cross-validation.

    Every row is validated once. The rows of each class in y (N,) are shuffled and dealt to the folds in turn, so that
    folds differ by at most one row in size, and in each class.

    Raises `DataError` for fewer than 2 folds, more folds than rows, or a class with a single row; `ShapeError` if y has
    other than one axis.

    >>> import tinygrad_mlp as tg
    >>> [(len(train), len(valid)) for train, valid in tg.data.folds([0, 0, 0, 1, 1, 1, 1], k=3)]
    [(4, 3), (5, 2), (5, 2)]
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ShapeError(f"folds: labels of shape {labels.shape}, expected (N,)")
    if k != int(k) or not 2 <= k <= len(labels):
        raise DataError(f"folds: k is {k!r}, expected a whole number from 2 to the number of rows, {len(labels)}")
    names, members, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if sizes.min() < 2:
        raise DataError(f"folds: class {names[sizes.argmin()]} has 1 row, expected at least 2")
    rng = np.random.default_rng(rng)
    in_class_order = np.concatenate([rng.permutation(np.flatnonzero(members == c)) for c in range(len(names))])
    fold_of = np.empty(len(labels), np.int64)
    fold_of[in_class_order] = np.arange(len(labels)) % k
    return [(np.flatnonzero(fold_of != i), np.flatnonzero(fold_of == i)) for i in range(int(k))]


def _apportion(sizes: Sequence[int], share: Fraction) -> list[int]:
    """How many rows of each class go to training: largest remainders, with one row of each class on each side."""
    quotas = [share * size for size in sizes]
    total = math.floor(share * sum(sizes) + Fraction(1, 2))
    total = min(max(total, len(sizes)), sum(sizes) - len(sizes))
    counts = [min(max(math.floor(quota), 1), size - 1) for quota, size in zip(quotas, sizes, strict=True)]
    while missing := total - sum(counts):
        step = 1 if missing > 0 else -1
        movable = [c for c, size in enumerate(sizes) if 1 <= counts[c] + step <= size - 1]
        movable.sort(key=lambda c: step * (counts[c] - quotas[c]))
        for c in movable[: abs(missing)]:
            counts[c] += step
    return counts
