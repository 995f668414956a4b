"""Derivatives of derivatives: any order, mixed, through every kind of graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numeric import gradient

import tinygrad_mlp as tg


def leaf(values: Any) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True)


@pytest.mark.parametrize(
    ("f", "nth"),
    [
        (tg.exp, lambda n, x: math.exp(x)),
        (tg.log, lambda n, x: (-1) ** (n - 1) * math.factorial(n - 1) / x**n),
        (lambda x: 1 / x, lambda n, x: (-1) ** n * math.factorial(n) / x ** (n + 1)),
        (lambda x: x**5, lambda n, x: math.perm(5, n) * x ** (5 - n) if n <= 5 else 0.0),
        (tg.sqrt, lambda n, x: math.prod(0.5 - k for k in range(n)) * x ** (0.5 - n)),
        (lambda x: tg.power(2.0, x), lambda n, x: math.log(2) ** n * 2**x),
    ],
)
def test_the_sixth_derivative_is_right(f: Callable[..., Any], nth: Callable[..., float]) -> None:
    x = leaf(1.3)
    y = f(x)
    for n in range(1, 7):
        y = tg.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(nth(n, 1.3), rel=1e-9, abs=1e-9)


def test_mixed_derivatives_do_not_depend_on_the_order() -> None:
    x, y = leaf(0.7), leaf(1.9)

    def mixed(first: Any, second: Any) -> Any:
        z = tg.sigmoid(x * y) * tg.log(x + y * y) / (x + 1)
        return tg.grad(tg.grad(z, first, create_graph=True), second)

    np.testing.assert_allclose(mixed(x, y), mixed(y, x), rtol=1e-12)


def test_hessian_of_a_quadratic_is_its_matrix() -> None:
    a = np.array([[4.0, 1.0, -2.0], [1.0, 3.0, 0.5], [-2.0, 0.5, 5.0]])
    x = leaf([1.0, -2.0, 0.5])
    (first,) = [tg.grad(x @ a @ x * 0.5, x, create_graph=True)]
    np.testing.assert_allclose(first.data, a @ x.data)
    np.testing.assert_allclose([tg.grad(first[i], x) for i in range(3)], a)


def test_gradient_penalty_trains_through_the_gradient_of_the_input() -> None:
    """(‖∂f/∂x‖ − 1)², differentiated for the weights of a small network."""
    rng = np.random.default_rng(3)
    shapes = [(3, 4), (4,), (4, 1), (1,)]
    values = [rng.normal(size=s) for s in shapes]
    data = rng.normal(size=(5, 3))

    def penalty(*arrays: Any) -> Any:
        weights = [leaf(w) for w in arrays]
        x = leaf(data)
        out = tg.dense(tg.tanh(tg.dense(x, weights[0], weights[1])), weights[2], weights[3])
        slope = tg.grad(out.sum(), x, create_graph=True)
        norms = tg.sqrt((slope * slope).sum(axis=1))
        return ((norms - 1) ** 2).sum(), weights

    loss, weights = penalty(*values)
    for i, g in enumerate(tg.grad(loss, weights)):
        expected = gradient(lambda *a: penalty(*a)[0].item(), values, i)
        np.testing.assert_allclose(g, expected, rtol=1e-7, atol=1e-9)


def test_hessian_vector_product_of_a_classifier() -> None:
    rng = np.random.default_rng(4)
    data, labels, w0, v = (
        rng.normal(size=(6, 3)),
        np.array([0, 1, 1, 0, 1, 0]),
        rng.normal(size=(3, 2)),
        rng.normal(size=(3, 2)),
    )

    def slope(w: np.ndarray) -> np.ndarray:
        t = leaf(w)
        return tg.grad(tg.softmax_cross_entropy(tg.Tensor(data) @ t, labels), t)

    w = leaf(w0)
    first = tg.grad(tg.softmax_cross_entropy(tg.Tensor(data) @ w, labels), w, create_graph=True)
    product = tg.grad((first * v).sum(), w)
    h = 1e-5
    np.testing.assert_allclose(product, (slope(w0 + h * v) - slope(w0 - h * v)) / (2 * h), rtol=1e-7, atol=1e-9)


def test_a_gradient_can_be_part_of_a_loss_that_is_swept_backward() -> None:
    x = leaf(2.0)
    first = tg.grad(x**3, x, create_graph=True)
    (first * first).backward()
    assert x.grad == pytest.approx(2 * 12 * 12)


def test_a_graph_of_a_gradient_reaches_leaves_of_the_first_graph() -> None:
    x, w = leaf(2.0), leaf(5.0)
    first = tg.grad(w * x * x, x, create_graph=True)
    assert [float(g) for g in tg.grad(first, [w, x])] == [4, 10]


def test_an_intermediate_can_be_differentiated_twice() -> None:
    x = leaf(3.0)
    h = x * x
    first = tg.grad(h**3, h, create_graph=True)
    assert first.item() == 3 * 81
    assert tg.grad(first, h) == 6 * 9
    assert tg.grad(first, x) == 6 * 9 * 6


def test_the_second_derivative_of_something_linear_is_zero() -> None:
    x = leaf([1.0, 2.0])
    first = tg.grad((3 * x).sum(), x, create_graph=True)
    assert tg.grad(first.sum(), x).tolist() == [0, 0]


def test_the_gradient_given_may_be_a_tensor_and_is_differentiated_too() -> None:
    x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    product = tg.grad(x * x, x, gradient=v, create_graph=True)
    assert product.data.tolist() == [6, 16]
    assert tg.grad(product.sum(), v).tolist() == [2, 4]


def test_without_create_graph_a_gradient_is_a_plain_array() -> None:
    x = leaf(2.0)
    assert not isinstance(tg.grad(x**3, x), tg.Tensor)


def test_create_graph_does_not_change_the_first_graph() -> None:
    x = leaf([0.3, 0.8])
    y = (tg.sigmoid(x) * tg.exp(x)).sum()
    before = tg.grad(y, x)
    second = tg.grad(tg.grad(y, x, create_graph=True).sum(), x)
    np.testing.assert_array_equal(tg.grad(y, x), before)
    np.testing.assert_array_equal(tg.grad(tg.grad(y, x, create_graph=True).sum(), x), second)


def test_a_tensor_that_is_used_in_both_graphs_collects_both() -> None:
    x = leaf(2.0)
    y = x**3
    first = tg.grad(y, x, create_graph=True)
    assert tg.grad(first * x + y, x) == pytest.approx(12 * 2 + 12 + 12)


def test_constant_contributions_may_meet_one_that_is_not() -> None:
    """The two sums send plain ones, which are added in place; the square sends a Tensor."""
    x = leaf([1.0, 2.0])
    first = tg.grad((x * x).sum() + x.sum() + x.sum(), x, create_graph=True)
    assert first.data.tolist() == [4, 6]
    assert tg.grad(first.sum(), x).tolist() == [2, 2]


def test_several_outputs_one_of_them_twice() -> None:
    x = leaf(3.0)
    a = x * x
    first = tg.grad([a, a, a * a], x, create_graph=True)
    assert first.item() == 2 * 6 + 2 * 9 * 6
    assert tg.grad(first, x) == 4 + 12 * 9
