"""Regression: fit, evaluate and predict on targets that are numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from training.setting import rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import ShapeError

SLOPES = np.array([1.0, -2.0, 0.5])
LOSSES = [tg.mean_squared_error, tg.mean_absolute_error, tg.huber, partial(tg.huber, delta=0.5)]


def plane(n_out: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows (N, 3), and numbers (N, n_out) that are linear in them."""
    X = rows(seed)[0]
    return X, X @ np.outer(SLOPES, np.arange(1, n_out + 1)) + 3


def dense(n_out: int = 1) -> nn.Module:
    return nn.Dense(3, n_out, rng=1)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_out", [1, 3])
def test_numbers_are_learned_and_measured(loss: Any, n_out: int) -> None:
    model, (X, y) = dense(n_out), plane(n_out)
    history = tg.fit(model, loss, optim.Adam(model, 0.05), (X, y), plane(n_out, 1), epochs=150, batch_size=8, rng=2)
    assert history.names == ["loss", "r2", "mae", "val_loss", "val_r2", "val_mae"]
    assert history["val_r2"][-1] > 0.999
    outputs = tg.predict(model, X)
    assert outputs.shape == (len(X), n_out)
    scores = tg.evaluate(model, loss, (X, y), metrics=["r2", "mae", "rmse"])
    d = outputs.astype(float) - y
    assert scores["mae"] == pytest.approx(np.abs(d).mean(), rel=1e-5, abs=1e-6)
    assert scores["rmse"] == pytest.approx(np.sqrt((d**2).mean(axis=0)).mean(), rel=1e-5, abs=1e-6)
    assert scores["r2"] == pytest.approx((1 - (d**2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)).mean())


@pytest.mark.parametrize("loss", LOSSES)
def test_numbers_in_one_axis_are_those_of_a_column(loss: Any) -> None:
    """(N,) − (N, 1) would be (N, N)."""
    learned, histories = [], []
    for form in (lambda y: y, lambda y: y[:, 0]):
        model = dense()
        train, valid = ((X, form(y)) for X, y in (plane(), plane(seed=1)))
        histories.append(tg.fit(model, loss, optim.SGD(model, 0.05), train, valid, epochs=3, batch_size=16, rng=2))
        learned.append(model.state_dict())
        assert tg.evaluate(model, loss, valid)["mae"] == histories[-1]["val_mae"][-1]
    assert same_weights(*learned)
    assert all(histories[0][name] == histories[1][name] for name in histories[0].names)


def test_a_loss_of_ones_own_gets_the_targets_as_they_are() -> None:
    (X, y), seen = plane(), set()

    def loss(z: Any, y: Any) -> Any:
        seen.add((z.shape[1:], y.shape[1:]))
        return ((z[:, 0] - y) ** 2).mean()

    model = dense()
    history = tg.fit(model, loss, optim.SGD(model, 0.05), (X, y[:, 0]), epochs=1)
    assert seen == {((1,), ())}
    assert history.names == ["loss"]


def test_whole_numbers_are_targets_too() -> None:
    X, y = plane()
    model = dense()
    history = tg.fit(
        model, tg.mean_squared_error, optim.Adam(model, 0.05), (X, np.rint(y[:, 0]).astype(int)), epochs=150, rng=2
    )
    assert history["r2"][-1] > 0.95


def test_other_shapes_are_refused_by_the_loss() -> None:
    model = dense(2)
    with pytest.raises(ShapeError, match=r"mean_squared_error: predictions \(32, 2\) and targets \(32,\)"):
        tg.fit(model, tg.mean_squared_error, optim.SGD(model, 0.05), (plane()[0], plane()[1][:, 0]), epochs=1)


def test_the_model_is_asked_for_one_row_in_evaluation_mode_and_draws_nothing() -> None:
    X, y = plane()
    calls = []

    class Watching(nn.Module):
        def forward(self, x: Any) -> Any:
            calls.append((self.training, len(x)))
            return x

    model = Watching() >> nn.Dropout(0.5, rng=3) >> dense()
    tg.fit(model, tg.mean_squared_error, optim.SGD(model, 0.05), (X, y), epochs=1, batch_size=50, metrics=["r2"])
    assert calls == [(False, 1), (True, 50)]
    assert model.training
