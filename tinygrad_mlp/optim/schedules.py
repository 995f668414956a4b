"""Schedules: how the learning rate changes while a network learns.

A schedule is made for an optimizer and takes a step after each epoch, or after each batch, whichever it is meant for:
`schedule.step()` then sets `optimizer.learning_rate`. Groups with a rate of their own follow in proportion. In the
formulas η is the rate at the start and n the number of steps so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from tinygrad_mlp.errors import OptionError, StateError
from tinygrad_mlp.optim.optimizer import Optimizer, number_in_range


class Schedule:
    """Base of the schedules, and the constant one: η stays.

    Args:
        optimizer: whose learning rate is set.

    Attributes:
        n: the number of steps so far.
        first_rate: η.
        state_names: the attributes that change, or that the optimizer's rate at the start decided.

    >>> import tinygrad_mlp as tg
    >>> sgd = tg.optim.SGD([tg.Tensor(1.0, requires_grad=True)], learning_rate=0.8)
    >>> schedule = tg.optim.StepDecay(sgd, every=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     schedule.step()
    ...     print(sgd.learning_rate)
    0.8
    0.4
    0.4
    0.2
    >>> tg.optim.Constant(sgd).factor(100)
    1.0
    """

    state_names: ClassVar[tuple[str, ...]] = ("n", "first_rate")

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.first_rate = optimizer.learning_rate
        self.n = 0

    def factor(self, n: int) -> float:
        """What η is multiplied with after n steps."""
        return 1.0

    def step(self) -> None:
        """Count a step and set the optimizer's learning rate."""
        self.n += 1
        self.optimizer.learning_rate = self.first_rate * self.factor(self.n)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, by `state_names`; the optimizer has the rate itself."""
        return {name: getattr(self, name) for name in self.state_names}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another schedule was that was made alike. Raises `StateError` for what is not its state."""
        own = self.state_dict()
        if not isinstance(state, Mapping) or state.keys() != own.keys():
            raise StateError(f"the state of a schedule is {state!r:.80}; {', '.join(own)} are expected")
        for name, value in state.items():
            if type(value) is not type(own[name]):
                kind = type(own[name]).__name__
                raise StateError(f"the schedule's {name} is {value!r:.80}; {kind} is expected")
        for name, value in state.items():
            setattr(self, name, value)


Constant = Schedule


class StepDecay(Schedule):
    """η·γ^⌊n / every⌋: a drop now and then. PyTorch's StepLR.

    Args:
        optimizer: whose learning rate is set.
        every: steps between two drops, at least 1.
        gamma: γ, what the rate is multiplied with at each.

    Raises:
        OptionError: every is no whole number of at least 1, or gamma below 0.

    >>> import tinygrad_mlp as tg
    >>> sgd = tg.optim.SGD([tg.Tensor(1.0, requires_grad=True)], learning_rate=0.8)
    >>> schedule = tg.optim.StepDecay(sgd, every=2, gamma=0.5)
    >>> [schedule.factor(n) for n in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(self, optimizer: Optimizer, every: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        self.every = steps("every", every)
        self.gamma = number_in_range("gamma", gamma)

    def factor(self, n: int) -> float:
        """γ^⌊n / every⌋."""
        return self.gamma ** (n // self.every)


class Exponential(Schedule):
    """η·γⁿ: a little less at each step. PyTorch's ExponentialLR; Keras's ExponentialDecay with decay_steps=1.

    Args:
        optimizer: whose learning rate is set.
        gamma: γ.

    Raises:
        OptionError: gamma is no finite number of at least 0.

    >>> import tinygrad_mlp as tg
    >>> sgd = tg.optim.SGD([tg.Tensor(1.0, requires_grad=True)], learning_rate=0.8)
    >>> schedule = tg.optim.Exponential(sgd, gamma=0.5)
    >>> [schedule.factor(n) for n in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer)
        self.gamma = number_in_range("gamma", gamma)

    def factor(self, n: int) -> float:
        """γⁿ."""
        return self.gamma**n


class Cosine(Schedule):
    """Half a cosine from η down to `lowest`, which then stays (Loshchilov & Hutter 2017, arXiv:1608.03983).

    lowest + (η − lowest)·(1 + cos(π·n / over)) / 2. PyTorch's CosineAnnealingLR is the same for n ≤ T_max and climbs
    again behind it; Keras's CosineDecay gives the lowest rate as a share `alpha` of η.

    Args:
        optimizer: whose learning rate is set.
        over: steps until the lowest rate, at least 1.
        lowest: the rate at the end.

    Raises:
        OptionError: over is no whole number of at least 1, or lowest below 0.

    >>> import tinygrad_mlp as tg
    >>> sgd = tg.optim.SGD([tg.Tensor(1.0, requires_grad=True)], learning_rate=0.8)
    >>> schedule = tg.optim.Cosine(sgd, over=4, lowest=0.08)
    >>> [round(0.8 * schedule.factor(n), 3) for n in range(6)]
    [0.8, 0.695, 0.44, 0.185, 0.08, 0.08]
    """

    def __init__(self, optimizer: Optimizer, over: int, lowest: float = 0.0) -> None:
        super().__init__(optimizer)
        self.over = steps("over", over)
        self.lowest = number_in_range("lowest", lowest)

    def factor(self, n: int) -> float:
        """The share of η after n steps."""
        share = self.lowest / self.first_rate if self.first_rate else 0.0
        return share + (1 - share) * (1 + math.cos(math.pi * min(n, self.over) / self.over)) / 2


class WarmUp(Schedule):
    """A linear climb from start·η to η, and then another schedule. PyTorch's LinearLR (and SequentialLR).

    The optimizer's rate is start·η as soon as the schedule is made.

    Args:
        optimizer: whose learning rate is set.
        over: steps of the climb, at least 1.
        start: the share of η to start with.
        then: what follows, made for the same optimizer; constant if None.

    Raises:
        OptionError: over is no whole number of at least 1, start below 0, or `then` was made for another optimizer.

    >>> import tinygrad_mlp as tg
    >>> sgd = tg.optim.SGD([tg.Tensor(1.0, requires_grad=True)], learning_rate=0.8)
    >>> schedule = tg.optim.WarmUp(sgd, over=4, start=0.2, then=tg.optim.Exponential(sgd, gamma=0.5))
    >>> [round(schedule.factor(n), 2) for n in range(7)]
    [0.2, 0.4, 0.6, 0.8, 1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, over: int, start: float = 0.1, then: Schedule | None = None) -> None:
        super().__init__(optimizer)
        if then is not None and then.optimizer is not optimizer:
            raise OptionError("WarmUp: the schedule that follows was made for another optimizer")
        self.over = steps("over", over)
        self.start = number_in_range("start", start)
        self.then = then or Schedule(optimizer)
        optimizer.learning_rate = self.first_rate * self.start

    def factor(self, n: int) -> float:
        """From `start` to 1, and on as the next schedule says."""
        if n < self.over:
            return self.start + (1 - self.start) * n / self.over
        return self.then.factor(n - self.over)


class ReduceOnPlateau(Schedule):
    """A drop when a value has not become better for a while. PyTorch's and Keras's ReduceLROnPlateau.

    Better is lower than the best so far by more than a share `threshold` of it (PyTorch's `threshold_mode="rel"`); NaN
    is never better.

    Args:
        optimizer: whose learning rate is set.
        gamma: what the rate is multiplied with.
        patience: how many steps without a better value are let pass; the drop comes with the next one.
        threshold: see above.
        lowest: the rate does not fall below it.

    Attributes:
        best: the best value so far, ∞ at first.
        waited: how many steps in a row had no better one; 0 again after a drop.

    Raises:
        OptionError: gamma or threshold is not at least 0 and below 1, patience no whole number of at least 0, or lowest
            below 0.

    >>> import tinygrad_mlp as tg
    >>> sgd = tg.optim.SGD([tg.Tensor(1.0, requires_grad=True)], learning_rate=0.8)
    >>> schedule = tg.optim.ReduceOnPlateau(sgd, gamma=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.5, 2.0, 1.0]:
    ...     schedule.step(loss)
    ...     print(sgd.learning_rate)  # two steps in a row without a better value than 2
    0.8
    0.8
    0.8
    0.4
    0.4
    """

    state_names: ClassVar = ("n", "first_rate", "best", "waited")

    def __init__(
        self,
        optimizer: Optimizer,
        gamma: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        lowest: float = 0.0,
    ) -> None:
        super().__init__(optimizer)
        self.gamma = number_in_range("gamma", gamma, high=1)
        self.patience = steps("patience", patience, least=0)
        self.threshold = number_in_range("threshold", threshold, high=1)
        self.lowest = number_in_range("lowest", lowest)
        self.best = math.inf
        self.waited = 0

    def step(self, value: float = math.nan) -> None:
        """Look at a value, such as the validation loss of the epoch, and drop the rate if it is time."""
        self.n += 1
        margin = abs(self.best) * self.threshold if math.isfinite(self.best) else 0.0
        if value < self.best - margin:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.optimizer.learning_rate = max(self.optimizer.learning_rate * self.gamma, self.lowest)
            self.waited = 0


def steps(name: str, n: int, least: int = 1) -> int:
    """A whole number of steps, or an error that names it."""
    try:
        fits = not isinstance(n, bool) and int(n) == n and n >= least
    except (TypeError, ValueError, OverflowError):  # None, NaN, infinity
        fits = False
    if not fits:
        raise OptionError(f"{name} is {n!r}; a whole number of at least {least} is expected")
    return int(n)
