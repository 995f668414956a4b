"""Kinks, singular points and extremes of NumPy's functions: one choice for each, and exact values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ops.test_kinks import derivatives_at, slopes

import tinygrad_mlp as tg

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize("f", [tg.floor, tg.ceil, tg.trunc, tg.rint, tg.round, lambda x: x // 1])
def test_steps_pass_no_gradient(f: Callable[..., Any]) -> None:
    x = tg.Tensor([-1.5, 0.0, 2.0], requires_grad=True)
    assert tg.grad((f(x) * x).sum(), x).tolist() == f(x).data.tolist()


def test_remainders_have_slope_1_and_minus_the_whole_quotient() -> None:
    assert slopes(tg.remainder, [7.0, -7.0, 6.0], [3.0, 3.0, 3.0]) == [[1, 1, 1], [-2, 3, -2]]
    assert slopes(tg.fmod, [7.0, -7.0, 6.0], [3.0, 3.0, 3.0]) == [[1, 1, 1], [-2, 2, -2]]
    assert slopes(lambda x: x % 2, [3.5]) == slopes(lambda x: (5 % x) * 0 + x, [3.5]) == [[1]]


def test_remainder_by_an_infinity_leaves_the_number() -> None:
    assert slopes(tg.fmod, [7.0], [INF]) == [[1], [0]]


def test_copysign_follows_both_signs() -> None:
    assert slopes(tg.copysign, [2.0, -2.0, 2.0, -2.0, 0.0], [1.0, 1.0, -0.0, -1.0, 1.0]) == [[1, -1, -1, 1, 0], [0] * 5]


@pytest.mark.parametrize("f", [tg.fmax, tg.fmin])
def test_fmax_and_fmin_give_the_gradient_to_the_number_beside_nan(f: Callable[..., Any]) -> None:
    assert slopes(f, [NAN, 1.0, 2.0, NAN], [1.0, NAN, 2.0, NAN]) == [[0, 1, 0.5, 0.5], [1, 0, 0.5, 0.5]]
    assert f(tg.Tensor([NAN, 1.0]), tg.Tensor([1.0, NAN])).data.tolist() == [1, 1]
    assert slopes(lambda x: f(x, x), [3.0]) == [[1]]


def test_what_nan_to_num_puts_in_passes_nothing() -> None:
    assert slopes(tg.nan_to_num, [NAN, INF, -INF, 1.0]) == [[0, 0, 0, 1]]
    x = tg.Tensor(np.array([NAN, INF, 2.0]), requires_grad=True)
    assert np.nan_to_num(x, nan=5.0, posinf=7.0).data.tolist() == [5, 7, 2]


def test_hypot_has_slope_0_at_the_origin_and_does_not_overflow() -> None:
    assert slopes(tg.hypot, [0.0, 3e200, 0.0], [0.0, 4e200, -2.0]) == [[0, pytest.approx(0.6), 0], [0, 0.8, -1]]


def test_arctan2_on_the_axes_and_at_the_origin() -> None:
    assert slopes(tg.arctan2, [0.0, 0.0, 1.0, 1e-200], [0.0, 2.0, 0.0, 1e-200]) == [
        [0, 0.5, 0, pytest.approx(5e199)],
        [0, 0, -1, pytest.approx(-5e199)],
    ]


def test_every_derivative_of_sinc_at_0() -> None:
    expected = [0, -(math.pi**2) / 3, 0, math.pi**4 / 5, 0]
    assert derivatives_at(tg.sinc, 0.0, 5) == pytest.approx(expected, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("x", [1e-9, 1e-4, 0.3183, 0.6366])
def test_the_slope_of_sinc_near_0_is_precise(x: float) -> None:
    u = math.pi * x
    series = math.pi * sum((-1) ** k * 2 * k * u ** (2 * k - 1) / math.factorial(2 * k + 1) for k in range(1, 20))
    assert slopes(tg.sinc, x) == [pytest.approx(series, rel=1e-14)]


@pytest.mark.parametrize(
    ("f", "x"),
    [(tg.cbrt, 0.0), (tg.arcsin, 1.0), (tg.arccos, -1.0), (tg.arccosh, 1.0), (tg.log2, 0.0), (tg.log10, 0.0)],
)
def test_a_gradient_of_0_stays_0_where_the_slope_is_infinite(f: Callable[..., Any], x: float) -> None:
    t = tg.Tensor(np.array([x, x]), requires_grad=True)
    with np.errstate(divide="ignore"):
        assert tg.grad(tg.where(np.array([True, True]), 0.0, f(t)).sum(), t).tolist() == [0, 0]
        assert np.isinf(tg.grad(f(t).sum(), t)).all()


@pytest.mark.parametrize(
    ("f", "x", "inside"),
    [(tg.arctanh, 2.0, 0.5), (tg.arccosh, -1.0, 2.0), (tg.log10, -1.0, 1.0), (tg.arcsin, 3.0, 0.1)],
)
def test_where_is_safe_outside_of_the_domain(f: Callable[..., Any], x: float, inside: float) -> None:
    t = tg.Tensor(np.array([x, inside]), requires_grad=True)
    with np.errstate(invalid="ignore"):
        slope = tg.grad(tg.where(np.array([False, True]), f(t), t).sum(), t)
    assert slope[0] == 1
    assert np.isfinite(slope[1])


@pytest.mark.parametrize("f", [tg.logaddexp, tg.logaddexp2])
def test_logaddexp_of_infinities_shares_or_chooses(f: Callable[..., Any]) -> None:
    a, b = [-INF, -INF, 0.0, 800.0], [-INF, 0.0, -INF, -800.0]
    assert slopes(f, a, b) == [[0.5, 0, 1, 1], [0.5, 1, 0, 0]]
    assert slopes(f, [INF], [INF]) == [[0.5], [0.5]]


def test_logaddexp_has_the_curvature_of_a_sigmoid_at_a_tie() -> None:
    assert derivatives_at(lambda x: tg.logaddexp(x, 0.0), 0.0, 4) == pytest.approx([1 / 2, 1 / 4, 0, -1 / 8], abs=1e-15)


def test_sinh_and_exp2_far_out_leave_a_zero_gradient_zero() -> None:
    x = tg.Tensor(np.array([2000.0]), requires_grad=True)
    with np.errstate(over="ignore"):
        for f in (tg.sinh, tg.cosh, tg.exp2):
            assert tg.grad(f(x), x, gradient=np.zeros(1)).tolist() == [0]
