"""Rows of the table: further activations, losses and normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.table import (
    REDUCTIONS,
    below,
    between,
    by_row,
    elementwise_shapes,
    fixed,
    of,
    positive,
    real,
    reduced,
    row,
    row_cases,
    rows_of_probabilities,
    softmax,
    standardized,
)

from tinygrad_mlp import ops

# activations


def wide(*shape: int) -> np.ndarray:
    """Numbers on both sides of 0, 3, −3 and 6, and 0.1 or more away from these."""
    return np.asarray(np.floor(between(-5, 9, *shape)) + between(0.1, 0.9, *shape))


row(
    ops.hard_tanh,
    lambda x, low=-1.0, high=1.0: np.where(x < low, low, np.where(x > high, high, x)),
    *elementwise_shapes(wide),
    of(wide(6), low=-3.0, high=2.0),
)
row(ops.relu6, lambda x: np.minimum(np.maximum(0, x), 6), *elementwise_shapes(wide))
row(ops.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1), *elementwise_shapes(wide))
row(ops.hard_silu, lambda x: x * np.clip(x / 6 + 0.5, 0, 1), *elementwise_shapes(wide))
row(
    ops.celu,
    lambda x, alpha=1.0: np.maximum(0, x) + np.minimum(0, alpha * (np.exp(x / alpha) - 1)),
    *elementwise_shapes(real),
    of(real(6), alpha=0.4),
)
row(
    ops.selu,
    lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    *elementwise_shapes(real),
)
row(ops.mish, lambda x: x * np.tanh(np.log(1 + np.exp(x))), *elementwise_shapes(real))
row(ops.softsign, lambda x: x / (1 + np.abs(x)), *elementwise_shapes(real))
row(ops.log_sigmoid, lambda x: -np.log(1 + np.exp(-x)), *elementwise_shapes(real))


def gated(x: np.ndarray, axis: int = -1) -> np.ndarray:
    a, b = np.split(x, 2, axis)
    return a / (1 + np.exp(-b))


row(ops.glu, gated, of(real(4)), of(real(2, 4)), of(real(4, 3), axis=0), of(real(0, 2)))

# losses


def smooth(y: np.ndarray, t: np.ndarray, reduction: str, beta: float = 1.0) -> Any:
    d = np.abs(y - t)
    return d if beta == 0 else np.where(d < beta, d * d / (2 * beta), d - beta / 2)


row(ops.smooth_l1, by_row(smooth), *row_cases(), *row_cases(beta=0.2), *row_cases(beta=0))


def likelihood(log_p: np.ndarray, y: np.ndarray, reduction: str = "mean", sample_weights: Any = None) -> Any:
    rows = y if y.shape == log_p.shape else np.eye(log_p.shape[-1])[y]
    return weighted(-(rows * log_p).sum(axis=-1), reduction, sample_weights)


def weighted(found: np.ndarray, reduction: str, sample_weights: Any) -> Any:
    if sample_weights is None:
        return reduced(found, reduction)
    w = np.array(sample_weights)
    return {"none": w * found, "sum": (w * found).sum(), "mean": (w * found).sum() / w.sum()}[reduction]


WEIGHTED = {"sample_weights": [1.0, 0.0, 2.0]}
row(
    ops.negative_log_likelihood,
    likelihood,
    *[of(real(3, 3), below(3, 3), **how) for how in REDUCTIONS],
    *[of(real(3, 2), below(2, 3), **how, **WEIGHTED) for how in REDUCTIONS],
    of(real(2, 3), rows_of_probabilities(2, 3)),
    of(real(2, 2, 3), below(3, 2, 2)),
)


def divergence(log_p: np.ndarray, q: np.ndarray, reduction: str = "mean", sample_weights: Any = None) -> Any:
    return weighted((q * (np.log(q) - log_p)).sum(axis=-1), reduction, sample_weights)


row(
    ops.kl_divergence,
    divergence,
    *[of(np.log(softmax(real(3, 2))), positive(3, 2), **how) for how in REDUCTIONS],
    *[of(real(3, 2), rows_of_probabilities(3, 2), **how, **WEIGHTED) for how in REDUCTIONS],
    of(real(2, 1, 3), positive(2, 1, 3)),
)


def cosine(a: np.ndarray, b: np.ndarray, axis: int = -1) -> Any:
    lengths = np.sqrt((a * a).sum(axis)) * np.sqrt((b * b).sum(axis))
    return (a * b).sum(axis) / lengths


row(
    ops.cosine_similarity,
    cosine,
    of(real(3), real(3)),
    of(real(2, 3), real(2, 3)),
    of(real(3, 2), real(3, 2), axis=0),
    of(real(2, 1, 3), real(2, 3)),
    of(real(2, 3), real(3)),
)

# normalisation


def scaled(y: np.ndarray, gamma: Any = 1.0, beta: Any = 0.0) -> np.ndarray:
    return y * gamma + beta


row(
    ops.layer_norm,
    lambda x, *learned, **how: scaled(standardized(x, **how), *learned),
    of(real(2, 3)),
    of(real(2, 3), real(3)),
    of(real(2, 3), real(3), real(3)),
    of(real(2, 2, 3), real(2, 3), real(3), axis=(-2, -1), epsilon=0.1),
)


def by_feature(x: np.ndarray, *learned: np.ndarray, **how: Any) -> np.ndarray:
    return scaled(standardized(x, axis=tuple(range(x.ndim - 1)), **how), *learned)


row(
    ops.batch_norm,
    by_feature,
    of(real(4, 3)),
    of(real(4, 2), real(2), real(2)),
    of(real(2, 3, 2), real(2), epsilon=0.1),
    of(
        real(3, 2),
        real(2),
        real(2),
        fixed(real(2)),
        fixed(positive(2)),
        call=lambda *xs: ops.batch_norm(*xs[:3], mean=xs[3], variance=xs[4]),
        reference=lambda x, gamma, beta, mean, variance: (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta,
    ),
)
row(
    ops.rms_norm,
    lambda x, *gamma, axis=-1, epsilon=1e-5: scaled(x / np.sqrt((x * x).mean(axis, keepdims=True) + epsilon), *gamma),
    of(real(2, 3)),
    of(real(2, 3), real(3)),
    of(real(2, 2, 2), real(2, 2), axis=(1, 2), epsilon=0.1),
)
