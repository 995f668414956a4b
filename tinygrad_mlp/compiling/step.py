"""A compiled training step: `step(xb, yb)` does what forward, backward and the optimizer's step do, as one program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mlp.autograd.variable import clock
from tinygrad_mlp.compiling.buffers import Buffers
from tinygrad_mlp.compiling.explaining import explanation_of
from tinygrad_mlp.compiling.function import MOST_PROGRAMS, Backend
from tinygrad_mlp.compiling.guarding import Guard, clipping, tolerance_factor
from tinygrad_mlp.compiling.honesty import check_repeatable, telling_where
from tinygrad_mlp.compiling.kernels import KERNELS
from tinygrad_mlp.compiling.native import Native, native_or_none, why_not_native
from tinygrad_mlp.compiling.passes import simplified
from tinygrad_mlp.compiling.source import Source
from tinygrad_mlp.compiling.tracing_step import Limits, StepTrace, trace_step
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.optim.clipping import check_limits
from tinygrad_mlp.tracing.program import Program

NO_LIMITS = Limits()


class CompiledStep:
    """What `compile_step` makes. Call it with batches; `print(step.program)` shows what it does.

    Attributes:
        model, loss, optimizer: as given.
        program: the text of the program that ran last.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any],
        optimizer: Optimizer,
        backend: Backend = "auto",
        limits: Limits = NO_LIMITS,
        guard: bool | float = False,
    ) -> None:
        if backend not in ("auto", "numpy", "numba"):
            raise OptionError(f"backend is {backend!r}; 'auto', 'numpy' or 'numba' is expected")
        self.backend: Backend = backend
        self.limits = limits
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        factor = tolerance_factor(guard)
        self.guard = Guard(model, loss, optimizer, clipping(*limits), factor) if factor else None
        self.bound: dict[Any, BoundStep] = {}
        self.latest: BoundStep | None = None

    def __call__(self, xb: Any, yb: Any) -> float:
        """One step on a batch: the parameters, the optimizer's state and running means change; returns the loss.

        A batch of another shape or dtype is compiled when it first comes.
        """
        xb, yb = np.asarray(xb), np.asarray(yb)
        bound = self.latest
        if bound is None or not bound.is_for(xb, yb):
            bound = self.latest = self.bound_for(xb, yb)
        return bound(xb, yb) if self.guard is None else self.guard(bound, xb, yb)

    def bound_for(self, xb: np.ndarray, yb: np.ndarray) -> BoundStep:
        """The program for a batch, new or an earlier one."""
        key = (xb.shape, xb.dtype, yb.shape, yb.dtype, self.model.training, self.optimizer.weight_decay != 0)
        bound = self.bound.get(key)
        if bound is None:
            if len(self.bound) >= MOST_PROGRAMS:
                self.bound.pop(next(iter(self.bound)))
            given = (xb, yb, self.backend, self.limits)
            bound = self.bound[key] = BoundStep(self.model, self.loss, self.optimizer, *given)
        return bound

    @property
    def outputs(self) -> np.ndarray:
        """The outputs of the model for the last batch, before its step; the next call overwrites them."""
        outputs: np.ndarray = self.ready().outputs
        return outputs

    @property
    def program(self) -> Source:
        """The program as readable NumPy, which can be executed."""
        return self.ready().source

    def explain(self) -> str:
        """What a step does, as text: calls, operations and bytes by part and layer, memory, and how long it takes.

        As machine code also the loops and products, with the calls that share them; for their times the program is
        compiled once more, which takes seconds. If "auto" has not taken Numba, it says why. Nothing is changed.
        """
        bound = self.ready()
        note = ""
        if self.backend == "auto" and bound.backend == "numpy":
            readable = bound.readable
            reason = why_not_native(simplified(with_homes(readable)), readable.arrays, readable.homes)
            note = f"not as machine code: {reason}"
        return explanation_of(bound.simple, bound.runner, bound.backend, note)

    def ready(self) -> BoundStep:
        """The program that ran last."""
        if self.latest is None:
            raise OptionError("the step has not been called yet: it is compiled for the shapes of its first batch")
        return self.latest


class BoundStep:
    """A step for one shape of batches."""

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any],
        optimizer: Optimizer,
        xb: np.ndarray,
        yb: np.ndarray,
        backend: Backend,
        limits: Limits,
    ) -> None:
        self.model, self.training = model, model.training
        self.optimizer, self.decays = optimizer, optimizer.weight_decay != 0

        def trace(kernels: Any) -> StepTrace:
            return trace_step(model, loss, optimizer, xb, yb, kernels, limits)

        with telling_where():
            self.readable = traced = trace(KERNELS)
            check_repeatable(traced.program, trace(KERNELS).program)
        native = native_or_none(simplified(with_homes(traced)), traced.arrays, traced.homes, backend)
        self.backend = "numpy" if native is None else "numba"
        if native is None:
            traced = trace({})
        self.simple = simplified(with_homes(traced))
        self.runner: Native | Buffers = native or Buffers(self.simple, traced.arrays, traced.homes)
        self.traced = traced
        program = traced.program
        (_, self.outputs), _ = self.runner.outputs
        self.run_on = self.runner.run_on
        self.numbers = [
            (segment.update, traced.arrays[program.places.index(segment.numbers)], segment.members[0])
            for segment in traced.segments
        ]
        self.members = [
            (p, view, segment.update.pack, i)
            for segment in traced.segments
            for i in segment.members
            for p, view in [(segment.update.pack.parameters[i], segment.update.pack.value_views[i])]
        ]

    @property
    def source(self) -> Source:
        """The program as text."""
        return Source(simplified(with_homes(self.readable)), "step", self.readable.names)

    def is_for(self, xb: np.ndarray, yb: np.ndarray) -> bool:
        """Whether a batch, and what is fixed in the program, are as they were when it was traced."""
        x, y = self.traced.x, self.traced.y
        return (
            xb.shape == x.shape
            and yb.shape == y.shape
            and xb.dtype is x.dtype
            and yb.dtype is y.dtype
            and self.model.training is self.training
            and (self.optimizer._weight_decay != 0) is self.decays
        )

    def __call__(self, xb: np.ndarray, yb: np.ndarray) -> float:
        """One step."""
        optimizer = self.optimizer
        for draw, buffer in self.traced.draws:
            buffer[...] = draw()
        for update, numbers, first in self.numbers:
            decay = update.decay(optimizer._learning_rate, optimizer._weight_decay)
            numbers[...] = (decay, update.factor, *optimizer.numbers(update.pack.steps[first] + 1))
        for p, view, pack, i in self.members:
            if p._data is not view:
                pack.settle(i)
            p._grad = None
        loss = self.run_on(xb, yb)
        changed = clock.change()
        for p, _, pack, i in self.members:
            p._changed = changed
            pack.steps[i] += 1
        return loss


def with_homes(traced: StepTrace) -> Program:
    """The program with the new weights and state among its outputs, so that they are not dropped."""
    program = traced.program
    return Program(
        program.inputs,
        program.places,
        program.instructions,
        (program.outputs, list(traced.homes)),
        program.types,
        program.kernels,
    )


def compile_step(
    model: Module,
    loss: Callable[..., Any],
    optimizer: Optimizer,
    *,
    backend: Backend = "auto",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    guard: bool | float = False,
) -> CompiledStep:
    """Compile the whole training step: forward pass, gradients and update rule.

    Args:
        model: a Module.
        loss: from outputs and labels to a scalar Tensor.
        optimizer: made for the model's parameters.
        backend: "numpy": NumPy calls that write into memory of their own. "numba": one compiled function, which takes
            seconds to compile when it is new, and is then kept on disk. "auto": Numba where it is installed and knows
            all that the step does, otherwise NumPy.
        clip_norm: scale all gradients together to at most this norm before the update: see `optim.clip_gradients`.
        clip_value: hold each element of a gradient between −clip_value and clip_value, first if both are given.
        guard: make each step eagerly too, from the same state and with the same random draws, and compare the loss,
            the outputs, the new parameters, the optimizer's state and running means. True allows for rounding; a
            number multiplies what is allowed. (Within rounding of a kink, such as a ReLU's, they may differ by more.)

    Returns:
        A function of a batch, X (N, …) and y (N, …), that makes one step and returns the loss. It is compiled for the
        shapes and dtypes of each batch when they first come. Dropout draws anew in each step, running means move,
        schedules may change the learning rate; gradients leave no `.grad`.

    Raises:
        TraceError: at a call, what cannot be compiled: an `if` on a value, a write into an input, a draw from a
            generator of your own. The message has the line.
        OptionError: a limit that is not above 0, or an unknown backend.
        GuardError: at a call with `guard`, a compiled step that is not the eager one: the message has the step, the
            parameter or value, an element, both numbers and the tolerance. All is then as the eager step leaves it.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> from tinygrad_mlp import nn, optim
    >>> model = nn.Dense(3, 2, rng=0)
    >>> step = compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1))
    >>> losses = [step(np.eye(3, dtype=np.float32), np.array([0, 1, 1])) for _ in range(20)]
    >>> losses[-1] < losses[0]
    True
    """
    check_limits({"clip_norm": clip_norm, "clip_value": clip_value})
    return CompiledStep(model, loss, optimizer, backend, Limits(clip_norm, clip_value), guard)
