"""Stable to the last digits: within 4 units in the last place of a reference of 50 digits, far out too.

A unit is that of the larger of |result| and |largest input|, which no formula on rounded inputs can do better than.
`PRECISION_POINTS=10000` is the long form.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import tinygrad_mlp as tg

POINTS = int(os.environ.get("PRECISION_POINTS", "400"))
MOST = 4.0
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@pytest.fixture(autouse=True)
def fifty_digits() -> Any:
    with mpmath.workdps(50):
        yield


def points(dtype: Any, n: int, seed: int = 0) -> np.ndarray:
    """A quarter each near 0, up to where e^x is lost, up to where it overflows, and of any magnitude that there is."""
    rng = np.random.default_rng(seed)
    info = np.finfo(dtype)
    k = -(-n // 4)
    magnitudes = 10 ** rng.uniform(np.log10(float(info.tiny)), 308 if dtype is np.float64 else 38, k)
    ranges = [rng.normal(size=k) * 2, rng.uniform(-40, 40, k), rng.uniform(-800, 800, k)]
    return rng.permutation(np.concatenate([*ranges, rng.choice([-1, 1], k) * magnitudes]))[:n].astype(dtype)


def rows(dtype: Any, n: int, classes: int) -> np.ndarray:
    """Logits of every kind: of like size, of every size, close together but far from 0, and all the same."""
    rng = np.random.default_rng(classes)
    k = -(-n // 4)
    kinds = [
        rng.normal(size=(k, classes)) * 10.0 ** rng.uniform(-2, 2, (k, 1)),
        points(dtype, k * classes, 1).reshape(k, classes),
        rng.normal(size=(k, classes)) + 10.0 ** rng.uniform(0, 6, (k, 1)),
        np.repeat(rng.normal(size=(k, 1)), classes, axis=1),
    ]
    return np.concatenate(kinds).astype(dtype)


def exact(x: Any) -> Any:
    return mpf(float(x))


def units(result: Any, expected: Any, largest: Any, dtype: Any) -> float:
    """The error in units in the last place. What is out of reach has to be an infinity of its sign."""
    reach = exact(np.finfo(dtype).max)
    if abs(expected) > reach:
        return 0.0 if np.isinf(result) and (result > 0) == (expected > 0) else np.inf
    if not np.isfinite(result):
        return np.inf
    size = np.asarray(float(max(abs(expected), abs(exact(largest)))), dtype)
    return float(abs(exact(result) - expected) / exact(np.spacing(np.minimum(size, np.finfo(dtype).max))))


def log_one_plus_exp(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0)


def log_sum(xs: Sequence[Any]) -> Any:
    top = max(xs)
    return top + mpmath.log(mpmath.fsum(mpmath.exp(x - top) for x in xs))


ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)) if x > -100 else mpmath.exp(x) / (1 + mpmath.exp(x)),
    "softplus": log_one_plus_exp,
    "log_sigmoid": lambda x: -log_one_plus_exp(-x),
    "erf": mpmath.erf,
}


@DTYPES
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str, dtype: Any) -> None:
    x = points(dtype, POINTS)
    y = getattr(tg, name)(x)
    worst = max(units(b, ELEMENTWISE[name](exact(a)), a, dtype) for a, b in zip(x, y, strict=True))
    assert worst <= MOST


@DTYPES
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "log_sigmoid", "erf"])
def test_where_the_result_is_far_smaller_than_the_input_its_own_digits_are_right(name: str, dtype: Any) -> None:
    """A stricter form: units of the result alone, where it is a normal number."""
    x = points(dtype, POINTS, 5)
    tiny = exact(np.finfo(dtype).tiny)
    pairs = [(b, ELEMENTWISE[name](exact(a))) for a, b in zip(x, getattr(tg, name)(x), strict=True)]
    assert max(units(y, expected, 0.0, dtype) for y, expected in pairs if abs(expected) > tiny) <= MOST


@DTYPES
@pytest.mark.parametrize("classes", [2, 3, 10, 40])
def test_of_rows_of_logits(classes: int, dtype: Any) -> None:
    z = rows(dtype, max(40, POINTS // classes), classes)
    labels = np.random.default_rng(3).integers(0, classes, len(z))
    log_p = tg.log_softmax(z)
    found = {
        "logsumexp": tg.logsumexp(z, axis=1),
        "cross-entropy": tg.softmax_cross_entropy(z, labels, reduction="none"),
        "likelihood": tg.negative_log_likelihood(log_p, labels, reduction="none"),
        "smoothed": tg.softmax_cross_entropy(z, labels, reduction="none", label_smoothing=0.25),
    }
    worst = dict.fromkeys([*found, "log_softmax"], 0.0)
    for i, row in enumerate(z):
        xs, largest = [exact(x) for x in row], np.abs(row).max()
        total = log_sum(xs)
        costs = [total - x for x in xs]
        expected = {
            "logsumexp": total,
            "cross-entropy": costs[labels[i]],
            "likelihood": costs[labels[i]],
            "smoothed": costs[labels[i]] * 3 / 4 + mpmath.fsum(costs) / (4 * classes),
        }
        for name, y in expected.items():
            worst[name] = max(worst[name], units(found[name][i], y, largest, dtype))
        for y, cost in zip(log_p[i], costs, strict=True):
            worst["log_softmax"] = max(worst["log_softmax"], units(y, -cost, largest, dtype))
    assert max(worst.values()) <= MOST, worst


def test_pairs_of_float32_logits_by_the_hundred_thousand() -> None:
    """Where NumPy's logarithm in float32 is at its worst; float64 is reference enough."""
    z = (np.random.default_rng(1).normal(size=(400_000, 2)) * 0.3).astype(np.float32)
    wide = z.astype(np.float64)
    total = np.log(np.exp(wide).sum(axis=1, keepdims=True))
    for found, expected in ((tg.log_softmax(z), wide - total), (tg.logsumexp(z, axis=1, keepdims=True), total)):
        size = np.maximum(np.abs(expected), np.abs(wide).max(axis=1, keepdims=True)).astype(np.float32)
        assert (np.abs(found - expected) / np.spacing(size)).max() <= MOST


@DTYPES
@pytest.mark.parametrize("kind", ["zeros and ones", "probabilities"])
def test_binary_cross_entropies(kind: str, dtype: Any) -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, POINTS) if kind == "zeros and ones" else rng.uniform(0, 1, POINTS).astype(dtype)
    z = points(dtype, POINTS, 6)
    y = tg.binary_cross_entropy_with_logits(z, labels, reduction="none")
    expected = [
        exact(t) * log_one_plus_exp(-exact(a)) + (1 - exact(t)) * log_one_plus_exp(exact(a))
        for a, t in zip(z, labels, strict=True)
    ]
    assert max(units(b, e, a, dtype) for a, b, e in zip(z, y, expected, strict=True)) <= MOST
    p = np.concatenate([rng.uniform(0, 1, POINTS // 2), 10.0 ** rng.uniform(-30, 0, POINTS - POINTS // 2)])
    p = np.clip(p.astype(dtype), np.finfo(dtype).tiny, 1 - np.finfo(dtype).epsneg)
    y = tg.binary_cross_entropy(p, labels, reduction="none")
    expected = [
        -exact(t) * mpmath.log(exact(a)) - (1 - exact(t)) * mpmath.log(1 - exact(a))
        for a, t in zip(p, labels, strict=True)
    ]
    assert max(units(b, e, a, dtype) for a, b, e in zip(p, y, expected, strict=True)) <= MOST


# Long columns in float32, where adding one by one loses up to all that is added.

N, TENTH = 2**24 + 10, float(np.float32(0.1))


@pytest.fixture(scope="module")
def column() -> np.ndarray:
    return np.full((N, 2), 0.1, np.float32)


LONG: dict[str, tuple[Callable[[np.ndarray], Any], float]] = {
    "sum": (lambda x: tg.sum(x, axis=0), N * TENTH),
    "sum of a transposed array": (lambda x: tg.sum(x.T, axis=1), N * TENTH),
    "mean": (lambda x: tg.mean(x, axis=0), TENTH),
    "nansum": (lambda x: tg.nansum(x, axis=0), N * TENTH),
    "nanmean": (lambda x: tg.nanmean(x, axis=0), TENTH),
    "average": (lambda x: tg.average(x, axis=0, weights=x[:, 0]), TENTH),
    "trapezoid": (lambda x: tg.trapezoid(x, axis=0), (N - 1) * TENTH),
    "running sum": (lambda x: tg.cumsum(x, axis=0)[-1], N * TENTH),
    "variance": (lambda x: tg.var(np.where(np.arange(N)[:, None] % 2 == 0, x, -x), axis=0), TENTH**2),
    "norm": (lambda x: tg.norm(x, axis=0), TENTH * np.sqrt(N)),
    "norm of order 1": (lambda x: tg.norm(x, 1, axis=0), N * TENTH),
    "einsum": (lambda x: tg.einsum("ij->j", x), N * TENTH),
    "softmax": (lambda x: tg.softmax(x, axis=0)[0], 1 / N),
    "log_softmax": (lambda x: tg.log_softmax(x, axis=0)[0], -np.log(N)),
    "logsumexp": (lambda x: tg.logsumexp(np.repeat(x, 2, axis=0), axis=0), TENTH + np.log(2 * N)),
    "squared error": (lambda x: tg.mean_squared_error(x, np.zeros_like(x)), TENTH**2),
    "sum of squared errors": (lambda x: tg.mean_squared_error(x, np.zeros_like(x), reduction="sum"), 2 * N * TENTH**2),
    "absolute error": (lambda x: tg.mean_absolute_error(x, np.zeros_like(x)), TENTH),
    "cross-entropy": (lambda x: tg.softmax_cross_entropy(x, np.zeros(N, int)), np.log(2)),
    "weighted": (lambda x: tg.softmax_cross_entropy(x, np.zeros(N, int), sample_weights=x[:, 0]), np.log(2)),
    "binary cross-entropy": (lambda x: tg.binary_cross_entropy_with_logits(0 * x, 0 * x), np.log(2)),
    "metric": (lambda x: tg.metrics.mae(0 * x, x), TENTH),
    "root of squares": (lambda x: tg.metrics.rmse(0 * x, x), TENTH),
}


@pytest.mark.parametrize("name", LONG)
def test_long_columns_of_float32(name: str, column: np.ndarray) -> None:
    f, expected = LONG[name]
    np.testing.assert_allclose(f(column), expected, rtol=1e-6)


BIASES: dict[str, Callable[[Any], Any]] = {
    "of a layer": lambda b: tg.dense(np.zeros((N, 1), np.float32), np.zeros((1, 2), np.float32), b),
    "added": lambda b: np.zeros((N, 1), np.float32) + b,
    "repeated": lambda b: tg.broadcast_to(b, shape=(N, 2)),
    "taken": lambda b: tg.take(b.reshape((1, 2)), np.zeros(N, int), axis=0),
}


@pytest.mark.parametrize("name", BIASES)
def test_gradients_of_a_bias_from_long_columns(name: str, column: np.ndarray) -> None:
    b = tg.Tensor(np.zeros(2, np.float32), requires_grad=True)
    gradient = tg.grad(BIASES[name](b), b, gradient=column)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, N * TENTH, rtol=1e-6)
