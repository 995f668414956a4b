"""`fit` with clipped gradients: the steps are those of a loop that clips by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training.setting import fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import NonFiniteError, OptionError
from tinygrad_mlp.training import Callback, Run


def by_numpy(clip_norm: float | None, clip_value: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression on two classes, 12 full batches of gradient descent with η = 1, in plain NumPy."""
    X, y = rows()
    X = X * 10  # gradients of a norm above 1
    W, b, Y = np.zeros((3, 2)), np.zeros(2), np.eye(2)[y]
    for _ in range(12):
        z = X @ W + b
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        dW, db = X.T @ (p - Y) / len(X), (p - Y).mean(axis=0)
        if clip_value is not None:
            dW, db = np.clip(dW, -clip_value, clip_value), np.clip(db, -clip_value, clip_value)
        if clip_norm is not None:
            norm = np.sqrt((dW**2).sum() + (db**2).sum())
            dW, db = dW * min(1, clip_norm / norm), db * min(1, clip_norm / norm)
        W, b = W - dW, b - db
    return W, b


@pytest.mark.parametrize("limits", [{"clip_norm": 0.25}, {"clip_value": 0.1}, {"clip_norm": 0.2, "clip_value": 0.15}])
def test_each_step_is_made_with_clipped_gradients(limits: dict[str, float]) -> None:
    tg.set_default_dtype(np.float64)
    try:
        model = nn.Dense(3, 2, weights="zeros")
        X, y = rows()
        fitted(model, train=(X * 10, y), optimizer=optim.SGD(model, 1.0), epochs=12, batch_size=len(X), **limits)
    finally:
        tg.set_default_dtype(np.float32)
    W, b = by_numpy(limits.get("clip_norm"), limits.get("clip_value"))
    unclipped, _ = by_numpy(None, None)
    np.testing.assert_allclose(model.W.data, W, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.b.data, b, rtol=1e-9, atol=1e-12)
    assert np.abs(W - unclipped).max() > 0.1


def test_a_limit_that_is_never_reached_changes_no_bit() -> None:
    free, clipped = network(), network()
    assert fitted(free)["loss"] == fitted(clipped, clip_norm=1e6, clip_value=1e6)["loss"]
    assert same_weights(free.state_dict(), clipped.state_dict())


def test_callbacks_see_the_gradients_before_they_are_clipped() -> None:
    class Norm(Callback):
        def __init__(self) -> None:
            self.before: list[float] = []
            self.after: list[float] = []

        def norm(self, run: Run) -> float:
            return float(np.sqrt(sum((p.grad.astype(np.float64) ** 2).sum() for p in run.model.parameters())))

        def gradients(self, run: Run) -> None:
            self.before.append(self.norm(run))

        def step(self, run: Run) -> None:
            self.after.append(self.norm(run))

    norm = Norm()
    fitted(network(), clip_norm=0.01, callbacks=[norm])
    assert len(norm.before) == 12
    assert min(norm.before) > 0.02
    np.testing.assert_allclose(norm.after, 0.01, rtol=1e-5)


def test_a_gradient_that_is_not_finite_stops_with_epoch_batch_and_parameter() -> None:
    @tg.op
    def poisoned_backward(x: Any) -> Any:
        return x * 1, lambda g: g * np.nan

    model = network() >> poisoned_backward
    before = model.state_dict()
    text = r"^epoch 1, batch 1: clip_gradients: the gradient of 'layers\.0\.W' is not finite; a smaller learning rate"
    with pytest.raises(NonFiniteError, match=text):
        fitted(model, clip_norm=1.0)
    assert same_weights(model.state_dict(), before)


@pytest.mark.parametrize("limit", ["clip_norm", "clip_value"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "1", float("inf")])
def test_a_limit_that_is_not_above_0_is_refused_before_training(limit: str, value: Any) -> None:
    model = network()
    before = model.state_dict()
    with pytest.raises(OptionError, match=f"^{limit} is "):
        fitted(model, **{limit: value})
    assert same_weights(model.state_dict(), before)
