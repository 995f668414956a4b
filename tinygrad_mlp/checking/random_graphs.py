"""Random functions of a few operations up to dozens, with a point to check them at.

Values keep to a small range by construction (`graph_operations.py`). What has been made but not used yet is used up
before the end, so that every operation has a part in the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.checking.graph_operations import GRID, MAKERS, Dice, Pool, Proposal, Shape, Value, reduction
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.randomness import new_generator

WIDEST = 6.0
"""No value grows beyond ±WIDEST, except for the last few sums."""
MOST_ELEMENTS = 18
INPUT_SHAPES: tuple[Shape, ...] = ((), (2,), (3,), (2, 3), (3, 2), (2, 1), (1, 3), (3, 3), (2, 2, 2))


class Step(NamedTuple):
    """One line of a function: `name = tg.operation(*operands, **options)`.

    Operands are names of earlier values, tuples of names, and constants, which are no strings.
    """

    name: str
    operation: str
    operands: tuple[Any, ...]
    options: dict[str, Any]

    def __str__(self) -> str:
        shown = [x if isinstance(x, str) else f"({', '.join(x)})" if isinstance(x, tuple) else repr(x) for x in self[2]]
        options = [f"{key}={value!r}" for key, value in self.options.items()]
        return f"{self.name} = tg.{self.operation}({', '.join([*shown, *options])})"


@dataclass(frozen=True, repr=False)
class RandomGraph:
    """A function of arrays or Tensors that gives a scalar, and a point.

    Attributes:
        inputs: the point, float64 arrays. Some elements may lie exactly on kinks.
        steps: the operations, in order; the value of the last one is the function's.

    It prints as Python source that can be run on its own.

    >>> import tinygrad_mlp as tg
    >>> f = tg.testing.random_graph(263, operations=3, kinks=1)
    >>> f
    x0 = np.array([1.0, 0.0])
    def f(x0):
        v0 = tg.exp(x0)
        v1 = tg.erf(v0)
        v2 = tg.min(v1)
        return v2
    >>> f(*f.inputs).round(4)  # erf(1)
    np.float64(0.8427)
    """

    inputs: tuple[np.ndarray, ...]
    steps: tuple[Step, ...]

    def __call__(self, *inputs: Any) -> Any:
        """The value at these inputs: a Tensor if any of them is one.

        Raises:
            ShapeError: another number of inputs than `inputs` has.
        """
        if len(inputs) != len(self.inputs):
            raise ShapeError(f"the random graph takes {len(self.inputs)} inputs, not {len(inputs)}")
        values = {f"x{i}": x for i, x in enumerate(inputs)}
        for name, operation, operands, options in self.steps:
            given = [
                values[x] if type(x) is str else [values[part] for part in x] if type(x) is tuple else x
                for x in operands
            ]
            values[name] = getattr(ops, operation)(*given, **options)
        return values[self.steps[-1].name]

    def __repr__(self) -> str:
        points = [f"x{i} = np.array({x.tolist()!r})" for i, x in enumerate(self.inputs)]
        names = ", ".join(f"x{i}" for i in range(len(self.inputs)))
        lines = [*points, f"def f({names}):", *(f"    {step}" for step in self.steps)]
        return "\n".join([*lines, f"    return {self.steps[-1].name}"])


def random_graph(
    rng: np.random.Generator | int, operations: int | tuple[int, int] = (5, 40), *, kinks: float = 0.3
) -> RandomGraph:
    """A random scalar function of 1 to 4 inputs, in which every operation has a part in the result.

    Activations, arithmetic with broadcasting, reductions, matrix products, indexing and shapes; relu, abs, max, clip
    and others with kinks among them. Building one takes a few hundred microseconds.

    Args:
        rng: a generator or a seed; the same seed gives the same function and point.
        operations: how many, or the least and the most.
        kinks: the share of graphs of whose inputs about half of the elements lie on a grid, where kinks and ties are:
            0 for none. (Further inside a graph a kink can be met at any point.)

    Raises:
        OptionError: operations below 1, or a share that is none.

    >>> import tinygrad_mlp as tg
    >>> f = tg.testing.random_graph(2, operations=5)
    >>> for step in f.steps:
    ...     print(step)
    v0 = tg.subtract(x0, x1)
    v1 = tg.relu(x2)
    v2 = tg.clip(v1, -0.5, 1.0)
    v3 = tg.max(v0)
    v4 = tg.subtract(v2, v3)
    >>> f(*f.inputs).round(3)
    np.float64(-0.137)
    """
    least, most = (operations, operations) if isinstance(operations, int) else operations
    if not 1 <= least <= most:
        raise OptionError(
            f"random_graph: operations is {operations!r}; a number of at least 1, or (least, most) expected"
        )
    if not 0 <= kinks <= 1:
        raise OptionError(f"random_graph: kinks is {kinks!r}; a share from 0 to 1 is expected")
    dice = Dice(new_generator(rng))
    return Builder(dice, least + dice.below(most - least + 1), dice.happens(kinks)).graph()


class Builder:
    """Builds one graph."""

    def __init__(self, dice: Dice, operations: int, on_kinks: bool) -> None:
        self.dice = dice
        self.operations = operations
        self.steps: list[Step] = []
        self.arrays: list[np.ndarray] = []
        self.pool = Pool(dice)
        for i in range(1 + dice.below(min(4, (operations + 1) // 2))):
            array = self.point(dice.one_of(INPUT_SHAPES), on_kinks)
            self.arrays.append(array)
            self.pool.add(Value(f"x{i}", array.shape, -1.5, 1.5))

    def point(self, shape: Shape, on_kinks: bool) -> np.ndarray:
        """An input: numbers from ±0.2 to ±1.5, of which about half are moved to the grid where that is wanted."""
        numbers = []
        for _ in range(math.prod(shape)):
            size = 0.2 + 1.3 * self.dice.number()
            numbers.append(size if self.dice.happens(0.5) else -size)
            if on_kinks and self.dice.happens(0.5):
                numbers[-1] = self.dice.one_of(GRID)
        return np.array(numbers).reshape(shape)

    def take(self, proposal: Proposal) -> None:
        """Make a proposal the next step."""
        for value in proposal.uses:
            if value in self.pool.unused:
                self.pool.unused.remove(value)
        name = f"v{len(self.steps)}"
        self.steps.append(Step(name, proposal.operation, proposal.operands, proposal.options))
        self.pool.add(Value(name, proposal.shape, proposal.low, proposal.high))

    def to_close(self) -> int:
        """How many operations it takes to make one scalar of all that is unused."""
        return 2 * len(self.pool.unused) - 1 - sum(not value.shape for value in self.pool.unused)

    def graph(self) -> RandomGraph:
        """Steps at random as long as there is room for those that add up what is left over."""
        while (room := self.operations - len(self.steps) - self.to_close()) > 0:
            # The value of a step is unused, and closing may then take up to two operations more.
            fresh = room < 3 or self.dice.happens(0.6)
            self.take(self.proposal(self.dice.one_of(self.pool.unused if fresh else self.pool.values), room))
        while self.to_close():
            self.take(self.closing())
        return RandomGraph(tuple(self.arrays), tuple(self.steps))

    def proposal(self, x: Value, room: int) -> Proposal:
        """An operation on x (and maybe others) whose value stays in range."""
        for _ in range(6):
            made = self.dice.one_of(MAKERS)(self.pool, x)
            if made is None or math.prod(made.shape) > MOST_ELEMENTS or max(-made.low, made.high) > WIDEST:
                continue
            made = made._replace(uses=made.uses or (x,))
            if room > 2 or (x.shape and x in self.pool.unused) or not made.shape:
                return made
        return Proposal("tanh", (x.name,), x.shape, math.tanh(x.low), math.tanh(x.high), uses=(x,))

    def closing(self) -> Proposal:
        """A reduction of an array that is left over, or the sum of two numbers."""
        for x in self.pool.unused:
            if x.shape:
                made = reduction(self.pool, x, whole=True)
                return made._replace(uses=(x,))
        a, b = self.pool.unused[:2]
        if self.dice.happens(0.5):
            return Proposal("add", (a.name, b.name), (), a.low + b.low, a.high + b.high, uses=(a, b))
        return Proposal("subtract", (a.name, b.name), (), a.low - b.high, a.high - b.low, uses=(a, b))
