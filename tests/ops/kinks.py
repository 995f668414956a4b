"""Where slopes jump and what they are taken to be there, and where functions end: the tables of docs/operations.md.

`test_reference.py` checks each row: the slopes at the points, and that there is no finite value outside of a domain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_mlp as tg

Check = tuple[Callable[..., Any], list[Any], list[Any]]
"""A function, the points of its arguments, and the slopes there of the sum of its values."""


@dataclass(frozen=True)
class Kink:
    """A row: the public functions with a kink, where it is, and what the slope is taken to be there."""

    names: tuple[str, ...]
    where: str
    slope: str
    checks: tuple[Check, ...]


def kink(names: str, where: str, slope: str, *checks: Check) -> Kink:
    return Kink(tuple(names.split()), where, slope, checks)


KINKS = [
    kink("relu", "0", "0", (tg.relu, [[-1.0, 0.0, 1.0]], [[0, 0, 1]])),
    kink("leaky_relu", "0", "α", (tg.leaky_relu, [[-1.0, 0.0, 1.0]], [[0.01, 0.01, 1]])),
    kink("prelu", "0", "α for x, 0 for α", (tg.prelu, [[0.0, 1.0], [0.2, 0.2]], [[0.2, 1], [0, 0]])),
    kink(
        "elu selu",
        "0, unless α = 1",
        "α",
        (lambda x: tg.elu(x, alpha=0.7), [[0.0, 1.0]], [[0.7, 1]]),
        (tg.selu, [[0.0]], [[1.0507009873554805 * 1.6732632423543772]]),
    ),
    kink(
        "celu",
        "0, in the second derivative",
        "1 / α (and 1 in the first)",
        (lambda x: tg.celu(x, alpha=0.7), [[0.0]], [[1]]),
        (lambda x: tg.vjp(lambda x: tg.celu(x, alpha=0.7), x)[1](np.ones(1)), [[0.0]], [[1 / 0.7]]),
    ),
    kink(
        "hard_tanh relu6 hard_sigmoid hard_silu",
        "the bounds",
        "0 (of `hard_silu` that of its other factor)",
        (tg.hard_tanh, [[-1.0, 0.0, 1.0]], [[0, 1, 0]]),
        (tg.relu6, [[0.0, 6.0]], [[0, 0]]),
        (tg.hard_sigmoid, [[-3.0, 0.0, 3.0]], [[0, 1 / 6, 0]]),
        (tg.hard_silu, [[-3.0, 3.0]], [[0, 1]]),
    ),
    kink(
        "softsign",
        "0, in the second derivative",
        "0 (and 1 in the first)",
        (tg.softsign, [[0.0]], [[1]]),
        (lambda x: tg.vjp(tg.softsign, x)[1](np.ones(1)), [[0.0]], [[0]]),
    ),
    kink("abs", "0", "0", (tg.abs, [[-2.0, 0.0, 2.0]], [[-1, 0, 1]])),
    kink("clip", "the bounds", "1", (lambda x: tg.clip(x, -1, 2), [[-2.0, -1.0, 2.0, 3.0]], [[0, 1, 1, 0]])),
    kink(
        "maximum minimum fmax fmin",
        "a = b",
        "½ for each",
        *((f, [[1.0, 2.0], [1.0, 2.0]], [[0.5, 0.5], [0.5, 0.5]]) for f in (tg.maximum, tg.minimum, tg.fmax, tg.fmin)),
    ),
    kink(
        "max min nanmax nanmin ptp",
        "k elements that tie for the extreme",
        "1/k for each",
        (tg.max, [[3.0, 1.0, 3.0]], [[0.5, 0, 0.5]]),
        (tg.min, [[3.0, 1.0, 1.0, 1.0]], [[0, 1 / 3, 1 / 3, 1 / 3]]),
        (tg.nanmax, [[3.0, np.nan, 3.0]], [[0.5, 0, 0.5]]),
        (tg.nanmin, [[1.0, np.nan, 1.0]], [[0.5, 0, 0.5]]),
        (tg.ptp, [[1.0, 1.0, 2.0]], [[-0.5, -0.5, 1]]),
    ),
    kink(
        "sort median quantile percentile",
        "equal elements",
        "shared equally among them",
        (lambda x: tg.sort(x)[0], [[1.0, 1.0, 2.0]], [[0.5, 0.5, 0]]),
        (tg.median, [[2.0, 2.0, 2.0]], [[1 / 3, 1 / 3, 1 / 3]]),
        (lambda x: tg.quantile(x, 0.25), [[4.0, 0.0, 0.0]], [[0, 0.5, 0.5]]),
        (lambda x: tg.percentile(x, 0), [[4.0, 0.0, 0.0]], [[0, 0.5, 0.5]]),
    ),
    kink(
        "sign floor ceil trunc rint round floor_divide",
        "the steps",
        "0, as everywhere",
        (tg.sign, [[-1.0, 0.0, 1.0]], [[0, 0, 0]]),
        *((f, [[-1.5, 0.0, 0.5, 2.0]], [[0, 0, 0, 0]]) for f in (tg.floor, tg.ceil, tg.trunc, tg.rint, tg.round)),
        (tg.floor_divide, [[4.0, 3.0], [2.0, 2.0]], [[0, 0], [0, 0]]),
    ),
    kink(
        "remainder fmod",
        "a / b whole",
        "1 for a, the whole quotient less for b",
        (tg.remainder, [[6.0], [3.0]], [[1], [-2]]),
        (tg.fmod, [[6.0], [3.0]], [[1], [-2]]),
    ),
    kink("heaviside", "0", "0; the value at 0 gets 1", (tg.heaviside, [[0.0, 1.0], [0.5, 0.5]], [[0, 0], [1, 0]])),
    kink("copysign", "a = 0", "0", (tg.copysign, [[0.0, 2.0], [1.0, -1.0]], [[0, -1], [0, 0]])),
    kink("hypot", "a = b = 0", "0", (tg.hypot, [[0.0, 3.0], [0.0, 4.0]], [[0, 0.6], [0, 0.8]])),
    kink(
        "arctan2",
        "y = 0 with x < 0, and the origin",
        "that of the plane around; 0 at the origin",
        (tg.arctan2, [[0.0, 0.0], [-2.0, 0.0]], [[-0.5, 0], [0, 0]]),
    ),
    kink(
        "norm",
        "a vector of zeros; of order 1 an element of 0; of order ∞ a tie",
        "0; 0; shared equally",
        (tg.norm, [[0.0, 0.0]], [[0, 0]]),
        (lambda x: tg.norm(x, 1), [[1.0, 0.0, -2.0]], [[1, 0, -1]]),
        (lambda x: tg.norm(x, np.inf), [[3.0, -3.0]], [[0.5, -0.5]]),
    ),
    kink(
        "cosine_similarity",
        "a vector of zeros",
        "0 for the other one",
        (lambda b: tg.cosine_similarity(np.zeros(2), b), [[3.0, 4.0]], [[0, 0]]),
    ),
    kink("std", "all elements equal", "0", (tg.std, [[0.1, 0.1, 0.1]], [[0, 0, 0]])),
    kink(
        "mean_absolute_error",
        "prediction = target",
        "0",
        (lambda x: tg.mean_absolute_error(x, np.zeros(2)), [[0.0, 3.0]], [[0, 0.5]]),
    ),
    kink(
        "huber smooth_l1",
        "|d| = δ, in the second derivative",
        "±δ on both sides",
        (lambda x: tg.huber(x, np.zeros(2), delta=2.0), [[2.0, -3.0]], [[1, -1]]),
        (lambda x: tg.smooth_l1(x, np.zeros(2), beta=2.0), [[2.0, -3.0]], [[0.5, -0.5]]),
    ),
    kink(
        "hinge",
        "a margin of 1 that is just reached",
        "0",
        (lambda z: tg.hinge(z, np.array([0])), [[[1.0, 0.0]]], [[[0, 0]]]),
    ),
]

# The domain of each function that has not all numbers (or all shapes that fit), and arguments outside of it.
DOMAINS: dict[str, tuple[str, Callable[[], Any]]] = {
    "arccos": ("−1 ≤ x ≤ 1", lambda: tg.arccos(1.5)),
    "arccosh": ("x ≥ 1", lambda: tg.arccosh(0.5)),
    "arcsin": ("−1 ≤ x ≤ 1", lambda: tg.arcsin(-1.5)),
    "arctanh": ("−1 < x < 1", lambda: tg.arctanh(1.0)),
    "average": ("weights that do not add up to 0", lambda: tg.average(np.ones(2), weights=[1.0, -1.0])),
    "binary_cross_entropy": ("0 ≤ p ≤ 1", lambda: tg.binary_cross_entropy(np.array([1.5]), [1])),
    "binary_cross_entropy_with_logits": (
        "labels from 0 to 1",
        lambda: tg.binary_cross_entropy_with_logits(np.ones(1), [2]),
    ),
    "celu": ("α ≠ 0", lambda: tg.celu(np.ones(1), alpha=0)),
    "cholesky": ("symmetric, eigenvalues above 0", lambda: tg.cholesky(-np.eye(2))),
    "divide": ("b ≠ 0", lambda: tg.divide(1.0, 0.0)),
    "embedding": ("indices of rows", lambda: tg.embedding(np.ones((2, 2)), np.array([2]))),
    "float_power": ("x > 0, or x ≠ 0 and p whole", lambda: tg.float_power(-1.0, 0.5)),
    "floor_divide": ("b ≠ 0", lambda: tg.floor_divide(1.0, 0.0)),
    "fmod": ("b ≠ 0", lambda: tg.fmod(1.0, 0.0)),
    "hinge": ("labels from 0 to C − 1", lambda: tg.hinge(np.ones((1, 2)), np.array([2]))),
    "huber": ("δ > 0", lambda: tg.huber(np.ones(1), np.ones(1), delta=0)),
    "inv": ("not singular", lambda: tg.inv(np.zeros((2, 2)))),
    "kl_divergence": ("q ≥ 0", lambda: tg.kl_divergence(np.zeros((1, 2)), np.array([[-1.0, 2.0]]))),
    "log": ("x > 0", lambda: tg.log(-1.0)),
    "log10": ("x > 0", lambda: tg.log10(-1.0)),
    "log1p": ("x > −1", lambda: tg.log1p(-2.0)),
    "log2": ("x > 0", lambda: tg.log2(-1.0)),
    "matrix_power": ("not singular, if n < 0", lambda: tg.matrix_power(np.zeros((2, 2)), -1)),
    "mean": ("at least one element", lambda: tg.mean(np.zeros(0))),
    "negative_log_likelihood": ("labels from 0 to C − 1", lambda: tg.negative_log_likelihood(np.ones((1, 2)), [2])),
    "one_hot": ("indices of classes", lambda: tg.one_hot(np.array([3]), 3)),
    "percentile": ("0 ≤ q ≤ 100", lambda: tg.percentile(np.ones(2), 101)),
    "power": ("x > 0, or x ≠ 0 and p whole", lambda: tg.power(-1.0, 0.5)),
    "quantile": ("0 ≤ q ≤ 1", lambda: tg.quantile(np.ones(2), 1.5)),
    "reciprocal": ("x ≠ 0", lambda: tg.reciprocal(0.0)),
    "remainder": ("b ≠ 0", lambda: tg.remainder(1.0, 0.0)),
    "slogdet": ("not singular", lambda: tg.slogdet(np.zeros((2, 2)))[1]),
    "smooth_l1": ("β ≥ 0", lambda: tg.smooth_l1(np.ones(1), np.ones(1), beta=-1)),
    "softmax_cross_entropy": (
        "labels from 0 to C − 1, or rows that add up to 1",
        lambda: tg.softmax_cross_entropy(np.ones((1, 2)), [2]),
    ),
    "solve": ("not singular", lambda: tg.solve(np.zeros((2, 2)), np.ones(2))),
    "sqrt": ("x ≥ 0; slope ∞ at 0", lambda: tg.sqrt(-1.0)),
    "std": ("more than ddof elements", lambda: tg.std(np.ones(1), ddof=1)),
    "var": ("more than ddof elements", lambda: tg.var(np.ones(1), ddof=1)),
}
