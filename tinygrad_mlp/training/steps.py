"""The steps of a training run: with a graph, or as one compiled program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_mlp.compiling import Backend, compile_step
from tinygrad_mlp.errors import DtypeError, NonFiniteError, OptionError
from tinygrad_mlp.nn import Parameter
from tinygrad_mlp.optim.care import warn_of_missing
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training.callbacks import Callback, Run
from tinygrad_mlp.training.diagnosis import HINT, origin
from tinygrad_mlp.training.evaluating import Judge, number_of

Step = Callable[[np.ndarray, np.ndarray], tuple[float, Any]]
"""A step on a batch: its loss, and the outputs before it."""
Look = Callable[[Tensor, Any], None]
"""What is shown the loss and the outputs of a run's first batch."""


def eager_steps(
    run: Run,
    judge: Judge,
    parameters: Mapping[str, Parameter],
    callbacks: Sequence[Callback],
    look: Look | None,
) -> Step:
    """Steps with a graph. `look` is shown the loss and the outputs of the first batch."""
    trained = set(map(id, run.optimizer.parameters))

    def step(xb: np.ndarray, yb: np.ndarray) -> tuple[float, Any]:
        nonlocal look
        run.optimizer.zero_grad()
        z = run.model(xb)
        value: Any = judge.loss(z, yb)  # whatever a user's function gives
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise DtypeError(f"the loss is a {kind}; a Tensor is expected, made from the outputs by operations")
        number = number_of(value)
        if not isfinite(number):
            raise NonFiniteError(f"{run.place}: the loss is {number}: {origin(value, parameters)}; {HINT}")
        if look:
            look(value, z)
        value.backward()
        if look:
            look = None
            warn_of_missing([p for p in parameters.values() if id(p) in trained])
        for callback in callbacks:
            callback.gradients(run)
        run.optimizer.step()
        return number, getattr(z, "_data", z)

    return step


def step_by_step(callbacks: Sequence[Callback]) -> bool:
    """Whether one of them is called between the steps of an epoch."""
    return any(type(one).step is not Callback.step or type(one).pause is not Callback.pause for one in callbacks)


def refuse_gradients(callbacks: Sequence[Callback]) -> None:
    """Refuse callbacks that look at gradients, which a compiled step leaves nowhere. Raises `OptionError`."""
    for callback in callbacks:
        if type(callback).gradients is not Callback.gradients:
            name = type(callback).__name__
            raise OptionError(f"{name} looks at gradients, which a compiled step leaves nowhere: without compiled=True")


class CompiledSteps:
    """Steps as one program, in which no gradient can be looked at."""

    def __init__(
        self,
        run: Run,
        judge: Judge,
        clip_norm: float | None,
        clip_value: float | None,
        backend: Backend,
        guard: bool | float,
    ) -> None:
        self.run = run
        limits = {"clip_norm": clip_norm, "clip_value": clip_value}
        self.program = compile_step(run.model, judge.loss, run.optimizer, backend=backend, guard=guard, **limits)

    def __call__(self, xb: np.ndarray, yb: np.ndarray) -> tuple[float, Any]:
        """One step: its loss, and the outputs before it."""
        number = self.program(xb, yb)
        self.check(number)
        return number, self.program.outputs.copy()

    def epoch(self, X: np.ndarray, y: np.ndarray, order: np.ndarray) -> tuple[list[float], np.ndarray]:
        """The steps of a whole epoch: their losses, and the outputs of all rows in their order."""
        losses, outputs = self.program.epoch(X, y, self.run.batch_size, order=order)
        self.run.batch = len(losses)
        self.check(losses[-1])
        return losses.tolist(), outputs

    def check(self, number: float) -> None:
        """Raises `NonFiniteError`."""
        if not isfinite(number):
            what = f"{self.run.place}: the loss is {number}"
            raise NonFiniteError(f"{what}; without compiled=True, fit says where; {HINT}")
