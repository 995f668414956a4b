"""Steps, remainders and signs: functions with jumps. Where a slope is 0 everywhere, the gradient is 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.ops.arithmetic import subtract
from tinygrad_mlp.ops.elementwise import share


def whole(x: Array) -> Any:
    """A number that changes its sign at every whole number."""
    return np.sin(np.pi * x)


def half(x: Array) -> Any:
    """A number that changes its sign halfway between whole numbers."""
    return np.cos(np.pi * x)


@implements(np.floor)
@op(kinks=whole)
def floor(x: Array) -> Rule:
    """The largest whole number that is at most X.

    >>> import tinygrad_mlp as tg
    >>> tg.floor([-1.5, 1.5])
    array([-2.,  1.])
    """
    return np.floor(x), lambda g: np.zeros_like(g)


@implements(np.ceil)
@op(kinks=whole)
def ceil(x: Array) -> Rule:
    """The smallest whole number that is at least X.

    >>> import tinygrad_mlp as tg
    >>> tg.ceil([-1.5, 1.5])
    array([-1.,  2.])
    """
    return np.ceil(x), lambda g: np.zeros_like(g)


@implements(np.fix)
@implements(np.trunc)
@op(kinks=whole)
def trunc(x: Array) -> Rule:
    """X without what stands after its point.

    >>> import tinygrad_mlp as tg
    >>> tg.trunc([-1.5, 1.5])
    array([-1.,  1.])
    """
    return np.trunc(x), lambda g: np.zeros_like(g)


@implements(np.rint)
@op(kinks=half)
def rint(x: Array) -> Rule:
    """The nearest whole number; of two, the even one.

    >>> import tinygrad_mlp as tg
    >>> tg.rint([0.5, 1.5, 2.5])
    array([0., 2., 2.])
    """
    return np.rint(x), lambda g: np.zeros_like(g)


@implements(np.around)
@implements(np.round)
@op(kinks=lambda x, decimals=0: half(x * 10.0**decimals))
def round(x: Array, *, decimals: int = 0) -> Rule:
    """X rounded to so many decimals.

    >>> import tinygrad_mlp as tg
    >>> tg.round([1.234, -1.236], decimals=2)
    array([ 1.23, -1.24])
    >>> print(tg.jacobian(tg.round)(1.234))  # flat, so nothing can be learned through it
    0.0
    """
    return np.round(x, decimals), lambda g: np.zeros_like(g)


@implements(np.floor_divide)
@op(broadcasts=True, kinks=lambda a, b: whole(a / b))
def floor_divide(a: Array, b: Array) -> Rule:
    """The largest whole number that is at most A / B: `a // b`.

    >>> import tinygrad_mlp as tg
    >>> tg.floor_divide([7.0, -7.0], 2.0)
    array([ 3., -4.])
    """
    return a // b, lambda g: np.zeros_like(g), lambda g: np.zeros_like(g)


@implements(np.remainder)
@op(broadcasts=True, kinks=lambda a, b: whole(a / b))
def remainder(a: Array, b: Array) -> Rule:
    """What A / B leaves, with the sign of B: `a % b`. It jumps where A / B is a whole number.

    >>> import tinygrad_mlp as tg
    >>> tg.remainder([7.0, -7.0], 3.0)
    array([1., 2.])
    >>> print(tg.jacobian(tg.remainder, argnums=1)(7.0, 3.0))  # 7 − 2·b falls by 2
    -2.0
    """
    y = np.remainder(a, b)
    return y, lambda g: g, lambda g: -g * np.rint((a - y) / b)


@implements(np.fmod)
@op(broadcasts=True, kinks=lambda a, b: whole(a / b))
def fmod(a: Array, b: Array) -> Rule:
    """What A / B leaves, with the sign of A, as in C.

    >>> import tinygrad_mlp as tg
    >>> tg.fmod([7.0, -7.0], 3.0)
    array([ 1., -1.])
    """
    y = np.fmod(a, b)
    return y, lambda g: g, lambda g: -g * np.rint((a - y) / b)


@implements(np.copysign)
@op(broadcasts=True, kinks=lambda a, b: np.stack(np.broadcast_arrays(a, b)))
def copysign(a: Array, b: Array) -> Rule:
    """|A| with the sign of B. Kink at A = 0, where the slope is taken as 0; no gradient passes to B.

    >>> import tinygrad_mlp as tg
    >>> tg.copysign([1.0, -2.0], [-0.0, 5.0])
    array([-1.,  2.])
    """
    return np.copysign(a, b), lambda g: g * (np.sign(a) * np.copysign(1, b)), lambda g: np.zeros_like(g)


@implements(np.heaviside)
@op(broadcasts=True, kinks=lambda x, h: x)
def heaviside(x: Array, h: Array) -> Rule:
    """0 where X < 0, 1 where X > 0, and H where X = 0: a gradient passes to H there, and nowhere else.

    >>> import tinygrad_mlp as tg
    >>> tg.heaviside([-1.0, 0.0, 2.0], 0.5)
    array([0. , 0.5, 1. ])
    """
    return np.heaviside(x, h), lambda g: np.zeros_like(g), lambda g: np.where(x == 0, g, 0)


@implements(np.fmax)
@op(broadcasts=True, kinks=subtract)
def fmax(a: Array, b: Array) -> Rule:
    """Y = the larger of A and B, or the one that is a number where the other is NaN; a tie shares the gradient.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.fmax([1.0, np.nan], [2.0, 3.0]), tg.maximum([1.0, np.nan], [2.0, 3.0]))
    [2. 3.] [ 2. nan]
    """
    return (
        np.fmax(a, b),
        lambda g: share((a > b) | np.isnan(b), tied(a, b), g),
        lambda g: share((b > a) | np.isnan(a), tied(a, b), g),
    )


@implements(np.fmin)
@op(broadcasts=True, kinks=subtract)
def fmin(a: Array, b: Array) -> Rule:
    """Y = the smaller of A and B, or the one that is a number where the other is NaN; a tie shares the gradient.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.fmin([1.0, np.nan], [2.0, 3.0])
    array([1., 3.])
    """
    return (
        np.fmin(a, b),
        lambda g: share((a < b) | np.isnan(b), tied(a, b), g),
        lambda g: share((b < a) | np.isnan(a), tied(a, b), g),
    )


def tied(a: Array, b: Array) -> Any:
    """Where A and B are equal, or both are NaN."""
    return (a == b) | (np.isnan(a) & np.isnan(b))


@implements(np.nan_to_num)
@op
def nan_to_num(x: Array, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Rule:
    """X with numbers in place of NaN and infinities (by default 0 and the largest there are); they pass no gradient.

    Args:
        x: any shape.
        nan: what stands for NaN.
        posinf: what stands for ∞; None for the largest number of the dtype.
        neginf: what stands for −∞; None for the least one.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nan_to_num([1.0, np.nan, np.inf], posinf=9.0)
    array([1., 0., 9.])
    >>> tg.jacobian(lambda x: tg.nan_to_num(x).sum())([1.0, np.nan, np.inf])
    array([1., 0., 0.], dtype=float32)
    """
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf), lambda g: np.where(np.isfinite(x), g, 0)


@implements(np.copy)
@implements(np.positive)
@op
def positive(x: Array) -> Rule:
    """Y = X, a copy.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> x = np.array([1.0, -2.0])
    >>> y = tg.positive(x)
    >>> print(y, y is x)
    [ 1. -2.] False
    """
    return np.positive(x), lambda g: g
