"""Numeric derivatives to compare with, in plain NumPy and independent of the package.

Central differences at the steps h, h/2, h/4, h/8 have errors in h², h⁴, h⁶, …; Richardson extrapolation cancels all but
the last. For a smooth function in float64 what is left is rounding: about 1e-12 of the function's size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

STEP = 1e-2
LEVELS = 4


def derivative(f: Callable[[float], float], step: float = STEP) -> float:
    """f'(0) of a function of one number."""
    table = []
    for level in range(LEVELS):
        h = step / 2**level
        table.append((float(f(h)) - float(f(-h))) / (2 * h))
    for order in range(1, LEVELS):
        table = [fine + (fine - coarse) / (4**order - 1) for coarse, fine in pairwise(table)]
    return table[0]


def directional(
    f: Callable[..., float], arrays: Sequence[np.ndarray], index: int, direction: np.ndarray, step: float = STEP
) -> float:
    """The derivative of f(*arrays) when arrays[index] moves along a direction."""
    arrays = list(arrays)
    start = np.asarray(arrays[index], np.float64)
    size = np.abs(direction).max() if direction.size else 1.0

    def along(t: float) -> float:
        return f(*arrays[:index], start + t * (direction / size), *arrays[index + 1 :])

    return derivative(along, step) * size


def gradient(f: Callable[..., float], arrays: Sequence[np.ndarray], index: int = 0, step: float = STEP) -> np.ndarray:
    """The gradient of the number f(*arrays) for arrays[index]: one derivative for each of its elements."""
    start = np.asarray(arrays[index], np.float64)
    result = np.zeros(start.shape)
    for place in np.ndindex(start.shape):
        unit = np.zeros(start.shape)
        unit[place] = 1
        result[place] = directional(f, arrays, index, unit, step)
    return result
