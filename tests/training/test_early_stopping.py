"""Early stopping: when it stops, what is better, and that the best weights come back whatever ends the run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.setting import fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.errors import NonFiniteError, OptionError
from tinygrad_mlp.training import Callback, Run


class Told(Callback):
    """Puts numbers of its own into the history's last epoch, before early stopping looks; remembers the weights."""

    def __init__(self, values: Sequence[float], column: str = "val_loss") -> None:
        self.values = values
        self.column = column
        self.weights: list[dict[str, np.ndarray]] = []

    def epoch(self, run: Run) -> None:
        run.history._columns[self.column][-1] = self.values[run.epoch - 1]
        self.weights.append(run.model.state_dict())


def stopped(values: Sequence[float], **how: Any) -> tuple[tg.EarlyStopping, Told, nn.Module, tg.History]:
    model, stopping = network(), tg.EarlyStopping(**how)
    told = Told(values, stopping.monitor)
    history = fitted(model, valid=rows(2), epochs=len(values), callbacks=[told, stopping])
    return stopping, told, model, history


def test_it_waits_for_patience_and_restores_the_best_weights() -> None:
    stopping, told, model, history = stopped([3, 2, 2.5, 2.1, 1, 1], patience=2)
    assert (stopping.best, stopping.best_epoch, stopping.stopped_at, len(history)) == (2, 2, 4, 4)
    assert same_weights(model.state_dict(), told.weights[1])
    assert not same_weights(told.weights[3], told.weights[1])


def test_a_better_epoch_starts_the_count_anew() -> None:
    stopping, _, _, history = stopped([3, 4, 2, 4, 1, 4, 4, 9], patience=2)
    assert (stopping.best_epoch, stopping.stopped_at, len(history)) == (5, 7, 7)


def test_equal_is_not_better() -> None:
    stopping, *_ = stopped([1, 1, 1, 0], patience=2)
    assert (stopping.best_epoch, stopping.stopped_at) == (1, 3)


def test_better_means_by_more_than_min_delta() -> None:
    stopping, *_ = stopped([1.0, 0.95, 0.9, 0.5], patience=2, min_delta=0.1)
    assert (stopping.best_epoch, stopping.stopped_at) == (1, 3)
    stopping, *_ = stopped([1.0, 0.95, 0.85, 0.8], patience=2, min_delta=0.1)
    assert (stopping.best_epoch, stopping.stopped_at) == (3, None)


def test_of_an_accuracy_the_higher_one_is_better() -> None:
    stopping, told, model, _ = stopped([0.5, 0.8, 0.6, 0.7, 0.9], patience=2, monitor="val_accuracy")
    assert (stopping.best, stopping.best_epoch, stopping.stopped_at) == (0.8, 2, 4)
    assert same_weights(model.state_dict(), told.weights[1])


@pytest.mark.parametrize(("monitor", "best"), [("loss", 3), ("accuracy", 1)])
def test_without_validation_data_the_training_is_watched(monitor: str, best: int) -> None:
    model, told, stopping = network(), Told([3, 2, 1], monitor), tg.EarlyStopping(9, monitor=monitor)
    fitted(model, callbacks=[told, stopping])
    assert stopping.best_epoch == best
    assert same_weights(model.state_dict(), told.weights[best - 1])


def test_nan_is_never_better() -> None:
    stopping, told, model, _ = stopped([math.nan, 2, math.nan, math.nan, 1], patience=2)
    assert (stopping.best_epoch, stopping.stopped_at) == (2, 4)
    assert same_weights(model.state_dict(), told.weights[1])


def test_with_nothing_but_nan_there_is_no_best_epoch_and_the_last_weights_stay() -> None:
    stopping, told, model, _ = stopped([math.nan] * 4, patience=3)
    assert (stopping.best, stopping.best_epoch, stopping.stopped_at) == (None, None, 3)
    assert same_weights(model.state_dict(), told.weights[-1])


def test_a_number_is_better_than_infinity() -> None:
    stopping, *_ = stopped([math.inf, 5, math.inf], patience=3)
    assert (stopping.best, stopping.best_epoch) == (5, 2)


@given(
    st.lists(st.sampled_from([1.0, 2.0, 2.5, 3.0, math.inf, math.nan]), min_size=1, max_size=8),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.5, 0.6]),
)
def test_it_stops_where_the_rule_read_aloud_does(values: list[float], patience: int, min_delta: float) -> None:
    best, best_epoch, stopped_at, waited = math.nan, None, None, 0
    for epoch, value in enumerate(values, 1):
        if not math.isnan(value) and (best_epoch is None or value < best - min_delta):
            best, best_epoch, waited = value, epoch, 0
        else:
            waited += 1
        if waited == patience:
            stopped_at = epoch
            break
    stopping, told, model, history = stopped(values, patience=patience, min_delta=min_delta)
    assert (stopping.best_epoch, stopping.stopped_at) == (best_epoch, stopped_at)
    assert len(history) == (stopped_at or len(values))
    assert same_weights(model.state_dict(), told.weights[(best_epoch or len(history)) - 1])


def test_the_best_weights_are_restored_after_the_last_epoch_too() -> None:
    stopping, told, model, _ = stopped([3, 1, 2], patience=9)
    assert stopping.stopped_at is None
    assert same_weights(model.state_dict(), told.weights[1])


def test_without_restoring_the_last_weights_stay() -> None:
    stopping, told, model, _ = stopped([3, 1, 2, 2], patience=2, restore_best=False)
    assert stopping.best_epoch == 2
    assert same_weights(model.state_dict(), told.weights[-1])


def test_what_batches_left_in_the_model_comes_back_too() -> None:
    model = nn.Dense(3, 8, rng=0) >> nn.BatchNorm(8) >> nn.ReLU() >> nn.Dense(8, 2, rng=1)
    told = Told([1, 2, 3])
    fitted(model, valid=rows(2), callbacks=[told, tg.EarlyStopping(9)])
    assert same_weights(model.state_dict(), told.weights[0])
    assert not np.array_equal(told.weights[0]["layers.1.running_mean"], told.weights[2]["layers.1.running_mean"])


def test_the_restored_weights_are_those_of_the_best_validation_loss() -> None:
    model, valid = network(), rows(3, 20)
    stopping = tg.EarlyStopping(2)
    history = fitted(model, valid=valid, epochs=60, optimizer=tg.optim.Adam(model, 0.2), callbacks=[stopping])
    assert stopping.stopped_at == len(history) < 60
    assert stopping.best == min(history["val_loss"]) == history["val_loss"][(stopping.best_epoch or 0) - 1]
    assert tg.evaluate(model, tg.softmax_cross_entropy, valid)["loss"] == stopping.best


class Fails(Callback):
    """Raises after an epoch."""

    def __init__(self, epoch: int, error: BaseException) -> None:
        self.when = epoch
        self.error = error

    def epoch(self, run: Run) -> None:
        if run.epoch == self.when:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError()])
@pytest.mark.parametrize("first", [False, True], ids=["callback after", "callback before"])
def test_the_best_weights_are_restored_after_an_error_in_a_callback(error: BaseException, first: bool) -> None:
    model, told, fails = network(), Told([3, 1, 2, 0]), Fails(3, error)
    callbacks = [told, fails, tg.EarlyStopping(5)] if first else [told, tg.EarlyStopping(5), fails]
    with pytest.raises(type(error)):
        fitted(model, valid=rows(2), epochs=4, callbacks=callbacks)
    assert same_weights(model.state_dict(), told.weights[1])
    assert not same_weights(told.weights[2], told.weights[1])


@pytest.mark.parametrize("mode", ["training", "validation"])
@pytest.mark.parametrize("where", ["model", "loss"])
def test_the_best_weights_are_restored_after_an_interruption_in_the_third_epoch(mode: str, where: str) -> None:
    told = Told([1, 2, 3])
    batches: list[str] = []  # those of the third epoch

    class Last(nn.Module):
        def forward(self, x: Any) -> Any:
            if len(told.weights) == 2:
                batches.append("training" if self.training else "validation")
                interrupt("model")
            return x

    def interrupt(here: str) -> None:
        if here == where and batches[-1:] == [mode] and len(batches) > 2:  # after two steps of the epoch
            raise KeyboardInterrupt

    def loss(z: Any, y: Any) -> Any:
        interrupt("loss")
        return tg.softmax_cross_entropy(z, y)

    model = network() >> Last()
    with pytest.raises(KeyboardInterrupt):
        fitted(model, loss=loss, valid=rows(2), callbacks=[told, tg.EarlyStopping(5)])
    assert len(batches) == (3 if mode == "training" else 5)
    assert same_weights(model.state_dict(), told.weights[0])


def test_a_run_that_explodes_ends_with_finite_weights() -> None:
    model, told = network(), Told([1, 2, 3])
    sgd = tg.optim.SGD(model, 0.1)

    class Explode(Callback):
        def epoch(self, run: Run) -> None:
            if run.epoch == 2:
                sgd.learning_rate = 1e30

    with pytest.raises(NonFiniteError):
        fitted(model, optimizer=sgd, valid=rows(2), epochs=9, callbacks=[told, tg.EarlyStopping(5), Explode()])
    assert same_weights(model.state_dict(), told.weights[0])


def test_one_object_stops_run_after_run() -> None:
    stopping = tg.EarlyStopping(2)
    for values, best in (([1, 2, 3, 4], 1), ([9, 8, 9, 9], 2)):
        fitted(network(), valid=rows(2), epochs=4, callbacks=[Told(values), stopping])
        assert (stopping.best, stopping.best_epoch, stopping.stopped_at) == (values[best - 1], best, best + 2)


def test_without_validation_data_there_is_nothing_to_watch() -> None:
    model = network()
    before = model.state_dict()
    with pytest.raises(OptionError, match=r"EarlyStopping watches val_loss, but fit has no validation data"):
        fitted(model, callbacks=[tg.EarlyStopping(2)])
    assert same_weights(model.state_dict(), before)


def test_a_metric_that_the_run_does_not_have_is_named() -> None:
    X, _ = rows()
    with pytest.raises(OptionError, match="watches val_accuracy, which this run does not have: it has loss, r2"):
        fitted(
            nn.Dense(3, 3, rng=0),
            loss=tg.mean_squared_error,
            train=(X, X),
            valid=(X / 2, X),
            callbacks=[tg.EarlyStopping(2, monitor="val_accuracy")],
        )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"patience": 0}, "patience is 0; a whole number of at least 1"),
        ({"patience": True}, "patience is True"),
        ({"patience": 2.0}, "patience is 2.0"),
        ({"min_delta": -1}, "min_delta is -1"),
        ({"min_delta": math.nan}, "min_delta is nan"),
        ({"min_delta": "0"}, "min_delta is '0'"),
        ({"monitor": "val_los"}, "monitor is 'val_los'; did you mean val_loss?"),
        ({"monitor": None}, "monitor is None"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionError, match=f"EarlyStopping: {text}"):
        tg.EarlyStopping(**({"patience": 2} | options))
