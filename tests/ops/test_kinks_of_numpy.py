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
    f(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 0]


KINKS: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "floor": (lambda x: tg.floor(x) * x, [2.0, 1.5]),
    "rint": (lambda x: tg.rint(x) * x, [0.5, 1.0]),
    "round": (lambda x: tg.round(x, 1) * x, [0.25, 1.0]),
    "sign": (lambda x: tg.sign(x) + x, [0.0, 1.0]),
    "remainder": (lambda x: x % 1, [0.0, 1.5]),
    "fmod": (lambda x: tg.fmod(x, 1.0), [2.0, 1.5]),
    "copysign": (lambda x: tg.copysign(x, -1.0), [0.0, 1.0]),
    "heaviside": (lambda x: tg.heaviside(x, 0.5) * x, [0.0, 1.0]),
    "fmax": (lambda x: tg.fmax(x, 1.0), [1.0, 2.0]),
    "fmin": (lambda x: tg.fmin(x, 1.0), [1.0, 2.0]),
    "hypot": (lambda x: tg.hypot(x, 0.0), [0.0, 1.0]),
    "arctan2": (lambda y: tg.arctan2(y, -1.0), [0.0, 2.0]),
    "std": (tg.std, [0.1, 0.1, 0.1]),
    "norm": (tg.norm, [0.0, 0.0]),
    "norm 1": (lambda x: tg.norm(x, 1), [0.0, 1.0]),
    "sort": (lambda x: tg.sort(x) * np.array([1.0, 2.0, 5.0]), [1.0, 2.0, 2.0]),
    "median": (tg.median, [1.0, 2.0, 2.0, 2.0, 3.0]),
    "ptp": (tg.ptp, [1.0, 1.0, 2.0]),
    "hard_tanh": (tg.hard_tanh, [1.0, -1.0, 0.5]),
    "relu6": (tg.relu6, [0.0, 6.0, 1.0]),
    "hard_silu": (tg.hard_silu, [3.0, -3.0, 1.0]),
    "selu": (tg.selu, [0.0, 1.0]),
    "at max": (lambda x: x.at[0].max(1.0), [1.0, 1.0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_gradcheck_knows_the_kink(name: str) -> None:
    f, x = KINKS[name]
    report = tg.gradcheck(f, np.array(x))
    assert report.passed, str(report)
    assert "kink" in str(report)


def test_remainders_have_slope_1_and_minus_the_whole_quotient() -> None:
    assert slopes(tg.remainder, [7.0, -7.0, 6.0], [3.0, 3.0, 3.0]) == [[1, 1, 1], [-2, 3, -2]]
    assert slopes(tg.fmod, [7.0, -7.0, 6.0], [3.0, 3.0, 3.0]) == [[1, 1, 1], [-2, 2, -2]]
    assert slopes(lambda x: x % 2, [3.5]) == slopes(lambda x: (5 % x) * 0 + x, [3.5]) == [[1]]


def test_remainder_by_an_infinity_leaves_the_number() -> None:
    assert slopes(tg.fmod, [7.0], [INF]) == [[1], [0]]


def test_copysign_follows_both_signs() -> None:
    assert slopes(tg.copysign, [2.0, -2.0, 2.0, -2.0, 0.0], [1.0, 1.0, -0.0, -1.0, 1.0]) == [[1, -1, -1, 1, 0], [0] * 5]


def test_heaviside_passes_a_gradient_to_its_value_at_0() -> None:
    assert slopes(tg.heaviside, [-1.0, 0.0, 2.0], [0.5, 0.5, 0.5]) == [[0, 0, 0], [0, 1, 0]]


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


# Products, spread, order and norms.


def curvature(f: Callable[..., Any], x0: Any) -> list[Any]:
    """The gradient of Σ c·(the gradient of f), with c = 1, 2, 3, …"""
    x = tg.Tensor(np.array(x0, np.float64), requires_grad=True)
    (first,) = tg.grad(f(x), [x], create_graph=True)
    return tg.grad((first * np.arange(1.0, x.size + 1).reshape(x.shape)).sum(), x).tolist()


def test_the_slopes_of_a_product_with_zeros_are_exact() -> None:
    assert slopes(tg.prod, [2.0, 3.0, 4.0]) == [[12, 8, 6]]
    assert slopes(tg.prod, [2.0, 0.0, 4.0]) == [[0, 8, 0]]
    assert slopes(tg.prod, [0.0, 0.0, 4.0]) == [[0, 0, 0]]
    assert slopes(lambda x: tg.prod(x, axis=0), [[2.0, 0.0], [0.0, 5.0]]) == [[[0, 5], [2, 0]]]


def test_the_curvature_of_a_product_with_zeros_is_exact() -> None:
    """∂²(abc)/∂a∂b = c: the weighted sums 2c + 3b, c + 3a, b + 2a."""
    assert curvature(tg.prod, [5.0, 0.0, 7.0]) == [14 + 0, 7 + 15, 0 + 10]
    assert curvature(tg.prod, [0.0, 0.0, 7.0]) == [14, 7, 0]
    assert curvature(tg.prod, [0.0, 0.0, 0.0]) == [0, 0, 0]


def test_the_slopes_of_a_running_product_with_zeros_are_exact() -> None:
    """Of a + ab + abc + abcd: 1 + b + bc + bcd, a + ac + acd, ab + abd, abc."""
    assert slopes(tg.cumprod, [2.0, 0.0, 3.0, 5.0]) == [[1, 2 + 6 + 30, 0, 0]]
    assert slopes(tg.cumprod, [0.0, 4.0, 0.0, 5.0]) == [[1 + 4, 0, 0, 0]]
    assert curvature(lambda x: tg.cumprod(x).sum(), [0.0, 0.0, 3.0]) == [2 * (1 + 3), 1 + 3, 0]


def test_a_running_product_over_a_thousand_places_is_exact() -> None:
    x = np.random.default_rng(0).uniform(0.9, 1.1, 1000)
    x[[300, 700]] = 0
    (found,) = slopes(tg.cumprod, x)
    expected = np.zeros(1000)
    for i in range(301):  # behind the first zero nothing matters
        factors = x.copy()
        factors[i] = 1
        expected[i] = np.cumprod(factors)[i:].sum()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("f", [lambda x: tg.prod(x, axis=1), lambda x: tg.cumprod(x, axis=1)])
def test_a_product_that_nobody_uses_stays_without_gradient(f: Callable[..., Any]) -> None:
    """Of two lines one overflows; its gradient is 0, as it arrives."""
    x = tg.Tensor(np.array([[1e200, 1e200, 1e200, INF], [1.0, 2.0, 3.0, 4.0]]), requires_grad=True)
    with np.errstate(over="ignore"):
        y = f(x)
        g = np.zeros(y.shape)
        g[1] = 1
        slope = tg.grad(y, x, gradient=g)
    assert slope[0].tolist() == [0, 0, 0, 0]
    assert np.isfinite(slope[1]).all()


def test_spread_of_equal_numbers_is_0_with_slope_0() -> None:
    for f in (tg.std, tg.var):
        assert f(np.full(3, 0.1)) == 0
        assert slopes(f, [0.1, 0.1, 0.1]) == [[0, 0, 0]]
    assert slopes(lambda x: tg.std(x, axis=1), [[0.1] * 3, [0.0, 1.0, 2.0]])[0][0] == [0, 0, 0]
    assert slopes(tg.std, 5.0) == [0]


def test_var_far_from_0_is_precise() -> None:
    x = tg.Tensor(np.float64(1e9) + np.array([0.0, 1.0, 2.0]), requires_grad=True)
    assert tg.var(x).item() == pytest.approx(2 / 3, rel=1e-15)
    assert tg.grad(tg.var(x), x).tolist() == pytest.approx([-2 / 3, 0, 2 / 3], rel=1e-15)


def test_norms_have_slope_0_at_0() -> None:
    for order in (None, 1, 2, 3, np.inf):
        assert slopes(lambda x, order=order: tg.norm(x, order), [0.0, 0.0]) == [[0, 0]]
    assert slopes(lambda x: tg.norm(x, axis=1), [[0.0, 0.0], [3.0, 4.0]]) == [[[0, 0], [0.6, 0.8]]]
    assert slopes(tg.norm, [[0.0, 0.0], [0.0, 0.0]]) == [[[0, 0], [0, 0]]]
    assert slopes(lambda x: tg.norm(x, 1), [1.0, 0.0, -2.0]) == [[1, 0, -1]]
    assert slopes(lambda x: tg.norm(x, np.inf), [3.0, -3.0]) == [[0.5, -0.5]]


def test_sorted_ties_share_their_gradients() -> None:
    x = tg.Tensor(np.array([2.0, 1.0, 2.0, 0.0]), requires_grad=True)
    assert tg.grad(tg.sort(x), x, gradient=np.array([1.0, 2.0, 3.0, 5.0])).tolist() == [4, 2, 4, 1]
    assert tg.grad(tg.sort(x)[-1], x).tolist() == tg.grad(tg.max(x), x).tolist()


def test_median_goes_to_the_middle_and_ties_share() -> None:
    assert slopes(tg.median, [5.0, 1.0, 3.0]) == [[0, 0, 1]]
    assert slopes(tg.median, [5.0, 1.0, 3.0, 4.0]) == [[0, 0, 0.5, 0.5]]
    assert slopes(tg.median, [1.0, 3.0, 3.0, 5.0]) == [[0, 0.5, 0.5, 0]]
    assert slopes(tg.median, [2.0, 2.0, 2.0, 2.0]) == [[0.25, 0.25, 0.25, 0.25]]
    assert np.isnan(tg.median(tg.Tensor([1.0, NAN, 2.0])).item())


def test_quantiles_share_between_neighbours_and_ties() -> None:
    assert slopes(lambda x: tg.quantile(x, 0.25), [4.0, 0.0, 2.0]) == [[0, 0.5, 0.5]]
    assert slopes(lambda x: tg.quantile(x, 0.25), [4.0, 0.0, 0.0]) == [[0, 0.5, 0.5]]
    assert slopes(lambda x: tg.quantile(x, [0.0, 1.0]), [4.0, 0.0, 2.0]) == [[1, 1, 0]]
    assert tg.quantile(tg.Tensor([0.0, 1.0, INF]), 0.5).item() == 1


def test_sums_without_nan_pass_nothing_to_nan() -> None:
    x = [[NAN, 1.0, 3.0], [2.0, NAN, NAN]]
    assert slopes(tg.nansum, x) == [[[0, 1, 1], [1, 0, 0]]]
    assert slopes(lambda x: tg.nanmean(x, axis=1), x) == [[[0, 0.5, 0.5], [1, 0, 0]]]
    assert slopes(tg.nanprod, x) == [[[0, 6, 2], [3, 0, 0]]]
    assert slopes(lambda x: tg.nanmax(x, axis=1), x) == [[[0, 0, 1], [1, 0, 0]]]
    assert slopes(tg.nanmin, [NAN, 1.0, 1.0]) == [[0, 0.5, 0.5]]
    assert np.isnan(tg.nanmax(tg.Tensor([NAN, NAN])).item())


def test_elements_taken_twice_get_both_gradients() -> None:
    assert slopes(lambda x: tg.take(x, [0, 0, -1]), [1.0, 2.0, 3.0]) == [[2, 0, 1]]
    assert slopes(lambda x: tg.take_along_axis(x, np.array([[0, 0], [1, 0]]), 1), [[1.0, 2.0], [3.0, 4.0]]) == [
        [[2, 0], [1, 1]]
    ]
