"""The soft maximum ln Σ e^X, its gradient, which is softmax, and the logarithm of that: without overflow."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, kernel, op
from tinygrad_mlp.dtypes import floating
from tinygrad_mlp.ops.arithmetic import times
from tinygrad_mlp.ops.elementwise import exp
from tinygrad_mlp.ops.reductions import Axis, kept_shape
from tinygrad_mlp.sums import precise_sum

FEW_CLASSES = 16
AS_USUAL = nullcontext()


@op
def logsumexp(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """Y = ln Σ e^X over axes, without overflow: the largest element is taken out first. dX = dY·softmax X.

    `axis` and `keepdims` are as of `sum`.

    >>> import tinygrad_mlp as tg
    >>> print(tg.logsumexp([1000.0, 1000.0]).round(4), tg.jacobian(tg.logsumexp)([1000.0, 1000.0]))  # 1000 + ln 2
    1000.6931 [0.5 0.5]
    """
    kept = kept_shape(x.shape, axis)
    y = log_of_sum(x, axis=axis, keepdims=keepdims)
    return y, lambda g: times(g.reshape(kept), softmax(x, axis=axis))


@op
def softmax(x: Array, *, axis: Axis = -1) -> Rule:
    """Y = e^X / Σ e^X along an axis, or several, or all of them (None), dX = Y ⊙ (dY − Σ dY ⊙ Y).

    >>> import tinygrad_mlp as tg
    >>> tg.softmax([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    y = shares(x, axis=axis)
    return y, lambda g: y * (g - precise_sum(g * y, axis, keepdims=True))


@op
def log_softmax(x: Array, *, axis: int = -1) -> Rule:
    """Y = ln softmax X = X − ln Σ e^X along an axis, dX = dY − softmax X·Σ dY.

    >>> import tinygrad_mlp as tg
    >>> tg.log_softmax([[1000.0, 0.0]])  # the logarithm of a softmax of 0 would be −∞
    array([[    0., -1000.]])
    """
    y = log_probabilities(x, axis=axis)
    return y, lambda g: g - exp(y) * precise_sum(g, axis, keepdims=True)


# The logarithms are taken in float64, because NumPy's in float32 may be wrong by 4 in the last place.


@kernel
def log_of_sum(x: np.ndarray, *, axis: Axis, keepdims: bool) -> Any:
    """ln Σ e^X; of nothing but −∞ it is −∞."""
    with far_apart(x):
        top = x.max(axis=axis, keepdims=True)
        top = np.where(np.isfinite(top), top, 0)
        e = np.exp(x - top, dtype=np.float64)
        y = np.log(e.sum(axis=axis, keepdims=True)) + top
        return (y if keepdims else np.squeeze(y, axis=axis)).astype(floating(x.dtype))


@kernel
def shares(x: np.ndarray, *, axis: Axis) -> Any:
    """e^X / Σ e^X."""
    with far_apart(x):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / precise_sum(e, axis, keepdims=True)


@kernel
def log_probabilities(x: np.ndarray, *, axis: int) -> np.ndarray:
    """X − ln Σ e^X."""
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    with far_apart(x):
        if x.ndim != 2 or x.shape[1] > FEW_CLASSES or axis not in (-1, 1):
            y = x - x.max(axis=axis, keepdims=True)
            y -= np.log(precise_sum(np.exp(y), axis, keepdims=True), dtype=np.float64)
            return y
        columns = x.T.copy()  # NumPy reduces over long columns several times as fast as along short rows
        columns -= np.maximum.reduce(columns, 0)
        columns -= np.log(np.add.reduce(np.exp(columns), 0), dtype=np.float64)
        return columns.T.copy()


def far_apart(x: np.ndarray) -> AbstractContextManager[Any]:
    """Keep NumPy silent where differences of X may overflow or be none (∞ − ∞). (For all it would take too long.)"""
    return AS_USUAL if np.vdot(x, x) < np.inf else np.errstate(over="ignore", invalid="ignore", divide="ignore")
