"""What one number says about an array: its norm, whether it can be trusted, and how much of a layer is asleep."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Literal

import numpy as np

Mark = Literal["", "zero", "inf", "nan"]
SATURATED = 0.05
"""A sigmoid or tanh is saturated where its slope is below this share of its largest."""


def norm(values: np.ndarray) -> float:
    """The Euclidean norm, summed up in float64; NaN and ∞ if there is one among the values.

    >>> f"{norm(np.array([3e200, 4e200])):g}"  # their squares are beyond float64
    '5e+200'
    """
    wide = np.asarray(values, np.float64).reshape(-1)
    with np.errstate(all="ignore"):
        square = float(wide @ wide)
        if 1e-280 < square < 1e280:
            return sqrt(square)
        largest = float(np.abs(wide).max(initial=0.0))
        if largest == 0 or not isfinite(largest):
            return largest
        return largest * sqrt(float(np.square(wide / largest).sum()))


@dataclass(frozen=True)
class Gradient:
    """A gradient as it was seen in a sweep.

    Attributes:
        shape: that of what it is the gradient of.
        norm: the Euclidean one, over all elements.
        mark: "nan" or "inf" if there is one among the elements, "zero" if all are exactly 0, else "".
        array: the elements, a copy; None in a graph that is too large to keep them.
    """

    shape: tuple[int, ...]
    norm: float
    mark: Mark
    array: np.ndarray | None

    @classmethod
    def of(cls, values: Any, keep: bool) -> Gradient:
        """The gradient with these elements, which are copied if they are to be kept."""
        array = np.asarray(values)
        return cls(array.shape, n := norm(array), mark_of(n), array.copy() if keep else None)


def mark_of(norm: float) -> Mark:
    """What is remarkable about values with this norm."""
    if norm != norm:
        return "nan"
    return "zero" if norm == 0 else "" if isfinite(norm) else "inf"


def asleep(operation: str, y: np.ndarray) -> tuple[str, float] | None:
    """How much of an activation passes no gradient on, as ("dead" or "saturated", a share from 0 to 1).

    Args:
        operation: its name. A unit of relu, one column of (N, n), is dead if it is 0 for all rows of the batch; an
            element of sigmoid or tanh is saturated if its slope is below a twentieth of the largest slope.
        y: its values.

    Returns:
        None for other operations, and if there are no values.

    >>> asleep("relu", np.array([[0.0, 1.0], [0.0, 0.0]]))
    ('dead', 0.5)
    """
    if y.size == 0:
        return None
    if operation == "relu":
        units = y.reshape(-1, y.shape[-1]) if y.ndim > 1 else y.reshape(1, -1)
        return "dead", float((units <= 0).all(axis=0).mean())
    if operation == "sigmoid":
        return "saturated", float((y * (1 - y) < SATURATED / 4).mean())
    if operation == "tanh":
        return "saturated", float((1 - y * y < SATURATED).mean())
    return None
