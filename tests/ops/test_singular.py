"""Zero stays zero where a slope blows up, and the guarded products that see to it keep their own derivatives right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numeric import derivative

import tinygrad_mlp as tg

INF = np.inf
SINGULAR: list[tuple[str, Callable[..., Any], tuple[float, ...]]] = [
    ("1 / 0", tg.divide, (1.0, 0.0)),
    ("0 / 0", tg.divide, (0.0, 0.0)),
    ("1 / inf", tg.divide, (1.0, INF)),
    ("inf / 2", tg.divide, (INF, 2.0)),
    ("over(1, 0)", tg.over, (1.0, 0.0)),
    ("over(0, 0)", tg.over, (0.0, 0.0)),
    ("times(0, inf)", tg.times, (0.0, INF)),
    ("times(inf, 2)", tg.times, (INF, 2.0)),
    ("sqrt 0", tg.sqrt, (0.0,)),
    ("sqrt -1", tg.sqrt, (-1.0,)),
    ("sqrt inf", tg.sqrt, (INF,)),
    ("log 0", tg.log, (0.0,)),
    ("log -1", tg.log, (-1.0,)),
    ("log1p -1", tg.log1p, (-1.0,)),
    ("log1p -2", tg.log1p, (-2.0,)),
    ("exp 1e4", tg.exp, (1e4,)),
    ("exp inf", tg.exp, (INF,)),
    ("0 ** -1", tg.power, (0.0, -1.0)),
    ("0 ** 0.5", tg.power, (0.0, 0.5)),
    ("0 ** 0", tg.power, (0.0, 0.0)),
    ("(-1) ** 0.5", tg.power, (-1.0, 0.5)),
    ("1e200 ** 2", tg.power, (1e200, 2.0)),
    ("abs inf", tg.abs, (INF,)),
    ("relu inf", tg.relu, (INF,)),
    ("relu -inf", tg.relu, (-INF,)),
    ("leaky_relu -inf", tg.leaky_relu, (-INF,)),
    ("clip inf", lambda x: tg.clip(x, -1, 1), (INF,)),
    ("tanh inf", tg.tanh, (INF,)),
    ("sigmoid -inf", tg.sigmoid, (-INF,)),
    ("softplus inf", tg.softplus, (INF,)),
    ("maximum(inf, -inf)", tg.maximum, (INF, -INF)),
    ("maximum(inf, inf)", tg.maximum, (INF, INF)),
    ("minimum(-inf, -inf)", tg.minimum, (-INF, -INF)),
    ("bce(0, 1)", lambda p: tg.binary_cross_entropy(p, np.array(1)), (0.0,)),
    ("bce(1, 0)", lambda p: tg.binary_cross_entropy(p, np.array(0)), (1.0,)),
]


@pytest.mark.parametrize(("function", "point"), [s[1:] for s in SINGULAR], ids=[s[0] for s in SINGULAR])
@np.errstate(all="ignore")
def test_a_zero_gradient_stays_zero_at_a_singular_point(function: Callable[..., Any], point: tuple[float, ...]) -> None:
    variables = [tg.Tensor(np.array(x), requires_grad=True) for x in point]
    for create_graph in (False, True):
        slopes = tg.grad(function(*variables), variables, gradient=np.zeros(()), create_graph=create_graph)
        assert [float(g) for g in slopes] == [0.0] * len(point)


@pytest.mark.parametrize("function", [tg.sqrt, tg.log, tg.log1p, lambda x: 1 / x, lambda x: x**0.5, lambda x: x**-2])
def test_where_protects_from_the_slope_of_the_branch_not_taken(function: Callable[..., Any]) -> None:
    x = tg.Tensor(np.array([-1.0, 0.0, 4.0]), requires_grad=True)
    with np.errstate(all="ignore"):
        tg.where(x > 0, function(x), x).sum().backward()
    slope = derivative(lambda t: float(function(np.array(4 + t))))
    np.testing.assert_allclose(x.grad, [1, 1, slope], rtol=1e-9)


def test_where_sqrt_at_minus_one_is_one() -> None:
    x = tg.Tensor(-1.0, requires_grad=True)
    with np.errstate(invalid="ignore"):
        y = tg.where(x > 0, tg.sqrt(x), x)
    y.backward()
    assert x.grad == 1


@pytest.mark.parametrize("x0", [0.5, 1.0, 2.0])
def test_second_derivative_is_right_where_the_first_is_zero(x0: float) -> None:
    """log(x)² at 1: a mask on the denominator would make it 0 instead of 2."""
    x = tg.Tensor(np.array(x0), requires_grad=True)
    first = tg.grad(tg.log(x) ** 2, x, create_graph=True)
    second = tg.grad(first, x, create_graph=True)
    with np.errstate(divide="ignore"):
        third = tg.grad(second, x)
    log = np.log(x0)
    np.testing.assert_allclose(float(second), (2 - 2 * log) / x0**2, rtol=1e-12)
    np.testing.assert_allclose(third, (4 * log - 6) / x0**3, rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "second"),
    [
        (lambda x: tg.sqrt(x) * (x - 1) ** 2, 2.0),
        (lambda x: (tg.sqrt(x) - 1) ** 2, 0.5),
        (lambda x: (x / (x + 1) - 0.5) ** 2, 0.125),
        (lambda x: (1 / x - 1) ** 2, 2.0),
        (lambda x: (tg.exp(x - 1) - 1) ** 2, 2.0),
        (lambda x: (tg.log1p(x - 1)) ** 2, 2.0),
        (lambda x: (x**1.5 - 1) ** 2, 4.5),
    ],
)
def test_curvature_at_a_minimum_where_the_arriving_gradient_is_zero(f: Callable[..., Any], second: float) -> None:
    x = tg.Tensor(np.array(1.0), requires_grad=True)
    first = tg.grad(f(x), x, create_graph=True)
    assert first.item() == 0
    np.testing.assert_allclose(tg.grad(first, x), second, rtol=1e-12)


@pytest.mark.parametrize(("p", "slopes"), [(1, [1, 0, 0]), (2, [0, 2, 0]), (3, [0, 0, 6]), (4, [0, 0, 0])])
def test_derivatives_of_a_whole_power_at_zero(p: int, slopes: list[float]) -> None:
    x = tg.Tensor(np.array(0.0), requires_grad=True)
    y = x**p
    with np.errstate(divide="ignore"):
        for expected in slopes:
            y = tg.grad(y, x, create_graph=True)
            assert y.item() == expected


def test_power_of_a_negative_base() -> None:
    x = tg.Tensor(np.array([-2.0, -2.0, -2.0]), requires_grad=True)
    (x ** np.array([2.0, 3.0, -1.0])).sum().backward()
    np.testing.assert_allclose(x.grad, [-4, 12, -0.25])


def test_gradient_for_the_exponent_of_zero_is_zero() -> None:
    p = tg.Tensor(np.array(2.0), requires_grad=True)
    assert tg.grad(tg.power(0.0, p), p) == 0


def test_a_true_singularity_is_reported_as_infinite_not_hidden() -> None:
    x = tg.Tensor(np.array(0.0), requires_grad=True)
    with np.errstate(divide="ignore"):
        assert tg.grad(tg.sqrt(x), x) == INF
        assert tg.grad(tg.log(x), x) == INF


@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax, tg.logsumexp, tg.sigmoid, tg.softplus, tg.tanh])
@pytest.mark.parametrize("size", [1e3, 1e4, 1e300])
def test_large_numbers_do_not_overflow(f: Callable[..., Any], size: float) -> None:
    x = tg.Tensor(np.array([0.0, size, -1.0]), requires_grad=True)
    y = f(x)
    assert np.isfinite(y.data).all()
    y.sum().backward()
    assert np.isfinite(x.grad).all()


def test_logsumexp_of_one_minus_infinity_leaves_the_others() -> None:
    x = tg.Tensor(np.array([-INF, 0.0, 0.0]), requires_grad=True)
    y = tg.logsumexp(x)
    y.backward()
    np.testing.assert_allclose(y.data, np.log(2))
    np.testing.assert_allclose(x.grad, [0, 0.5, 0.5])


def test_long_float32_sums_over_a_batch_are_precise() -> None:
    """Adding one by one, NumPy is 1 % wrong over 2²⁰ rows of 0.1."""
    n = 2**20
    b = tg.Tensor(np.zeros(2, np.float32), requires_grad=True)
    x = np.zeros((n, 2), np.float32)
    g = np.full((n, 2), 0.1, np.float32)
    for y in (tg.dense(x, np.zeros((2, 2), np.float32), b), x + b, tg.broadcast_to(b, shape=(n, 2))):
        np.testing.assert_allclose(tg.grad(y, b, gradient=g), n * 0.1, rtol=1e-6)
    rows = tg.Tensor(g)
    np.testing.assert_allclose(rows.sum(axis=0).data, n * 0.1, rtol=1e-6)
    np.testing.assert_allclose(rows.mean(axis=0).data, 0.1, rtol=1e-6)
    assert rows.sum(axis=0).dtype == np.float32
