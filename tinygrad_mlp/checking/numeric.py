"""Numeric derivatives that know how far they can be trusted.

Along a line the slope is (f(h) − f(−h)) / 2h, with an error in h², h⁴, …, which Richardson's extrapolation over the
steps h, h/2, h/4 cancels (Ridders 1982, doi:10.1016/S0141-1195(82)80057-0). What the last extrapolation changed, and
the rounding of f divided by the step, give the uncertainty. Each side is looked at by itself too: at a kink the two
differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

EPSILON = float(np.finfo(np.float64).eps)
LEVELS = 3
FIRST_STEP = -7  # in powers of two of the scale: 1/128
BASES = (-4, -10, -14, -18, -22, -26, -30)  # the other first steps, for what the usual one does not settle

Along = Callable[[float], Any]
"""The outputs of a function, an array or a number, for a way t along a line."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A derivative along a line.

    Attributes:
        value: from both sides.
        uncertainty: of all three, about two standard deviations; infinite where the function is not finite.
        left, right: from one side each.
        sides: the uncertainty of those.
        step: the largest that was used.
    """

    value: float
    uncertainty: float
    left: float
    right: float
    sides: float
    step: float

    @property
    def is_kink(self) -> bool:
        """Whether the two sides differ by more than can be an error."""
        return abs(self.right - self.left) > 8 * self.sides + 1e-6 * max(abs(self.left), abs(self.right))


NOWHERE = Slope(math.nan, math.inf, math.nan, math.nan, math.inf, math.nan)


@dataclass(frozen=True)
class Measure:
    """How outputs become a number: Σ weights·(one − other). Differences first, so that what stays the same cancels.

    Attributes:
        weights: an array of the outputs' shape, or a number for a number.
        noise: the rounding error of an output, relative to its size.
    """

    weights: Any
    noise: float = EPSILON

    def difference(self, one: Any, other: Any) -> float:
        """The number by which two outputs differ."""
        if type(one) is float:
            return float(one - other) * float(self.weights)
        return float(np.vdot(self.weights, one - other))

    def rounding(self, one: Any, other: Any) -> float:
        """The rounding error that a difference may have, from the outputs that do differ."""
        if type(one) is float:
            return self.noise * abs(one * float(self.weights))
        changed = np.where(one == other, 0.0, self.weights)
        return self.noise * float(np.linalg.norm((changed * one).ravel()))


def slope(along: Along, middle: Any, measure: Measure, step: float) -> Slope:
    """The derivative at t = 0.

    Args:
        along: the function on the line.
        middle: its outputs at 0.
        measure: makes a number of them.
        step: the largest t; a power of two, so that x + t is exact.
    """
    central, left, right = [], [], []
    rounding = 0.0
    for level in range(LEVELS):
        h = step / 2**level
        up, down = along(h), along(-h)
        if not level:
            rounding = measure.rounding(up, down)
        right.append(measure.difference(up, middle) / h)
        left.append(measure.difference(middle, down) / h)
        central.append(measure.difference(up, down) / (2 * h))
    rounding *= 2.0**LEVELS / step
    value, uncertainty = extrapolated(central, 4)
    if not math.isfinite(value):
        return NOWHERE
    one, other = extrapolated(left, 2), extrapolated(right, 2)
    # A side's own estimate is of low order; where it is smooth, the sides agree and it is not needed.
    sides = max(one[1], other[1]) + 4 * rounding
    return Slope(value, uncertainty + rounding, one[0], other[0], sides, step)


def extrapolated(slopes: list[float], base: int) -> tuple[float, float]:
    """The limit of slopes at h, h/2, h/4 whose errors are in powers of hᵏ, with base 2ᵏ; and its uncertainty."""
    table = slopes
    previous = table[-1]
    for order in range(1, len(slopes)):
        factor = base**order - 1
        previous = table[-1]
        table = [fine + (fine - coarse) / factor for coarse, fine in pairwise(table)]
    return table[0], 2 * abs(table[0] - previous)


def best_slope(along: Along, middle: Any, measure: Measure, steps: Iterable[float]) -> Slope:
    """The one among several first steps that is the most certain, made less so where a smaller step contradicts it."""
    found = sorted((slope(along, middle, measure, step) for step in steps), key=lambda s: s.uncertainty)
    best = found[0]
    for other in [s for s in found[1:] if s.step < best.step][:2]:
        gap = abs(other.value - best.value) - 4 * other.uncertainty
        if gap > best.uncertainty:
            best = Slope(best.value, gap, best.left, best.right, best.sides, best.step)
    return best


def step_for(scale: float, power: int = FIRST_STEP) -> float:
    """A power of two: 2^power of a scale."""
    return math.ldexp(1.0, max(-1000, round(math.log2(scale)) + power))


def noise_of(along: Along, middle: Any, weights: Any, scale: float) -> float:
    """The rounding error of the outputs, relative to their size: from differences of neighbouring points.

    A smooth function's high differences over tiny steps vanish; what is left is noise (ECnoise; Moré and Wild 2011,
    doi:10.1137/100786125).
    """
    measure = Measure(weights, 1.0)
    h = scale * 2.0**-36
    # On one side of the point only: it may be a kink.
    values = [measure.difference(along(k * h), middle) for k in range(1, 9)]
    size = measure.rounding(middle, middle + 1)
    if not size or not np.all(np.isfinite(values)):
        return EPSILON
    sigmas = []
    differences = np.array(values)
    for k in range(1, 6):
        differences = np.diff(differences)
        gamma = math.factorial(k) ** 2 / math.factorial(2 * k)
        sigmas.append(math.sqrt(gamma * float(np.mean(differences**2))))
    # The orders agree where noise is all there is; a kink or a curve would make the low ones larger.
    return max(EPSILON, min(sigmas[2:]) / size)
