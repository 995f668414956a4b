"""Ctrl-C and SIGTERM in a run that keeps checkpoints: they wait for the step in hand, and for the file."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.setting import fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn
from tinygrad_mlp.files import read_checkpoint
from tinygrad_mlp.interrupting import Terminated
from tinygrad_mlp.training import Callback, Run, interruptions


class At(Callback):
    """Does something in the middle of a step of the run: between its backward pass and the optimizer's."""

    def __init__(self, epoch: int, batch: int, act: Callable[[], Any]) -> None:
        self.place, self.act = (epoch, batch), act
        self.last: tuple[int, int] = (0, 0)

    def gradients(self, run: Run) -> None:
        self.last = (run.epoch, run.batch)
        if self.last == self.place:
            self.act()


ENDS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]


@pytest.mark.parametrize(("number", "error"), ENDS)
def test_the_run_ends_after_the_step_in_hand_and_with_a_checkpoint_of_it(
    tmp_path: Path, number: int, error: type[BaseException]
) -> None:
    expected = network()
    fitted(expected)
    path = tmp_path / "run"
    at = At(2, 3, lambda: signal.raise_signal(number))
    before = [signal.getsignal(n) for n, _ in ENDS]
    with pytest.raises(error) as caught:
        fitted(network(), callbacks=[tg.Checkpoint(path), at])
    assert at.last == (2, 3)
    assert getattr(caught.value, "message", str(caught.value)) == "interrupted after epoch 2, batch 3"
    if error is Terminated:
        assert caught.value.code == 143  # type: ignore[attr-defined]  # a SystemExit has it
    assert [signal.getsignal(n) for n, _ in ENDS] == before
    found = read_checkpoint(path)
    assert (found["run"]["epoch"], found["run"]["batch"], found["finished"]) == (2, 3, False)
    model = network(9)
    history = fitted(model, callbacks=[tg.Checkpoint(path, resume=True)])
    assert len(history) == 3
    assert same_weights(model.state_dict(), expected.state_dict())


def test_without_a_checkpoint_ctrl_c_is_raised_at_once_and_the_best_weights_are_in_the_model() -> None:
    model, kept = network(), []
    stopping = tg.EarlyStopping(9)

    class Keeping(Callback):
        def epoch(self, run: Run) -> None:
            kept.append(run.model.state_dict())

    at = At(4, 2, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fitted(model, valid=rows(7), epochs=9, callbacks=[stopping, Keeping(), at])
    assert stopping.best_epoch is not None
    assert same_weights(model.state_dict(), kept[stopping.best_epoch - 1])


def test_with_one_too_the_best_weights_are_in_the_model(tmp_path: Path) -> None:
    model, kept = network(), []
    stopping = tg.EarlyStopping(9)

    class Keeping(Callback):
        def epoch(self, run: Run) -> None:
            kept.append(run.model.state_dict())

    at = At(4, 2, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fitted(model, valid=rows(7), epochs=9, callbacks=[tg.Checkpoint(tmp_path / "run"), stopping, Keeping(), at])
    assert stopping.best_epoch is not None
    assert same_weights(model.state_dict(), kept[stopping.best_epoch - 1])


def test_signals_during_the_save_leave_a_whole_file_and_are_raised_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruptions, "PATIENCE", -1.0)  # at any other time, a second one would be raised at once
    path, fsync, sent = tmp_path / "run", os.fsync, []

    def interrupted(fd: int) -> None:
        sent.extend(signal.raise_signal(signal.SIGINT) for _ in range(3))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt, match="interrupted after nothing"):
        fitted(network(), callbacks=[tg.Checkpoint(path)])
    assert len(sent) == 6  # of the file, and of its folder
    assert read_checkpoint(path)["run"]["epoch"] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_second_signal_ends_a_step_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def twice() -> None:
        for n in (1, 2):  # nothing yet: the step may be over in a moment
            signal.raise_signal(signal.SIGINT)
            sent.append(n)
        monkeypatch.setattr(interruptions, "PATIENCE", 0.0)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fitted(network(), callbacks=[tg.Checkpoint(path), At(2, 1, twice)])
    assert sent == [1, 2]
    assert read_checkpoint(path)["run"]["epoch"] == 1


def test_handlers_of_ones_own_and_other_threads_are_left_alone(tmp_path: Path) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        at = At(1, 1, lambda: signal.raise_signal(signal.SIGINT))
        assert len(fitted(network(), callbacks=[tg.Checkpoint(tmp_path / "run"), at])) == 3
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]
    lengths: list[int] = []

    def train() -> None:
        lengths.append(len(fitted(network(), callbacks=[tg.Checkpoint(tmp_path / "other")])))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert lengths == [3]


def test_a_step_that_fails_leaves_the_last_checkpoint_and_the_handlers(tmp_path: Path) -> None:
    path, before = tmp_path / "run", signal.getsignal(signal.SIGINT)
    model = nn.Dense(3, 2, rng=0)

    def broken() -> None:
        model.W.grad = np.full((3, 2), np.nan)

    with pytest.raises(tg.errors.NonFiniteError):
        fitted(model, callbacks=[tg.Checkpoint(path), At(3, 1, broken)])
    assert read_checkpoint(path)["run"]["epoch"] == 2
    assert signal.getsignal(signal.SIGINT) is before
