"""A compiled training step: `step(xb, yb)` does what forward, backward and the optimizer's step do, as one program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from struct import Struct
from typing import Any

import numpy as np

from tinygrad_mlp.autograd.variable import clock
from tinygrad_mlp.compiling.buffers import Buffers
from tinygrad_mlp.compiling.explaining import explanation_of
from tinygrad_mlp.compiling.function import MOST_PROGRAMS, Backend
from tinygrad_mlp.compiling.guarding import Guard, clipping, tolerance_factor
from tinygrad_mlp.compiling.honesty import check_repeatable, telling_where
from tinygrad_mlp.compiling.kernels import KERNELS
from tinygrad_mlp.compiling.many_steps import at_once, rows_in_order
from tinygrad_mlp.compiling.native import Native, native_or_none, why_not_native
from tinygrad_mlp.compiling.passes import simplified
from tinygrad_mlp.compiling.source import Source
from tinygrad_mlp.compiling.tracing_step import Limits, StepTrace, trace_step
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.nn.arguments import at_least_1
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.optim.clipping import check_limits
from tinygrad_mlp.tracing.program import Program

NO_LIMITS = Limits()


class CompiledStep:
    """What `compile_step` makes. Call it with batches; `print(step.program)` shows what it does.

    Attributes:
        model, loss, optimizer: as given.
        program: the text of the program that ran last.
        backend, limits: as asked for.
        bound: the programs by the shapes and dtypes of their batches, the last few of them.
        latest: the one that ran last; None before the first call.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(1, 1, weights="zeros")
    >>> step = tg.compile_step(model, tg.mean_squared_error, tg.optim.SGD(model, 0.1), backend="numpy")
    >>> step([[1.0]], [[3.0]]), step.outputs  # the loss, and the outputs before the step
    (9.0, array([[0.]], dtype=float32))
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
            # What a second trace finds, such as random numbers of the loss's own, batches of any size would show.
            given = (xb, yb, self.backend, self.limits, not self.bound)
            bound = self.bound[key] = BoundStep(self.model, self.loss, self.optimizer, *given)
        return bound

    def epoch(
        self, X: Any, y: Any, batch_size: int, *, order: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Steps on all rows, a batch after another; with Numba, this loop is compiled too.

        Args:
            X: the rows (R, …).
            y: their labels (R, …).
            batch_size: rows in a batch; the last one is smaller if need be.
            order: the rows in the order in which they are taken, such as a permutation (R,); None: as they are.

        Returns:
            The losses of the batches (ceil(R / batch_size),), and the outputs of the model for each row, each before
            the step of its batch (R, …), in the order in which they were taken. Of a batch whose loss is not finite
            it is the end: there are fewer then.

        Raises:
            TraceError, LabelError, and others: as for a call; the steps before have been made.

        >>> import numpy as np, tinygrad_mlp as tg
        >>> from tinygrad_mlp import nn, optim
        >>> model = nn.Dense(2, 2, rng=0)
        >>> step = tg.compile_step(model, tg.softmax_cross_entropy, optim.Adam(model, 0.1))
        >>> X, y = np.eye(2, dtype=np.float32).repeat(5, axis=0), np.arange(2).repeat(5)
        >>> losses, outputs = step.epoch(X, y, batch_size=4, order=np.random.default_rng(0).permutation(10))
        >>> losses.shape, outputs.shape  # 4, 4 and 2 rows
        ((3,), (10, 2))
        """
        X, y = np.ascontiguousarray(X), np.ascontiguousarray(y)
        size = at_least_1("batch_size", batch_size)
        if X.ndim < 1 or y.ndim < 1 or len(X) != len(y) or len(X) == 0:
            raise ShapeError(f"epoch: X {X.shape} and y {y.shape}: the same number of rows is expected, at least 1")
        order = np.arange(len(X)) if order is None else rows_in_order(order, len(X))
        full = len(order) - len(order) % size
        losses: list[np.ndarray] = []
        outputs: list[np.ndarray] = []
        for rows in (order[:full], order[full:]):
            if len(rows) and all(np.isfinite(part[-1]) for part in losses):
                batch = rows[:size]
                bound = self.latest = self.bound_for(X.take(batch, axis=0), y.take(batch, axis=0))
                inside = self.guard is None and isinstance(bound.runner, Native)
                for some_losses, some_outputs in (bound.many if inside else self.one_by_one)(X, y, rows):
                    losses.append(some_losses)
                    outputs.append(some_outputs)
        return np.concatenate(losses), np.concatenate(outputs)

    def one_by_one(self, X: np.ndarray, y: np.ndarray, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Steps on rows of X and y, as many in each as in the latest one, until a loss is not finite.

        Yields the loss of each step, and the outputs of the model for its rows.
        """
        size = len(self.ready().traced.x)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            loss = self(X.take(rows, axis=0), y.take(rows, axis=0))
            yield np.array([loss]), self.outputs.copy()
            if not np.isfinite(loss):
                return

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
        traced_twice: bool,
    ) -> None:
        self.model, self.training = model, model.training
        self.optimizer, self.decays = optimizer, optimizer.weight_decay != 0

        def trace(kernels: Any) -> StepTrace:
            return trace_step(model, loss, optimizer, xb, yb, kernels, limits)

        with telling_where():
            self.readable = traced = trace(KERNELS)
            if traced_twice:
                check_repeatable(traced.program, trace(KERNELS).program)
        self.simple = simplified(with_homes(traced))
        native = native_or_none(self.simple, traced.arrays, traced.homes, backend, traced.fed)
        self.backend = "numpy" if native is None else "numba"
        if native is None:
            traced = trace({})
            self.simple = simplified(with_homes(traced))
        self.runner: Native | Buffers = native or Buffers(self.simple, traced.arrays, traced.homes)
        self.traced = traced
        (_, self.outputs), _ = self.runner.outputs
        self.run_on = self.runner.run_on
        self.numbers = [(segment.update, segment.numbers, segment.members[0]) for segment in traced.segments]
        # (Struct writes numbers into an array at a fourth of the cost of NumPy, which makes an array of them first.)
        self.writers = [partial(Struct(f"{x.size}{x.dtype.char}").pack_into, x.data, 0) for _, x, _ in self.numbers]
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
        for draw, buffer in self.traced.draws:
            buffer[...] = draw()
        for segment, write in enumerate(self.writers):
            write(*self.numbers_of(segment, 1)[0])
        self.begin()
        loss = self.run_on(xb, yb)
        self.end(1)
        return loss

    def many(self, X: np.ndarray, y: np.ndarray, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The same in machine code: the losses of some steps, and their outputs."""
        native = self.runner
        assert isinstance(native, Native)
        size = len(self.traced.x)
        buffers = [numbers for _, numbers, _ in self.numbers] + [buffer for _, buffer in self.traced.draws]
        chunk = at_once(buffers)
        for start in range(0, len(order), chunk * size):
            rows = order[start : start + chunk * size]
            count = len(rows) // size
            numbers = [np.array(self.numbers_of(i, count), x.dtype) for i, (_, x, _) in enumerate(self.numbers)]
            drawn = [np.empty((count, *buffer.shape), buffer.dtype) for _, buffer in self.traced.draws]
            if drawn:
                for step in range(count):
                    for content, (draw, _) in zip(drawn, self.traced.draws, strict=True):
                        content[step] = draw()
            self.begin()
            losses, outputs = native.run_many(X, y, rows, [*numbers, *drawn], self.outputs)
            self.end(len(losses))
            yield losses, outputs.reshape(-1, *outputs.shape[2:])
            if len(losses) < count or not np.isfinite(losses[-1]):
                if len(losses) == 0 or np.isfinite(losses[-1]):
                    native.complain()
                return

    def numbers_of(self, segment: int, count: int) -> list[tuple[float, ...]]:
        """What the rule of a part of the parameters needs, for each of the next steps."""
        update, _, first = self.numbers[segment]
        optimizer = self.optimizer
        decay, factor = update.decay(optimizer._learning_rate, optimizer._weight_decay), update.factor
        following = update.pack.steps[first] + 1
        return [(decay, factor, *optimizer.numbers(t)) for t in range(following, following + count)]

    def begin(self) -> None:
        """Before steps: parameters are where the program expects them, and have no gradients."""
        for p, view, pack, i in self.members:
            if p._data is not view:
                pack.settle(i)
            p._grad = None

    def end(self, count: int) -> None:
        """After so many steps: parameters have changed."""
        changed = clock.change()
        for p, _, pack, i in self.members:
            p._changed = changed
            pack.steps[i] += count


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
    >>> step = tg.compile_step(model, tg.softmax_cross_entropy, optim.SGD(model, 0.1))
    >>> losses = [step(np.eye(3, dtype=np.float32), np.array([0, 1, 1])) for _ in range(20)]
    >>> losses[-1] < losses[0]
    True
    """
    check_limits({"clip_norm": clip_norm, "clip_value": clip_value})
    return CompiledStep(model, loss, optimizer, backend, Limits(clip_norm, clip_value), guard)
