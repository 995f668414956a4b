"""Activations of a network, and the masks that go between its layers. Stable by formula, not by adding 1e-15."""

from __future__ import annotations

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, kernel, op
from tinygrad_mlp.ops.elementwise import exp


@op
def relu(x: Array) -> Rule:
    """Y = max(0, X). Kink at 0, where the slope is taken as 0."""
    y = np.maximum(x, 0)
    return y, lambda g: g * np.sign(y)


@op
def leaky_relu(x: Array, *, alpha: float = 0.01) -> Rule:
    """Y = X where X > 0, else α·X. Kink at 0, where the slope is taken as α."""
    return np.where(x > 0, x, alpha * x), lambda g: np.where(x > 0, g, alpha * g)


@op
def sigmoid(x: Array) -> Rule:
    """Y = 1 / (1 + e^−X), computed with e^−|X|, which cannot overflow."""
    e = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1, e) / (1 + e)
    return y, lambda g: g * (y * (1 - y))


@op
def softplus(x: Array) -> Rule:
    """Y = ln(1 + e^X) = max(X, 0) + ln(1 + e^−|X|)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), lambda g: g * sigmoid(x)


@op
def softmax(x: Array, *, axis: int = -1) -> Rule:
    """Y = e^X / Σ e^X along an axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    y = e / e.sum(axis=axis, keepdims=True)
    return y, lambda g: y * (g - (g * y).sum(axis=axis, keepdims=True))


@op
def log_softmax(x: Array, *, axis: int = -1) -> Rule:
    """Y = ln softmax X = X − ln Σ e^X along an axis."""
    y = log_probabilities(x, axis=axis)
    return y, lambda g: g - exp(y) * g.sum(axis=axis, keepdims=True)


@kernel
def log_probabilities(x: np.ndarray, *, axis: int) -> np.ndarray:
    """X − ln Σ e^X, without overflow, and without a warning where logits are further apart than numbers reach."""
    if not np.vdot(x, x) < np.inf:  # some are huge, or not finite
        with np.errstate(over="ignore"):
            top = x.max(axis=axis, keepdims=True)
            return x - top - np.log(np.exp(x - top).sum(axis=axis, keepdims=True))
    if x.ndim != 2 or x.shape[1] > FEW_CLASSES or axis not in (-1, 1):
        y = x - x.max(axis=axis, keepdims=True)
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
        return y
    columns = x.T.copy()  # NumPy reduces over long columns several times as fast as along short rows
    columns -= np.maximum.reduce(columns, 0)
    columns -= np.log(np.add.reduce(np.exp(columns), 0))
    return columns.T.copy()


FEW_CLASSES = 16


@op(discrete=("mask",))
def dropout(x: Array, mask: Array, *, p: float) -> Rule:
    """Y = X ⊙ mask / (1 − p): elements are dropped with probability p, and the mean is kept.

    Args:
        x: any shape.
        mask: booleans of that shape, True for what is kept; drawn by the caller, so that a step can be repeated.
        p: the probability of dropping, 0 ≤ p < 1.
    """
    scale = 1 / (1 - p)
    return np.where(mask, x * scale, 0), lambda g: np.where(mask, g * scale, 0), None
