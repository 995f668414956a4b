"""Evaluating and predicting: in batches of any size, in evaluation mode, and with nothing recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.setting import N, Recorded, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn


@given(st.integers(1, 60))
def test_predicting_in_batches_gives_what_all_at_once_gives(batch_size: int) -> None:
    """Up to rounding: BLAS may add up in another order for another number of rows."""
    model, X = network(), rows()[0]
    at_once = model(X.astype(np.float32)).numpy()
    np.testing.assert_allclose(tg.predict(model, X, batch_size), at_once, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("batch_size", "sizes"), [(1, [1] * N), (16, [16, 16, 16, 2]), (N, [N]), (N + 1, [N])])
def test_rows_go_through_the_network_in_order_in_batches(batch_size: int, sizes: list[int]) -> None:
    recorded, (X, y) = Recorded(), rows()
    model = (recorded >> network()).train()
    tg.predict(model, X, batch_size)
    tg.evaluate(model, tg.softmax_cross_entropy, (X, y), batch_size)
    assert [len(x) for _, x in recorded.calls] == sizes * 2
    assert not any(training for training, _ in recorded.calls)
    seen = np.concatenate([x for _, x in recorded.calls])
    assert np.array_equal(seen, np.concatenate([X, X]).astype(np.float32))


def test_predictions_are_an_array_in_the_models_dtype_that_nobody_else_holds() -> None:
    X = rows()[0].astype(np.float32)
    outputs = tg.predict(network(), X)
    assert type(outputs) is np.ndarray
    assert outputs.dtype == np.float32
    same = tg.predict(nn.Dropout(0.5) >> Recorded(), X)
    assert np.array_equal(same, X)  # no dropout
    same[...] = 0
    assert X.any()


def test_no_rows_have_no_predictions() -> None:
    assert tg.predict(network(), np.zeros((0, 3))).shape == (0, 2)


@given(st.integers(1, 60), st.integers(1, 30))
def test_the_loss_is_the_mean_over_rows_and_the_accuracy_the_share_of_right_ones(batch_size: int, n: int) -> None:
    model, (X, y) = network(), rows(4, n)
    scores = tg.evaluate(model, tg.softmax_cross_entropy, (X, y), batch_size)
    z = tg.predict(model, X).astype(np.float64)
    of_rows = np.log(np.exp(z).sum(axis=1)) - z[np.arange(n), y]
    assert list(scores) == ["loss", "accuracy"]
    assert scores["loss"] == pytest.approx(of_rows.mean(), rel=1e-5)
    assert scores["accuracy"] == np.count_nonzero(z.argmax(axis=1) == y) / n


def test_more_classes_have_an_accuracy_too() -> None:
    X, _ = rows()
    y = np.arange(N) % 5
    model = nn.Dense(3, 5, rng=0)
    scores = tg.evaluate(model, tg.softmax_cross_entropy, (X, y))
    weights = model.state_dict()
    assert scores["accuracy"] == np.mean(np.argmax(X.astype(np.float32) @ weights["W"] + weights["b"], axis=1) == y)


def test_other_losses_and_targets_have_a_loss_only() -> None:
    X, y = rows()
    one = nn.Dense(3, 1, rng=0)
    assert list(tg.evaluate(one, tg.binary_cross_entropy_with_logits, (X, y[:, None]))) == ["loss"]
    assert list(tg.evaluate(one, lambda z, y: tg.mean_squared_error(z, y), (X, X[:, :1]))) == ["loss"]
    assert list(tg.evaluate(network(), tg.softmax_cross_entropy, (X, np.eye(2)[y]))) == ["loss"]


def test_nothing_is_recorded_and_no_weight_or_gradient_changes() -> None:
    model, (X, y) = network() >> nn.BatchNorm(2), rows()
    before = model.state_dict()

    def loss(z: Any, labels: Any) -> Any:
        value = tg.softmax_cross_entropy(z, labels)
        assert not value.requires_grad
        return value

    tg.evaluate(model, loss, (X, y))
    tg.predict(model, X)
    assert same_weights(model.state_dict(), before)
    assert all(p.grad is None for p in model.parameters())
    assert tg.softmax_cross_entropy(model(X), y).requires_grad  # afterwards it is recorded again
