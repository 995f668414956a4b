"""Training that goes on where an earlier fit ended: the same bits as in one run, and numbers that count on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from training.setting import fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.training import Callback, Run

RULES: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda model: optim.SGD(model, 0.1, 0.9),
    "Adam": lambda model: optim.Adam(model, 0.01),
    "AdaGrad": lambda model: optim.AdaGrad(model, 0.05),
}
SCHEDULES: dict[str, Callable[[optim.Optimizer], optim.Schedule]] = {
    "constant": optim.Constant,
    "cosine": lambda optimizer: optim.Cosine(optimizer, over=20),
    "warm-up": lambda optimizer: optim.WarmUp(optimizer, over=12, then=optim.Exponential(optimizer, 0.9)),
    "plateau": lambda optimizer: optim.ReduceOnPlateau(optimizer, gamma=0.5, patience=1, threshold=0.05),
}


class Told(Callback):
    """Writes down what it is told of a run."""

    def __init__(self) -> None:
        self.epochs: list[tuple[int, int]] = []
        self.rates: list[float] = []

    def start(self, run: Run) -> None:
        self.began = run.epoch, len(run.history)

    def epoch(self, run: Run) -> None:
        self.epochs.append((run.epoch, run.epochs))
        self.rates.append(run.optimizer.learning_rate)


def parts(sizes: list[int], rule: str, schedule: str) -> tuple[nn.Module, tg.History, Told, tg.EarlyStopping]:
    """Training in as many calls as there are sizes, with one model, optimizer, schedule and generator for all."""
    model = nn.Dense(3, 8, rng=1) >> nn.BatchNorm(8) >> nn.ReLU() >> nn.Dropout(0.3, rng=2) >> nn.Dense(8, 2, rng=3)
    optimizer, rng, told = RULES[rule](model), np.random.default_rng(4), Told()
    stopping = tg.EarlyStopping(patience=30, restore_best=False)
    callbacks = [tg.Scheduled(SCHEDULES[schedule](optimizer)), told, stopping]
    history = None
    for epochs in sizes:
        how: dict[str, Any] = {"optimizer": optimizer, "epochs": epochs, "rng": rng, "callbacks": callbacks}
        history = fitted(model, valid=rows(7, 20), history=history, **how)
    assert history is not None
    return model, history, told, stopping


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rule", RULES)
def test_10_and_10_epochs_are_20_bit_for_bit(rule: str, schedule: str) -> None:
    whole, at_once, told_once, stopping_once = parts([20], rule, schedule)
    halves, continued, told, stopping = parts([10, 10], rule, schedule)
    assert same_weights(whole.state_dict(), halves.state_dict())
    assert continued.names == at_once.names
    for name in at_once.names:
        assert continued[name] == at_once[name]
    assert told.rates == told_once.rates
    assert told.epochs == [(e, 10 if e <= 10 else 20) for e in range(1, 21)]
    assert (stopping.best, stopping.best_epoch) == (stopping_once.best, stopping_once.best_epoch)
    if schedule == "plateau":
        assert len(set(told.rates)) > 1


def test_callbacks_see_the_epochs_before() -> None:
    model, told = network(), Told()
    earlier = fitted(model)
    fitted(model, history=earlier, epochs=2, callbacks=[told])
    assert told.began == (3, 3)
    assert told.epochs == [(4, 5), (5, 5)]


def test_the_history_that_is_continued_stays_as_it_was() -> None:
    model = network()
    earlier = fitted(model)
    before = earlier["loss"]
    later = fitted(model, history=earlier)
    assert later["loss"][:3] == before == earlier["loss"]
    assert (len(later), len(earlier)) == (6, 3)


def test_a_history_from_a_file_is_continued(tmp_path: Any) -> None:
    model = network()
    fitted(model).to_csv(tmp_path / "run.csv")
    fitted(model, history=tg.History.from_csv(tmp_path / "run.csv")).to_csv(tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_text().splitlines()[-1].startswith("6,")


def test_an_error_names_the_epoch_as_counted_on() -> None:
    model = network()
    earlier = fitted(model)
    with pytest.raises(tg.errors.NonFiniteError, match=r"^epoch 4, batch 1"):
        fitted(model, history=earlier, loss=lambda z, y: tg.softmax_cross_entropy(z, y) * np.nan)


@pytest.mark.parametrize(
    ("earlier", "now", "text"),
    [
        ({"valid": rows(7)}, {}, r"has columns val_…, but fit has no validation data"),
        ({}, {"valid": rows(7)}, r"has no columns val_…, but fit has validation data"),
    ],
)
def test_a_history_with_other_validation_is_refused_before_training(earlier: Any, now: Any, text: str) -> None:
    model = network()
    history = fitted(model, **earlier)
    before = model.state_dict()
    with pytest.raises(OptionError, match=text):
        fitted(model, history=history, **now)
    assert same_weights(model.state_dict(), before)


def test_what_is_no_history_and_one_with_other_columns_is_refused() -> None:
    with pytest.raises(OptionError, match=r"the history is \[\]; the History that an earlier fit returned"):
        fitted(network(), history=[])
    other = tg.History()
    other.append({"score": 1})
    with pytest.raises(
        DataError, match="an epoch with loss, accuracy, which the epochs before do not have, and without score"
    ):
        fitted(network(), history=other)


# Early stopping over several calls.


class Values(Callback):
    """Puts numbers of its own into the history, so that a test says which epochs are good."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)
        self.weights: list[dict[str, np.ndarray]] = []

    def epoch(self, run: Run) -> None:
        run.history._columns["val_loss"][-1] = self.values.pop(0)
        self.weights.append(run.model.state_dict())


def test_early_stopping_goes_on_from_the_best_epoch_so_far() -> None:
    model, values, stopping = network(), Values(5.0, 3.0, 4.0, 4.0, 3.5, 3.2), tg.EarlyStopping(patience=2)
    how: dict[str, Any] = {"valid": rows(7), "epochs": 9, "callbacks": [values, stopping]}
    history = fitted(model, **how)
    assert (stopping.best_epoch, stopping.stopped_at) == (2, 4)
    history = fitted(model, history=history, **how)  # worse than 3.0 all the time: the weights of epoch 2 come back
    assert (stopping.best, stopping.best_epoch, stopping.stopped_at) == (3.0, 2, 6)
    assert len(history) == 6
    assert same_weights(model.state_dict(), values.weights[1])


def test_early_stopping_counts_on_where_a_call_ended_before_it_stopped() -> None:
    model, values, stopping = network(), Values(3.0, 4.0, 4.0, 4.0), tg.EarlyStopping(patience=3)
    how: dict[str, Any] = {"valid": rows(7), "callbacks": [values, stopping]}
    history = fitted(model, epochs=2, **how)
    assert stopping.stopped_at is None
    fitted(model, epochs=9, history=history, **how)
    assert stopping.stopped_at == 4


def test_early_stopping_forgets_a_run_that_is_not_continued() -> None:
    model, values, stopping = network(), Values(1.0, 9.0, 8.0, 7.0), tg.EarlyStopping(patience=2)
    how: dict[str, Any] = {"valid": rows(7), "epochs": 2, "callbacks": [values, stopping]}
    fitted(model, **how)
    fitted(model, **how)
    assert (stopping.best, stopping.best_epoch) == (7.0, 2)
