"""Fitting: the loop, its batches, modes and numbers, whatever rows and models it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.setting import N, Recorded, fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.training import Callback, Run


@given(st.integers(1, 40), st.integers(1, 45), st.integers(1, 3), st.sampled_from([optim.SGD, optim.Adam]))
def test_fit_is_the_loop_one_would_write(n: int, batch_size: int, epochs: int, rule: Any) -> None:
    """Bit for bit, with the loss and the accuracy as means over rows of what the batches gave."""
    model, by_hand = network(), network()
    X, y = rows(n=n)
    history = fitted(model, optimizer=rule(model, 0.1), train=(X, y), batch_size=batch_size, epochs=epochs)
    x = X.astype(np.float32)
    optimizer, rng = rule(by_hand, 0.1), np.random.default_rng(5)
    for epoch in range(epochs):
        order, total, right = rng.permutation(n), 0.0, 0
        for start in range(0, n, batch_size):
            batch = order[start : start + batch_size]
            optimizer.zero_grad()
            z = by_hand(x[batch])
            loss = tg.softmax_cross_entropy(z, y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
            right += int(np.count_nonzero(z.numpy().argmax(axis=1) == y[batch]))
        assert history["loss"][epoch] == total / n
        assert history["accuracy"][epoch] == right / n
    assert len(history) == epochs
    assert same_weights(model.state_dict(), by_hand.state_dict())


@pytest.mark.parametrize(
    ("batch_size", "sizes"),
    [(1, [1] * N), (16, [16, 16, 16, 2]), (25, [25, 25]), (N - 1, [N - 1, 1]), (N, [N]), (N + 1, [N])],
)
def test_every_row_comes_once_an_epoch_in_a_new_order_and_the_last_batch_is_smaller(
    batch_size: int, sizes: list[int]
) -> None:
    recorded = Recorded()
    fitted(recorded >> network(), epochs=2, batch_size=batch_size)
    assert [len(x) for _, x in recorded.calls] == sizes * 2
    seen = [x for _, x in recorded.calls]
    first, second = np.concatenate(seen[: len(sizes)]), np.concatenate(seen[len(sizes) :])
    X = rows()[0].astype(np.float32)
    for epoch in (first, second):
        assert np.array_equal(epoch[np.argsort(epoch[:, 0])], X[np.argsort(X[:, 0])])  # whole rows, each once
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, X)


def test_rows_keep_their_labels_when_they_are_shuffled() -> None:
    X = np.arange(N, dtype=np.float64)[:, None]
    seen: list[tuple[float, int]] = []

    def loss(z: Any, y: Any) -> Any:
        seen.extend(zip((z[:, 1] - z[:, 0]).numpy().tolist(), y.tolist(), strict=True))
        return tg.softmax_cross_entropy(z, y) * 0

    model = nn.Dense(1, 2, rng=0)
    model.load_state_dict({"W": [[0, 1]], "b": [0, 0]})
    fitted(model, loss=loss, train=(X, (np.arange(N) % 2)), optimizer=optim.SGD(model, 0.1), epochs=2)
    assert len(seen) == 2 * N
    assert all(int(x) % 2 == y for x, y in seen)


def test_validation_uses_each_epochs_last_weights_in_evaluation_mode() -> None:
    recorded, valid = Recorded(), rows(7, 20)
    model = recorded >> network() >> nn.Dropout(0.5, rng=0)
    expected: list[dict[str, float]] = []

    class Evaluate(Callback):
        def epoch(self, run: Run) -> None:
            calls = [training for training, _ in recorded.calls]
            assert calls == [True] * 4 + [False]
            expected.append(tg.evaluate(model, tg.softmax_cross_entropy, valid))
            recorded.calls.clear()

    history = fitted(model, valid=valid, callbacks=[Evaluate()])
    assert history.names == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["val_loss"] == [scores["loss"] for scores in expected]
    assert history["val_accuracy"] == [scores["accuracy"] for scores in expected]
    assert len(set(history["val_loss"])) == 3


def test_validation_does_not_change_the_training() -> None:
    def drawing() -> nn.Module:
        return network() >> nn.Dropout(0.2, rng=3)

    with_it, without = drawing(), drawing()
    assert fitted(with_it, valid=rows(7))["loss"] == fitted(without)["loss"]
    assert same_weights(with_it.state_dict(), without.state_dict())


# Modes.


def interrupted(z: Any, y: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("frozen_part", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_each_module_is_afterwards_in_the_mode_it_was_in(training: bool, frozen_part: bool) -> None:
    model = network() >> nn.Dropout(0.5)
    model.train(training)
    if frozen_part:
        model.named_modules()["layers.3"].train(not training)
    before = {path: module.training for path, module in model.named_modules().items()}

    def after() -> dict[str, bool]:
        return {path: module.training for path, module in model.named_modules().items()}

    fitted(model, valid=rows(3))
    assert after() == before
    tg.predict(model, rows()[0])
    assert after() == before
    tg.evaluate(model, tg.softmax_cross_entropy, rows())
    assert after() == before
    with pytest.raises(KeyboardInterrupt):
        fitted(model, loss=interrupted)
    assert after() == before
    with pytest.raises(KeyboardInterrupt):
        tg.evaluate(model, interrupted, rows())
    assert after() == before
    with pytest.raises(ShapeError):
        tg.predict(model, np.zeros((2, 9)))
    assert after() == before


# Models and targets of other kinds.


def test_rows_in_float64_train_a_float32_model_as_rows_in_float32_do() -> None:
    (X, y), a, b = rows(), network(), network()
    fitted(a, train=(X, y))
    fitted(b, train=(X.astype(np.float32), y))
    assert {p.dtype for p in a.parameters()} == {np.dtype(np.float32)}
    assert same_weights(a.state_dict(), b.state_dict())
    assert X.dtype == np.float64


def test_a_float64_model_is_trained_in_float64() -> None:
    tg.set_default_dtype(np.float64)
    try:
        model, recorded = network(), Recorded()
        fitted(recorded >> model, train=(rows()[0].astype(np.float32), rows()[1]))
    finally:
        tg.set_default_dtype(np.float32)
    assert recorded.calls[0][1].dtype == np.float64
    assert tg.predict(model, rows()[0]).dtype == np.float64


def test_the_rows_given_stay_as_they_were() -> None:
    X, y = rows()
    X = X.astype(np.float32)
    before = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    fitted(network(), train=(X, y), valid=(X[::-1] / 2, y))
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1])


def test_lists_are_rows_too() -> None:
    X, y = rows()
    a, b = network(), network()
    fitted(a, train=(X.tolist(), y.tolist()))
    fitted(b, train=(X, y))
    assert same_weights(a.state_dict(), b.state_dict())


def test_one_class_only_is_learned() -> None:
    X, _ = rows()
    model = network()
    history = fitted(model, train=(X, np.zeros(N, int)), valid=(rows(7)[0], np.zeros(N, int)), epochs=30)
    assert history["val_accuracy"][-1] == 1
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert (tg.predict(model, X).argmax(axis=1) == 0).all()


def test_labels_as_booleans_are_class_indices() -> None:
    X, y = rows()
    a, b = network(), network()
    assert fitted(a, train=(X, y == 1))["accuracy"] == fitted(b, train=(X, y))["accuracy"]
    assert same_weights(a.state_dict(), b.state_dict())


def test_rows_of_probabilities_train_as_class_indices_do() -> None:
    X, y = rows()
    a, b = network(), network()
    history = fitted(a, train=(X, np.eye(2)[y]))
    assert history.names == ["loss"]
    assert history["loss"] == fitted(b, train=(X, y))["loss"]
    assert same_weights(a.state_dict(), b.state_dict())


def test_regression_is_fitted_too() -> None:
    X, _ = rows()
    targets = X @ [[1.0], [2.0], [-1.0]]
    model = nn.Dense(3, 1, rng=0)
    how: dict[str, Any] = {"loss": tg.mean_squared_error, "train": (X, targets), "valid": (X / 2, targets / 2)}
    history = fitted(model, optimizer=optim.Adam(model, 0.1), epochs=60, **how)
    assert history.names == ["loss", "r2", "mae", "val_loss", "val_r2", "val_mae"]
    np.testing.assert_allclose(model.W.data[:, 0], [1, 2, -1], atol=0.05)
    scores = tg.evaluate(model, tg.mean_squared_error, (X, targets), metrics=[])
    assert scores == {"loss": pytest.approx(np.mean((tg.predict(model, X) - targets) ** 2), rel=1e-4)}


def test_rows_with_more_axes_and_rows_of_indices_are_fitted() -> None:
    rng = np.random.default_rng(0)
    pictures, y = rng.normal(size=(N, 2, 3)), rng.integers(0, 2, N)
    model = nn.Flatten() >> nn.Dense(6, 16, rng=0) >> nn.ReLU() >> nn.Dense(16, 2, rng=1)
    history = fitted(model, train=(pictures, y), valid=(-pictures, y), epochs=40)
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert tg.predict(model, pictures).shape == (N, 2)
    letters = rng.integers(0, 5, (N, 2))
    model = nn.Embedding(5, 4, rng=0) >> nn.Flatten() >> nn.Dense(8, 2, rng=1)
    history = fitted(model, train=(letters, letters[:, 0] % 2), epochs=60)
    assert history["accuracy"][-1] > 0.9


def test_a_model_with_two_outputs_is_fitted_with_a_loss_of_its_own() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            self.classes, self.number = nn.Dense(3, 2, rng=0), nn.Dense(3, 1, rng=1)

        def forward(self, x: Any) -> Any:
            return self.classes(x), self.number(x)

    def loss(outputs: Any, y: Any) -> Any:
        logits, number = outputs
        return tg.softmax_cross_entropy(logits, y) + tg.mean_squared_error(number, y[:, None].astype(np.float32))

    history = fitted(Both(), loss=loss, valid=rows(3), epochs=5)
    assert history.names == ["loss", "val_loss"]
    assert history["loss"][-1] < history["loss"][0]


def test_parameters_without_an_optimizer_stay() -> None:
    model = network()
    before = model.state_dict()
    fitted(model, optimizer=optim.SGD(model.parameters()[2:], 0.1))
    after = model.state_dict()
    assert [name for name in before if not np.array_equal(before[name], after[name])] == ["layers.2.W", "layers.2.b"]


def test_a_fit_goes_on_where_the_one_before_ended() -> None:
    """Two times two epochs with one optimizer and one generator are four epochs."""
    at_once, twice = network(), network()
    whole = fitted(at_once, epochs=4, rng=np.random.default_rng(2))
    adam, rng = optim.Adam(twice, 0.01), np.random.default_rng(2)
    parts = [fitted(twice, optimizer=adam, epochs=2, rng=rng)["loss"] for _ in range(2)]
    assert parts[0] + parts[1] == whole["loss"]
    assert same_weights(at_once.state_dict(), twice.state_dict())
