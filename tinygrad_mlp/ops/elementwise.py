"""Functions of one number, applied to every element, and choices between two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.ops.arithmetic import over, times


@implements(np.exp)
@op
def exp(x: Array) -> Rule:
    """Y = e^X.

    >>> import tinygrad_mlp as tg
    >>> tg.exp([0.0, 1.0]).round(4)
    array([1.    , 2.7183])
    """
    y = np.exp(x)
    return y, lambda g: times(g, y)


@implements(np.log)
@op
def log(x: Array) -> Rule:
    """Y = ln X, for X > 0.

    >>> import tinygrad_mlp as tg
    >>> print(tg.log(1.0), tg.jacobian(tg.log)(4.0))  # the slope is 1 / x
    0.0 0.25
    """
    return np.log(x), lambda g: over(g, x)


@implements(np.log1p)
@op
def log1p(x: Array) -> Rule:
    """Y = ln(1 + X), exact for small X; for X > −1.

    >>> import tinygrad_mlp as tg
    >>> print(tg.log1p(1e-20), tg.log(1 + 1e-20))
    1e-20 0.0
    """
    return np.log1p(x), lambda g: over(g, 1 + x)


@implements(np.expm1)
@op
def expm1(x: Array) -> Rule:
    """Y = e^X − 1, exact for small X.

    >>> import tinygrad_mlp as tg
    >>> print(tg.expm1(1e-20), tg.exp(1e-20) - 1)
    1e-20 0.0
    """
    y = np.expm1(x)
    return y, lambda g: times(g, y + 1)


@implements(np.sqrt)
@op
def sqrt(x: Array) -> Rule:
    """Y = √X, for X ≥ 0. Its slope at 0 is infinite; a gradient of exactly 0 stays 0 there.

    >>> import tinygrad_mlp as tg
    >>> print(tg.jacobian(tg.sqrt)(4.0), tg.jacobian(lambda x: 0 * tg.sqrt(x))(0.0))
    0.25 0.0
    """
    y = np.sqrt(x)
    return y, lambda g: over(g, 2 * y)


@implements(np.tanh)
@op
def tanh(x: Array) -> Rule:
    """Y = tanh X, dX = dY ⊙ (1 − Y²).

    >>> import tinygrad_mlp as tg
    >>> tg.tanh([-1000.0, 0.0, 1.0]).round(4)
    array([-1.    ,  0.    ,  0.7616])
    """
    y = np.tanh(x)
    return y, lambda g: g * (1 - y * y)


@implements(np.fabs)
@implements(np.absolute)
@op(kinks=lambda x: x)
def abs(x: Array) -> Rule:
    """Y = |X|. Kink at 0, where the slope is taken as 0.

    >>> import tinygrad_mlp as tg
    >>> tg.jacobian(lambda x: tg.abs(x).sum())([-2.0, 0.0, 2.0])
    array([-1.,  0.,  1.], dtype=float32)
    """
    return np.abs(x), lambda g: g * np.sign(x)


@implements(np.sign)
@op(kinks=lambda x: x)
def sign(x: Array) -> Rule:
    """Y = −1, 0 or 1. Its slope is 0 wherever it has one, so no gradient passes.

    >>> import tinygrad_mlp as tg
    >>> tg.sign([-2.0, 0.0, 3.0])
    array([-1.,  0.,  1.])
    """
    return np.sign(x), lambda g: np.zeros_like(g)


@implements(np.maximum)
@op(broadcasts=True, kinks=lambda a, b: a - b)
def maximum(a: Array, b: Array) -> Rule:
    """Y = the larger of A and B; a tie shares the gradient equally.

    >>> import tinygrad_mlp as tg
    >>> tg.maximum([1.0, 5.0], 3.0)
    array([3., 5.])
    >>> a, b = tg.jacobian(tg.maximum, argnums=(0, 1))(3.0, 3.0)
    >>> print(a, b)
    0.5 0.5
    """
    return np.maximum(a, b), lambda g: share(a > b, a == b, g), lambda g: share(b > a, a == b, g)


@implements(np.minimum)
@op(broadcasts=True, kinks=lambda a, b: a - b)
def minimum(a: Array, b: Array) -> Rule:
    """Y = the smaller of A and B; a tie shares the gradient equally.

    >>> import tinygrad_mlp as tg
    >>> tg.minimum([1.0, 5.0], [4.0, 2.0])
    array([1., 2.])
    """
    return np.minimum(a, b), lambda g: share(a < b, a == b, g), lambda g: share(b < a, a == b, g)


def share(chosen: Array, tied: Array, g: Array) -> Any:
    """The gradient of the operand that was chosen: all of it, half of it in a tie, or nothing."""
    return np.where(tied, g / 2, np.where(chosen, g, 0))


@implements(np.where)
@op(broadcasts=True, discrete=("condition",), kinks=lambda condition, x, y: condition)
def where(condition: Array, x: Array, y: Array) -> Rule:
    """X where the condition holds, else Y; the gradient goes to the one that was taken.

    Args:
        condition: booleans, or numbers, of which all but 0 hold; the three shapes broadcast.
        x: what is taken where it holds.
        y: what is taken elsewhere.

    >>> import tinygrad_mlp as tg
    >>> tg.where([True, False], [1.0, 2.0], 0.0)
    array([1., 0.])
    >>> print(tg.jacobian(lambda x: tg.where(x > 0, tg.sqrt(x), 0.0))(0.0))  # not NaN: the infinite slope is not used
    0.0
    """
    return np.where(condition, x, y), None, lambda g: np.where(condition, g, 0), lambda g: np.where(condition, 0, g)


@op(kinks=lambda x, low, high: np.stack([x - low, x - high]))
def clip_(x: Array, *, low: Any, high: Any) -> Rule:
    """X held between two numbers; the bounds themselves pass the gradient."""
    return np.clip(x, low, high), lambda g: np.where((x >= low) & (x <= high), g, 0)


@implements(np.clip)
def clip(
    x: Array,
    min: float | None = None,
    max: float | None = None,
    *,
    a_min: float | None = None,
    a_max: float | None = None,
) -> Any:
    """X held between two numbers. The slope is 1 inside and at the bounds, 0 outside.

    Args:
        x: any shape.
        min: the lower bound, a number, or None for none.
        max: the upper bound.
        a_min: NumPy's older name of `min`.
        a_max: NumPy's older name of `max`.

    Raises:
        OptionError: a bound is an array: `tg.maximum` and `tg.minimum` take those.

    >>> import tinygrad_mlp as tg
    >>> print(tg.clip(tg.Tensor([-2.0, 0.5, 2.0]), -1, 1))
    Tensor([-1. ,  0.5,  1. ], dtype=float32)
    >>> tg.jacobian(lambda x: tg.clip(x, -1, 1).sum())([-2.0, -1.0, 1.0])
    array([0., 1., 1.], dtype=float32)
    """
    min, max = a_min if min is None else min, a_max if max is None else max
    bounds = [-np.inf if min is None else min, np.inf if max is None else max]
    if any(np.ndim(bound) for bound in bounds):
        raise OptionError("clip takes numbers as bounds; for arrays write minimum(maximum(x, low), high)")
    return clip_(x, low=float(bounds[0]), high=float(bounds[1]))


@op
def astype(x: Array, *, dtype: Any) -> Rule:
    """X in another dtype. From one floating-point dtype to another the gradient passes, and comes back in the old one.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> x = tg.Tensor([1.0], requires_grad=True)
    >>> y = tg.astype(x, dtype=np.float64)
    >>> print(y.dtype, tg.grad(y.sum(), x).dtype)
    float64 float32
    """
    return x.astype(dtype), lambda g: g.astype(x.dtype)
