"""The trace of a training step: forward pass, backward pass and update rule as one program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.autograd import Node, Variable, observing
from tinygrad_mlp.autograd.sweep import seed_for, sweep
from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.nn import Module, Parameter
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.optim.optimizer import Update
from tinygrad_mlp.randomness import DRAWING, Draw
from tinygrad_mlp.tracing.program import Program, Ref
from tinygrad_mlp.tracing.traced import Traced, new_input, ref_of

FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"


@dataclass
class Segment:
    """Neighbours in a pack that are updated together.

    Attributes:
        update: the optimizer's, with the pack.
        start, stop: the elements of the pack.
        members: the positions of the parameters.
        numbers: the array of the input with the numbers of the rule.
    """

    update: Update
    start: int
    stop: int
    members: list[int]
    numbers: np.ndarray


@dataclass
class StepTrace:
    """A traced training step.

    Attributes:
        program: its outputs are the loss and the outputs of the model; `homes` are computed too.
        arrays: the array that each input lives in; for x, y and what is drawn, a buffer.
        homes: new values, and the arrays whose content they replace.
        segments: what the optimizer updates.
        draws: what is drawn anew for each run, with its buffer.
        names: of inputs and gradients.
        x, y: the buffers of a batch.
    """

    program: Program
    x: np.ndarray
    y: np.ndarray
    arrays: list[np.ndarray] = field(default_factory=list)
    homes: dict[Ref, np.ndarray] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    draws: list[tuple[Draw, np.ndarray]] = field(default_factory=list)
    names: dict[Ref, str] = field(default_factory=dict)

    @property
    def fed(self) -> list[int]:
        """The positions of the inputs that are new in each step, after x and y: numbers of the rule, then draws."""
        places = {id(array): i for i, array in enumerate(self.arrays)}
        content = [*(segment.numbers for segment in self.segments), *(buffer for _, buffer in self.draws)]
        return [places[id(array)] for array in content]

    def new(self, name: str, array: np.ndarray) -> Traced:
        """One more input."""
        made = new_input(self.program, array)
        self.arrays.append(array)
        self.names[made.ref] = name
        return made


def trace_step(
    model: Module,
    loss: Callable[..., Any],
    optimizer: Optimizer,
    xb: np.ndarray,
    yb: np.ndarray,
    kernels: Mapping[Callable[..., Any], Callable[..., Any]],
    limits: Limits,
) -> StepTrace:
    """Trace one step on a batch. Nothing is changed: no parameter, no state, no generator.

    Raises:
        TraceError: something cannot be recorded.
    """
    found = StepTrace(Program(kernels=kernels), np.array(xb), np.array(yb))
    program = found.program
    x, y = found.new("X", found.x), found.new("y", found.y)
    packs = [pack_inputs(found, update, i, len(optimizer.updates)) for i, update in enumerate(optimizer.updates)]
    named = model.named_parameters()
    leaves: dict[str, Parameter] = dict(named)
    with put_back([*leaves.values(), *optimizer.parameters]) as originals:
        place_parameters(found, optimizer, packs, leaves)
        before = {name: p._data for name, p in leaves.items()}
        program.part = FORWARD
        with drawing(found), np.errstate(all="ignore"):
            value = loss(z := model(x), y)
        if not isinstance(value, Variable) or value._node is None:
            raise TraceError(f"the loss is {value!r:.60}; a Tensor that depends on the parameters is expected")
        name_layers(found)
        for part, name in ((z, "z"), (value, "loss")):
            if type(ref_of(part)) is Ref:
                found.names[ref_of(part)] = name
        program.part = BACKWARD
        with np.errstate(all="ignore"):
            gradients = backward(found, value)
        program.part = UPDATE
        steps = [
            (update, inputs, members, g)
            for update, inputs in zip(optimizer.updates, packs, strict=True)
            for members, g in gathered(found, update, gradients, leaves)
        ]
        clipped = limits.clip([g for *_, g in steps])
        for (update, inputs, members, _), g in zip(steps, clipped, strict=True):
            update_segment(found, optimizer, update, inputs, members, g)
        for name, p in leaves.items():
            if p._data is not before[name]:  # a running mean
                found.homes[ref_of(p._data)] = originals[p]
        program.outputs = (ref_of(value._data), ref_of(z))
    return found


class Limits(NamedTuple):
    """What gradients are held back to before the update: see `optim.clip_gradients`."""

    norm: float | None = None
    value: float | None = None

    def clip(self, gradients: list[Any]) -> list[Any]:
        """The gradients, held back."""
        if self.value is not None:
            gradients = [np.clip(g, -self.value, self.value) for g in gradients]
        if self.norm is None:
            return gradients
        squares = [np.sum(wide * wide) for wide in (g.astype(np.float64) for g in gradients)]
        total = squares[0]
        for square in squares[1:]:
            total = total + square
        # (A norm of 0 is below every limit; dividing by 1 then avoids 0 / 0.)
        scale = np.minimum(1.0, self.norm / np.where(total > 0, np.sqrt(total), 1.0))
        return [g * scale.astype(g.dtype) for g in gradients]


@contextmanager
def put_back(parameters: Sequence[Variable]) -> Iterator[dict[Variable, np.ndarray]]:
    """Parameters get their arrays back, however the trace ends; gives those by parameter."""
    kept = {p: (p._data, p._changed) for p in parameters}
    try:
        yield {p: data for p, (data, _) in kept.items()}
    finally:
        for p, (data, changed) in kept.items():
            p._data, p._changed = data, changed


def pack_inputs(found: StepTrace, update: Update, i: int, count: int) -> list[Traced]:
    """The values and the state of a pack as inputs."""
    suffix = f"_{i}" if count > 1 else ""
    arrays = {"weights": update.pack.values, **update.pack.state}
    return [found.new(f"{name}{suffix}", array) for name, array in arrays.items()]


def place_parameters(
    found: StepTrace, optimizer: Optimizer, packs: list[list[Traced]], leaves: Mapping[str, Parameter]
) -> None:
    """Give every parameter a traced array: its part of the pack, or an input of its own."""
    names = {id(p): short(name) for name, p in leaves.items()}
    packed: set[int] = set()
    found.program.part = "parameters"
    for update, inputs in zip(optimizer.updates, packs, strict=True):
        for p, (start, stop), view in zip(
            update.pack.parameters, update.pack.bounds, update.pack.value_views, strict=True
        ):
            if p._data is not view:
                raise TraceError(
                    f"{p.title} has moved out of its optimizer's memory: call optimizer.step() once, then compile"
                )
            part = inputs[0][start:stop]
            p._data = part if p.ndim == 1 else part.reshape(p.shape)
            found.names[ref_of(p._data)] = names.get(id(p), p.name or f"parameter{len(packed) + 1}")
            packed.add(id(p))
    for p in leaves.values():
        if id(p) not in packed:
            p._data = found.new(names[id(p)], p._data)


def short(path: str) -> str:
    """A parameter's name in the program: `W0` for layers.0.W."""
    *places, own = path.replace("layers.", "").split(".")
    return "_".join([own, *places]) if len(places) > 1 else own + "".join(places)


@contextmanager
def drawing(found: StepTrace) -> Iterator[None]:
    """What layers draw becomes an input; a trace takes no numbers from the generators."""

    def as_input(draw: Draw) -> Any:
        buffer = np.array(draw.example())
        found.draws.append((draw, buffer))
        return found.new(f"mask{len(found.draws)}", buffer)

    token = DRAWING.set(as_input)
    try:
        yield
    finally:
        DRAWING.reset(token)


def backward(found: StepTrace, value: Variable) -> dict[Any, Any]:
    """The gradients by leaf; instructions of the sweep know the layer whose operation they differentiate."""
    program = found.program
    done, size = len(program.instructions), program.size

    def label(node: Node, _: Any, left: list[tuple[Variable, Any]]) -> None:
        nonlocal done
        for x, d in left:
            of, ref = found.names.get(ref_of(x._data)), ref_of(d)
            if of is not None and type(ref) is Ref and ref.index >= size:
                found.names.setdefault(ref, f"d{of}")
        for i in range(done, len(program.instructions)):
            step = program.instructions[i]
            object.__setattr__(step, "scope", f"{BACKWARD} {node.scope or node.operation.name}")
        done = len(program.instructions)

    with observing(label):
        gradients, _ = sweep([(value, seed_for(value, None))])
    return gradients


def name_layers(found: StepTrace) -> None:
    """Name the outputs of layers after their place: `h0`, `h1`, …"""
    last: dict[str, Ref] = {}
    for step in found.program.instructions:
        part, _, scope = step.scope.partition(" ")
        if part == FORWARD and scope:
            last[scope] = step.result
    for scope, ref in last.items():
        found.names.setdefault(ref, "h" + scope.removeprefix("layers.").replace(".", "_"))


def gathered(
    found: StepTrace, update: Update, gradients: Mapping[Any, Any], leaves: Mapping[str, Parameter]
) -> list[tuple[list[int], Any]]:
    """The parameters of a pack that have a gradient, neighbours together, with their gradients in one row."""
    pack = update.pack
    names = {id(p): short(name) for name, p in leaves.items()}
    reached = [i for i, p in enumerate(pack.parameters) if p in gradients]
    for p in (pack.parameters[i] for i in reached):
        if type(gradients[p]) is Traced:
            found.names.setdefault(gradients[p].ref, f"d{names.get(id(p), p.name)}")
    rows = []
    for members in runs(reached):
        flat = [np.reshape(gradients[pack.parameters[i]], -1) for i in members]
        rows.append((members, np.concatenate(flat) if len(flat) > 1 else flat[0]))
    return rows


def update_segment(
    found: StepTrace, optimizer: Optimizer, update: Update, inputs: list[Traced], members: list[int], g: Any
) -> None:
    """Record the rule for neighbours in a pack."""
    pack = update.pack
    start, stop = pack.bounds[members[0]][0], pack.bounds[members[-1]][1]
    if len({pack.steps[i] for i in members}) > 1:
        raise TraceError("parameters side by side have made different numbers of steps, and cannot be compiled")
    count = 2 + len(optimizer.numbers(1))
    array = np.full(count, 0.5, pack.dtype)
    numbers = found.new(f"numbers{len(found.segments) or ''}", array)
    found.segments.append(Segment(update, start, stop, members, array))
    whole = (start, stop) == (0, pack.values.size)
    w, *state = inputs if whole else [x[start:stop] for x in inputs]
    decays = update.decay(optimizer.learning_rate or 1.0, optimizer.weight_decay) != 0
    with np.errstate(all="ignore"):
        new = update.formula(w, g, state, [numbers[i] for i in range(count)], decays)
    homes = {"weights": pack.values, **pack.state}
    for result, (name, array) in zip(new, homes.items(), strict=True):
        found.homes[ref_of(result)] = array if whole else array[start:stop]
        found.names.setdefault(ref_of(result), f"new_{name}" if whole else f"new_{name}_{start}")
    if type(g) is Traced:
        found.names.setdefault(g.ref, "g" if len(found.segments) == 1 else f"g{len(found.segments)}")


def runs(positions: list[int]) -> Iterator[list[int]]:
    """Neighbouring positions together."""
    here: list[int] = []
    for i in positions:
        if here and i != here[-1] + 1:
            yield here
            here = []
        here.append(i)
    if here:
        yield here
