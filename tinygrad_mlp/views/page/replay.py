"""The forward pass run again from what was recorded, in float64: finite differences without the user's function."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp.views.backward_pass import BackwardPass
from tinygrad_mlp.views.steps import Edge, Step

STEP = -17
"""A value moves by 2⁻¹⁷ of its size: near the cube root of float64's epsilon, where cutting and rounding meet."""
ROUNDING = 1e-9
"""What two slopes of a loss near 1 may differ by, because its 16 digits end somewhere."""
MICROSECONDS_PER_OPERATION = 5.0
OPERATIONS_PER_MICROSECOND = 2_000.0


class NotRepeatableError(Exception):
    """Running the operations again does not give the loss that was recorded; the message says why, in a sentence."""


@dataclass(frozen=True)
class Difference:
    """A finite difference (E(x + h) − E(x − h)) / 2h, and what it is on either side of x."""

    value: float
    left: float
    right: float

    @property
    def is_kink(self) -> bool:
        """Whether the loss has a corner here, so that there are two slopes."""
        return abs(self.right - self.left) > 1e-2 * max(abs(self.left), abs(self.right)) + ROUNDING


@dataclass(eq=False)
class Call:
    """A step as it is run again: inputs that stay, inputs that come from other steps, inputs that are moved."""

    step: Step
    inputs: list[np.ndarray]
    computed: list[tuple[int, Step]] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)

    def run(self, values: dict[Step, np.ndarray], x: np.ndarray | None = None) -> np.ndarray:
        """The operation's value, with inputs from `values`, and `x` for those that are moved."""
        inputs: list[np.ndarray | None] = list(self.inputs)
        for position, source in self.computed:
            inputs[position] = values[source]
        for position in self.moved:
            inputs[position] = x
        node = self.step.node
        return np.asarray(node.operation.body(*inputs, **node.options)[0])


class Replay:
    """The recorded operations of a backward pass, ready to be run again with other values.

    What the gradient does not flow through (labels, masks, detached values) stays as it was recorded.

    Raises:
        NotRepeatableError: an operation fails in float64, or does not give again what it gave: it is not pure.
    """

    def __init__(self, seen: BackwardPass) -> None:
        self.order = seen.steps[::-1]
        self.root = seen.steps[0]
        assert self.root.arrived is not None
        assert self.root.arrived.array is not None
        self.seed = np.asarray(self.root.arrived.array, np.float64)
        self.inputs: dict[Step, list[np.ndarray]] = {}
        self.spent = dict.fromkeys(self.order, 0.0)
        values: dict[Step, np.ndarray] = {}
        with np.errstate(all="ignore"):
            for step in self.order:
                arrays = [
                    values[edge.target] if isinstance(edge.target, Step) else wide(edge.target.array)
                    for edge in step.edges
                ]
                try:
                    self.inputs[step] = [np.asarray(x) for x in step.node.operation.prepared(arrays)]
                    values[step] = Call(step, self.inputs[step]).run(values)
                except Exception as error:  # whatever a user's own operation raises in float64
                    raise NotRepeatableError(
                        f"{step.node.title} cannot be run again in float64: {type(error).__name__}: {error}"
                    ) from error
                if not alike(values[step], step.result._data):
                    raise NotRepeatableError(f"{step.node.title} gives other values when it is run again")
        self.values = values
        total = 0.0
        for step in seen.steps:  # what it costs at most to run everything from a step to the loss
            total += cost_of(self.inputs[step], values[step])
            self.spent[step] = total

    def cost(self, edges: Iterable[Edge]) -> float:
        """About how many microseconds one finite difference takes, at most."""
        return 2 * max(self.spent[edge.step] for edge in edges)

    def base(self, edge: Edge) -> np.ndarray:
        """The value that an edge's input has."""
        return self.inputs[edge.step][edge.position]

    def calls(self, edges: Sequence[Edge]) -> list[Call]:
        """What has to be run again, in order, when these inputs, which have one value, get another."""
        moved: dict[Step, list[int]] = {}
        for edge in edges:
            moved.setdefault(edge.step, []).append(edge.position)
        calls: list[Call] = []
        affected: set[Step] = set()
        for step in self.order:
            computed = [
                (edge.position, edge.target)
                for edge in step.edges
                if edge.flows and isinstance(edge.target, Step) and edge.target in affected
            ]
            if computed or step in moved:
                affected.add(step)
                calls.append(Call(step, self.inputs[step], computed, moved.get(step, [])))
        return calls

    def differences(self, edges: Sequence[Edge], at: Iterable[int]) -> list[Difference]:
        """Finite differences of the loss for elements of an input.

        Args:
            edges: the uses of that input which get the other value: all of them, or one path alone.
            at: places of the elements, counted in C order.
        """
        calls = self.calls(edges)
        x = np.array(self.base(edges[0]), np.float64, order="C")
        flat = x.reshape(-1)
        typical = float(np.sqrt(np.mean(np.square(flat)))) if flat.size else 0.0
        middle = self.values[self.root]

        def moved_to(value: float, i: int) -> np.ndarray:
            flat[i] = value
            values: dict[Step, np.ndarray] = {}
            for call in calls:
                values[call.step] = call.run(values, x)
            return values[self.root]

        found = []
        with np.errstate(all="ignore"):
            for i in at:
                here = float(flat[i])
                power = exponent(max(abs(here), typical) or 1.0) + STEP
                # The second step is for a corner that is near, but not here, and for log(1e-9) and the like.
                for h in (math.ldexp(1.0, power), math.ldexp(1.0, min(power - 9, exponent(here or 1.0) + STEP))):
                    up, down = moved_to(here + h, i), moved_to(here - h, i)
                    right, left = (float(np.vdot(self.seed, d)) / h for d in (up - middle, middle - down))
                    difference = Difference(float(np.vdot(self.seed, up - down)) / (2 * h), left, right)
                    if math.isfinite(difference.value) and not difference.is_kink:
                        break
                flat[i] = here
                found.append(difference)
        return found


def wide(array: np.ndarray) -> np.ndarray:
    """An array in float64, if it holds floating-point numbers."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a value in float64 is what it was in the recorded dtype, but for rounding."""
    if one.shape != other.shape:
        return False
    coarse = float(np.sqrt(np.finfo(other.dtype).eps))
    scale = float(np.abs(other, where=np.isfinite(other), out=np.zeros(other.shape)).max(initial=0.0))
    return bool(np.allclose(one, other, rtol=coarse, atol=coarse * scale, equal_nan=True))


def cost_of(inputs: Sequence[np.ndarray], value: Any) -> float:
    """About how many microseconds an operation takes: a matrix product (m, k)·(k, n) has m·k·n = √(mk · kn · mn)."""
    sizes = [np.size(x) for x in inputs]
    work = float(sum(sizes) + np.size(value))
    if len(inputs) > 1 and inputs[0].ndim > 1 and inputs[1].ndim > 1 and inputs[0].shape != inputs[1].shape:
        work += math.sqrt(float(sizes[0]) * sizes[1] * np.size(value))
    return MICROSECONDS_PER_OPERATION + work / OPERATIONS_PER_MICROSECOND


def exponent(scale: float) -> int:
    """The power of two next to a size, kept where 2^(n + STEP) is a number."""
    return min(1000, max(-1000, math.frexp(scale)[1])) if math.isfinite(scale) else 0
