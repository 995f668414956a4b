"""Normalisation: inputs shifted and scaled to mean 0 and variance 1, or scaled to a mean square of 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, op
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.ops.arranging import operand
from tinygrad_mlp.ops.reductions import Axis, kept_shape
from tinygrad_mlp.sums import precise_sum


@op
def standardize(x: Array, *, axis: Axis = -1, epsilon: float = 1e-5) -> Rule:
    """Y = (X − μ) / √(σ² + ε) with mean and (biased) variance along axes, which stay as length 1.

    dX = (dY − mean(dY) − Y·mean(dY·Y)) / √(σ² + ε) (Ioffe & Szegedy 2015, arXiv:1502.03167).

    Args:
        x: any shape.
        axis: the axes of one thing that is standardised: one, several in a tuple, or None for all.
        epsilon: ε, added to the variance, so that equal elements give 0.

    >>> import tinygrad_mlp as tg
    >>> tg.standardize([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]).round(3)
    array([[-1.225,  0.   ,  1.225],
           [-1.225,  0.   ,  1.225]])
    """
    centred = x - average(x, axis)
    deviation = np.sqrt(average(centred * centred, axis) + epsilon)
    y = centred / deviation
    return y, lambda g: (g - average(g, axis) - y * average(g * y, axis)) / deviation


def average(x: Array, axis: Axis) -> Any:
    """The mean along axes, which stay as length 1."""
    kept = kept_shape(x.shape, axis)
    return precise_sum(x, axis, keepdims=True) / (x.size // max(1, int(np.prod(kept))))


def affine(y: Array, gamma: Array, beta: Array) -> Any:
    """Y·γ + β, of those that there are."""
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def layer_norm(x: Array, gamma: Array = None, beta: Array = None, *, axis: Axis = -1, epsilon: float = 1e-5) -> Any:
    """Y = γ·(X − μ) / √(σ² + ε) + β with mean and variance along axes (Ba et al. 2016, arXiv:1607.06450).

    Args:
        x: (…, n).
        gamma: the gain, (n,), or what broadcasts against X; none if None.
        beta: the shift, likewise.
        axis: the axes of one thing that is normalised.
        epsilon: ε, added to the variance.

    >>> import tinygrad_mlp as tg
    >>> tg.layer_norm([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]).round(3)  # each row for itself
    array([[-1.225,  0.   ,  1.225],
           [-1.225,  0.   ,  1.225]])
    """
    return affine(standardize(x, axis=axis, epsilon=epsilon), gamma, beta)


def batch_norm(
    x: Array,
    gamma: Array = None,
    beta: Array = None,
    *,
    mean: Array = None,
    variance: Array = None,
    epsilon: float = 1e-5,
) -> Any:
    """Y = γ·(X − μ) / √(σ² + ε) + β for each feature (Ioffe & Szegedy 2015, arXiv:1502.03167).

    Args:
        x: (N, …, n): the features are the last axis.
        gamma: the gain, (n,); none if None.
        beta: the shift, (n,); none if None.
        mean: μ, (n,), as gathered in training; the batch's own, over all other axes, if None.
        variance: σ², (n,), likewise. Both are given, or neither.
        epsilon: ε, added to the variance.

    Raises:
        OptionError: only one of mean and variance.

    >>> import tinygrad_mlp as tg
    >>> tg.batch_norm([[1.0, 10.0], [3.0, 30.0]], beta=5.0).round(3)  # each column for itself
    array([[4., 4.],
           [6., 6.]])
    >>> tg.batch_norm([[1.0, 10.0]], mean=[2.0, 20.0], variance=[1.0, 100.0]).round(3)
    array([[-1., -1.]])
    """
    if (mean is None) != (variance is None):
        raise OptionError("batch_norm: mean and variance are given together, or neither")
    x = operand(x)
    if mean is None:
        return affine(standardize(x, axis=tuple(range(x.ndim - 1)), epsilon=epsilon), gamma, beta)
    mean, variance = operand(mean, x), operand(variance, x)
    return affine((x - mean) / np.sqrt(variance + epsilon), gamma, beta)


def rms_norm(x: Array, gamma: Array = None, *, axis: Axis = -1, epsilon: float = 1e-5) -> Any:
    """Y = γ·X / √(mean of X² + ε) along axes (Zhang & Sennrich 2019, arXiv:1910.07467).

    Args:
        x: (…, n).
        gamma: the gain, (n,), or what broadcasts against X; none if None.
        axis: the axes of one thing that is normalised.
        epsilon: ε, added to the mean square.

    >>> import tinygrad_mlp as tg
    >>> tg.rms_norm([[3.0, 4.0]]).round(3)  # divided by √((9 + 16) / 2) = 3.536
    array([[0.849, 1.131]])
    """
    x = operand(x)
    return affine(x / np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + epsilon), gamma, None)
