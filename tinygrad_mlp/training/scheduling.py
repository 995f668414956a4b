"""Schedules in a training run: the learning rate moves after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.optim import ReduceOnPlateau, Schedule
from tinygrad_mlp.training.callbacks import Callback, Run


class Scheduled(Callback):
    """Lets a schedule take a step after each epoch.

    Args:
        schedule: made for the run's optimizer.
        monitor: the column of the history that a `ReduceOnPlateau` looks at.

    Raises:
        OptionError: in `fit`, a schedule for another optimizer, or a monitor that the run does not have.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 2, rng=0)
    >>> sgd = tg.optim.SGD(model, learning_rate=0.1)
    >>> halved = tg.Scheduled(tg.optim.Exponential(sgd, gamma=0.5))
    >>> data = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> _ = tg.fit(model, tg.softmax_cross_entropy, sgd, data, epochs=3, callbacks=[halved])
    >>> sgd.learning_rate
    0.0125
    """

    def __init__(self, schedule: Schedule, monitor: str = "val_loss") -> None:
        self.schedule = schedule
        self.monitor = monitor

    def start(self, run: Run) -> None:
        """Make sure that the schedule steers the optimizer that trains, and has something to watch."""
        if self.schedule.optimizer is not run.optimizer:
            raise OptionError("Scheduled: the schedule was made for another optimizer than the one that trains")
        if isinstance(self.schedule, ReduceOnPlateau):
            run.expect("ReduceOnPlateau", self.monitor)

    def epoch(self, run: Run) -> None:
        """Take a step."""
        if isinstance(self.schedule, ReduceOnPlateau):
            self.schedule.step(run.latest("ReduceOnPlateau", self.monitor))
        else:
            self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """The schedule's."""
        return self.schedule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put the schedule where another one was."""
        self.schedule.load_state_dict(state)
