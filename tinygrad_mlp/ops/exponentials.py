"""Exponentials and logarithms in other bases, their sums, and roots and powers with a name of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.ops.activations import sigmoid
from tinygrad_mlp.ops.arithmetic import divide, over, power, times

LN_2 = math.log(2)
LN_10 = math.log(10)


@implements(np.exp2)
@op
def exp2(x: Array) -> Rule:
    """Y = 2^X."""
    y = np.exp2(x)
    return y, lambda g: times(g, y * LN_2)


@implements(np.log2)
@op
def log2(x: Array) -> Rule:
    """Y = log₂ X, for X > 0."""
    return np.log2(x), lambda g: over(g, x * LN_2)


@implements(np.log10)
@op
def log10(x: Array) -> Rule:
    """Y = log₁₀ X, for X > 0."""
    return np.log10(x), lambda g: over(g, x * LN_10)


@implements(np.logaddexp)
@op(broadcasts=True)
def logaddexp(a: Array, b: Array) -> Rule:
    """Y = ln(e^A + e^B), without overflow."""
    return np.logaddexp(a, b), lambda g: g * sigmoid(gap(a, b)), lambda g: g * sigmoid(gap(b, a))


@implements(np.logaddexp2)
@op(broadcasts=True)
def logaddexp2(a: Array, b: Array) -> Rule:
    """Y = log₂(2^A + 2^B), without overflow."""
    return np.logaddexp2(a, b), lambda g: g * sigmoid(gap(a, b) * LN_2), lambda g: g * sigmoid(gap(b, a) * LN_2)


def gap(a: Array, b: Array) -> Any:
    """A − B, where ∞ − ∞ is 0: two equal infinities share the gradient."""
    same = np.isinf(a) & (a == b)
    return np.where(same, 0, a) - np.where(same, 0, b)


@implements(np.square)
@op
def square(x: Array) -> Rule:
    """Y = X²."""
    return x * x, lambda g: g * (2 * x)


@implements(np.cbrt)
@op
def cbrt(x: Array) -> Rule:
    """Y = ∛X, for every X. Its slope at 0 is infinite."""
    y = np.cbrt(x)
    return y, lambda g: over(g, 3 * y * y)


@implements(np.reciprocal)
def reciprocal(x: Array) -> Any:
    """Y = 1 / X."""
    return divide(1.0, x)


@implements(np.float_power)
def float_power(x1: Array, x2: Array) -> Any:
    """Y = X₁^X₂ in floating point, as `power`. (NumPy's turns float32 into float64; here float32 stays float32.)"""
    return power(x1, x2)
