"""Scaling: each column is shifted to mean 0 and divided by its standard deviation, learnt from training rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mlp.data.blocks import column_blocks, row_blocks
from tinygrad_mlp.errors import DataError, NonFiniteError, ShapeError

_ROUNDING_STEPS = 8


class StandardScaler:
    """z = (x − mean) / scale, column by column, with the population's standard deviation as scale.

    Fit it on the training rows and use the same numbers for validation and prediction. A constant column has scale 1
    and comes out as exactly 0. A column whose values spread over no more than 8 units of rounding (8·eps·max|x|, eps of
    the dtype), as one computation in different orders gives them, counts as constant too: dividing by such a deviation
    would blow rounding up to the size of data. Its scale is max(1, max|x|), so that it comes out within 8·eps of 0.

    >>> import tinygrad_mlp as tg
    >>> scaler = tg.data.StandardScaler().fit([[1.0, 5.0], [3.0, 5.0]])
    >>> scaler.mean, scaler.scale
    (array([2., 5.]), array([1., 1.]))
    >>> scaler.transform([[2.0, 6.0]])
    array([[0., 1.]])
    >>> scaler.inverse_transform([[0.0, 1.0]])
    array([[2., 6.]])
    """

    def __init__(self) -> None:
        self._mean: NDArray[np.float64] | None = None
        self._scale: NDArray[np.float64] | None = None

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of each column (n,), read-only. Raises `DataError` before `fit`."""
        return _fitted(self._mean)

    @property
    def scale(self) -> NDArray[np.float64]:
        """Divisor of each column (n,), read-only, never 0. Raises `DataError` before `fit`."""
        return _fitted(self._scale)

    def fit(self, X: ArrayLike) -> "StandardScaler":
        """Learn mean and scale from training rows X (N, n), N ≥ 1; returns the scaler.

        Two passes in float64: the mean, then the squares of the deviations from it, in units of a power of two near
        max|x|, so that nothing overflows. Raises `ShapeError` if X is not (N, n) and `NonFiniteError` if X has a NaN or
        an infinity.
        """
        x = _float_rows(X)
        if not len(x):
            raise ShapeError(f"StandardScaler: X {x.shape} has no rows to fit")
        parts = [_mean_and_scale(columns) for columns in column_blocks(x)]
        self._set(*(np.concatenate(numbers) for numbers in zip(*parts, strict=True)))
        return self

    def transform(self, X: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Scaled rows (N, n) in a float dtype; None: that of X if it is a float, else float64.

        They are computed in float64 at least, and what is too large for the dtype becomes an infinity. Raises as `fit`,
        and for a wrong n.
        """
        x = self._checked(X)
        scaled = np.empty(x.shape, x.dtype if dtype is None else dtype)
        with np.errstate(over="ignore" if dtype is not None else None):
            for rows in row_blocks(x):
                scaled[rows] = (x[rows] - self.mean) / self.scale
        return scaled

    def fit_transform(self, X: ArrayLike) -> NDArray[Any]:
        """`fit(X).transform(X)`: for training rows, and for no others."""
        return self.fit(X).transform(X)

    def inverse_transform(self, Z: ArrayLike) -> NDArray[Any]:
        """Rows (N, n) in the units of the data: x = z · scale + mean. Dtype and errors as `transform`."""
        z = self._checked(Z)
        return (z * self.scale + self.mean).astype(z.dtype)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Copies of `mean` and `scale`, for a model file."""
        return {"mean": self.mean.copy(), "scale": self.scale.copy()}

    @classmethod
    def from_state(cls, state: Mapping[str, ArrayLike]) -> "StandardScaler":
        """The scaler that a state is of. Raises `DataError` unless it is a mean and a scale (n,), finite, scale > 0."""
        if state.keys() != {"mean", "scale"}:
            raise DataError(f"StandardScaler: a state with {sorted(state)}, expected mean and scale")
        mean, scale = (np.array(state[key], dtype=np.float64) for key in ("mean", "scale"))
        if mean.ndim != 1 or mean.shape != scale.shape:
            raise DataError(f"StandardScaler: mean {mean.shape} and scale {scale.shape}, expected (n,) for both")
        if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
            raise DataError(
                "StandardScaler: a state with a mean or scale that is not finite, or a scale that is not > 0"
            )
        scaler = cls()
        scaler._set(mean, scale)
        return scaler

    def _set(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        mean.flags.writeable = scale.flags.writeable = False
        self._mean, self._scale = mean, scale

    def _checked(self, X: ArrayLike) -> NDArray[np.floating]:
        columns = len(self.mean)
        x = _float_rows(X)
        if x.shape[1] != columns:
            raise ShapeError(
                f"StandardScaler: X {x.shape} has {x.shape[1]} columns, expected {columns} as it was fitted"
            )
        return x


def _mean_and_scale(x: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and the scale of each column of x (N, k)."""
    rounding = _ROUNDING_STEPS * np.finfo(x.dtype).eps
    peak = np.maximum(-x.min(axis=0), x.max(axis=0)).astype(np.float64)
    exponent = np.frexp(peak)[1]
    unit = np.ldexp(x.astype(np.float64, copy=False), -exponent)
    low, high = unit.min(axis=0), unit.max(axis=0)
    center = np.clip(unit.mean(axis=0), low, high)
    unit -= center
    deviation = np.ldexp(np.sqrt(np.square(unit, out=unit).mean(axis=0)), exponent)
    constant = (high - low <= rounding * np.maximum(-low, high)) | (deviation == 0)
    stand_in = np.where(high == low, 1.0, np.maximum(1.0, peak))
    return np.ldexp(center, exponent), np.where(constant, stand_in, deviation)


def _fitted(values: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if values is None:
        raise DataError("StandardScaler: not fitted yet; call fit with the training rows first")
    return values


def _float_rows(X: ArrayLike) -> NDArray[np.floating]:
    x: NDArray[Any] = np.asarray(X)
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float64)
    if x.ndim != 2:
        raise ShapeError(f"StandardScaler: X {x.shape}, expected (N, n)")
    for rows in row_blocks(x):
        finite = np.isfinite(x[rows])
        if finite.all():
            continue
        row, column = np.argwhere(~finite)[0]
        row += rows.start
        raise NonFiniteError(
            f"StandardScaler: X[{row}, {column}] is {x[row, column]}, expected finite numbers (column {column})"
        )
    return x
