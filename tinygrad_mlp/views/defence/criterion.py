"""The losses that an answer can work out by hand, as the guide and the textbooks write them, in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.views.defence.formulas_by_hand import Array, softmax


@dataclass(frozen=True)
class Criterion:
    """A loss by hand.

    Attributes:
        name: in words.
        formula: of one row or number.
        slope: the formula of the gradient at the network's outputs, before it is divided by their count.
        each: the losses (N,) of rows, from outputs (N, m) and targets.
        d_outputs: the gradient (N, m) of their mean at the outputs.
    """

    name: str
    formula: str
    slope: str
    each: Callable[[Array, Array], Array]
    d_outputs: Callable[[Array, Array], Array]


def one_hot(labels: Array, classes: int) -> Array:
    """Y_true (N, C): a 1 at each row's class."""
    return np.eye(classes)[labels]


def surprise(z: Array, labels: Array) -> Array:
    """−ln p of the true class (N,)."""
    centred = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(centred).sum(axis=1)) - centred[np.arange(len(z)), labels])


def of_differences(
    name: str, formula: str, slope: str, f: Callable[[Array], Array], df: Callable[[Array], Array]
) -> Criterion:
    """A loss of d = y_pred − y_true, element by element."""
    return Criterion(
        name, formula, slope, lambda z, y: np.asarray(f(z - y).mean(axis=1)), lambda z, y: df(z - y) / z.size
    )


CROSS_ENTROPY = Criterion(
    "cross-entropy",
    "E = −ln p(true class)",
    "Y_pred − Y_true",
    surprise,
    lambda z, labels: (softmax(z) - one_hot(labels, z.shape[1])) / len(z),
)
BY_LOSS: Mapping[Callable[..., Any], Criterion] = {
    ops.softmax_cross_entropy: CROSS_ENTROPY,
    ops.mean_squared_error: of_differences(
        "mean squared error", "E = (y_pred − y_true)²", "2·(Y_pred − Y_true)", lambda d: d**2, lambda d: 2 * d
    ),
    ops.mean_absolute_error: of_differences(
        "mean absolute error", "E = |y_pred − y_true|", "sign(Y_pred − Y_true)", np.abs, np.sign
    ),
    ops.huber: of_differences(
        "Huber's loss",
        "E = d²/2 for |d| ≤ 1, else |d| − 1/2, with d = y_pred − y_true",
        "Y_pred − Y_true, held between −1 and 1",
        lambda d: np.where(np.abs(d) <= 1, d**2 / 2, np.abs(d) - 0.5),
        lambda d: np.clip(d, -1, 1),
    ),
}
