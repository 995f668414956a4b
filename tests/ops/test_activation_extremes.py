"""Activations and losses at kinks and far out: exact slopes, no warnings (a warning fails a test here)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ops.test_kinks import derivatives_at, slopes

import tinygrad_mlp as tg

ACTIVATIONS = [
    tg.relu6,
    tg.hard_tanh,
    tg.hard_sigmoid,
    tg.hard_silu,
    tg.celu,
    tg.selu,
    tg.mish,
    tg.softsign,
    tg.log_sigmoid,
    tg.glu,
]


@pytest.mark.parametrize("f", ACTIVATIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_everything_is_finite_and_nothing_warns(f: Callable[..., Any], dtype: Any) -> None:
    far = 1e308 if dtype is np.float64 else 3e38
    x = tg.Tensor(np.array([far, -far, 800, -800, 0, 1e-300], dtype), requires_grad=True)
    y = f(x)
    y.backward(np.ones(y.shape))
    assert np.isfinite(y.data).all()
    assert x.grad is not None
    assert np.isfinite(x.grad).all()


def test_straight_lines_have_slope_0_at_their_kinks() -> None:
    assert slopes(tg.relu6, [-1.0, 0.0, 1.0, 6.0, 7.0]) == [[0, 0, 1, 0, 0]]
    assert slopes(tg.hard_tanh, [-2.0, -1.0, 0.0, 1.0]) == [[0, 0, 1, 0]]
    assert slopes(tg.hard_sigmoid, [-3.0, 0.0, 3.0]) == [[0, 1 / 6, 0]]
    assert slopes(tg.hard_silu, [-4.0, 0.0, 3.0, 5.0]) == [[0, 0.5, 1, 1]]


def test_celu_is_smooth_at_0_and_selu_is_not() -> None:
    assert derivatives_at(lambda x: tg.celu(x, alpha=0.5), 0.0, 1) == [1]
    below, above = slopes(tg.selu, [-1e-9, 1e-9])[0]
    assert above == pytest.approx(1.0507009873554805)
    assert below == pytest.approx(1.0507009873554805 * 1.6732632423543772)


def test_softsign_at_0_and_far_out() -> None:
    assert derivatives_at(tg.softsign, 0.0, 2) == [1, 0]
    assert slopes(tg.softsign, [1e8]) == [[pytest.approx(1e-16, rel=1e-7)]]


def test_mish_at_0() -> None:
    """The slope is tanh(ln 2) = 3/5."""
    assert derivatives_at(tg.mish, 0.0, 1) == pytest.approx([0.6], rel=1e-15)


@pytest.mark.parametrize(("x", "expected"), [(-750.0, -750.0), (40.0, -math.exp(-40)), (0.0, -math.log(2))])
def test_log_sigmoid_keeps_its_digits(x: float, expected: float) -> None:
    assert tg.log_sigmoid(np.float64(x)) == pytest.approx(expected, rel=1e-15)


def test_an_impossible_class_that_does_not_happen_costs_nothing() -> None:
    log_p = tg.Tensor(np.array([[0.0, -np.inf]]), requires_grad=True)
    loss = tg.negative_log_likelihood(log_p, [0])
    assert loss.item() == 0
    assert tg.grad(loss, log_p).tolist() == [[-1, 0]]
    q = tg.Tensor(np.array([[1.0, 0.0]]), requires_grad=True)
    loss = tg.kl_divergence(log_p, q)
    assert loss.item() == 0
    assert tg.grad(loss, log_p).tolist() == [[-1, 0]]


def test_likelihood_of_a_log_softmax_is_the_cross_entropy() -> None:
    z = tg.Tensor(np.random.default_rng(0).normal(size=(5, 3)), requires_grad=True)
    labels = np.array([0, 2, 1, 1, 0])
    one, other = tg.negative_log_likelihood(tg.log_softmax(z), labels), tg.softmax_cross_entropy(z, labels)
    assert one.item() == pytest.approx(other.item(), rel=1e-15)
    np.testing.assert_allclose(tg.grad(one, z), tg.grad(other, z), rtol=1e-13, atol=1e-16)


def test_cosine_of_a_zero_vector_is_0_and_sends_it_no_gradient_that_is_not_finite() -> None:
    a, b = tg.Tensor(np.zeros(2), requires_grad=True), tg.Tensor(np.array([3.0, 4.0]), requires_grad=True)
    y = tg.cosine_similarity(a, b)
    assert y.item() == 0
    assert tg.grad(y, b).tolist() == [0, 0]
    assert np.isfinite(tg.grad(y, a)).all()


def test_cosine_does_not_depend_on_lengths() -> None:
    a, b = np.array([1.0, 2.0, 2.0]), np.array([2.0, 1.0, -2.0])
    assert tg.cosine_similarity(a, a) == pytest.approx(1)
    assert tg.cosine_similarity(a * 1e5, b) == pytest.approx(0, abs=1e-15)


def test_rows_of_a_constant_are_normalised_to_their_shift() -> None:
    x = np.full((2, 4), 0.3)
    np.testing.assert_allclose(tg.layer_norm(x, 2.0, 1.0), 1, atol=1e-12)
    np.testing.assert_allclose(tg.rms_norm(x), 1, rtol=1e-3)
