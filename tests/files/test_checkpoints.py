"""Checkpoints: a run that goes on from one, wherever it was written, is bit for bit the run that never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.setting import rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import CheckpointError, OptionError
from tinygrad_mlp.files import read_checkpoint
from tinygrad_mlp.training import Callback, Run

N, SIZE = 46, 8
"""Rows, and rows in a batch: 6 steps in an epoch, the last one of 6 rows. 10 epochs have 60 steps."""


class Stopped(Exception):  # noqa: N818 - no error: the test wants it
    """What ends a run in the middle, as a power cut would."""


class StopAfter(Callback):
    """Ends a run after so many of its steps; not at all if that is None."""

    def __init__(self, steps: int | None) -> None:
        self.left = steps

    def step(self, run: Run) -> None:
        if self.left is not None:
            self.left -= 1

    def pause(self, run: Run) -> None:
        if self.left == 0:
            raise Stopped


class Everything:
    """A run with all that has a state: dropout, running means, shuffling, Adam, a schedule, early stopping, norms.

    Its validation loss is best in epoch 4 or so, so that the best weights are older than the last ones.
    """

    def __init__(self, path: Path | None, schedule: str = "warm-up", stop_after: int | None = None, **how: Any) -> None:
        tg.seed(how.pop("package_seed", 11))  # the first dropout layer draws from the package's generator
        self.model = (
            (nn.Dense(3, 16, rng=1) >> nn.BatchNorm(16) >> nn.ReLU() >> nn.Dropout(0.2))
            >> (nn.Dense(16, 8, rng=2) >> nn.Tanh() >> nn.Dropout(0.3, rng=3))
            >> nn.Dense(8, 2, rng=4)
        )
        self.optimizer = optim.Adam(optim.without_decay_on_biases(self.model), 0.05, weight_decay=0.01)
        self.schedule: optim.Schedule = optim.ReduceOnPlateau(self.optimizer, gamma=0.5, patience=0)
        if schedule == "warm-up":
            self.schedule = optim.WarmUp(self.optimizer, over=3, then=optim.Exponential(self.optimizer, 0.9))
        self.stopping = tg.EarlyStopping(patience=how.pop("patience", 50))
        self.stop = StopAfter(stop_after)
        self.callbacks: list[Callback] = [tg.GradientNorms(), tg.Scheduled(self.schedule), self.stopping]
        if path is not None:
            self.callbacks += [tg.Checkpoint(path, every=99, steps=stop_after, resume=True)]
        self.callbacks += [self.stop]
        self.how: dict[str, Any] = {"epochs": 10, "batch_size": SIZE, "rng": 5, "clip_norm": 1.0} | how
        self.history: tg.History | None = None

    def train(self) -> Everything:
        X, y = rows(0, N)
        y = np.where(np.arange(N) % 5 == 0, 1 - y, y)  # some labels are wrong, to be learnt by heart
        self.history = tg.fit(
            self.model,
            tg.softmax_cross_entropy,
            self.optimizer,
            (X, y),
            valid=rows(7, 20),
            callbacks=self.callbacks,
            **self.how,
        )
        return self

    def outcome(self) -> list[Any]:
        """All that a run leaves behind, as bytes and numbers."""
        assert self.history is not None
        state = self.optimizer.state_dict()
        return [
            {name: array.tobytes() for name, array in self.model.state_dict().items()},
            {name: [number.hex() for number in self.history[name]] for name in self.history.names},
            [[pack["steps"], {n: a.tobytes() for n, a in pack["state"].items()}] for pack in state["packs"]],
            state["learning_rate"],
            (self.schedule.state_dict(), self.stopping.best, self.stopping.best_epoch, self.stopping.stopped_at),
            {name: rng.bit_generator.state for name, rng in self.model.named_generators().items()},
            tg.randomness.generator().bit_generator.state,
        ]


@pytest.mark.parametrize("schedule", ["warm-up", "plateau"])
def test_a_run_resumed_after_any_of_its_60_steps_ends_with_the_same_bits(tmp_path: Path, schedule: str) -> None:
    whole = Everything(None, schedule).train()
    expected = whole.outcome()
    assert len(whole.history or ()) == 10
    assert (whole.stopping.best_epoch or 10) < 10  # the weights that are put back are not the last ones
    equal = 0
    for step in range(1, 61):
        path = tmp_path / f"{step}.checkpoint"
        with pytest.raises(Stopped):
            Everything(path, schedule, stop_after=step).train()
        again = Everything(path, schedule, package_seed=99)
        again.model.load_state_dict({name: a * 0 for name, a in again.model.state_dict().items()})
        equal += again.train().outcome() == expected
    assert equal == 60


def test_a_run_may_be_broken_off_again_and_again(tmp_path: Path) -> None:
    expected = Everything(None).train().outcome()
    path, left = tmp_path / "run.checkpoint", 60
    while left:
        with pytest.raises(Stopped):
            Everything(path, stop_after=6, package_seed=11 if left == 60 else left).train()
        left -= 6
    assert Everything(path).train().outcome() == expected


def test_a_run_that_early_stopping_ended_is_at_its_end_when_it_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    first = Everything(path, patience=2).train()
    assert first.stopping.stopped_at
    assert read_checkpoint(path)["finished"]
    again = Everything(path, patience=2, stop_after=1)
    assert again.train().outcome() == first.outcome()


def test_one_generator_for_the_shuffling_and_the_layers_is_kept(tmp_path: Path) -> None:
    """After the rows of the epoch were shuffled, dropout has gone on drawing from it."""
    expected = Everything(None, rng=None).train().outcome()
    for step in (1, 8, 23):
        path = tmp_path / f"{step}"
        with pytest.raises(Stopped):
            Everything(path, rng=None, stop_after=step).train()
        assert Everything(path, rng=None, package_seed=99).train().outcome() == expected


def test_more_epochs_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    Everything(path, epochs=4).train()
    assert Everything(path).train().outcome() == Everything(None).train().outcome()


def test_a_run_that_continues_a_history_is_resumed_too(tmp_path: Path) -> None:
    earlier = Everything(None, epochs=2).train().history
    expected = Everything(None, epochs=3, history=earlier).train().outcome()
    path = tmp_path / "run.checkpoint"
    with pytest.raises(Stopped):
        Everything(path, epochs=3, history=earlier, stop_after=8).train()
    again = Everything(path, epochs=3, history=earlier).train()
    assert len(again.history or ()) == 5
    assert again.outcome() == expected


def test_frozen_layers_and_parameters_of_a_loss_are_kept(tmp_path: Path) -> None:
    """A callback unfreezes a layer after two epochs; and the loss has a parameter that is trained with the model's."""

    class Unfreezing(Callback):
        def epoch(self, run: Run) -> None:
            if run.epoch == 2:
                run.model[0].unfreeze()  # type: ignore[index]  # it is a Sequential

    def train(stop_after: int | None, path: Path) -> tuple[bytes, dict[str, np.ndarray]]:
        model, scale = nn.Dense(3, 4, rng=0) >> nn.Tanh() >> nn.Dense(4, 2, rng=1), nn.Parameter(np.ones(1))
        model[0].freeze()  # type: ignore[attr-defined]  # it is a Dense
        sgd = optim.SGD([*model.parameters(), scale], 0.1, momentum=0.9)
        callbacks = [Unfreezing(), tg.Checkpoint(path, steps=1, resume=True), StopAfter(stop_after)]

        def loss(z: Any, y: Any) -> Any:
            return tg.softmax_cross_entropy(z * scale, y)

        tg.fit(model, loss, sgd, rows(), epochs=4, batch_size=16, rng=3, callbacks=callbacks)
        return scale.data.tobytes(), model.state_dict()

    scale, weights = train(None, tmp_path / "whole")
    for step in (3, 11):
        with pytest.raises(Stopped):
            train(step, tmp_path / f"{step}")
        again, resumed = train(None, tmp_path / f"{step}")
        assert again == scale
        assert same_weights(resumed, weights)


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_kind_of_generator_is_kept(tmp_path: Path, kind: str) -> None:
    def train(stop_after: int | None, path: Path) -> dict[str, np.ndarray]:
        model = nn.Dense(3, 2, rng=0)
        rng = np.random.Generator(getattr(np.random, kind)(4))
        callbacks = [tg.Checkpoint(path, steps=1, resume=True), StopAfter(stop_after)]
        how: dict[str, Any] = {"epochs": 3, "batch_size": 8, "rng": rng, "callbacks": callbacks}
        tg.fit(model, tg.softmax_cross_entropy, optim.Adam(model), rows(), **how)
        return model.state_dict()

    whole = train(None, tmp_path / "whole")
    with pytest.raises(Stopped):
        train(9, tmp_path / "run")
    assert same_weights(train(None, tmp_path / "run"), whole)


# When a checkpoint is written.


class Written(Callback):
    """The places at which the file was another one than before."""

    def __init__(self, path: Path) -> None:
        self.path, self.last, self.places = path, b"", []  # type: tuple[Path, bytes, list[tuple[int, int]]]

    def pause(self, run: Run) -> None:
        content = self.path.read_bytes() if self.path.exists() else b""
        if content != self.last:
            self.places.append((run.epoch, run.batch if run.under_way else 0))
        self.last = content


def written(path: Path, every: int, steps: int | None, epochs: int = 5) -> list[tuple[int, int]]:
    model, told = nn.Dense(3, 2, rng=0), Written(path)
    callbacks = [tg.Checkpoint(path, every, steps=steps), told]
    how: dict[str, Any] = {"epochs": epochs, "batch_size": 16, "rng": 1, "callbacks": callbacks}  # 4 steps an epoch
    tg.fit(model, tg.softmax_cross_entropy, optim.Adam(model), rows(), **how)
    return told.places


def test_one_is_written_before_the_first_step_then_after_every_so_many_epochs_and_at_the_end(tmp_path: Path) -> None:
    assert written(tmp_path / "a", 1, None, epochs=3) == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert written(tmp_path / "b", 2, None) == [(0, 0), (2, 0), (4, 0), (5, 0)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_steps_are_counted_over_the_epochs(tmp_path: Path) -> None:
    expected = [(0, 0), (1, 3), (2, 2), (3, 1), (3, 4), (3, 0)]
    assert written(tmp_path / "a", 9, 3, epochs=3) == expected


def test_a_place_that_cannot_be_written_to_is_told_before_the_first_step(tmp_path: Path) -> None:
    model = nn.Dense(3, 2, rng=0)
    before = model.state_dict()
    path = tmp_path / "none" / "run"
    with pytest.raises(CheckpointError, match="none/run: the checkpoint cannot be written: No such file or directory"):
        written(path, 1, None)
    assert same_weights(model.state_dict(), before)
    for wrong in ({"every": 0}, {"steps": 0}, {"every": 1.5}):
        with pytest.raises(OptionError, match=r"Checkpoint: (every|steps)"):
            tg.Checkpoint(path, **wrong)  # type: ignore[arg-type]
