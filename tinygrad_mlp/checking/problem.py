"""What a gradient check looks at: a function of float64 arrays that can be moved, and its gradient by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Mode, ModeSwitch, Node, Operation, Variable, backward, grad, no_grad
from tinygrad_mlp.autograd.modes import Recorder
from tinygrad_mlp.checking.numeric import Along, Measure
from tinygrad_mlp.errors import DtypeError, NonFiniteError, ShapeError
from tinygrad_mlp.tensor import Tensor

Gradients = dict[str, np.ndarray]
Switches = list[np.ndarray]
"""On which side of each kink a point is: an array of signs for each operation that has kinks."""


@dataclass
class Problem:
    """A function and its gradient at a point.

    Attributes:
        arrays: by name, float64 and C-contiguous. To move the point, write into them.
        value: the outputs at the point, an array, or a number for a scalar.
        gradients: those of Σ weights·outputs at the point, by the engine.
        measure: the weights, and the rounding error of the outputs.
        switches: see `Switches`.
        size: the magnitude of what the outputs were computed from, if it is more than theirs.
        inside: gives the largest value that an operation on the way to the outputs has at the point.
    """

    arrays: Mapping[str, np.ndarray]
    value: Callable[[], Any]
    gradients: Callable[[], Gradients]
    measure: Measure
    switches: Callable[[], Switches] = field(default=list)
    size: float = 0.0
    inside: Callable[[], float] = float

    def along(self, name: str, direction: int | np.ndarray) -> Along:
        """The outputs on a line through the point: along an element of an array, or along an array."""
        array = self.arrays[name]
        if isinstance(direction, np.ndarray):
            part: Any = array
            start: Any = array.copy()
            way: Any = direction
            where: Any = ...
        else:
            part, where, way = array.reshape(-1), direction, 1.0
            start = part[direction]

        def outputs(t: float) -> Any:
            part[where] = start + t * way
            try:
                return self.value()
            finally:
                part[where] = start

        return outputs


@dataclass
class Recorded:
    """A function of leaves, as a user gives it.

    Attributes:
        call: runs it.
        leaves: the Tensors to check, in float64, by name.
        what: how messages call it.
        shape: that of its outputs, known after the first run.
        trouble: what went wrong with the gradients of a leaf beside their values, as a cause and in words.
    """

    call: Callable[[], Any]
    leaves: dict[str, Tensor]
    what: str
    shape: tuple[int, ...] | None = None
    trouble: dict[str, tuple[str, str]] = field(default_factory=dict)

    def run(self) -> Any:
        """Its output: a Tensor, or an array if it made one."""
        with np.errstate(all="ignore"):
            output = self.call()
        if isinstance(output, bool | int | float | np.generic):
            output = np.asarray(output, np.float64)
        if not isinstance(output, np.ndarray | Variable) or output.dtype.kind not in "fiu":
            kind = f"{output.dtype} array" if isinstance(output, np.ndarray) else type(output).__name__
            raise DtypeError(
                f"{self.what} returned a {kind}; a Tensor of real numbers is expected, a scalar or an array"
            )
        if self.shape is None:
            self.shape = output.shape
        elif output.shape != self.shape:
            raise ShapeError(
                f"{self.what} returned {self.shape} at the first call and {output.shape} at a later one, "
                "with inputs that hardly differ: the shape may not depend on the values"
            )
        return output

    def value(self) -> Any:
        """The outputs in float64: a number for a scalar."""
        with no_grad():
            y = self.run()
        data = getattr(y, "_data", y)
        return float(data) if data.ndim == 0 else np.array(data, np.float64)  # a copy: it may be a view of a leaf

    def start(self, output: Any, weights: Any) -> np.ndarray:
        """The weights as the gradient that a backward pass starts with."""
        return np.asarray(weights, output.dtype).reshape(output.shape)

    def gradients(self, weights: Any) -> Gradients:
        """What `backward` leaves on the leaves; a second pass has to double it, and `grad` has to agree."""
        output = self.run()
        if not (isinstance(output, Variable) and output.requires_grad):
            return {name: np.zeros(leaf.shape) for name, leaf in self.leaves.items()}
        start = self.start(output, weights)
        for leaf in self.leaves.values():
            leaf._grad = None
        with np.errstate(all="ignore"):
            try:
                backward(output, start)
            except Exception as error:  # of a closure
                kind = "axis" if isinstance(error, ShapeError) else "unknown"
                self.trouble |= dict.fromkeys(self.leaves, (kind, f"{type(error).__name__}: {error}"))
                return {name: np.full(leaf.shape, np.nan) for name, leaf in self.leaves.items()}
            first = {name: gathered(leaf) for name, leaf in self.leaves.items()}
            backward(output, start)
            twice = {name: gathered(leaf) for name, leaf in self.leaves.items()}
            asked = grad(output, [*self.leaves.values()], gradient=start)
        for (name, g), other in zip(first.items(), asked, strict=True):
            if not agree(twice[name], 2 * g):
                words = "a second backward() does not add the same again: something writes into an array of another's"
                self.trouble[name] = ("mutates inputs", words)
            elif not agree(other, g):
                self.trouble[name] = ("lost contribution", "grad() and backward() do not agree")
        return first

    def slopes(self, weights: Any) -> np.ndarray:
        """The first-order gradients of all leaves, one after the other, as the outputs of a second-order problem."""
        output = self.run()
        if not (isinstance(output, Variable) and output.requires_grad):
            return np.zeros(sum(leaf.size for leaf in self.leaves.values()))
        with np.errstate(all="ignore"):
            found = grad(output, [*self.leaves.values()], gradient=self.start(output, weights))
        return np.concatenate([np.ravel(g) for g in found])

    def second_gradients(self, weights: Any, second_weights: np.ndarray) -> Gradients:
        """The gradients of Σ second_weights·(first-order gradients)."""
        output = self.run()
        leaves = [*self.leaves.values()]
        if not (isinstance(output, Variable) and output.requires_grad):
            return {name: np.zeros(leaf.shape) for name, leaf in self.leaves.items()}
        sizes = np.cumsum([leaf.size for leaf in leaves])[:-1]
        parts = [w.reshape(x.shape) for w, x in zip(np.split(second_weights, sizes), leaves, strict=True)]
        with np.errstate(all="ignore"):
            slopes = grad(output, leaves, gradient=self.start(output, weights), create_graph=True)
            pairs = [(g, w) for g, w in zip(slopes, parts, strict=True) if g.requires_grad]
            found = grad([g for g, _ in pairs], leaves, gradient=[w for _, w in pairs]) if pairs else None
        return {
            name: np.zeros(x.shape) if found is None else found[i] for i, (name, x) in enumerate(self.leaves.items())
        }

    def switches(self) -> Switches:
        """On which side of their kinks the operations of a run are."""
        signs: Switches = []

        def look(operation: Operation, arrays: list[Any], _: Any, node: Node | None) -> None:
            if operation.kinks is not None and node is not None:
                signs.append(sides_of(operation, arrays, node.options))

        with Watching(look):
            self.run()
        return signs

    def inside(self) -> float:
        """The largest value, without its sign, that an operation of a run gives."""
        found = [0.0]

        def look(_: Operation, __: list[Any], y: Any, ___: Node | None) -> None:
            values = np.abs(np.asarray(y, np.float64))
            found.append(float(values[np.isfinite(values)].max(initial=0.0)))

        with Watching(look):
            self.run()
        return max(found)


def sides_of(operation: Operation, arrays: Sequence[Any], options: dict[str, Any]) -> np.ndarray:
    """The side of each kink of an operation that its inputs are on: −1, 0 or 1."""
    assert operation.kinks is not None
    return np.sign(np.asarray(operation.kinks(*arrays, **options), np.float64))


class Watching(ModeSwitch):
    """Every operation is shown to a recorder."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def changed(self, mode: Mode) -> Mode:
        """The same mode, watched."""
        return mode._replace(recording=True, recorders=(*mode.recorders, self.recorder))


def gathered(leaf: Tensor) -> np.ndarray:
    """A copy of what is in a leaf's `.grad`; zeros if nothing arrived."""
    return np.zeros(leaf.shape) if leaf._grad is None else np.array(leaf._grad, np.float64)


def agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two gradients by the engine are the same but for the order of their sums."""
    if one.shape != other.shape:
        return False
    return bool(np.allclose(one, other, rtol=1e-9, atol=1e-12 * float(np.abs(other).max(initial=0)), equal_nan=True))


@contextmanager
def in_float64(tensors: Iterable[Tensor]) -> Iterator[None]:
    """Leaves with float64 copies of their data, which may be moved, and without gradients; put back afterwards."""
    kept = [(x, x._data, x._grad, x._home) for x in tensors]
    try:
        for x, data, _, _ in kept:
            if data.dtype.kind == "f":
                x._data = np.array(data, np.float64, order="C")
            x._grad = x._home = None
        yield
    finally:
        for x, data, gradient, home in kept:
            x._data, x._grad, x._home = data, gradient, home


def check_finite(what: str, y: Any) -> None:
    """Refuse outputs that are not finite at the point itself: no slope could be measured."""
    bad = np.argwhere(~np.isfinite(np.atleast_1d(y)))
    if len(bad):
        place = f" at {tuple(map(int, bad[0]))}" if np.ndim(y) else ""
        seen = np.atleast_1d(y)[tuple(bad[0])]
        raise NonFiniteError(
            f"{what} is {seen}{place} of its output at the point itself, so there is no derivative to compare with: "
            "give inputs from its domain (tg.detect_anomaly() finds the operation)"
        )
