"""The student's guide, formula by formula: against plain NumPy as written there, and against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numeric import gradient

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import observing

RNG = np.random.default_rng(42)
X = RNG.normal(size=(5, 4))
W = RNG.normal(size=(4, 3))
B = RNG.normal(size=3)
DY = RNG.normal(size=(5, 3))


def leaf(values: Any, name: str | None = None) -> Any:
    return tg.Tensor(np.array(values, np.float64), requires_grad=True, name=name)


def agree(ours: Any, formula: Any, numeric: Any) -> None:
    np.testing.assert_allclose(ours, formula, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ours, numeric, rtol=1e-8, atol=1e-9)


# Dense.


@pytest.fixture
def dense() -> dict[str, Any]:
    x, w, b = leaf(X), leaf(W), leaf(B)
    y = tg.dense(x, w, b)
    dx, dw, db = tg.grad(y, [x, w, b], gradient=DY)

    def error(x: Any, w: Any, b: Any) -> float:
        return float((DY * (x @ w + b)).sum())

    numeric = [gradient(error, [X, W, B], i) for i in range(3)]
    return {"y": y.data, "dx": dx, "dw": dw, "db": db, "numeric": numeric}


def test_dense_forward_is_x_w_plus_b(dense: Any) -> None:
    np.testing.assert_allclose(dense["y"], X @ W + B, rtol=1e-14)


def test_dense_dx_is_dy_w_transposed(dense: Any) -> None:
    agree(dense["dx"], DY @ W.T, dense["numeric"][0])


def test_dense_dw_is_x_transposed_dy(dense: Any) -> None:
    agree(dense["dw"], X.T @ DY, dense["numeric"][1])


def test_dense_db_is_the_sum_of_dy_over_the_batch(dense: Any) -> None:
    agree(dense["db"], sum(DY[i] for i in range(len(DY))), dense["numeric"][2])


# Activations.

E = np.exp
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (tg.sigmoid, lambda x: 1 / (1 + E(-x)), lambda x: 1 / (1 + E(-x)) * (1 - 1 / (1 + E(-x)))),
    "ReLU": (tg.relu, lambda x: np.maximum(0, x), lambda x: np.where(x > 0, 1, 0)),
    "leaky ReLU": (
        tg.leaky_relu,
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x: np.where(x > 0, 1, 0.01),
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_backward_is_dy_times_the_slope(name: str) -> None:
    ours, forward, slope = ACTIVATIONS[name]
    x = leaf(X[:, :3])
    y = ours(x)
    np.testing.assert_allclose(y.data, forward(x.data), rtol=1e-14)
    numeric = gradient(lambda a: float((DY * forward(a)).sum()), [x.data], step=1e-3)
    agree(tg.grad(y, x, gradient=DY), DY * slope(x.data), numeric)


def test_relu_slope_at_0_is_0_and_leaky_relus_is_alpha() -> None:
    x = leaf([0.0])
    assert tg.grad(tg.relu(x), x).tolist() == [0]
    assert tg.grad(tg.leaky_relu(x), x).tolist() == [0.01]


# Softmax and cross-entropy.

Z = RNG.normal(size=(5, 2))
LABELS = np.array([0, 1, 1, 0, 1])
Y_TRUE = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]])


def softmax(z: np.ndarray) -> Any:
    return E(z) / E(z).sum(axis=1, keepdims=True)


def test_softmax_forward_and_backward() -> None:
    """P = softmax(Z); of its rows dZ = P ⊙ (dP − Σ dP ⊙ P)."""
    z, dp = leaf(Z), DY[:, :2]
    p = tg.softmax(z)
    np.testing.assert_allclose(p.data, softmax(Z), rtol=1e-14)
    formula = softmax(Z) * (dp - (dp * softmax(Z)).sum(axis=1, keepdims=True))
    agree(tg.grad(p, z, gradient=dp), formula, gradient(lambda a: float((dp * softmax(a)).sum()), [Z]))


@pytest.mark.parametrize(("reduction", "divisor"), [("sum", 1), ("mean", 5)])
@pytest.mark.parametrize("labels", [LABELS, Y_TRUE], ids=["indices", "one-hot"])
def test_softmax_cross_entropy_dz_is_prediction_minus_truth(labels: Any, reduction: Any, divisor: int) -> None:
    def error(z: np.ndarray) -> float:
        return float(-(Y_TRUE * np.log(softmax(z))).sum() / divisor)

    z = leaf(Z)
    loss = tg.softmax_cross_entropy(z, labels, reduction=reduction)
    assert loss.item() == pytest.approx(error(Z), rel=1e-13)
    agree(tg.grad(loss, z), (softmax(Z) - Y_TRUE) / divisor, gradient(error, [Z]))


def test_softmax_and_cross_entropy_as_two_steps_give_the_same() -> None:
    z, once = leaf(Z), leaf(Z)
    loss = -(tg.log(tg.softmax(z)) * Y_TRUE).sum() / len(Z)
    together = tg.softmax_cross_entropy(once, LABELS)
    assert loss.item() == pytest.approx(together.item())
    np.testing.assert_allclose(tg.grad(loss, z), tg.grad(together, once), rtol=1e-12)


def test_binary_cross_entropy_of_the_exercise() -> None:
    """E = −1/N Σ [y·log p + (1 − y)·log(1 − p)]."""
    p, y = softmax(Z)[:, 1], LABELS

    def error(p: np.ndarray) -> float:
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    t = leaf(p)
    loss = tg.binary_cross_entropy(t, y)
    assert loss.item() == pytest.approx(error(p), rel=1e-13)
    agree(tg.grad(loss, t), -(y / p - (1 - y) / (1 - p)) / 5, gradient(error, [p], step=1e-3))


# The worked network: 4 inputs → ReLU → Dense 4→3 → ReLU → Dense 3→2 → softmax.

W1, B1 = RNG.normal(size=(4, 3)), RNG.normal(size=3)
W2, B2 = RNG.normal(size=(3, 2)), RNG.normal(size=2)


def network(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    hidden = tg.dense(tg.relu(x), w1, b1)
    logits = tg.dense(tg.relu(hidden), w2, b2)
    return tg.softmax_cross_entropy(logits, LABELS)


def by_hand(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> tuple[float, dict[str, Any]]:
    """Forward and backward pass of the guide, in plain NumPy."""
    a0 = np.maximum(0, x)
    hidden = a0 @ w1 + b1
    a1 = np.maximum(0, hidden)
    logits = a1 @ w2 + b2
    y_pred = softmax(logits)
    error = -(Y_TRUE * np.log(y_pred)).sum() / len(x)

    d_logits = (y_pred - Y_TRUE) / len(x)  # (1)
    dw2, db2, da1 = a1.T @ d_logits, d_logits.sum(axis=0), d_logits @ w2.T  # (2)
    d_hidden = da1 * np.where(hidden > 0, 1, 0)  # (3)
    dw1, db1, da0 = a0.T @ d_hidden, d_hidden.sum(axis=0), d_hidden @ w1.T  # (4)
    dx = da0 * np.where(x > 0, 1, 0)  # (5)
    steps = {"d_logits": d_logits, "da1": da1, "d_hidden": d_hidden, "da0": da0}
    return error, {"x": dx, "w1": dw1, "b1": db1, "w2": dw2, "b2": db2, **steps}


VALUES = {"x": X, "w1": W1, "b1": B1, "w2": W2, "b2": B2}


def test_network_gradients_are_those_of_the_hand_derivation() -> None:
    tensors = {name: leaf(values, name) for name, values in VALUES.items()}
    loss = network(*tensors.values())
    error, expected = by_hand(*VALUES.values())
    assert loss.item() == pytest.approx(error, rel=1e-13)
    loss.backward()
    for i, (name, tensor) in enumerate(tensors.items()):
        numeric = gradient(lambda *a: by_hand(*a)[0], list(VALUES.values()), i, step=1e-4)
        np.testing.assert_allclose(tensor.grad, expected[name], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(tensor.grad, numeric, rtol=1e-7, atol=1e-8)


def test_no_activation_is_near_its_kink_in_the_sample() -> None:
    """Else finite differences would say nothing about the gradients above."""
    hidden = np.maximum(0, X) @ W1 + B1
    assert min(np.abs(X).min(), np.abs(hidden).min()) > 1e-3
    assert 0 < np.mean(X > 0) < 1
    assert 0 < np.mean(hidden > 0) < 1


@pytest.mark.parametrize("inputs_too", [True, False])
def test_network_backward_goes_through_the_guides_five_steps(inputs_too: bool) -> None:
    tensors = {name: tg.Tensor(v, requires_grad=inputs_too or name != "x", name=name) for name, v in VALUES.items()}
    told: list[tuple[str, Any, dict[str, Any]]] = []

    def observer(node: Any, arrived: Any, left: Any) -> None:
        told.append((node.operation.name, np.array(arrived), {x.name or "inner": np.array(g) for x, g in left}))

    loss = network(*tensors.values())
    with observing(observer):
        loss.backward()
    _, expected = by_hand(*VALUES.values())

    names = ["softmax_cross_entropy", "dense", "relu", "dense", "relu"]
    assert [name for name, _, _ in told] == (names if inputs_too else names[:4])

    def left(step: int, name: str) -> Any:
        return told[step - 1][2][name]

    np.testing.assert_allclose(left(1, "inner"), expected["d_logits"], rtol=1e-12)
    np.testing.assert_allclose(left(2, "w2"), expected["w2"], rtol=1e-12)
    np.testing.assert_allclose(left(2, "b2"), expected["b2"], rtol=1e-12)
    np.testing.assert_allclose(left(2, "inner"), expected["da1"], rtol=1e-12)
    np.testing.assert_allclose(left(3, "inner"), expected["d_hidden"], rtol=1e-12)
    np.testing.assert_allclose(left(4, "w1"), expected["w1"], rtol=1e-12)
    np.testing.assert_allclose(left(4, "b1"), expected["b1"], rtol=1e-12)
    if inputs_too:
        np.testing.assert_allclose(left(4, "inner"), expected["da0"], rtol=1e-12)
        np.testing.assert_allclose(left(5, "x"), expected["x"], rtol=1e-12)
    else:
        assert set(told[3][2]) == {"w1", "b1"}


def test_each_step_receives_what_the_step_before_it_sent() -> None:
    tensors = [leaf(values, name) for name, values in VALUES.items()]
    arrived: list[Any] = []
    sent: list[Any] = []

    def observer(node: Any, g: Any, left: Any) -> None:
        arrived.append(np.array(g))
        sent.append({x.name: np.array(d) for x, d in left}.get(None))

    with observing(observer):
        network(*tensors).backward()
    assert arrived[0] == 1
    for g, before in zip(arrived[1:], sent, strict=False):
        np.testing.assert_array_equal(g, before)
