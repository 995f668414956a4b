"""Fitting: the loop, its numbers, early stopping, and what happens when a number is not finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import DtypeError, NonFiniteError, OptionError, ShapeError
from tinygrad_mlp.training import Callback, Run

N = 50


def rows(seed: int = 0, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that a line divides."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, (X @ [1.0, -2.0, 0.5] > 0).astype(np.int64)


def network(seed: int = 1) -> nn.Sequential:
    return nn.Dense(3, 8, rng=seed) >> nn.ReLU() >> nn.Dense(8, 2, rng=seed + 1)


def fitted(model: nn.Module, **how: Any) -> tg.History:
    optimizer = how.pop("optimizer", None) or optim.Adam(model, 0.01)
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 16, "rng": 5} | how
    train = settings.pop("train", rows())
    return tg.fit(model, settings.pop("loss", tg.softmax_cross_entropy), optimizer, train, **settings)


class Recorded(nn.Module):
    """Passes its input on, and remembers how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[bool, np.ndarray]] = []

    def forward(self, x: Any) -> Any:
        self.calls.append((self.training, np.array(getattr(x, "_data", x))))
        return x


def test_fit_is_the_loop_one_would_write() -> None:
    model, by_hand = network(), network()
    history = fitted(model)
    X, y = rows()
    X = X.astype(np.float32)
    optimizer, rng, losses = optim.Adam(by_hand, 0.01), np.random.default_rng(5), []
    for _ in range(3):
        order, total = rng.permutation(N), 0.0
        for start in range(0, N, 16):
            batch = order[start : start + 16]
            optimizer.zero_grad()
            loss = tg.softmax_cross_entropy(by_hand(X[batch]), y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / N)
    assert history["loss"] == losses
    for name, value in model.state_dict().items():
        assert np.array_equal(value, by_hand.state_dict()[name])


def test_every_row_comes_once_an_epoch_in_a_new_order_and_the_last_batch_is_smaller() -> None:
    recorded = Recorded()
    fitted(recorded >> network(), epochs=2, batch_size=16)
    sizes = [len(x) for _, x in recorded.calls]
    assert sizes == [16, 16, 16, 2] * 2
    first, second = (np.concatenate([x for _, x in recorded.calls[i : i + 4]]) for i in (0, 4))
    expected = np.sort(rows()[0].astype(np.float32), axis=0)
    assert np.array_equal(np.sort(first, axis=0), expected)
    assert np.array_equal(np.sort(second, axis=0), expected)
    assert not np.array_equal(first, second)


def test_validation_uses_the_epochs_last_weights_in_evaluation_mode() -> None:
    recorded = Recorded()
    model = recorded >> network() >> nn.Dropout(0.5, rng=0)
    valid = rows(7, 20)
    history = fitted(model, epochs=1, valid=valid)
    assert [training for training, _ in recorded.calls] == [True] * 4 + [False]
    scores = tg.evaluate(model, tg.softmax_cross_entropy, valid)
    assert history["val_loss"] == [scores["loss"]]
    assert history["val_accuracy"] == [scores["accuracy"]]


@pytest.mark.parametrize("training", [True, False])
def test_the_modes_are_afterwards_what_they_were(training: bool) -> None:
    model = (network() >> nn.Dropout(0.5)).train(training)
    fitted(model, valid=rows(3))
    tg.predict(model, rows()[0])
    assert {module.training for module in model.named_modules().values()} == {training}

    def broken(z: Any, y: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(model, loss=broken)
    assert {module.training for module in model.named_modules().values()} == {training}


def test_accuracy_is_the_share_of_right_classes() -> None:
    model, (X, y) = network(), rows()
    scores = tg.evaluate(model, tg.softmax_cross_entropy, (X, y), batch_size=7)
    assert scores["accuracy"] == np.mean(tg.predict(model, X).argmax(axis=1) == y)


def test_predicting_in_batches_gives_what_all_at_once_gives() -> None:
    model, X = network(), rows()[0]
    np.testing.assert_allclose(tg.predict(model, X, batch_size=7), tg.predict(model, X), rtol=1e-6)
    assert tg.predict(model, X).dtype == np.float32
    assert tg.predict(model, X[:0]).shape == (0, 2)


@pytest.mark.parametrize("batch_size", [1, N, N + 1])
def test_any_batch_size_learns(batch_size: int) -> None:
    history = fitted(network(), batch_size=batch_size, epochs=5)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("batch_size", 1.5), ("epochs", 0), ("epochs", True)])
def test_numbers_that_are_no_counts_are_refused(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{name} is {value!r}"):
        fitted(network(), **{name: value})


def test_the_same_seed_gives_the_same_history_and_weights() -> None:
    def run() -> tuple[list[float], bytes]:
        tg.seed(3)
        model = nn.Dense(3, 8) >> nn.ReLU() >> nn.Dropout(0.3) >> nn.Dense(8, 2)
        history = fitted(model, rng=None)
        return history["loss"], b"".join(value.tobytes() for value in model.state_dict().values())

    assert run() == run()


def test_regression_is_fitted_too() -> None:
    X, _ = rows()
    targets = (X @ [[1.0], [2.0], [-1.0]]).astype(np.float32)
    model = nn.Dense(3, 1, rng=0)
    history = fitted(model, loss=tg.mean_squared_error, optimizer=optim.Adam(model, 0.1), train=(X, targets), epochs=60)
    assert history.names == ["loss"]
    np.testing.assert_allclose(model.W.data[:, 0], [1, 2, -1], atol=0.05)


# Early stopping.


class Told(Callback):
    """Puts numbers of its own into the history's last epoch, before early stopping looks."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses
        self.weights: list[dict[str, np.ndarray]] = []

    def epoch(self, run: Run) -> None:
        run.history._columns["val_loss"][-1] = self.losses[run.epoch - 1]
        self.weights.append(run.model.state_dict())


def stopped(losses: list[float], **how: Any) -> tuple[tg.EarlyStopping, Told, nn.Module, tg.History]:
    model, told, stopping = network(), Told(losses), tg.EarlyStopping(**how)
    history = fitted(model, valid=rows(2), epochs=len(losses), callbacks=[told, stopping])
    return stopping, told, model, history


def same_weights(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_early_stopping_waits_for_patience_and_restores_the_best_weights() -> None:
    stopping, told, model, history = stopped([3, 2, 2.5, 2.1, 1, 1], patience=2)
    assert (stopping.best, stopping.best_epoch, stopping.stopped_at, len(history)) == (2, 2, 4, 4)
    assert same_weights(model.state_dict(), told.weights[1])


def test_a_better_epoch_starts_the_count_anew() -> None:
    stopping, _, _, history = stopped([3, 4, 2, 4, 1, 4, 4, 9], patience=2)
    assert (stopping.best_epoch, stopping.stopped_at, len(history)) == (5, 7, 7)


def test_better_means_by_more_than_min_delta() -> None:
    stopping, *_ = stopped([1.0, 0.95, 0.9, 0.5], patience=2, min_delta=0.1)
    assert (stopping.best_epoch, stopping.stopped_at) == (1, 3)


def test_nan_is_never_better() -> None:
    stopping, told, model, _ = stopped([math.nan, 2, math.nan, math.nan, 1], patience=2)
    assert (stopping.best_epoch, stopping.stopped_at) == (2, 4)
    assert same_weights(model.state_dict(), told.weights[1])


def test_the_best_weights_are_restored_after_the_last_epoch_too() -> None:
    stopping, told, model, _ = stopped([3, 1, 2], patience=9)
    assert stopping.stopped_at is None
    assert same_weights(model.state_dict(), told.weights[1])


def test_without_restoring_the_last_weights_stay() -> None:
    _, told, model, _ = stopped([3, 1, 2, 2], patience=2, restore_best=False)
    assert same_weights(model.state_dict(), told.weights[-1])


def test_the_best_weights_are_restored_after_an_interruption() -> None:
    class Interrupt(Callback):
        def epoch(self, run: Run) -> None:
            if run.epoch == 3:
                raise KeyboardInterrupt

    model, told = network(), Told([3, 1, 2, 0])
    with pytest.raises(KeyboardInterrupt):
        fitted(model, valid=rows(2), epochs=4, callbacks=[told, tg.EarlyStopping(5), Interrupt()])
    assert same_weights(model.state_dict(), told.weights[1])


def test_early_stopping_needs_something_to_watch() -> None:
    with pytest.raises(OptionError, match="no validation data"):
        fitted(network(), callbacks=[tg.EarlyStopping(2)])
    with pytest.raises(OptionError, match="monitor is 'val_los'"):
        tg.EarlyStopping(2, monitor="val_los")
    with pytest.raises(OptionError, match="patience is 0"):
        tg.EarlyStopping(0)


# What is not finite, and what does not fit.


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_with_epoch_batch_and_the_parameter_named() -> None:
    model = network()
    with pytest.raises(NonFiniteError, match=r"epoch \d, batch \d+: the loss is \S+: .*layers\.\d"):
        fitted(model, optimizer=optim.SGD(model, 1e30), epochs=5)


def test_the_operation_that_made_a_nan_is_named() -> None:
    @tg.op
    def poisoned(x: Any) -> Any:
        return x * np.nan, lambda g: g

    with pytest.raises(NonFiniteError, match="epoch 1, batch 1: the loss is nan: poisoned made nan"):
        fitted(network() >> poisoned)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_after_it_early_stopping_restores_finite_weights() -> None:
    model = network()
    sgd = optim.SGD(model, 0.1)

    class Explode(Callback):
        def epoch(self, run: Run) -> None:
            if run.epoch == 2:
                sgd.learning_rate = 1e38

    with pytest.raises(NonFiniteError):
        fitted(model, optimizer=sgd, valid=rows(2), epochs=9, callbacks=[tg.EarlyStopping(5), Explode()])
    assert all(np.isfinite(value).all() for value in model.state_dict().values())


def test_data_that_do_not_fit_are_named() -> None:
    X, y = rows()
    for data, error, text in (
        ((X, y[:-1]), ShapeError, r"X \(50, 3\) and y \(49,\)"),
        ((X[:0], y[:0]), ShapeError, "no rows"),
        ((X[0], y), ShapeError, r"X \(3,\)"),
        ((X.astype(str), y), DtypeError, "real numbers"),
        ((np.where(np.arange(N)[:, None] == 4, np.nan, X), y), NonFiniteError, r"X\[4, 0\] is nan"),
    ):
        with pytest.raises(error, match=text):
            fitted(network(), train=data)
    with pytest.raises(ShapeError, match="as many columns"):
        fitted(network(), valid=(X[:, :2], y))


def test_an_optimizer_of_another_model_is_refused() -> None:
    with pytest.raises(OptionError, match="none of the model's parameters"):
        fitted(network(), optimizer=optim.Adam(network()))


def test_callbacks_are_called_in_order_and_all_ended_after_an_error() -> None:
    seen: list[str] = []

    class Named(Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def start(self, run: Run) -> None:
            seen.append(f"start {self.name}")

        def epoch(self, run: Run) -> None:
            seen.append(f"{self.name}{run.epoch}")
            if self.name == "b" and run.epoch == 2:
                raise RuntimeError

        def end(self, run: Run) -> None:
            seen.append(f"end {self.name}")

    with pytest.raises(RuntimeError):
        fitted(network(), callbacks=[Named("a"), Named("b")])
    assert seen == ["start a", "start b", "a1", "b1", "a2", "b2", "end a", "end b"]


def test_a_schedule_for_another_optimizer_is_refused() -> None:
    with pytest.raises(OptionError, match="another optimizer"):
        fitted(network(), callbacks=[tg.Scheduled(optim.Exponential(optim.Adam(network()), 0.5))])


def test_a_plateau_watches_the_validation_loss() -> None:
    model = network()
    sgd = optim.SGD(model, 0.1)
    plateau = tg.Scheduled(optim.ReduceOnPlateau(sgd, gamma=0.5, patience=0))
    fitted(model, optimizer=sgd, valid=rows(2), epochs=3, callbacks=[Told([1, 2, 3]), plateau])
    assert sgd.learning_rate == 0.025
    with pytest.raises(OptionError, match="no validation data"):
        fitted(model, optimizer=sgd, callbacks=[plateau])
