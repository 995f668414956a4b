"""Optimizers beside scikit-learn's, alone and inside of its MLPClassifier and MLPRegressor, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

pytestmark = pytest.mark.bench

STEPS = 50
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5))
CLASSES = rng.integers(0, 3, 40)
NUMBERS = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
SHAPES = [(5, 4), (4,), (4, 2), (2,)]

OPTIMIZERS: dict[str, tuple[Callable[[Any], optim.Optimizer], Callable[[list[np.ndarray]], Any]]] = {
    "SGD": (
        lambda p: optim.SGD(p, 0.05),
        lambda p: SGDOptimizer(p, 0.05, momentum=0.0, nesterov=False),
    ),
    "SGD, momentum": (
        lambda p: optim.SGD(p, 0.05, 0.9),
        lambda p: SGDOptimizer(p, 0.05, momentum=0.9, nesterov=False),
    ),
    "SGD, Nesterov": (
        lambda p: optim.SGD(p, 0.05, 0.9, nesterov=True),
        lambda p: SGDOptimizer(p, 0.05, momentum=0.9, nesterov=True),
    ),
    "Adam": (lambda p: optim.Adam(p, 0.01, epsilon_hat=True), lambda p: AdamOptimizer(p, 0.01)),
    "Adam, all its numbers": (
        lambda p: optim.Adam(p, 0.02, 0.8, 0.95, 0.01, epsilon_hat=True),
        lambda p: AdamOptimizer(p, 0.02, 0.8, 0.95, 0.01),
    ),
}


def valley(weights: list[Any]) -> list[np.ndarray]:
    """Gradients of Σ cosh(0.7·w + k)/(k + 1) over arrays k, by the formula."""
    return [0.7 * np.sinh(0.7 * w + k) / (k + 1) for k, w in enumerate(weights)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_are_equal_after_each_of_50_steps(name: str) -> None:
    starts = [np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(SHAPES)]
    ours = [tg.Tensor(w, requires_grad=True) for w in starts]
    theirs = [w.copy() for w in starts]
    mine, sklearns = OPTIMIZERS[name][0](ours), OPTIMIZERS[name][1](theirs)
    for step in range(STEPS):
        for w, g in zip(ours, valley([w.numpy() for w in ours]), strict=True):
            w.grad = g
        mine.step()
        sklearns.update_params(theirs, valley(theirs))
        for w, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(w.data, expected, rtol=0, atol=1e-12, err_msg=f"step {step}")
    assert all(np.abs(w - start).max() > 0.1 for w, start in zip(theirs, starts, strict=True))


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_falling_rate_stays_in_the_velocity(nesterov: bool) -> None:
    """v ← μ·v + η·g: what is in v keeps the rate at which it came, unlike in PyTorch's form."""
    start = np.random.default_rng(0).normal(size=(5, 4))
    ours, theirs = tg.Tensor(start, requires_grad=True), start.copy()
    mine = optim.SGD([ours], 0.05, 0.9, nesterov=nesterov)
    sklearns = SGDOptimizer([theirs], 0.05, "invscaling", 0.9, nesterov)
    for step in range(STEPS):
        (ours.grad,) = valley([ours.numpy()])
        mine.step()
        sklearns.update_params([theirs], valley([theirs]))
        sklearns.iteration_ends(step)
        mine.learning_rate = sklearns.learning_rate
    assert mine.learning_rate < 0.01
    np.testing.assert_allclose(ours.data, theirs, rtol=0, atol=1e-12)


ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "logistic": nn.Sigmoid, "relu": nn.ReLU}
DECAY = 0.5
"""alpha of scikit-learn: the loss of a batch of N rows gets alpha/(2·N)·Σ W² more, without the biases."""


def network(model: Any, activation: str) -> Any:
    """Ours, with the weights that scikit-learn's model has."""
    layers: list[Any] = []
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        dense = nn.Dense(*W.shape)
        dense.load_state_dict({"W": W, "b": b})
        layers += [dense, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_a_network_learns_alike_with_backpropagation_and_weight_decay(kind: str, name: str, activation: str) -> None:
    """50 epochs on all rows: gradients, the decay of the weights alone, and steps are each side's own."""
    make, y = (MLPClassifier, CLASSES) if kind == "classes" else (MLPRegressor, NUMBERS)
    model = make(
        hidden_layer_sizes=(6, 4),
        activation=activation,
        alpha=DECAY,
        batch_size=len(X),
        shuffle=False,
        random_state=0,
    )
    options = {"classes": [0, 1, 2]} if kind == "classes" else {}
    model.partial_fit(X, y, **options)  # one step, after which the layers are there
    ours = network(model, activation)
    before = [W.copy() for W in model.coefs_]
    model._optimizer = OPTIMIZERS[name][1](model.coefs_ + model.intercepts_)
    mine = OPTIMIZERS[name][0](optim.without_decay_on_biases(ours))
    mine.weight_decay = DECAY / len(X)
    for _ in range(STEPS):
        model.partial_fit(X, y)
        mine.zero_grad()
        loss = (
            tg.softmax_cross_entropy(ours(X), y)
            if kind == "classes"
            else tg.mean_squared_error(ours(X), y[:, None]) / 2
        )
        loss.backward()
        mine.step()
    assert all(np.abs(W - start).max() > 0.01 for W, start in zip(model.coefs_, before, strict=True))
    for dense, W, b in zip(list(ours)[::2], model.coefs_, model.intercepts_, strict=True):
        np.testing.assert_allclose(dense.W.data, W, rtol=0, atol=1e-12)
        np.testing.assert_allclose(dense.b.data, b, rtol=0, atol=1e-12)
    outputs = tg.softmax(ours(X)).data if kind == "classes" else ours(X).data[:, 0]
    expected = model.predict_proba(X) if kind == "classes" else model.predict(X)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-11)
