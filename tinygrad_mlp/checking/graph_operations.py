"""The operations that a random graph is made of: what each can follow, and where its values lie.

A maker proposes an operation on a value, or None where it has none for that shape or range. The ranges are intervals
that the elements cannot leave, so nothing has to be computed while a graph is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")
Shape = tuple[int, ...]

CLEAR = 0.3
"""How far from a pole or a branch point an operand stays."""
GRID = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Where kinks lie: bounds of clip and maximum, and, at times, the elements of inputs."""


@dataclass
class Dice:
    """Random choices from numbers drawn in bulk: one by one they would take most of the time."""

    rng: np.random.Generator
    left: list[float] = field(default_factory=list)

    def number(self) -> float:
        """From 0 to below 1."""
        if not self.left:
            self.left = self.rng.random(128).tolist()
        return self.left.pop()

    def below(self, n: int) -> int:
        """A whole number from 0 to n − 1."""
        return int(self.number() * n)

    def happens(self, share: float) -> bool:
        """True in this share of cases."""
        return self.number() < share

    def one_of(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[self.below(len(things))]


class Value(NamedTuple):
    """What is known of a value: its name, its shape, and numbers that its elements lie between."""

    name: str
    shape: Shape
    low: float
    high: float


class Proposal(NamedTuple):
    """An operation that could come next, and what is known of its value."""

    operation: str
    operands: tuple[Any, ...]
    shape: Shape
    low: float
    high: float
    options: dict[str, Any] = {}  # noqa: RUF012 - nobody writes into it
    uses: tuple[Value, ...] = ()


@dataclass
class Pool:
    """The values that there are, and random choices among them.

    Attributes:
        dice: random choices.
        values: all values, inputs first.
        unused: those that no operation uses yet.
    """

    dice: Dice
    values: list[Value] = field(default_factory=list)
    unused: list[Value] = field(default_factory=list)

    def add(self, value: Value) -> None:
        """Remember a value that nothing uses yet."""
        self.values.append(value)
        self.unused.append(value)

    def partner(self, fits: Callable[[Value], bool]) -> Value | None:
        """A second operand, one that nothing uses yet if possible."""
        for values in (self.unused, self.values):
            fitting = [value for value in values if fits(value)]
            if fitting:
                return self.dice.one_of(fitting)
        return None


Maker = Callable[[Pool, Value], Proposal | None]

# What each kind of operation makes of a range. A function of one number that rises takes the ends to the ends.


def rising(operation: str, f: Callable[[float], float], least: float = -math.inf, most: float = math.inf) -> Maker:
    """A function that rises, for values from `least` to `most`."""

    def maker(_: Pool, x: Value) -> Proposal | None:
        if x.low < least or x.high > most:
            return None
        return Proposal(operation, (x.name,), x.shape, f(x.low), f(x.high))

    return maker


def bent(operation: str, bottom: float) -> Maker:
    """A function like silu: not below `bottom`, not above max(x, 0)."""
    return lambda pool, x: Proposal(operation, (x.name,), x.shape, bottom, max(x.high, 0.0))


def absolute(_: Pool, x: Value) -> Proposal:
    """|x|."""
    least = 0.0 if x.low <= 0 <= x.high else min(abs(x.low), abs(x.high))
    return Proposal("abs", (x.name,), x.shape, least, max(-x.low, x.high))


def negative(_: Pool, x: Value) -> Proposal:
    """−x."""
    return Proposal("negative", (x.name,), x.shape, -x.high, -x.low)


def shifted(pool: Pool, x: Value) -> Proposal:
    """x + c or c − x."""
    c = pool.dice.one_of((0.5, 1.0, 1.8))
    if pool.dice.happens(0.5):
        return Proposal("add", (x.name, c), x.shape, x.low + c, x.high + c)
    return Proposal("subtract", (c, x.name), x.shape, c - x.high, c - x.low)


def scaled(pool: Pool, x: Value) -> Proposal:
    """c·x."""
    c = pool.dice.one_of((0.4, -0.7, 1.3))
    low, high = sorted((x.low * c, x.high * c))
    return Proposal("multiply", (x.name, c), x.shape, low, high)


def powered(pool: Pool, x: Value) -> Proposal:
    """x² or x³."""
    p = pool.dice.one_of((2.0, 3.0))
    ends = (x.low**p, x.high**p, 0.0)
    return Proposal("power", (x.name, p), x.shape, min(ends), max(ends))


def lifted(_: Pool, x: Value) -> Proposal | None:
    """x plus a number that makes it positive, so that logarithms, roots and quotients can follow."""
    if x.low >= CLEAR:
        return None
    c = math.ceil(2 * (CLEAR - x.low)) / 2
    return Proposal("add", (x.name, c), x.shape, x.low + c, x.high + c)


def inverse(pool: Pool, x: Value) -> Proposal | None:
    """A number, or another value, divided by x."""
    if x.low < CLEAR:
        return None
    y = pool.partner(lambda y: y.shape == x.shape)
    if y is None or y == x:
        return Proposal("divide", (1.0, x.name), x.shape, 1 / x.high, 1 / x.low)
    ends = [a / b for a in (y.low, y.high) for b in (x.low, x.high)]
    return Proposal("divide", (y.name, x.name), x.shape, min(ends), max(ends), uses=(y, x))


def clipped(pool: Pool, x: Value) -> Proposal | None:
    """x held between two numbers on the grid."""
    low, high = pool.dice.one_of(((-1.0, 1.0), (-0.5, 1.0), (0.5, 2.0), (-1.0, 0.0)))
    if x.high < low + CLEAR or x.low > high - CLEAR:
        return None  # hardly anything would be left of x
    return Proposal("clip", (x.name, low, high), x.shape, low, high)


def held(pool: Pool, x: Value) -> Proposal | None:
    """The larger or smaller of x and a number on the grid."""
    c = pool.dice.one_of(GRID)
    if not x.low + CLEAR < c < x.high - CLEAR:
        return None
    if pool.dice.happens(0.6):
        return Proposal("maximum", (x.name, c), x.shape, max(x.low, c), max(x.high, c))
    return Proposal("minimum", (x.name, c), x.shape, min(x.low, c), min(x.high, c))


def along(pool: Pool, x: Value) -> Proposal | None:
    """Softmax, or its logarithm, along an axis."""
    if not x.shape:
        return None
    axis = pool.dice.below(len(x.shape))
    least = x.low - x.high - math.log(x.shape[axis])
    if pool.dice.happens(0.5):
        return Proposal("log_softmax", (x.name,), x.shape, least, 0.0, {"axis": axis})
    return Proposal("softmax", (x.name,), x.shape, math.exp(least), 1.0, {"axis": axis})


def reduction(pool: Pool, x: Value, whole: bool = False) -> Proposal:
    """A sum, a mean, an extreme or a logsumexp over one axis or over all."""
    operation = pool.dice.one_of(("sum", "mean", "max", "min", "max", "logsumexp"))
    axis, keepdims = None, False
    if x.shape and not whole and pool.dice.happens(0.7):
        axis, keepdims = pool.dice.below(len(x.shape)), pool.dice.happens(0.3)
    shape = () if axis is None else tuple(1 if i == axis else n for i, n in enumerate(x.shape) if keepdims or i != axis)
    n = math.prod(x.shape) if axis is None else x.shape[axis]
    low, high = x.low, x.high
    if operation == "sum":
        low, high = n * low, n * high
    elif operation == "logsumexp":
        low, high = low + math.log(n), high + math.log(n)
    options: dict[str, Any] = {} if axis is None else {"axis": axis, "keepdims": keepdims}
    return Proposal(operation, (x.name,), shape, low, high, options)


def rearranged(pool: Pool, x: Value) -> Proposal | None:
    """The same elements in another shape or order, or some of them, some twice."""
    low, high = x.low, x.high
    if not x.shape:
        return Proposal("broadcast_to", (x.name,), (3,), low, high, {"shape": (3,)})
    first, *rest = x.shape
    kind = pool.dice.below(6)
    if kind == 0:
        return Proposal("transpose", (x.name,), x.shape[::-1], low, high)
    if kind == 1:
        shape = (math.prod(x.shape),) if rest else (first, 1)
        return Proposal("reshape", (x.name,), shape, low, high, {"shape": shape})
    if kind == 2:
        return Proposal("broadcast_to", (x.name,), (2, *x.shape), low, high, {"shape": (2, *x.shape)})
    indices: list[tuple[Any, Shape]] = [(-1, ()), (slice(None, None, -1), (first,)), ([0, first - 1, 0], (3,))]
    index, start = indices[kind - 3]
    return Proposal("getitem", (x.name, index), (*start, *rest), low, high)


def together(pool: Pool, x: Value) -> Proposal | None:
    """x and another value (or itself), element by element, broadcast."""
    y = pool.partner(lambda y: broadcast(x.shape, y.shape) is not None)
    if y is None:
        return None
    shape = broadcast(x.shape, y.shape)
    assert shape is not None  # partner has seen to it
    operation = pool.dice.one_of(("add", "subtract", "multiply", "maximum", "minimum", "where"))
    operands: tuple[Any, ...] = (x.name, y.name)
    low, high = min(x.low, y.low), max(x.high, y.high)
    if operation == "add":
        low, high = x.low + y.low, x.high + y.high
    elif operation == "subtract":
        low, high = x.low - y.high, x.high - y.low
    elif operation == "maximum":
        low, high = max(x.low, y.low), max(x.high, y.high)
    elif operation == "minimum":
        low, high = min(x.low, y.low), min(x.high, y.high)
    elif operation == "where":
        operands = (pool.dice.one_of((True, False)) if not shape else coins(pool, shape[-1]), *operands)
    else:
        ends = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
        low, high = min(ends), max(ends)
    return Proposal(operation, operands, shape, low, high, uses=(x, y))


def coins(pool: Pool, n: int) -> list[bool]:
    """A condition, along the last axis."""
    return [pool.dice.happens(0.5) for _ in range(n)]


def product(pool: Pool, x: Value) -> Proposal | None:
    """A matrix product with another value."""
    if len(x.shape) < 2:
        return None
    y = pool.partner(lambda y: len(y.shape) == 2 and y.shape[0] == x.shape[-1])
    if y is None:
        return None
    most = x.shape[-1] * max(-x.low, x.high) * max(-y.low, y.high)
    return Proposal("matmul", (x.name, y.name), (*x.shape[:-1], y.shape[1]), -most, most, uses=(x, y))


def joined(pool: Pool, x: Value) -> Proposal | None:
    """x and another value, one behind the other."""
    if not x.shape:
        return None
    y = pool.partner(lambda y: len(y.shape) == len(x.shape) and y.shape[1:] == x.shape[1:])
    if y is None:
        return None
    shape = (x.shape[0] + y.shape[0], *x.shape[1:])
    low, high = min(x.low, y.low), max(x.high, y.high)
    return Proposal("concatenate", ((x.name, y.name),), shape, low, high, uses=(x, y))


@lru_cache(maxsize=1024)
def broadcast(a: Shape, b: Shape) -> Shape | None:
    """The shape that two arrays have together, or None."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


def leaky(x: float) -> float:
    """leaky_relu of a number."""
    return x if x > 0 else 0.01 * x


MAKERS: tuple[Maker, ...] = (
    *[rising("relu", lambda x: max(x, 0.0)), absolute, clipped, held, reduction, rearranged] * 2,
    *[together] * 7,
    *[product, product, joined, along] * 2,
    *[shifted, scaled, negative, powered, lifted],
    *[inverse, rising("log", math.log, least=CLEAR), rising("sqrt", math.sqrt, least=CLEAR)] * 4,
    rising("tanh", math.tanh),
    rising("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
    rising("softplus", lambda x: math.log1p(math.exp(x))),
    rising("exp", math.exp, most=1.5),
    rising("expm1", math.expm1, most=1.5),
    rising("erf", math.erf),
    rising("elu", lambda x: x if x > 0 else math.expm1(x)),
    rising("leaky_relu", leaky),
    rising("log1p", math.log1p, least=CLEAR - 1),
    bent("silu", -0.2785),
    bent("gelu", -0.17),
)
