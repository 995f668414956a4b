"""Callbacks: when they are called, in which order, and what they see; schedules among them."""

from __future__ import annotations

from typing import Any

import pytest
from training.setting import fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import optim
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.training import Callback, Run


class Named(Callback):
    """Writes down what is called; raises where it is told to."""

    def __init__(self, name: str, seen: list[str], fails: dict[str, BaseException] | None = None) -> None:
        self.name = name
        self.seen = seen
        self.fails = fails or {}

    def note(self, what: str) -> None:
        self.seen.append(f"{self.name} {what}")
        if what in self.fails:
            raise self.fails[what]

    def start(self, run: Run) -> None:
        self.note("start")

    def epoch(self, run: Run) -> None:
        self.note(str(run.epoch))

    def end(self, run: Run) -> None:
        self.note("end")


def test_they_are_called_in_the_order_given() -> None:
    seen: list[str] = []
    fitted(network(), epochs=2, callbacks=[Named("a", seen), Named("b", seen)])
    assert seen == ["a start", "b start", "a 1", "b 1", "a 2", "b 2", "a end", "b end"]


def test_each_method_is_called_in_its_turn() -> None:
    """As the docstring of `Callback` draws it."""
    seen: list[str] = []

    class All(Callback):
        def start(self, run: Run) -> None:
            seen.append("start")

        def gradients(self, run: Run) -> None:
            seen.append("gradients")

        def step(self, run: Run) -> None:
            seen.append("step")

        def numbers(self, run: Run) -> dict[str, float]:
            seen.append("numbers")
            return {"steps": seen.count("step")}

        def epoch(self, run: Run) -> None:
            seen.append(f"epoch with {run.history['steps'][-1]:g} steps")

        def end(self, run: Run) -> None:
            seen.append("end")

    fitted(network(), epochs=2, batch_size=30, callbacks=[All()])
    steps = ["gradients", "step"] * 2 + ["numbers"]
    assert seen == ["start", *steps, "epoch with 2 steps", *steps, "epoch with 4 steps", "end"]


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt(), SystemExit()])
def test_all_of_them_are_ended_after_an_error(error: BaseException) -> None:
    seen: list[str] = []
    with pytest.raises(type(error)):
        fitted(network(), callbacks=[Named("a", seen), Named("b", seen, {"2": error}), Named("c", seen)])
    assert seen[3:] == ["a 1", "b 1", "c 1", "a 2", "b 2", "a end", "b end", "c end"]


def test_all_of_them_are_ended_after_an_error_in_the_loss() -> None:
    def loss(z: Any, y: Any) -> Any:
        raise ZeroDivisionError

    seen: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fitted(network(), loss=loss, callbacks=[Named("a", seen), Named("b", seen)])
    assert seen == ["a start", "b start", "a end", "b end"]


def test_those_that_did_start_are_ended_when_another_does_not() -> None:
    seen: list[str] = []
    with pytest.raises(ValueError, match="no"):
        fitted(network(), callbacks=[Named("a", seen), Named("b", seen, {"start": ValueError("no")}), Named("c", seen)])
    assert seen == ["a start", "b start", "a end"]


def test_an_end_that_fails_does_not_keep_the_others_from_theirs() -> None:
    seen: list[str] = []
    with pytest.raises(ValueError, match="no"):
        fitted(network(), epochs=1, callbacks=[Named("a", seen, {"end": ValueError("no")}), Named("b", seen)])
    assert seen == ["a start", "b start", "a 1", "b 1", "a end", "b end"]


def test_one_of_them_stops_the_run_after_the_others_have_seen_the_epoch() -> None:
    class Stop(Callback):
        def epoch(self, run: Run) -> None:
            run.stop = run.epoch == 2

    seen: list[str] = []
    history = fitted(network(), epochs=9, callbacks=[Stop(), Named("a", seen)])
    assert len(history) == 2
    assert seen == ["a start", "a 1", "a 2", "a end"]


def test_they_see_the_run() -> None:
    model = network()
    adam = optim.Adam(model, 0.01)
    runs: list[tuple[str, int, int]] = []

    class Look(Callback):
        def look(self, when: str, run: Run) -> None:
            assert run.model is model
            assert run.optimizer is adam
            assert (run.epochs, run.validated) == (2, True)
            runs.append((when, run.epoch, len(run.history)))

        def start(self, run: Run) -> None:
            self.look("start", run)

        def epoch(self, run: Run) -> None:
            self.look("epoch", run)

        def end(self, run: Run) -> None:
            self.look("end", run)

    fitted(model, optimizer=adam, epochs=2, valid=rows(2), callbacks=[Look()])
    assert runs == [("start", 0, 0), ("epoch", 1, 1), ("epoch", 2, 2), ("end", 2, 2)]


def test_after_each_step_they_see_how_far_the_epoch_is() -> None:
    model = network()
    before = model.state_dict()
    seen: list[tuple[int, int, int]] = []

    class Look(Callback):
        def step(self, run: Run) -> None:
            assert not same_weights(model.state_dict(), before)  # the step has been made
            seen.append((run.epoch, run.batch, run.batches))

    fitted(model, epochs=2, batch_size=20, callbacks=[Look(), Callback()])
    assert seen == [(1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 1, 3), (2, 2, 3), (2, 3, 3)]


# Schedules.


def test_a_schedule_takes_a_step_after_each_epoch() -> None:
    model = network()
    sgd = optim.SGD(model, 0.1)
    rates = []

    class Look(Callback):
        def epoch(self, run: Run) -> None:
            rates.append(sgd.learning_rate)

    fitted(model, optimizer=sgd, callbacks=[Look(), tg.Scheduled(optim.Exponential(sgd, 0.5))])
    assert rates == [0.1, 0.05, 0.025]


def test_a_schedule_for_another_optimizer_is_refused() -> None:
    with pytest.raises(OptionError, match="another optimizer"):
        fitted(network(), callbacks=[tg.Scheduled(optim.Exponential(optim.Adam(network()), 0.5))])


class Told(Callback):
    def __init__(self, losses: list[float]) -> None:
        self.losses = losses

    def epoch(self, run: Run) -> None:
        run.history._columns["val_loss"][-1] = self.losses[run.epoch - 1]


def test_a_plateau_watches_the_validation_loss() -> None:
    model = network()
    sgd = optim.SGD(model, 0.1)
    plateau = tg.Scheduled(optim.ReduceOnPlateau(sgd, gamma=0.5, patience=0))
    fitted(model, optimizer=sgd, valid=rows(2), callbacks=[Told([1, 2, 3]), plateau])
    assert sgd.learning_rate == 0.025


def test_a_plateau_needs_something_to_watch() -> None:
    model = network()
    sgd = optim.SGD(model, 0.1)
    plateau = optim.ReduceOnPlateau(sgd, gamma=0.5, patience=0)
    with pytest.raises(OptionError, match="ReduceOnPlateau watches val_loss, but fit has no validation data"):
        fitted(model, optimizer=sgd, callbacks=[tg.Scheduled(plateau)])
    with pytest.raises(OptionError, match="watches f1, which this run does not have: it has loss, accuracy"):
        fitted(model, optimizer=sgd, callbacks=[tg.Scheduled(plateau, monitor="f1")])
