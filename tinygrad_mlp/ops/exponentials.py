"""Exponentials and logarithms in other bases, their sums, and roots and powers with a name of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.ops.activations import sigmoid
from tinygrad_mlp.ops.arithmetic import divide, multiply, over, power, times
from tinygrad_mlp.ops.arranging import operand

LN_2 = math.log(2)
LN_10 = math.log(10)


@implements(np.exp2)
@op
def exp2(x: Array) -> Rule:
    """Y = 2^X.

    >>> import tinygrad_mlp as tg
    >>> tg.exp2([-1.0, 0.0, 3.0])
    array([0.5, 1. , 8. ])
    """
    y = np.exp2(x)
    return y, lambda g: times(g, y * LN_2)


@implements(np.log2)
@op
def log2(x: Array) -> Rule:
    """Y = log₂ X, for X > 0.

    >>> import tinygrad_mlp as tg
    >>> tg.log2([0.5, 1.0, 8.0])
    array([-1.,  0.,  3.])
    """
    return np.log2(x), lambda g: over(g, x * LN_2)


@implements(np.log10)
@op
def log10(x: Array) -> Rule:
    """Y = log₁₀ X, for X > 0.

    >>> import tinygrad_mlp as tg
    >>> tg.log10([0.1, 1.0, 1000.0])
    array([-1.,  0.,  3.])
    """
    return np.log10(x), lambda g: over(g, x * LN_10)


@implements(np.logaddexp)
@op(broadcasts=True)
def logaddexp(a: Array, b: Array) -> Rule:
    """Y = ln(e^A + e^B), without overflow.

    >>> import tinygrad_mlp as tg
    >>> print(tg.logaddexp(-1000.0, -1000.0).round(4))  # −1000 + ln 2, where e^−1000 is 0
    -999.3069
    """
    return np.logaddexp(a, b), lambda g: g * sigmoid(gap(a, b)), lambda g: g * sigmoid(gap(b, a))


@implements(np.logaddexp2)
@op(broadcasts=True)
def logaddexp2(a: Array, b: Array) -> Rule:
    """Y = log₂(2^A + 2^B), without overflow.

    >>> import tinygrad_mlp as tg
    >>> print(tg.logaddexp2(-3000.0, -3000.0))  # −3000 + 1
    -2999.0
    """
    return np.logaddexp2(a, b), lambda g: g * sigmoid(gap(a, b) * LN_2), lambda g: g * sigmoid(gap(b, a) * LN_2)


def gap(a: Array, b: Array) -> Any:
    """A − B, where ∞ − ∞ is 0: two equal infinities share the gradient."""
    same = np.isinf(a) & (a == b)
    return np.where(same, 0, a) - np.where(same, 0, b)


@implements(np.square)
@op
def square(x: Array) -> Rule:
    """Y = X².

    >>> import tinygrad_mlp as tg
    >>> print(tg.square(3.0), tg.jacobian(tg.square)(3.0))
    9.0 6.0
    """
    return x * x, lambda g: g * (2 * x)


@implements(np.cbrt)
@op
def cbrt(x: Array) -> Rule:
    """Y = ∛X, for every X. Its slope at 0 is infinite.

    >>> import tinygrad_mlp as tg
    >>> tg.cbrt([-8.0, 0.0, 27.0])
    array([-2.,  0.,  3.])
    """
    y = np.cbrt(x)
    return y, lambda g: over(g, 3 * y * y)


@implements(np.reciprocal)
def reciprocal(x: Array) -> Any:
    """Y = 1 / X.

    >>> import tinygrad_mlp as tg
    >>> print(tg.reciprocal(4.0), tg.jacobian(tg.reciprocal)(4.0))  # 1 / x and −1 / x²
    0.25 -0.0625
    """
    return divide(1.0, x)


@implements(np.float_power)
def float_power(x1: Array, x2: Array) -> Any:
    """Y = X₁^X₂ in floating point, as `power`. (NumPy's turns float32 into float64; here float32 stays float32.)

    >>> import tinygrad_mlp as tg
    >>> tg.float_power([1, 2, 4], -1)  # where `power` of whole numbers is an error
    array([1.  , 0.5 , 0.25])
    """
    if not any(operand(x).dtype.kind == "f" for x in (x1, x2)):
        x1 = multiply(x1, 1.0)  # NumPy refuses a negative power of whole numbers
    return power(x1, x2)
