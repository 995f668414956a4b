"""Running sums and products along an axis, and the recurrence that the slope of a running product is."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, kernel, op
from tinygrad_mlp.ops.arithmetic import times
from tinygrad_mlp.ops.arranging import operand, ravel


@op
def cumsum_(x: Array, *, axis: int) -> Rule:
    """The running sum: each gradient is the sum of those from its place on."""
    return running_sum(x, axis=axis), lambda g: np.flip(cumsum_(np.flip(g, axis), axis=axis), axis)


@kernel
def running_sum(x: np.ndarray, *, axis: int) -> Any:
    """The running sum, added up in float64: NumPy adds one by one, and in float32 a long sum would be wrong."""
    if x.dtype.kind != "f":
        return np.cumsum(x, axis=axis)
    return np.cumsum(x, axis=axis, dtype=np.float64).astype(x.dtype)


@implements(np.cumsum)
def cumsum(a: Array, axis: int | None = None) -> Any:
    """The running sum along an axis, or over all elements, flattened.

    >>> import tinygrad_mlp as tg
    >>> tg.cumsum([1.0, 2.0, 3.0])
    array([1., 3., 6.])
    >>> tg.jacobian(lambda x: tg.cumsum(x).sum())([1.0, 2.0, 3.0])  # the first counts in three sums
    array([3., 2., 1.], dtype=float32)
    """
    return cumsum_(ravel(a), axis=0) if axis is None else cumsum_(operand(a), axis=axis)


@op
def cumprod_(x: Array, *, axis: int) -> Rule:
    """The running product. dX_i = Π_{k<i} X_k · Σ_{j≥i} dY_j · Π_{i<k≤j} X_k, without a division: exact with zeros."""
    y = np.cumprod(x, axis=axis)

    def closure(g: Array) -> Any:
        # The sum S_i = dY_i + X_{i+1}·S_{i+1}, from the end.
        following = shifted(np.flip(x, axis), axis)
        return times(np.flip(recurrence(following, np.flip(g, axis), axis=axis), axis), shifted(y, axis, first=1.0))

    return y, closure


@implements(np.cumprod)
def cumprod(a: Array, axis: int | None = None) -> Any:
    """The running product along an axis, or over all elements, flattened. Its derivatives are exact with zeros.

    >>> import tinygrad_mlp as tg
    >>> tg.cumprod([2.0, 0.0, 3.0])
    array([2., 0., 0.])
    >>> tg.jacobian(lambda x: tg.cumprod(x).sum())([2.0, 0.0, 3.0])  # 1 + 0 + 0, 2 + 2·3, 2·0
    array([1., 8., 0.], dtype=float32)
    """
    return cumprod_(ravel(a), axis=0) if axis is None else cumprod_(operand(a), axis=axis)


def shifted(x: Array, axis: int, first: float = 0.0) -> Any:
    """X moved on by one place along an axis: a number comes first, the last element leaves."""
    before = (slice(None),) * (axis % x.ndim)
    start = np.zeros_like(x[(*before, slice(0, 1))]) + first
    return np.concatenate([start, x[(*before, slice(None, -1))]], axis)


@op
def recurrence(a: Array, b: Array, *, axis: int) -> Rule:
    """Y_i = A_i·Y_{i−1} + B_i along an axis, with Y_{−1} = 0.

    Its slopes are a recurrence of the same kind, from the end: dB_i = dY_i + A_{i+1}·dB_{i+1}, dA_i = dB_i·Y_{i−1}.
    """
    y = by_doubling(a, b, axis=axis)

    def from_the_end(g: Array) -> Any:
        return np.flip(recurrence(shifted(np.flip(a, axis), axis), np.flip(g, axis), axis=axis), axis)

    return y, lambda g: times(from_the_end(g), shifted(y, axis)), from_the_end


@kernel
def by_doubling(a: np.ndarray, b: np.ndarray, *, axis: int) -> np.ndarray:
    """The recurrence for all places at once, in log₂ n passes (Hillis & Steele 1986, CACM 29(12)).

    After a pass Y holds what the last 1, 2, 4, … places contribute, and A the product of their factors.
    """
    a, y = np.moveaxis(np.array(a), axis, 0), np.moveaxis(np.array(b), axis, 0)
    step = 1
    while step < len(y):
        y[step:] += np.where(y[:-step] == 0, 0, a[step:]) * y[:-step]  # 0 times an infinity is 0, as in `times`
        with np.errstate(over="ignore", invalid="ignore"):  # of factors that may meet nothing but zeros
            a[step:] = a[step:] * a[:-step]
        step *= 2
    return np.moveaxis(y, 0, axis)
