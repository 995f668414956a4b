"""Angles and hyperbolic functions, with their inverses. Angles are in radians."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.ops.arithmetic import multiply, over, times
from tinygrad_mlp.ops.special import sinc_derivative


@implements(np.sin)
@op
def sin(x: Array) -> Rule:
    """Y = sin X.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.sin(np.pi / 2), tg.jacobian(tg.sin)(0.0))
    1.0 1.0
    """
    return np.sin(x), lambda g: g * np.cos(x)


@implements(np.cos)
@op
def cos(x: Array) -> Rule:
    """Y = cos X.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.cos(0.0), tg.jacobian(tg.cos)(np.pi / 2))
    1.0 -1.0
    """
    return np.cos(x), lambda g: -g * np.sin(x)


@implements(np.tan)
@op
def tan(x: Array) -> Rule:
    """Y = tan X.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.tan(np.pi / 4).round(4), tg.jacobian(tg.tan)(0.0))
    1.0 1.0
    """
    y = np.tan(x)
    return y, lambda g: times(g, 1 + y * y)


@implements(np.arcsin)
@op
def arcsin(x: Array) -> Rule:
    """Y = arcsin X, for −1 ≤ X ≤ 1. Its slope at ±1 is infinite.

    >>> import tinygrad_mlp as tg
    >>> print(tg.arcsin(1.0).round(4), tg.jacobian(tg.arcsin)(0.0))  # π/2
    1.5708 1.0
    """
    return np.arcsin(x), lambda g: over(g, np.sqrt((1 - x) * (1 + x)))


@implements(np.arccos)
@op
def arccos(x: Array) -> Rule:
    """Y = arccos X, for −1 ≤ X ≤ 1. Its slope at ±1 is infinite.

    >>> import tinygrad_mlp as tg
    >>> print(tg.arccos(-1.0).round(4), tg.jacobian(tg.arccos)(0.0))  # π
    3.1416 -1.0
    """
    return np.arccos(x), lambda g: -over(g, np.sqrt((1 - x) * (1 + x)))


@implements(np.arctan)
@op
def arctan(x: Array) -> Rule:
    """Y = arctan X.

    >>> import tinygrad_mlp as tg
    >>> print(tg.arctan(1.0).round(4), tg.jacobian(tg.arctan)(1.0))  # π/4, and 1 / (1 + x²)
    0.7854 0.5
    """
    return np.arctan(x), lambda g: over(g, 1 + x * x)


@implements(np.sinh)
@op
def sinh(x: Array) -> Rule:
    """Y = sinh X.

    >>> import tinygrad_mlp as tg
    >>> tg.sinh([-1.0, 0.0, 1.0]).round(4)
    array([-1.1752,  0.    ,  1.1752])
    """
    return np.sinh(x), lambda g: times(g, np.cosh(x))


@implements(np.cosh)
@op
def cosh(x: Array) -> Rule:
    """Y = cosh X.

    >>> import tinygrad_mlp as tg
    >>> tg.cosh([-1.0, 0.0, 1.0]).round(4)
    array([1.5431, 1.    , 1.5431])
    """
    return np.cosh(x), lambda g: times(g, np.sinh(x))


@implements(np.arcsinh)
@op
def arcsinh(x: Array) -> Rule:
    """Y = arsinh X.

    >>> import tinygrad_mlp as tg
    >>> print(tg.arcsinh(tg.sinh(2.0)).round(4), tg.jacobian(tg.arcsinh)(0.0))
    2.0 1.0
    """
    return np.arcsinh(x), lambda g: over(g, np.hypot(x, 1))


@implements(np.arccosh)
@op
def arccosh(x: Array) -> Rule:
    """Y = arcosh X, for X ≥ 1. Its slope at 1 is infinite.

    >>> import tinygrad_mlp as tg
    >>> print(tg.arccosh(1.0), tg.jacobian(tg.arccosh)(1.25).round(4))  # 1 / √(x² − 1)
    0.0 1.3333
    """
    return np.arccosh(x), lambda g: over(g, np.sqrt(x - 1) * np.sqrt(x + 1))


@implements(np.arctanh)
@op
def arctanh(x: Array) -> Rule:
    """Y = artanh X, for −1 < X < 1.

    >>> import tinygrad_mlp as tg
    >>> print(tg.arctanh(tg.tanh(0.5)).round(4), tg.jacobian(tg.arctanh)(0.5).round(4))  # 1 / (1 − x²)
    0.5 1.3333
    """
    return np.arctanh(x), lambda g: over(g, (1 - x) * (1 + x))


@implements(np.hypot)
@op(broadcasts=True, kinks=np.hypot)
def hypot(a: Array, b: Array) -> Rule:
    """Y = √(A² + B²), without overflow. Kink at A = B = 0, where the slopes are taken as 0.

    >>> import tinygrad_mlp as tg
    >>> tg.hypot([3.0, 3e200], [4.0, 4e200])  # the squares of the latter would overflow
    array([5.e+000, 5.e+200])
    >>> a, b = tg.jacobian(tg.hypot, argnums=(0, 1))(0.0, 0.0)
    >>> print(a, b)
    0.0 0.0
    """
    y = np.hypot(a, b)
    return y, lambda g: g * over(a, y), lambda g: g * over(b, y)


@implements(np.arctan2)
@op(broadcasts=True, kinks=lambda y, x: np.where(x < 0, y, np.hypot(x, y)))
def arctan2(y: Array, x: Array) -> Rule:
    """The angle of the point (X, Y), from −π to π; it jumps where Y = 0 and X < 0. At (0, 0) the slopes are 0.

    >>> import tinygrad_mlp as tg
    >>> tg.rad2deg(tg.arctan2([1.0, 1.0, -1.0], [1.0, -1.0, -1.0]))
    array([  45.,  135., -135.])
    """
    r = np.hypot(x, y)
    return np.arctan2(y, x), lambda g: over(g * over(x, r), r), lambda g: -over(g * over(y, r), r)


@op
def sinc_(x: Array, *, order: int) -> Rule:
    """The derivative of some order of sin(πX) / (πX). Each order is the slope of the one before, at 0 too."""
    return sinc_derivative(x, order=order), lambda g: g * sinc_(x, order=order + 1)


@implements(np.sinc)
def sinc(x: Array) -> Any:
    """Y = sin(πX) / (πX), which is 1 at 0.

    >>> import tinygrad_mlp as tg
    >>> tg.sinc([0.0, 0.5, 1.0]).round(4)
    array([1.    , 0.6366, 0.    ])
    """
    return sinc_(x, order=0)


@implements(np.radians)
@implements(np.deg2rad)
def deg2rad(x: Array) -> Any:
    """Degrees as radians.

    >>> import tinygrad_mlp as tg
    >>> tg.deg2rad([0.0, 90.0, 180.0]).round(4)
    array([0.    , 1.5708, 3.1416])
    """
    return multiply(x, math.pi / 180)


@implements(np.degrees)
@implements(np.rad2deg)
def rad2deg(x: Array) -> Any:
    """Radians as degrees.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.rad2deg([0.0, np.pi / 2])
    array([ 0., 90.])
    """
    return multiply(x, 180 / math.pi)
