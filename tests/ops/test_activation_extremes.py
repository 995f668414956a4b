"""Activations and losses at kinks and far out: exact slopes, no warnings (a warning fails a test here)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ops.test_kinks import derivatives_at, slopes

import tinygrad_mlp as tg


def gelu_tanh(x: Any) -> Any:
    return tg.gelu(x, approximate="tanh")


ACTIVATIONS = [
    tg.relu,
    tg.leaky_relu,
    tg.sigmoid,
    tg.softplus,
    tg.elu,
    tg.silu,
    tg.gelu,
    gelu_tanh,
    tg.tanh,
    tg.erf,
    tg.softmax,
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


FAR = [1e308, -1e308, 1e300, -800.0, 0.0, 30.0]
PAIRS = np.array([(a, b) for a in FAR for b in FAR])
CROSS_ENTROPIES: dict[str, Callable[[Any], Any]] = {
    "classes": lambda z: tg.softmax_cross_entropy(z, np.arange(len(z)) % 2),
    "classes, none": lambda z: tg.softmax_cross_entropy(z, np.arange(len(z)) % 2, reduction="none"),
    "weighted": lambda z: tg.softmax_cross_entropy(z, np.arange(len(z)) % 2, class_weights=[0.5, 1.0]),
    "smoothed": lambda z: tg.softmax_cross_entropy(z, np.arange(len(z)) % 2, label_smoothing=0.2),
    "log_softmax": tg.log_softmax,
    "logsumexp": lambda z: tg.logsumexp(z, axis=1),
}
BINARY: dict[str, Callable[[Any], Any]] = {
    "binary": lambda z: tg.binary_cross_entropy_with_logits(z, np.array([[1, 0]] * len(z))),
    "binary, none": lambda z: tg.binary_cross_entropy_with_logits(z, np.full(z.shape, 0.25), reduction="none"),
    "binary, sum": lambda z: tg.binary_cross_entropy_with_logits(z, np.array([[1, 0]] * len(z)), reduction="sum"),
    "binary, weighted": lambda z: tg.binary_cross_entropy_with_logits(z, z.data > 0, class_weights=[0.5, 1.0]),
}


@pytest.mark.parametrize("name", [*CROSS_ENTROPIES, *BINARY])
@pytest.mark.parametrize("each", [True, False], ids=["alone", "together"])
def test_cross_entropies_of_huge_logits_do_not_warn_and_have_a_gradient(name: str, each: bool) -> None:
    for rows in PAIRS[:, None] if each else [PAIRS]:
        z = tg.Tensor(rows, requires_grad=True)
        y = (CROSS_ENTROPIES | BINARY)[name](z)
        assert not np.isnan(y.data).any()
        assert np.isfinite(tg.grad(y, z, gradient=np.ones(y.shape))).all()


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_logits_of_minus_infinity_do_not_warn_and_have_a_gradient(name: str) -> None:
    z = tg.Tensor(np.array([[-np.inf, 3.0], [1e308, -np.inf], [-np.inf, -1e308]]), requires_grad=True)
    y = CROSS_ENTROPIES[name](z)
    assert not np.isnan(y.data).any()
    assert np.isfinite(tg.grad(y, z, gradient=np.ones(y.shape))).all()


def test_a_row_of_nothing_but_minus_infinity_is_not_a_distribution_but_has_a_sum() -> None:
    z = tg.Tensor(np.full((1, 2), -np.inf), requires_grad=True)
    assert tg.logsumexp(z, axis=1).data.tolist() == [-np.inf]
    assert np.isnan(tg.softmax(z).data).all()
    assert np.isnan(tg.log_softmax(z).data).all()
    assert tg.grad(tg.where([True], 0.0, tg.logsumexp(z, axis=1)).sum(), z).tolist() == [[0, 0]]


def test_the_mean_of_huge_losses_is_right() -> None:
    z = np.array([[1e308], [-1e308], [1e308], [1e308]])
    assert tg.binary_cross_entropy_with_logits(z, 1 - (z > 0)) == pytest.approx(1e308, rel=1e-15)
    two = np.hstack([z, 0 * z])
    labels = (z[:, 0] > 0).astype(int)
    assert tg.softmax_cross_entropy(two, labels) == pytest.approx(1e308, rel=1e-15)
    assert tg.softmax_cross_entropy(two, labels, sample_weights=[1, 2, 1, 1]) == pytest.approx(1e308, rel=1e-15)


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
