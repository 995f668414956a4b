"""What the slope is taken to be where there is none: one choice for each kink, and exact values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg


def slopes(f: Callable[..., Any], *points: Any) -> list[Any]:
    """The gradients of the sum of f at the points."""
    variables = [tg.Tensor(np.array(x, np.float64), requires_grad=True) for x in points]
    return [g.tolist() for g in tg.grad(f(*variables).sum(), variables)]


def derivatives_at(f: Callable[..., Any], x0: float, orders: int) -> list[float]:
    x = tg.Tensor(np.array(x0), requires_grad=True)
    y, found = f(x), []
    for _ in range(orders):
        y = tg.grad(y, x, create_graph=True)
        found.append(y.item())
    return found


def test_relu_has_slope_0_at_0() -> None:
    assert slopes(tg.relu, [-1.0, -0.0, 0.0, 1.0]) == [[0, 0, 0, 1]]


def test_leaky_relu_has_slope_alpha_at_0() -> None:
    assert slopes(tg.leaky_relu, [-1.0, 0.0, 1.0]) == [[0.01, 0.01, 1]]
    assert slopes(lambda x: tg.leaky_relu(x, alpha=0.3), [-1.0, 0.0, 1.0]) == [[0.3, 0.3, 1]]


def test_abs_has_slope_0_at_0() -> None:
    assert slopes(tg.abs, [-2.0, 0.0, 2.0]) == [[-1, 0, 1]]


def test_sign_passes_nothing() -> None:
    x = tg.Tensor([-2.0, 0.0, 3.0], requires_grad=True)
    y = tg.sign(x)
    assert y.data.tolist() == [-1, 0, 1]
    assert tg.grad((y * x).sum(), x).tolist() == [-1, 0, 1]
    assert tg.grad(y.sum(), x).tolist() == [0, 0, 0]


@pytest.mark.parametrize("f", [tg.maximum, tg.minimum])
def test_of_two_equal_numbers_each_gets_half(f: Any) -> None:
    assert slopes(f, [1.0, 2.0], [1.0, 2.0]) == [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize("f", [tg.maximum, tg.minimum])
def test_of_a_number_and_itself_the_slope_is_1(f: Any) -> None:
    assert slopes(lambda x: f(x, x), [3.0, -1.0]) == [[1, 1]]


def test_maximum_and_minimum_give_all_to_the_one_chosen() -> None:
    assert slopes(tg.maximum, [1.0, 5.0], [2.0, 3.0]) == [[0, 1], [1, 0]]
    assert slopes(tg.minimum, [1.0, 5.0], [2.0, 3.0]) == [[1, 0], [0, 1]]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_elements_that_tie_for_the_extreme_share_equally(sign: float) -> None:
    f = tg.max if sign > 0 else tg.min
    x = [[3 * sign, 1 * sign, 3 * sign], [3 * sign, 2 * sign, 0 * sign]]
    third = 1 / 3
    assert slopes(f, x) == [[[third, 0, third], [third, 0, 0]]]
    assert slopes(lambda x: f(x, axis=1), x) == [[[0.5, 0, 0.5], [1, 0, 0]]]
    assert slopes(lambda x: f(x, axis=0, keepdims=True), x) == [[[0.5, 0, 1], [0.5, 1, 0]]]
    assert slopes(lambda x: f(x, axis=-1, keepdims=True), x) == [[[0.5, 0, 0.5], [1, 0, 0]]]


def test_clip_passes_1_at_its_bounds() -> None:
    assert slopes(lambda x: tg.clip(x, -1, 2), [-1.5, -1.0, 0.0, 2.0, 2.5]) == [[0, 1, 1, 1, 0]]
    assert slopes(lambda x: tg.clip(x, min=0), [-1.0, 0.0, 1.0]) == [[0, 1, 1]]
    assert slopes(lambda x: tg.clip(x, max=0), [-1.0, 0.0, 1.0]) == [[1, 1, 0]]


def test_second_derivatives_at_kinks_are_0() -> None:
    for f in (tg.relu, tg.leaky_relu, tg.abs, lambda x: tg.maximum(x, 0.0), lambda x: tg.clip(x, 0, 1)):
        assert derivatives_at(lambda x, f=f: f(x) * 1.0, 0.0, 2)[1] == 0


def test_sigmoid_at_0() -> None:
    """The |x| of the stable formula must not leak: a quarter, nothing, minus an eighth, nothing, a quarter."""
    assert derivatives_at(tg.sigmoid, 0.0, 5) == pytest.approx([1 / 4, 0, -1 / 8, 0, 1 / 4], abs=1e-15)


def test_softplus_at_0() -> None:
    assert derivatives_at(tg.softplus, 0.0, 4) == pytest.approx([1 / 2, 1 / 4, 0, -1 / 8], abs=1e-15)


def test_tanh_at_0() -> None:
    assert derivatives_at(tg.tanh, 0.0, 5) == pytest.approx([1, 0, -2, 0, 16], abs=1e-15)


def test_binary_cross_entropy_with_logits_at_0() -> None:
    def loss(z: Any) -> Any:
        return tg.binary_cross_entropy_with_logits(z, np.array(1))

    assert derivatives_at(loss, 0.0, 4) == pytest.approx([-1 / 2, 1 / 4, 0, -1 / 8], abs=1e-15)


def test_softmax_with_equal_logits() -> None:
    """The maximum that is taken out first ties, and must not leak."""
    x = tg.Tensor(np.zeros(2), requires_grad=True)
    first = tg.grad(tg.softmax(x)[0], x, create_graph=True)
    second = tg.grad(first[0], x, create_graph=True)
    third = tg.grad(second[0], x)
    np.testing.assert_allclose(first.data, [1 / 4, -1 / 4])
    np.testing.assert_allclose(second.data, [0, 0], atol=1e-15)
    np.testing.assert_allclose(third, [-1 / 8, 1 / 8])


@pytest.mark.parametrize("f", [tg.logsumexp, lambda x: -tg.log_softmax(x)[0]])
def test_logsumexp_with_equal_inputs(f: Any) -> None:
    x = tg.Tensor(np.zeros(2), requires_grad=True)
    first = tg.grad(f(x), x, create_graph=True)
    second = tg.grad(first[1], x, create_graph=True)
    third = tg.grad(second[1], x)
    assert first.data[1] == pytest.approx(1 / 2)
    np.testing.assert_allclose(second.data, [-1 / 4, 1 / 4])
    np.testing.assert_allclose(third, [0, 0], atol=1e-15)
