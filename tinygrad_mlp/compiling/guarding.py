"""The guard: each compiled step, or call, beside the eager one from the same state, to what rounding explains.

A step is first made eagerly and then, from the same parameters, state and random generators, by the program. What the
guard allows is no guess: it lets the gradient be wrong by its rounding, asks the optimizer's own rule what follows from
that, and so knows that a gradient of 0 may move a weight by η with Adam, and by nothing with SGD.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mlp.autograd import Variable
from tinygrad_mlp.errors import GuardError, OptionError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.optim.clipping import clip_gradients
from tinygrad_mlp.randomness import DRAWING, Draw, generator, set_state, state_of
from tinygrad_mlp.tracing.program import mapped

if TYPE_CHECKING:
    from tinygrad_mlp.compiling.step import BoundStep

ULPS = 170
"""Roundings between two right results, relative to the largest element: 2·10⁻⁵ in float32."""
NOISE = 32
"""Roundings of a gradient that is 0 but for them, relative to the largest gradient: of a bias before a BatchNorm."""


@dataclass
class Difference:
    """Two arrays that should be the same, and are not.

    Attributes:
        name: what they hold.
        compiled, eager: the arrays.
        tolerance: how far apart their elements may be.
        wrong: where they are farther apart.
    """

    name: str
    compiled: np.ndarray
    eager: np.ndarray
    tolerance: np.ndarray
    wrong: np.ndarray

    def __str__(self) -> str:
        distance = np.abs(self.compiled.astype(np.float64) - self.eager)
        excess = np.where(self.wrong, np.where(np.isfinite(distance), distance, np.inf) / (self.tolerance + 1e-300), -1)
        at = np.unravel_index(int(np.argmax(excess)), excess.shape)
        place = f"element [{', '.join(map(str, at))}]" if at else "it"
        seen, expected, allowed = (a[at] for a in (self.compiled, self.eager, self.tolerance))
        many = f" ({np.count_nonzero(self.wrong)} of {self.wrong.size} elements differ)" if self.wrong.size > 1 else ""
        digits = 17 if self.eager.dtype.itemsize == 8 else 9
        return f"{self.name}: {place} is {seen:.{digits}g}, eager {expected:.{digits}g}, tolerance {allowed:.2g}{many}"


class Guard:
    """What compares steps.

    Args:
        model, loss, optimizer: of the step.
        clip: holds back the gradients of the eager step.
        factor: what the tolerance is multiplied with.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any],
        optimizer: Optimizer,
        clip: Callable[[Sequence[Any]], Any],
        factor: float,
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.clip = clip
        self.factor = factor
        self.steps = 0

    def __call__(self, bound: BoundStep, xb: np.ndarray, yb: np.ndarray) -> float:
        """One step: what the program does, once it is known to be what the eager step does.

        Raises:
            GuardError: it is not; parameters, state and generators are then as the eager step left them.
        """
        self.steps += 1
        draws = [draw for draw, _ in bound.traced.draws]
        before = State(self.model, self.optimizer, draws)
        try:
            eager = EagerStep(self, xb, yb)
        except BaseException:
            before.restore()
            raise
        after = State(self.model, self.optimizer, draws)
        before.restore()
        number = bound(xb, yb)
        found = list(self.differences(bound, before, after, eager, number))
        if found:
            after.restore()
            first, *others = found
            more = f"; then {', '.join(other.name for other in others[:6])}" + ", …" * (len(others) > 6)
            raise GuardError(
                f"step {self.steps} ({bound.backend} backend, X {xb.shape}, y {yb.shape}): the compiled step is not "
                f"the eager one. {first}{more if others else ''}. All is left as the eager step made it"
            )
        return number

    def differences(
        self, bound: BoundStep, before: State, after: State, eager: EagerStep, number: float
    ) -> Iterator[Difference]:
        """What differs, in the order of the step, so that the first is the nearest to the cause."""
        for i, ((_, drawn), expected) in enumerate(zip(bound.traced.draws, eager.drawn, strict=True), 1):
            yield from self.compared(f"random draw {i}", drawn, expected, np.zeros(expected.shape))
        z = eager.outputs
        yield from self.compared("the outputs", bound.outputs, z, self.relative(z))
        near = np.finfo(z.dtype).eps * NOISE * max(1.0, largest(z)) if z.dtype.kind == "f" else 0.0
        loss = np.asarray(eager.loss)
        yield from self.compared("the loss", np.asarray(number), loss, self.relative(loss) + near * self.factor)
        names = {id(p): name for name, p in self.model.named_parameters().items()}
        trained = {id(s.update.pack.parameters[i]) for s in bound.traced.segments for i in s.members}
        for p, data in after.data:
            if id(p) not in trained:  # a running mean, or frozen
                yield from self.compared(names.get(id(p), p.title), p._data, data, self.relative(data))
        for segment in reversed(bound.traced.segments):
            pack = segment.update.pack
            old = before.packs[id(pack)]
            new = after.packs[id(pack)]
            allowed = self.allowed(segment, old, eager)
            rule = type(self.optimizer).__name__
            for i in reversed(segment.members):
                p = pack.parameters[i]
                (start, stop), name = pack.bounds[i], names.get(id(p), p.title)
                for key in [*pack.state, "weights"]:  # the state is nearer to the gradient
                    what = name if key == "weights" else f"{rule}'s {key} of {name}"
                    array = pack.values if key == "weights" else pack.state[key]
                    here = slice(start - segment.start, stop - segment.start)
                    parts = (array[start:stop], new[key][start:stop], allowed[key][here])
                    yield from self.compared(what, *(part.reshape(p.shape) for part in parts))
                if pack.steps[i] != after.steps[id(pack)][i]:
                    counts = np.asarray(pack.steps[i]), np.asarray(after.steps[id(pack)][i])
                    yield Difference(f"the steps of {name}", *counts, np.zeros(()), np.ones((), bool))

    def allowed(self, segment: Any, old: dict[str, np.ndarray], eager: EagerStep) -> dict[str, np.ndarray]:
        """How far the new weights and state may be off: what the rule makes of a gradient with its rounding."""
        update, pack = segment.update, segment.update.pack
        eps = float(np.finfo(pack.dtype).eps) * self.factor
        gradients = [eager.gradient(pack.parameters[i]) for i in segment.members]
        noise = NOISE * eps * max(map(largest, gradients))
        g = np.concatenate([x.reshape(-1) for x in gradients])
        delta = np.concatenate([np.full(x.size, ULPS * eps * largest(x) + noise) for x in gradients])
        learning_rate, weight_decay = self.optimizer.learning_rate, self.optimizer.weight_decay
        decay = update.decay(learning_rate, weight_decay)
        steps = eager.steps[id(pack)][segment.members[0]] + 1
        numbers = [np.float64(x) for x in (decay, update.factor, *self.optimizer.numbers(steps))]
        w, *state = (array[segment.start : segment.stop].astype(np.float64) for array in old.values())
        with np.errstate(all="ignore"):
            new, up, down = (update.formula(w, x, state, numbers, decay != 0) for x in (g, g + delta, g - delta))
            found = {}
            for (key, whole), *values in zip(old.items(), new, up, down, strict=True):
                was, (value, *others) = whole[segment.start : segment.stop], values
                spread = np.maximum(*(np.abs(other - value) for other in others))
                found[key] = spread + 4 * eps * np.abs(was) + ULPS * eps * np.abs(value - was)
        return found

    def relative(self, array: np.ndarray) -> np.ndarray:
        """The tolerance for values of one kind."""
        return relative(array, self.factor)

    def compared(
        self, name: str, compiled: Any, eager: np.ndarray, tolerance: np.ndarray | float
    ) -> Iterator[Difference]:
        """The difference, if there is one."""
        yield from compared(name, np.asarray(compiled), eager, np.broadcast_to(tolerance, eager.shape))


class EagerStep:
    """What a step without compiling draws, computes and makes of the gradients."""

    def __init__(self, guard: Guard, xb: np.ndarray, yb: np.ndarray) -> None:
        optimizer = guard.optimizer
        for p in leaves_of(guard.model, optimizer):
            p._grad = None
        careful, optimizer.careful = optimizer.careful, False  # it has warned, or will, without the guard
        self.steps = {id(update.pack): list(update.pack.steps) for update in optimizer.updates}
        try:
            with np.errstate(all="ignore"):
                self.drawn, (z, value) = with_draws(lambda: (z := guard.model(xb), guard.loss(z, yb)))
                value.backward()
                guard.clip(optimizer.parameters)
                self.gradients = {id(p): p._grad.copy() for p in optimizer.parameters if p._grad is not None}
                optimizer.step()
        finally:
            optimizer.careful = careful
        self.outputs, self.loss = np.array(getattr(z, "_data", z)), value.item()

    def gradient(self, p: Variable) -> np.ndarray:
        """A parameter's gradient; zeros if it had none."""
        found = self.gradients.get(id(p))
        return np.zeros(p.shape) if found is None else found.astype(np.float64)


class State:
    """All that a step changes, copied: parameters, running means, the optimizer's state, random generators."""

    def __init__(self, model: Module, optimizer: Optimizer, draws: Sequence[Draw]) -> None:
        self.optimizer = optimizer
        leaves = leaves_of(model, optimizer)
        self.data = [(p, p._data.copy()) for p in leaves]
        self.marks = [(p, p._data, p._grad, None if p._grad is None else p._grad.copy(), p._changed) for p in leaves]
        self.packs = {
            id(update.pack): {"weights": update.pack.values.copy(), **update.pack.state_dict()["state"]}
            for update in optimizer.updates
        }
        self.steps = {id(update.pack): list(update.pack.steps) for update in optimizer.updates}
        generators = {id(rng): rng for rng in (generator(draw.rng) for draw in draws)}.values()
        self.generators = [(rng, copy.deepcopy(state_of(rng))) for rng in generators]

    def restore(self) -> None:
        """Put everything back, into the memory that it was in."""
        for update in self.optimizer.updates:
            pack = update.pack
            weights, *_ = arrays = [*self.packs[id(pack)].values()]
            pack.values[...] = weights
            for own, kept in zip(pack.state.values(), arrays[1:], strict=True):
                own[...] = kept
            pack.steps = list(self.steps[id(pack)])
            pack.alike = len(set(pack.steps)) == 1
        for (p, data), (_, place, grad, kept, changed) in zip(self.data, self.marks, strict=True):
            place[...] = data
            p._data, p._grad, p._changed = place, grad, changed
            if grad is not None:
                grad[...] = kept
        for rng, state in self.generators:
            set_state(rng, state)


def leaves_of(model: Module, optimizer: Optimizer) -> list[Variable]:
    """The model's parameters and running means, and the optimizer's parameters, each once."""
    return [*{id(p): p for p in [*model.named_parameters().values(), *optimizer.parameters]}.values()]


def with_draws(function: Callable[[], Any]) -> tuple[list[np.ndarray], Any]:
    """What a function draws, and what it gives."""
    drawn: list[np.ndarray] = []

    def kept(draw: Draw) -> np.ndarray:
        drawn.append(draw())
        return drawn[-1]

    token = DRAWING.set(kept)
    try:
        return drawn, function()
    finally:
        DRAWING.reset(token)


def compared(name: str, compiled: np.ndarray, eager: np.ndarray, tolerance: np.ndarray) -> Iterator[Difference]:
    """The difference of two arrays, if there is one. NaN is NaN, and infinity is infinity.

    Raises:
        GuardError: they are of different shapes or dtypes.
    """
    if compiled.shape != eager.shape:
        raise GuardError(f"{name}: {compiled.dtype} {compiled.shape} compiled, {eager.dtype} {eager.shape} eager")
    with np.errstate(all="ignore"):
        same = (compiled == eager) | ((compiled != compiled) & (eager != eager))
        if compiled.dtype.kind == "f":
            same |= np.abs(compiled.astype(np.float64) - eager) <= tolerance
    if not same.all():
        yield Difference(name, compiled.copy(), eager, tolerance, np.asarray(~same))  # parameters are put back


def relative(array: np.ndarray, factor: float) -> np.ndarray:
    """The tolerance for values of one kind: relative to each, and to the largest of them."""
    if array.dtype.kind != "f":
        return np.zeros(array.shape)
    eps = float(np.finfo(array.dtype).eps) * factor
    return ULPS * eps * (np.abs(array.astype(np.float64)) + largest(array))


def largest(array: np.ndarray) -> float:
    """The largest finite magnitude; 0 of nothing."""
    magnitudes = np.abs(array[np.isfinite(array)])
    return float(magnitudes.max(initial=0.0))


def tolerance_factor(guard: bool | float) -> float:
    """What `guard=` says: 0 for none, 1 for the usual tolerance, or what it is multiplied with.

    Raises:
        OptionError: it is no number of at least 0.
    """
    if not isinstance(guard, bool | int | float) or not 0 <= guard < np.inf:
        raise OptionError(f"guard is {guard!r}; True, False or a factor for the tolerance, above 0, is expected")
    return float(guard)


def compare_results(name: str, compiled: Any, eager: Any, factor: float) -> None:
    """Compare what a compiled function gave with what the function gives.

    Raises:
        GuardError: a value differs; it is named by its place in the result.
    """
    ours: list[Any] = []
    theirs: list[Any] = []
    mapped(compiled, ours.append)
    mapped(eager, lambda x: theirs.append(getattr(x, "_data", x)))
    if len(ours) != len(theirs):
        raise GuardError(f"{name}: {len(ours)} values compiled, {len(theirs)} eager")
    for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if not isinstance(one, np.ndarray):
            continue  # a constant of the program's
        what = f"{name}: value {i + 1} of {len(ours)}" if len(ours) > 1 else f"{name}: the result"
        array = np.asarray(other)
        for found in compared(what, one, array, relative(array, factor)):
            raise GuardError(str(found))


def clipping(norm: float | None, value: float | None) -> Callable[[Sequence[Any]], Any]:
    """What holds back the gradients of parameters."""
    if norm is None and value is None:
        return lambda _: None
    return lambda parameters: clip_gradients(parameters, norm=norm, value=value)
