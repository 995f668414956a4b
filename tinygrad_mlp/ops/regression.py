"""Losses for numbers: how far predictions are from their targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, op
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.ops.reducing import Reduction, check_batch, check_same, reduced, row_weights, spread, weighted


def by_row(
    name: str,
    loss: Callable[..., Any],
    predictions: Array,
    targets: Array,
    reduction: Reduction,
    sample_weights: Any,
    **options: Any,
) -> Any:
    """A loss, with its rows weighted if there are weights."""
    if sample_weights is None:
        return loss(predictions, targets, reduction=reduction, **options)
    losses = loss(predictions, targets, reduction="none", **options)
    check_batch(name, "predictions", losses.shape, reduction)
    weights = row_weights(name, sample_weights, losses)
    return weighted(name, losses, weights, weights, reduction)


def mean_squared_error(
    predictions: Array, targets: Array, *, reduction: Reduction = "mean", sample_weights: Any = None
) -> Any:
    """E = (Y_pred − Y_true)², its mean over all elements, with the gradient 2·(Y_pred − Y_true) / n.

    Args:
        predictions: any shape.
        targets: of the same shape.
        reduction: "mean" over all elements, "sum", or "none".
        sample_weights: (N,), at least 0, multiplied with the losses of the rows; a mean is divided by their sum.

    Raises:
        ShapeError: the shapes differ; (N, 1) and (N,) do.

    >>> import tinygrad_mlp as tg
    >>> y = tg.Tensor([1.0, 5.0], requires_grad=True)
    >>> loss = tg.mean_squared_error(y, [1.0, 2.0])
    >>> print(loss.item(), tg.grad(loss, y))  # (0² + 3²) / 2, and 2·(0, 3) / 2
    4.5 [0. 3.]
    """
    return by_row("mean_squared_error", mean_squared_error_, predictions, targets, reduction, sample_weights)


@op
def mean_squared_error_(predictions: Array, targets: Array, *, reduction: Reduction = "mean") -> Rule:
    """E = (Y_pred − Y_true)², dY_pred = 2·(Y_pred − Y_true)."""
    check_same("mean_squared_error", "predictions", predictions, "targets", targets)
    check_batch("mean_squared_error", "predictions", predictions.shape, reduction)
    d = predictions - targets
    n = d.size
    return (
        reduced(d * d, reduction, n),
        lambda g: d * (2 * spread(g, reduction, n)),
        lambda g: d * (-2 * spread(g, reduction, n)),
    )


def mean_absolute_error(
    predictions: Array, targets: Array, *, reduction: Reduction = "mean", sample_weights: Any = None
) -> Any:
    """E = |Y_pred − Y_true|, its mean over all elements; PyTorch's L1Loss. Kink at 0, where the slope is taken as 0.

    Args:
        predictions: any shape.
        targets: of the same shape.
        reduction: "mean" over all elements, "sum", or "none".
        sample_weights: (N,), at least 0, multiplied with the losses of the rows; a mean is divided by their sum.

    Raises:
        ShapeError: the shapes differ.

    >>> import tinygrad_mlp as tg
    >>> y = tg.Tensor([1.0, 5.0], requires_grad=True)
    >>> loss = tg.mean_absolute_error(y, [1.0, 2.0])
    >>> print(loss.item(), tg.grad(loss, y))  # (0 + 3) / 2, and signs / 2
    1.5 [0.  0.5]
    """
    return by_row("mean_absolute_error", mean_absolute_error_, predictions, targets, reduction, sample_weights)


@op(kinks=lambda predictions, targets, reduction="mean": predictions - targets)
def mean_absolute_error_(predictions: Array, targets: Array, *, reduction: Reduction = "mean") -> Rule:
    """E = |Y_pred − Y_true|, dY_pred = its sign."""
    check_same("mean_absolute_error", "predictions", predictions, "targets", targets)
    check_batch("mean_absolute_error", "predictions", predictions.shape, reduction)
    d = predictions - targets
    n = d.size
    return (
        reduced(np.abs(d), reduction, n),
        lambda g: np.sign(d) * spread(g, reduction, n),
        lambda g: -np.sign(d) * spread(g, reduction, n),
    )


def huber(
    predictions: Array,
    targets: Array,
    *,
    delta: float = 1.0,
    reduction: Reduction = "mean",
    sample_weights: Any = None,
) -> Any:
    """E = d²/2 for |d| ≤ δ, else δ·(|d| − δ/2), with d = Y_pred − Y_true (Huber 1964); PyTorch's HuberLoss.

    Args:
        predictions: any shape.
        targets: of the same shape.
        delta: δ, where the square ends, above 0.
        reduction: "mean" over all elements, "sum", or "none".
        sample_weights: (N,), at least 0, multiplied with the losses of the rows; a mean is divided by their sum.

    Raises:
        ShapeError: the shapes differ.
        OptionError: δ is not above 0.

    >>> import tinygrad_mlp as tg
    >>> tg.huber([0.5, 3.0], [0.0, 0.0], reduction="none")  # 0.5² / 2, and 3 − 1/2
    array([0.125, 2.5  ])
    """
    if not 0 < delta < np.inf:
        raise OptionError(f"huber: delta is {delta!r}; a finite number above 0 is expected")
    return by_row("huber", huber_, predictions, targets, reduction, sample_weights, delta=float(delta))


@op(kinks=lambda predictions, targets, delta=1.0, reduction="mean": np.abs(predictions - targets) - delta)
def huber_(predictions: Array, targets: Array, *, delta: float = 1.0, reduction: Reduction = "mean") -> Rule:
    """E = c·(d − c/2) with d held between −δ and δ as c; dY_pred = c."""
    check_same("huber", "predictions", predictions, "targets", targets)
    check_batch("huber", "predictions", predictions.shape, reduction)
    d = predictions - targets
    c = np.clip(d, -delta, delta)
    n = d.size
    return (
        reduced(c * (d - c / 2), reduction, n),
        lambda g: c * spread(g, reduction, n),
        lambda g: -c * spread(g, reduction, n),
    )


def smooth_l1(
    predictions: Array,
    targets: Array,
    *,
    beta: float = 1.0,
    reduction: Reduction = "mean",
    sample_weights: Any = None,
) -> Any:
    """E = d²/(2β) for |d| ≤ β, else |d| − β/2: `huber` with δ = β, divided by β; PyTorch's SmoothL1Loss.

    Args:
        predictions: any shape.
        targets: of the same shape.
        beta: β, where the square ends, above 0, or 0 for |d| everywhere.
        reduction: "mean" over all elements, "sum", or "none".
        sample_weights: (N,), at least 0, multiplied with the losses of the rows; a mean is divided by their sum.

    Raises:
        ShapeError: the shapes differ.
        OptionError: β is below 0.

    >>> import tinygrad_mlp as tg
    >>> tg.smooth_l1([0.5, 3.0], [0.0, 0.0], beta=2.0, reduction="none")  # 0.5² / 4, and 3 − 2/2
    array([0.0625, 2.    ])
    """
    if not 0 <= beta < np.inf:
        raise OptionError(f"smooth_l1: beta is {beta!r}; a finite number of at least 0 is expected")
    if beta == 0:
        return mean_absolute_error(predictions, targets, reduction=reduction, sample_weights=sample_weights)
    return huber(predictions, targets, delta=beta, reduction=reduction, sample_weights=sample_weights) / beta
