"""Losses: a number that says how wrong a batch of predictions is. All of them start a backward pass with a simple term.

`reduction` is "mean" over the batch (over all elements for the ones without classes), "sum", or "none" for one loss
each. Predictions and targets have to have the same shape: (N, 1) and (N,) do not silently become (N, N).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Operation, Rule, kernel, op
from tinygrad_mlp.dtypes import floating
from tinygrad_mlp.errors import LabelError, ShapeError, warn
from tinygrad_mlp.ops.activations import relu, sigmoid
from tinygrad_mlp.ops.arithmetic import over, times
from tinygrad_mlp.ops.reducing import (
    Reduction,
    as_array,
    check_batch,
    check_same,
    checked_weights,
    row_weights,
    smoothed,
    spread,
    total_loss,
    weighted,
)
from tinygrad_mlp.ops.soft_maximum import log_softmax, softmax


def softmax_cross_entropy(
    logits: Array,
    labels: Array,
    *,
    reduction: Reduction = "mean",
    class_weights: Any = None,
    sample_weights: Any = None,
    label_smoothing: float = 0.0,
) -> Any:
    """E = −Σ Y_true·ln softmax(Z), with the gradient dZ = Y_pred − Y_true (divided by N for a mean).

    Args:
        logits: Z, (N, C) with C ≥ 2 classes, before any softmax; leading axes may be more.
        labels: class indices (N,), integers from 0 to C − 1, or rows of probabilities (N, C), one-hot for instance.
        reduction: "mean" over the batch, "sum", or "none" for losses (N,).
        class_weights: (C,), at least 0. The mean of losses for class indices is then divided by the sum of the weights
            of the rows' classes, as in PyTorch.
        sample_weights: (N,), at least 0, multiplied with the losses; a mean is divided by their sum.
        label_smoothing: s, 0 ≤ s ≤ 1: Y_true becomes (1 − s)·Y_true + s / C (Szegedy et al. 2016, arXiv:1512.00567).

    Raises:
        LabelError: a label is out of range, not a whole number, or a row of probabilities does not add up to 1.
        ShapeError: labels that are neither (N,) nor (N, C), or weights of another shape.
        OptionError: weights or a smoothing out of their range.

    >>> import tinygrad_mlp as tg
    >>> z = tg.Tensor([[2.0, 0.0]], requires_grad=True)
    >>> tg.softmax_cross_entropy(z, [0]).backward()
    >>> z.grad.round(4)  # Y_pred − Y_true = [0.8808, 0.1192] − [1, 0]
    array([[-0.1192,  0.1192]], dtype=float32)
    """
    warn_of_probabilities("softmax_cross_entropy", logits, softmax)
    if class_weights is None and sample_weights is None and not label_smoothing:
        return softmax_cross_entropy_(logits, labels, reduction=reduction)
    name = "softmax_cross_entropy"
    z = logits if hasattr(logits, "dtype") else np.asarray(logits)
    check_batch(name, "logits", z.shape, reduction)
    labels = as_array(labels)
    y_true = probabilities(labels, shape=z.shape, dtype=z.dtype)
    weights = (
        np.ones(z.shape[:-1], z.dtype)
        if sample_weights is None
        else checked_weights(f"{name}: sample_weights", sample_weights, z.shape[:-1], z.dtype)
    )
    of_class = (
        np.ones(z.shape[-1:], z.dtype)
        if class_weights is None
        else checked_weights(f"{name}: class_weights", class_weights, z.shape[-1:], z.dtype)
    )
    wanted = smoothed(name, y_true, label_smoothing, z.shape[-1]) * of_class
    losses = -times(wanted, log_softmax(z)).sum(axis=-1)
    by_class = labels.shape != z.shape
    return weighted(name, losses, weights, weights * (y_true @ of_class) if by_class else weights, reduction)


def warn_of_probabilities(name: str, logits: Any, squash: Operation) -> None:
    """Warn if logits are recorded as the result of the operation that a loss applies to them itself."""
    node = getattr(logits, "_node", None)
    if node is not None and node.operation is squash:
        where = f" in {node.scope}" if node.scope else ""
        warn(
            f"{name} takes logits, but these are probabilities, the result of {squash.name}{where}: the loss applies "
            f"{squash.name} itself, and twice it hardly learns; leave it out of the model"
        )


@op(discrete=("labels",))
def softmax_cross_entropy_(logits: Array, labels: Array, *, reduction: Reduction = "mean") -> Rule:
    """E = −Σ Y_true·ln softmax(Z), dZ = Y_pred − Y_true."""
    z = logits
    check_batch("softmax_cross_entropy", "logits", z.shape, reduction)
    y_true = probabilities(labels, shape=z.shape, dtype=z.dtype)
    log_y_pred = log_softmax(z)
    n = z.size // z.shape[-1]
    return (
        cross_entropy(y_true, log_y_pred, reduction=reduction),
        lambda g: (np.exp(log_y_pred) - y_true) * (g[..., None] if reduction == "none" else spread(g, reduction, n)),
        None,
    )


@kernel
def cross_entropy(y_true: np.ndarray, log_p: np.ndarray, *, reduction: Reduction) -> Any:
    """−Σ Y_true·ln P, where 0·ln 0 is 0."""
    n = y_true.size // y_true.shape[-1]
    if reduction != "none" and y_true.size <= 4096:  # one call; a longer sum needs NumPy's pairwise one
        total = -np.vdot(y_true, log_p)
        if abs(total) < np.inf:  # 0 · −∞ makes it NaN
            return total / n if reduction == "mean" else total
    losses = -(y_true * np.where(y_true == 0, 0, log_p)).sum(axis=-1)
    return total_loss(losses, reduction=reduction)


@kernel
def probabilities(
    labels: np.ndarray, *, shape: tuple[int, ...], dtype: Any, name: str = "softmax_cross_entropy"
) -> np.ndarray:
    """Labels as rows of probabilities: class indices become one-hot, rows are checked."""
    if len(shape) < 2 or shape[-1] < 2:
        raise ShapeError(f"{name}: logits {shape}: (N, C) with at least 2 classes expected")
    if labels.shape == shape:
        return checked_rows(np.asarray(labels, floating(dtype)), name=name)
    if labels.shape != shape[:-1]:
        raise ShapeError(
            f"{name}: labels {labels.shape} for logits {shape}: class indices {shape[:-1]} or rows {shape} expected"
        )
    if labels.dtype.kind not in "iub":
        raise LabelError(f"{name}: class indices must be integers, not {labels.dtype}")
    rows = labels[..., None] == classes(shape[-1])
    if np.count_nonzero(rows) != labels.size:
        flat = labels.reshape(-1)
        row = int(np.argmax((flat < 0) | (flat >= shape[-1])))
        last = shape[-1] - 1
        raise LabelError(f"{name}: label {flat[row]} in row {row}: with {last + 1} classes, 0 to {last} expected")
    return rows.astype(dtype)


@lru_cache(maxsize=64)
def classes(n: int) -> np.ndarray:
    """The class indices 0 to n − 1."""
    return np.arange(n)


def checked_rows(rows: np.ndarray, *, name: str) -> np.ndarray:
    """Rows, if they are probabilities."""
    if not (rows >= 0).all() or not np.allclose(rows.sum(axis=-1), 1, atol=1e-3):
        raise LabelError(f"{name}: rows of labels must be probabilities that add up to 1")
    return rows


@kernel
def fractions(labels: np.ndarray, *, name: str, dtype: Any) -> np.ndarray:
    """Binary labels as numbers, checked to lie between 0 and 1."""
    return checked_fractions(np.asarray(labels, floating(dtype)), name=name)


def checked_fractions(y: np.ndarray, *, name: str) -> np.ndarray:
    """Numbers, if they lie between 0 and 1."""
    wrong = ~((y >= 0) & (y <= 1))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise LabelError(f"{name}: label {y[where]} at {where}: 0, 1 or a probability between them expected")
    return y


@op(discrete=("labels",))
def binary_cross_entropy(p: Array, labels: Array, *, reduction: Reduction = "mean") -> Rule:
    """E = −[y·ln p + (1 − y)·ln(1 − p)] from probabilities; an impossible event that happens costs ∞.

    Args:
        p: probabilities of class 1, any shape, 0 ≤ p ≤ 1.
        labels: y, of the same shape: 0, 1, booleans, or probabilities.
        reduction: "mean" over all elements, "sum", or "none".

    Raises:
        LabelError: a label or a probability is outside of 0 to 1.
        ShapeError: the shapes differ.

    >>> import tinygrad_mlp as tg
    >>> print(tg.binary_cross_entropy([0.5, 0.25], [1, 0]).round(4))  # (ln 2 + ln 4/3) / 2
    0.4904
    """
    name = "binary_cross_entropy"
    check_same(name, "p", p, "labels", labels)
    check_batch(name, "p", p.shape, reduction)
    y_true = fractions(labels, name=f"{name}, labels", dtype=p.dtype)
    n = p.size
    return (
        surprise(p, y_true, reduction=reduction),
        lambda g: times(spread(g, reduction, n), over(1 - y_true, 1 - p) - over(y_true, p)),
        None,
    )


@kernel
def surprise(p: np.ndarray, y: np.ndarray, *, reduction: Reduction) -> Any:
    """The binary cross-entropy, where 0·ln 0 is 0 and ln 0 is −∞ without a warning."""
    fractions(p, name="binary_cross_entropy, probabilities", dtype=p.dtype)
    with np.errstate(divide="ignore"):
        happened = np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, p)))
        missed = np.where(y == 1, 0, (1 - y) * np.log1p(-np.where(y == 1, 0, p)))
    return total_loss(-(happened + missed), reduction=reduction)


def binary_cross_entropy_with_logits(
    logits: Array,
    labels: Array,
    *,
    reduction: Reduction = "mean",
    class_weights: Any = None,
    sample_weights: Any = None,
    label_smoothing: float = 0.0,
) -> Any:
    """The binary cross-entropy of p = sigmoid(z), from z: E = max(z, 0) − z·y + ln(1 + e^−|z|), dZ = p − y.

    Args:
        logits: z, any shape.
        labels: y, of the same shape: 0, 1, booleans, or probabilities.
        reduction: "mean" over all elements, "sum", or "none".
        class_weights: (2,), the weights of y = 0 and y = 1, at least 0; a mean is divided by the sum of the weights.
            (PyTorch's `weight` and `pos_weight` leave it divided by the number of elements.)
        sample_weights: (N,), at least 0, multiplied with the losses of the rows; a mean is divided by their sum.
        label_smoothing: s, 0 ≤ s ≤ 1: y becomes (1 − s)·y + s / 2.

    Raises:
        LabelError: a label is outside of 0 to 1.
        ShapeError: the shapes differ, or weights of another shape.
        OptionError: weights or a smoothing out of their range.

    >>> import tinygrad_mlp as tg
    >>> z = tg.Tensor([0.0, 100.0], requires_grad=True)
    >>> loss = tg.binary_cross_entropy_with_logits(z, [1, 0])
    >>> print(round(loss.item(), 4), tg.grad(loss, z))  # (ln 2 + 100) / 2, and (½ − 1, 1 − 0) / 2
    50.3466 [-0.25  0.5 ]
    """
    warn_of_probabilities("binary_cross_entropy_with_logits", logits, sigmoid)
    if class_weights is None and sample_weights is None and not label_smoothing:
        return binary_cross_entropy_with_logits_(logits, labels, reduction=reduction)
    name = "binary_cross_entropy_with_logits"
    z = logits if hasattr(logits, "dtype") else np.asarray(logits)
    y = fractions(as_array(labels), name=name, dtype=z.dtype)
    weights = row_weights(name, sample_weights, z)
    if class_weights is not None:
        of_class = checked_weights(f"{name}: class_weights", class_weights, (2,), z.dtype)
        weights = weights * (of_class[0] + (of_class[1] - of_class[0]) * y)
    losses = binary_cross_entropy_with_logits_(z, smoothed(name, y, label_smoothing, 2), reduction="none")
    return weighted(name, losses, weights, weights, reduction)


@op(discrete=("labels",))
def binary_cross_entropy_with_logits_(logits: Array, labels: Array, *, reduction: Reduction = "mean") -> Rule:
    """E = max(z, 0) − z·y + ln(1 + e^−|z|), dZ = p − y."""
    name = "binary_cross_entropy_with_logits"
    z = logits
    check_same(name, "logits", z, "labels", labels)
    check_batch(name, "logits", z.shape, reduction)
    y_true = fractions(labels, name=name, dtype=z.dtype)
    losses = np.maximum(z, 0) - z * y_true + np.log1p(np.exp(-np.abs(z)))
    n = losses.size
    return total_loss(losses, reduction=reduction), lambda g: (sigmoid(z) - y_true) * spread(g, reduction, n), None


def hinge(logits: Array, labels: Array, *, reduction: Reduction = "mean", sample_weights: Any = None) -> Any:
    """The hinge loss of a support vector machine, with a margin of 1. Kinks where it is reached: slope 0.

    For classes (N, C): Σ over the wrong ones of max(0, 1 − Z_right + Z_wrong) / C (Weston & Watkins 1999; PyTorch's
    MultiMarginLoss). For scores (N,) and labels 0 and 1: max(0, 1 − t·z) with t = −1 and 1.

    Args:
        logits: Z, (N, C) or (N,).
        labels: class indices (N,).
        reduction: "mean" over the batch, "sum", or "none".
        sample_weights: (N,), at least 0, multiplied with the losses; a mean is divided by their sum.

    Raises:
        LabelError: a label is out of range.
        ShapeError: labels of another shape.

    >>> import tinygrad_mlp as tg
    >>> print(tg.hinge([[2.0, 2.5, 2.5]], [1]))  # (max(0, 1 − 2.5 + 2) + max(0, 1 − 2.5 + 2.5)) / 3
    0.5
    >>> print(tg.hinge([0.5, -2.0], [1, 0]))  # (max(0, 1 − 0.5) + max(0, 1 − 2)) / 2
    0.25
    """
    name = "hinge"
    z = logits if hasattr(logits, "dtype") else np.asarray(logits)
    y = as_array(labels)
    check_batch(name, "logits", z.shape, reduction)
    if z.ndim == 1:
        check_same(name, "logits", z, "labels", y)
        losses = relu(1 - z * (2 * fractions(y, name=name, dtype=z.dtype) - 1))
    else:
        rows = probabilities(y, shape=z.shape, dtype=z.dtype, name=name)
        right = (z * rows).sum(axis=-1, keepdims=True)
        losses = (relu(1 - right + z) * (1 - rows)).sum(axis=-1) / z.shape[-1]
    weights = row_weights(name, sample_weights, losses)
    return weighted(name, losses, weights, weights, reduction)
