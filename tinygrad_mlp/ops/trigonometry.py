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
    """Y = sin X."""
    return np.sin(x), lambda g: g * np.cos(x)


@implements(np.cos)
@op
def cos(x: Array) -> Rule:
    """Y = cos X."""
    return np.cos(x), lambda g: -g * np.sin(x)


@implements(np.tan)
@op
def tan(x: Array) -> Rule:
    """Y = tan X."""
    y = np.tan(x)
    return y, lambda g: times(g, 1 + y * y)


@implements(np.arcsin)
@op
def arcsin(x: Array) -> Rule:
    """Y = arcsin X, for −1 ≤ X ≤ 1. Its slope at ±1 is infinite."""
    return np.arcsin(x), lambda g: over(g, np.sqrt((1 - x) * (1 + x)))


@implements(np.arccos)
@op
def arccos(x: Array) -> Rule:
    """Y = arccos X, for −1 ≤ X ≤ 1. Its slope at ±1 is infinite."""
    return np.arccos(x), lambda g: -over(g, np.sqrt((1 - x) * (1 + x)))


@implements(np.arctan)
@op
def arctan(x: Array) -> Rule:
    """Y = arctan X."""
    return np.arctan(x), lambda g: over(g, 1 + x * x)


@implements(np.sinh)
@op
def sinh(x: Array) -> Rule:
    """Y = sinh X."""
    return np.sinh(x), lambda g: times(g, np.cosh(x))


@implements(np.cosh)
@op
def cosh(x: Array) -> Rule:
    """Y = cosh X."""
    return np.cosh(x), lambda g: times(g, np.sinh(x))


@implements(np.arcsinh)
@op
def arcsinh(x: Array) -> Rule:
    """Y = arsinh X."""
    return np.arcsinh(x), lambda g: over(g, np.hypot(x, 1))


@implements(np.arccosh)
@op
def arccosh(x: Array) -> Rule:
    """Y = arcosh X, for X ≥ 1. Its slope at 1 is infinite."""
    return np.arccosh(x), lambda g: over(g, np.sqrt(x - 1) * np.sqrt(x + 1))


@implements(np.arctanh)
@op
def arctanh(x: Array) -> Rule:
    """Y = artanh X, for −1 < X < 1."""
    return np.arctanh(x), lambda g: over(g, (1 - x) * (1 + x))


@implements(np.hypot)
@op(broadcasts=True, kinks=np.hypot)
def hypot(a: Array, b: Array) -> Rule:
    """Y = √(A² + B²), without overflow. Kink at A = B = 0, where the slopes are taken as 0."""
    y = np.hypot(a, b)
    return y, lambda g: g * over(a, y), lambda g: g * over(b, y)


@implements(np.arctan2)
@op(broadcasts=True, kinks=lambda y, x: np.where(x < 0, y, np.hypot(x, y)))
def arctan2(y: Array, x: Array) -> Rule:
    """The angle of the point (X, Y), from −π to π; it jumps where Y = 0 and X < 0. At (0, 0) the slopes are 0."""
    r = np.hypot(x, y)
    return np.arctan2(y, x), lambda g: over(g * over(x, r), r), lambda g: -over(g * over(y, r), r)


@op
def sinc_(x: Array, *, order: int) -> Rule:
    """The derivative of some order of sin(πX) / (πX). Each order is the slope of the one before, at 0 too."""
    return sinc_derivative(x, order=order), lambda g: g * sinc_(x, order=order + 1)


@implements(np.sinc)
def sinc(x: Array) -> Any:
    """Y = sin(πX) / (πX), which is 1 at 0."""
    return sinc_(x, order=0)


@implements(np.radians)
@implements(np.deg2rad)
def deg2rad(x: Array) -> Any:
    """Degrees as radians."""
    return multiply(x, math.pi / 180)


@implements(np.degrees)
@implements(np.rad2deg)
def rad2deg(x: Array) -> Any:
    """Radians as degrees."""
    return multiply(x, 180 / math.pi)
