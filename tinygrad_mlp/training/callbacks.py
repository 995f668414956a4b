"""Callbacks: what happens between the epochs of a training run, such as stopping it early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp.errors import OptionError, StateError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.nn.arguments import at_least_1
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.optim.optimizer import number_in_range
from tinygrad_mlp.randomness import generator
from tinygrad_mlp.spelling import instead
from tinygrad_mlp.training.history import History
from tinygrad_mlp.training.measures import MEASURES


@dataclass
class Epoch:
    """An epoch that is under way.

    Attributes:
        weights: as they were when it began.
        order: where the generator was that its rows were shuffled with, before that.
        total: the sum of the losses so far, each times the rows of its batch.
        outputs: the model's outputs so far, in pieces.
    """

    weights: dict[str, np.ndarray]
    order: dict[str, Any]
    total: float
    outputs: list[Any]


@dataclass
class Run:
    """A training run, as callbacks see it.

    Attributes:
        model: the network.
        optimizer: what trains it.
        epochs: the number of the last epoch that was asked for: how many there are, with those of the `history` that
            this run continues.
        validated: whether there are validation data, and so columns `val_…` in the history.
        history: the numbers of the epochs so far.
        epoch: the epoch that is running or has just ended, from 1; before the first, how many the history has.
        batch: the batch of this epoch that is running or has just ended, from 1; 0 before the first.
        batches: how many batches an epoch has.
        batch_size: rows in a batch, but for the last one of an epoch.
        rng: what the rows are shuffled with.
        data: X and y of the training rows, and of those to validate with, as they are used.
        callbacks: all of them.
        under_way: the epoch that is running, between its first batch and its validation; None otherwise.
        stop: a callback sets it to end the training after this epoch.

    >>> import tinygrad_mlp as tg
    >>> class Enough(tg.Callback):
    ...     def epoch(self, run):
    ...         print(run.place, "of", run.batches)
    ...         run.stop = run.history["accuracy"][-1] == 1.0
    >>> model = tg.nn.Dense(1, 2, rng=0)
    >>> data = [[-1.0], [0.5], [1.0]], [0, 1, 1]
    >>> how = {"epochs": 9, "batch_size": 2, "rng": 0, "callbacks": [Enough()]}
    >>> history = tg.fit(model, tg.softmax_cross_entropy, tg.optim.SGD(model, 5.0), data, **how)
    epoch 1, batch 2 of 2
    epoch 2, batch 2 of 2
    """

    model: Module
    optimizer: Optimizer
    epochs: int
    validated: bool
    history: History
    epoch: int = 0
    batch: int = 0
    batches: int = 0
    batch_size: int = 0
    rng: np.random.Generator = field(default_factory=generator)
    data: tuple[np.ndarray, ...] = ()
    callbacks: Sequence[Callback] = ()
    under_way: Epoch | None = None
    stop: bool = False

    @property
    def place(self) -> str:
        """`epoch 3, batch 17`: where the run is, for messages."""
        return f"epoch {self.epoch}, batch {self.batch}"

    def expect(self, who: str, monitor: str) -> None:
        """Before the first epoch: refuse a column `val_…` if there will be none. Raises `OptionError`."""
        if monitor.startswith("val_") and not self.validated:
            raise OptionError(f"{who} watches {monitor}, but fit has no validation data: give it valid=(X, y)")

    def latest(self, who: str, monitor: str) -> float:
        """The number of the epoch that has just ended. Raises `OptionError` for a column that there is not."""
        if monitor not in self.history.names:
            seen = ", ".join(self.history.names)
            raise OptionError(f"{who} watches {monitor}, which this run does not have: it has {seen}")
        return self.history[monitor][-1]


class Callback:
    """Base of the callbacks: override what you need, and give `fit` an instance in `callbacks=[…]`.

    A run calls them in this order, and each method of all callbacks in the order of the list:

        start                        once, before the first epoch
            gradients                in each step, between the backward pass and the optimizer
            step                     after each step
          numbers                    after each epoch: gives more columns for its history
          epoch                      after each epoch, when the history has it
        end                          once, also after an error or Ctrl-C

    What they are given is the `Run`: they may read all of it, set `run.stop`, and change the model and the optimizer.

    >>> import tinygrad_mlp as tg
    >>> class Telling(tg.Callback):
    ...     def epoch(self, run):
    ...         print(f"epoch {run.epoch}/{run.epochs}: accuracy {run.history['accuracy'][-1]}")
    >>> model = tg.nn.Dense(1, 2, rng=0)
    >>> data = [[-1.0], [1.0]], [0, 1]
    >>> how = {"epochs": 2, "callbacks": [Telling()]}
    >>> _ = tg.fit(model, tg.softmax_cross_entropy, tg.optim.SGD(model, 10.0), data, **how)
    epoch 1/2: accuracy 0.0
    epoch 2/2: accuracy 1.0
    """

    def start(self, run: Run) -> None:
        """Called before the first epoch."""

    def gradients(self, run: Run) -> None:
        """Called in each step when the gradients are there, before they are clipped and the optimizer uses them."""

    def step(self, run: Run) -> None:
        """Called after each step of the optimizer."""

    def numbers(self, run: Run) -> Mapping[str, float]:
        """Called after each epoch, before its numbers go into the history: more of them, by column.

        They have to be the same columns in every epoch, and none that a run has already.
        """
        return {}

    def epoch(self, run: Run) -> None:
        """Called after each epoch, when its numbers are in the history."""

    def pause(self, run: Run) -> None:
        """Called before the first step, after each one, and after each epoch, when all callbacks are done with it.

        The run is then at rest: `tg.training.snapshot(run)` is all that it takes to go on from here, and before the
        first step, `tg.training.restore(run, …)` does so.
        """

    def end(self, run: Run) -> None:
        """Called when a run that was started ends, in whatever way: also after an error or Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback: dicts, lists, texts, numbers and arrays; {} if nothing changes."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be where another callback was that was made alike, after `start` in a run that goes on from a checkpoint."""


class EarlyStopping(Callback):
    """Stop when the validation loss has not become better for some epochs, and go back to the best weights.

    Better is lower for a loss or an error, higher for an accuracy, by more than `min_delta`; NaN is never better. The
    best weights are put back at the end of the run whatever ended it: this callback, the last epoch, an error or
    Ctrl-C.

    In a run that continues the history of one that it watched, it still knows the best epoch of both; if it stopped the
    first one, it waits `patience` epochs anew. In any other run it starts afresh.

    Args:
        patience: how many epochs without a better value it takes to stop, at least 1.
        min_delta: what counts as better, at least 0.
        monitor: the column of the history: `val_loss`, `loss`, or a metric that has a name, such as `val_accuracy`.
        restore_best: whether to go back; otherwise the weights of the last epoch stay.

    Raises:
        OptionError: a value out of its range; in `fit`, a monitor that the run does not have.

    Attributes:
        best: the best value so far; None before there is one.
        best_epoch: its epoch, from 1, or None.
        stopped_at: the epoch after which it stopped the run, or None.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> X, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2  # nothing to learn but the noise
    >>> model = tg.nn.Dense(4, 32, rng=0) >> tg.nn.ReLU() >> tg.nn.Dense(32, 2, rng=1)
    >>> stopping = tg.EarlyStopping(patience=3)
    >>> history = tg.fit(
    ...     model,
    ...     tg.softmax_cross_entropy,
    ...     tg.optim.Adam(model, 0.01),
    ...     (X[:40], y[:40]),
    ...     valid=(X[40:], y[40:]),
    ...     epochs=100,
    ...     rng=2,
    ...     callbacks=[stopping],
    ... )
    >>> len(history) == stopping.stopped_at == stopping.best_epoch + 3
    True
    >>> min(history["val_loss"]) == stopping.best
    True
    """

    _state = ("best", "best_epoch", "stopped_at", "_without_better")

    def __init__(
        self, patience: int, min_delta: float = 0.0, monitor: str = "val_loss", restore_best: bool = True
    ) -> None:
        signs = {"loss": 1, **{name: measure.sign for name, measure in MEASURES.items() if measure.sign}}
        known = {f"{prefix}{name}": sign for prefix in ("val_", "") for name, sign in signs.items()}
        if monitor not in known:
            raise OptionError(f"EarlyStopping: monitor is {monitor!r}; {instead(str(monitor), known)}")
        self.patience = at_least_1("EarlyStopping: patience", patience)
        self.min_delta = number_in_range("EarlyStopping: min_delta", min_delta)
        self.monitor = monitor
        self.restore_best = restore_best
        self._sign = known[monitor]
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.stopped_at: int | None = None
        self._without_better = 0
        self._weights: dict[str, np.ndarray] | None = None

    def start(self, run: Run) -> None:
        """Go on from an earlier run or forget it, and make sure that there will be something to watch."""
        run.expect("EarlyStopping", self.monitor)
        if not self._watched(run.history):
            self._reset()
            return
        if self.stopped_at is not None:
            self.stopped_at, self._without_better = None, 0
        if self.restore_best:  # the first run has put them back
            self._weights = run.model.state_dict()

    def _watched(self, history: History) -> bool:
        """Whether a history begins with the run that this callback has watched last."""
        if self.best_epoch is None or len(history) < self.best_epoch or self.monitor not in history.names:
            return False
        return history[self.monitor][self.best_epoch - 1] == self.best

    def epoch(self, run: Run) -> None:
        """Keep the weights if they are the best so far; else count, and stop at `patience`."""
        value = run.latest("EarlyStopping", self.monitor)
        if self._is_better(value):
            # The copy comes first: Ctrl-C meanwhile leaves the best epoch before, and its weights.
            weights = run.model.state_dict() if self.restore_best else None
            self.best, self.best_epoch, self._weights, self._without_better = value, run.epoch, weights, 0
            return
        self._without_better += 1
        if self._without_better >= self.patience:
            self.stopped_at = run.epoch
            run.stop = True

    def _is_better(self, value: float) -> bool:
        if self.best is None:
            return value == value  # NaN is not
        return self._sign * (self.best - value) > self.min_delta

    def state_dict(self) -> dict[str, Any]:
        """The best value, its epoch and its weights; how long there has been no better one, and whether it stopped."""
        weights = None if self._weights is None else dict(self._weights)
        return {**{name: getattr(self, name) for name in self._state}, "weights": weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take all of this over. Raises `StateError` for what is not such a state."""
        kinds = {"best": float, "best_epoch": int, "stopped_at": int, "_without_better": int, "weights": dict}
        if not isinstance(state, Mapping) or state.keys() != kinds.keys():
            raise StateError(f"the state of EarlyStopping is {state!r:.80}; {', '.join(kinds)} are expected")
        for name, kind in kinds.items():
            if type(state[name]) is not kind and (state[name] is not None or name == "_without_better"):
                raise StateError(f"EarlyStopping's {name} is {state[name]!r:.80}; {kind.__name__} is expected")
        for name in self._state:
            setattr(self, name, state[name])
        self._weights = state["weights"]

    def end(self, run: Run) -> None:
        """Put the best weights back."""
        if self._weights is not None:
            run.model.load_state_dict(self._weights)
            self._weights = None
