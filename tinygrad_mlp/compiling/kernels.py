"""What the kernels of the operations compute, in plain NumPy calls: a compiler looks into those, and a reader can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mlp.compiling.checks import checked_labels
from tinygrad_mlp.ops import indexing, losses, reducing, scans, selection, soft_maximum
from tinygrad_mlp.tracing.traced import record_call


def log_of_sum(x: Any, *, axis: Any, keepdims: bool) -> Any:
    """ln Σ e^X."""
    top = np.max(x, axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.reshape(y, np.sum(x.value, axis=axis).shape)


def shares(x: Any, *, axis: Any) -> Any:
    """e^X / Σ e^X."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def total_loss(losses: Any, *, reduction: str) -> Any:
    """The losses as one number, or as they are."""
    if reduction == "none":
        return losses
    return np.sum(losses) / losses.size if reduction == "mean" else np.sum(losses)


def log_probabilities(x: Any, *, axis: int) -> Any:
    """X − ln Σ e^X."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def probabilities(labels: Any, *, shape: tuple[int, ...], dtype: Any, name: str = "softmax_cross_entropy") -> Any:
    """Class indices as one-hot rows, once they have been checked; rows of probabilities are checked as they are."""
    if labels.shape == shape and len(shape) >= 2 and shape[-1] >= 2:
        return record_call(losses.checked_rows, labels.astype(dtype), name=name)
    if labels.shape != shape[:-1] or labels.dtype.kind not in "iub":
        return record_call(plainly(losses.probabilities), labels, shape=shape, dtype=dtype, name=name)
    checked = record_call(checked_labels, labels, classes=shape[-1], name=name)
    return (checked[..., None] == np.arange(shape[-1])).astype(dtype)


def fractions(labels: Any, *, name: str, dtype: Any) -> Any:
    """Binary labels as numbers, checked."""
    return record_call(losses.checked_fractions, labels.astype(dtype), name=name)


def checked_places(labels: Any, *, name: str, n: int, kinds: str = "iub") -> Any:
    """Whole numbers as indices, checked."""
    selection.check_kind(labels, name, kinds)
    return record_call(selection.checked_indices, labels, name=name, n=n).astype(np.intp)


def running_sum(x: Any, *, axis: int) -> Any:
    """Sums up to each element, in float64."""
    return np.cumsum(x, axis=axis, dtype=np.float64).astype(x.dtype)


def surprise(p: Any, y: Any, *, reduction: str) -> Any:
    """−[y·ln p + (1 − y)·ln(1 − p)], where 0·ln 0 is 0."""
    p = record_call(losses.checked_fractions, p, name="binary_cross_entropy, probabilities")
    happened = np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, p)))
    missed = np.where(y == 1, 0, (1 - y) * np.log1p(-np.where(y == 1, 0, p)))
    return total_loss(-(happened + missed), reduction=reduction)


def cross_entropy(y_true: Any, log_p: Any, *, reduction: str) -> Any:
    """−Σ Y_true·ln P, where 0·ln 0 is 0."""
    products = y_true * np.where(y_true == 0, 0, log_p)
    if reduction == "none":
        return -np.sum(products, axis=-1)
    total = -np.sum(products)
    return total / (y_true.size // y_true.shape[-1]) if reduction == "mean" else total


def take(x: Any, *indices: Any, pattern: Any) -> Any:
    """`x[index]`; without index arrays it is a view."""
    if indices:
        return record_call(plainly(indexing.taken), x, *indices, pattern=pattern)
    return x[pattern]


def plainly(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind a kernel, which is what a trace is told of."""
    return kernel.__wrapped__  # type: ignore[attr-defined, no-any-return]


KERNELS: dict[Callable[..., Any], Callable[..., Any]] = {
    plainly(soft_maximum.log_of_sum): log_of_sum,
    plainly(soft_maximum.shares): shares,
    plainly(soft_maximum.log_probabilities): log_probabilities,
    plainly(reducing.total_loss): total_loss,
    plainly(losses.probabilities): probabilities,
    plainly(losses.cross_entropy): cross_entropy,
    plainly(losses.fractions): fractions,
    plainly(losses.surprise): surprise,
    plainly(selection.checked_places): checked_places,
    plainly(scans.running_sum): running_sum,
    plainly(indexing.taken): take,
}
