"""From one loss a row to one number: reductions, weights, and the shapes that have to agree."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tinygrad_mlp.autograd import Array, kernel
from tinygrad_mlp.dtypes import floating
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.sums import precise_sum

Reduction = Literal["mean", "sum", "none"]


def reduced(losses: Array, reduction: Reduction, n: int) -> Any:
    """The losses of n rows as one number, or as they are."""
    if reduction == "none":
        return losses
    return losses.sum() / n if reduction == "mean" else losses.sum()


@kernel
def total_loss(losses: np.ndarray, *, reduction: Reduction) -> Any:
    """`reduced` for losses that may be huge: their mean is right if it can be told at all, and no sum warns."""
    if reduction == "none":
        return losses
    with np.errstate(over="ignore"):
        total = losses.sum()
        if reduction == "mean":
            return total / losses.size if np.isfinite(total) else (losses / losses.size).sum()
    return total


def spread(g: Array, reduction: Reduction, n: int) -> Array:
    """The gradient that each of n losses gets: the adjoint of `reduced`."""
    return g / n if reduction == "mean" else g


def check_batch(name: str, seen: str, shape: tuple[int, ...], reduction: str) -> None:
    """Refuse an unknown reduction, and the mean of nothing."""
    if reduction not in ("mean", "sum", "none"):
        raise OptionError(f"{name}: reduction is {reduction!r}; it can be 'mean', 'sum' or 'none'")
    if reduction == "mean" and 0 in shape:
        raise ShapeError(f"{name}: {seen} {shape} has no elements, so there is no mean loss")


def check_same(name: str, a_name: str, a: Array, b_name: str, b: Array) -> None:
    """Refuse predictions and targets that broadcasting would multiply."""
    if a.shape != b.shape:
        hint = ""
        if a.size == b.size:
            hint = f"; reshape one of them, for instance {b_name}.reshape({a.shape})"
        raise ShapeError(f"{name}: {a_name} {a.shape} and {b_name} {b.shape} must have the same shape{hint}")


def as_array(x: Any) -> Array:
    """The values of a Tensor or a list; an array, a traced one too, as it is."""
    x = getattr(x, "_data", x)
    return x if hasattr(x, "dtype") else np.asarray(x)


def checked_weights(what: str, weights: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Weights as an array of this shape: finite and not below 0."""
    w = np.asarray(getattr(weights, "_data", weights), floating(dtype))
    if w.shape != shape:
        raise ShapeError(f"{what} {w.shape}; {shape} expected")
    wrong = ~(np.isfinite(w) & (w >= 0))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise OptionError(f"{what}: {w[where]} at {where}; finite numbers of at least 0 expected")
    return w


def row_weights(name: str, sample_weights: Any, losses: Array) -> np.ndarray:
    """Weights (N,), or ones, in a shape that broadcasts against losses (N, …)."""
    if sample_weights is None:
        return np.ones(losses.shape, losses.dtype)
    w = checked_weights(f"{name}: sample_weights", sample_weights, losses.shape[:1], losses.dtype)
    return np.array(np.broadcast_to(w.reshape(w.shape + (1,) * (losses.ndim - 1)), losses.shape))


def smoothed(name: str, y: Array, smoothing: float, classes: int) -> Any:
    """Labels with some of their certainty shared out among the classes."""
    if not 0 <= smoothing <= 1:
        raise OptionError(f"{name}: label_smoothing is {smoothing!r}; a number from 0 to 1 is expected")
    return y * (1 - smoothing) + smoothing / classes


def weighted(name: str, losses: Array, weights: Array, shares: Array, reduction: Reduction) -> Any:
    """Weighted losses as one number, a mean divided by the sum of `shares`; or as they are."""
    if reduction == "none":
        return losses * weights
    if reduction == "sum":
        return (losses * weights).sum()
    total = precise_sum(shares)
    if isinstance(total, np.generic | np.ndarray) and not float(total) > 0:
        raise OptionError(f"{name}: the weights of this batch add up to {total:g}, so there is no mean loss")
    return (losses * (weights / total)).sum()  # in this order no sum overflows if the mean does not
