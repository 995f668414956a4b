"""Losses of distributions that are given by their logarithms, and the likeness of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array
from tinygrad_mlp.ops.arithmetic import times
from tinygrad_mlp.ops.arranging import operand
from tinygrad_mlp.ops.losses import probabilities
from tinygrad_mlp.ops.norms import norm
from tinygrad_mlp.ops.reducing import Reduction, as_array, check_batch, check_same, row_weights, weighted


def negative_log_likelihood(
    log_p: Array, labels: Array, *, reduction: Reduction = "mean", sample_weights: Any = None
) -> Any:
    """E = −Σ Y_true·ln P from ln P, as `log_softmax` gives it; `softmax_cross_entropy` does both at once.

    Args:
        log_p: ln P, (N, C) with C ≥ 2 classes; leading axes may be more.
        labels: class indices (N,), or rows of probabilities (N, C).
        reduction: "mean" over the batch, "sum", or "none" for losses (N,).
        sample_weights: (N,), at least 0, multiplied with the losses; a mean is divided by their sum.

    Raises:
        LabelError: a label is out of range, or a row of probabilities does not add up to 1.
        ShapeError: labels that are neither (N,) nor (N, C).

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.negative_log_likelihood(np.log([[0.25, 0.75]]), [0]).round(4))  # ln 4
    1.3863
    """
    name = "negative_log_likelihood"
    log_p = operand(log_p)
    check_batch(name, "log_p", log_p.shape, reduction)
    y_true = probabilities(as_array(labels), shape=log_p.shape, dtype=log_p.dtype, name=name)
    losses = -np.sum(times(y_true, log_p), axis=-1)
    weights = row_weights(name, sample_weights, losses)
    return weighted(name, losses, weights, weights, reduction)


def kl_divergence(log_p: Array, targets: Array, *, reduction: Reduction = "mean", sample_weights: Any = None) -> Any:
    """E = Σ Q·(ln Q − ln P), from ln P and Q: how far P is from Q, in nats. 0·ln 0 is 0.

    Args:
        log_p: ln P of the predictions, (N, C), as `log_softmax` gives it; leading axes may be more.
        targets: Q, the true distributions, of the same shape; they may require a gradient.
        reduction: "mean" over the batch (PyTorch's "batchmean"), "sum", or "none" for (N,).
        sample_weights: (N,), at least 0, multiplied with the losses; a mean is divided by their sum.

    Raises:
        ShapeError: the shapes differ.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> p, q = np.array([[0.25, 0.75]]), np.array([[0.5, 0.5]])
    >>> print(tg.kl_divergence(np.log(p), q).round(4))  # ½·ln(0.5 / 0.25) + ½·ln(0.5 / 0.75)
    0.1438
    """
    name = "kl_divergence"
    log_p, q = operand(log_p), operand(targets)
    check_same(name, "log_p", log_p, "targets", q)
    check_batch(name, "log_p", log_p.shape, reduction)
    losses = np.sum(times(q, np.log(np.where(q == 0, 1, q)) - log_p), axis=-1)
    weights = row_weights(name, sample_weights, losses)
    return weighted(name, losses, weights, weights, reduction)


def cosine_similarity(a: Array, b: Array, *, axis: int = -1, epsilon: float = 1e-8) -> Any:
    """The cosine of the angle between vectors: Σ A·B / (|A|·|B|); 0, with slope 0 for itself, of a vector of zeros.

    Args:
        a: vectors along an axis.
        b: likewise; the other axes broadcast.
        axis: the axis of the vectors.
        epsilon: the least that a length counts as.

    >>> import tinygrad_mlp as tg
    >>> tg.cosine_similarity([[2.0, 0.0], [3.0, 4.0]], [5.0, 0.0])
    array([1. , 0.6])
    """
    a, b = operand(a), operand(b)
    lengths = [np.maximum(norm(x, axis=axis, keepdims=True), epsilon) for x in (a, b)]
    return np.sum(a / lengths[0] * (b / lengths[1]), axis=axis)
