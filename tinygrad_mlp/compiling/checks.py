"""What a program looks at and gives back as it is: labels and indices, which may be out of range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mlp.errors import LabelError
from tinygrad_mlp.ops.losses import checked_fractions, checked_rows
from tinygrad_mlp.ops.selection import checked_indices


def checked_labels(labels: np.ndarray, *, classes: int, name: str) -> np.ndarray:
    """Class indices, if all of them are from 0 to classes − 1."""
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        flat = labels.reshape(-1)
        row = int(np.argmax((flat < 0) | (flat >= classes)))
        expected = f"with {classes} classes, 0 to {classes - 1} expected"
        raise LabelError(f"{name}: label {flat[row]} in row {row}: {expected}")
    return labels


def in_range(indices: np.ndarray, *, axis: int, size: int) -> np.ndarray:
    """Indices, if all of them are there; NumPy's error if not."""
    wrong = (indices < -size) | (indices >= size)
    if wrong.any():
        raise IndexError(f"index {indices[wrong][0]} is out of bounds for axis {axis} with size {size}")
    return indices


CHECKS: dict[Callable[..., Any], str] = {
    checked_labels: "{0} < 0 or {0} >= {classes}",
    checked_indices: "not ({0} >= 0 and {0} < {n} and {0} == np.floor({0}))",
    checked_fractions: "not ({0} >= 0 and {0} <= 1)",
    in_range: "{0} < -{size} or {0} >= {size}",
}
"""What is wrong with an element, as an expression of it and the options."""
ROWS: dict[Callable[..., Any], str] = {checked_rows: "not abs({0} - 1) <= 1e-3 + 1e-5"}
"""What is wrong with a row, as an expression of its sum; a number below 0 makes that NaN."""
