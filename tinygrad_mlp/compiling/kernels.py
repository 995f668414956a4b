"""What the kernels of the operations compute, in plain NumPy calls: a compiler looks into those, and a reader can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mlp.errors import LabelError
from tinygrad_mlp.ops import indexing, losses, reducing, soft_maximum
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
    if labels.shape != shape[:-1] or labels.dtype.kind not in "iu":
        return record_call(plainly(losses.probabilities), labels, shape=shape, dtype=dtype, name=name)
    checked = record_call(checked_labels, labels, classes=shape[-1], name=name)
    return (checked[..., None] == np.arange(shape[-1])).astype(dtype)


def checked_labels(labels: np.ndarray, *, classes: int, name: str) -> np.ndarray:
    """Class indices, if all of them are from 0 to classes − 1."""
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        flat = labels.reshape(-1)
        row = int(np.argmax((flat < 0) | (flat >= classes)))
        expected = f"with {classes} classes, 0 to {classes - 1} expected"
        raise LabelError(f"{name}: label {flat[row]} in row {row}: {expected}")
    return labels


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
    plainly(indexing.taken): take,
}
