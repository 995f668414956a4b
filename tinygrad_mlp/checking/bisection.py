"""Which operation is to blame: each one of the recorded graph is checked by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Node, Operation, Variable
from tinygrad_mlp.checking.comparing import Comparison, Place, compare
from tinygrad_mlp.checking.numeric import Measure
from tinygrad_mlp.checking.problem import Problem, Recorded, sides_of
from tinygrad_mlp.tensor import Tensor

MOST_ELEMENTS = 200
"""How many elements of one input of one operation are compared; of more, a random choice."""


@dataclass(frozen=True)
class Guilty:
    """An operation whose closure is wrong.

    Attributes:
        operation: its name.
        where: file and line of the closure, or "" if they are not known.
        position: which of its inputs has the wrong gradient, from 0.
        input: what the operation calls that input.
        layer: the path of the layer that called it, or "".
        comparison: of the closure's gradient with the numeric one, at the values of the run.
        local: the operation by itself, for a closer look.
    """

    operation: str
    where: str
    position: int
    input: str
    layer: str
    comparison: Comparison
    local: Local

    def __str__(self) -> str:
        place = f", {self.where}" if self.where else ""
        layer = f" in {self.layer}" if self.layer else ""
        return f"`{self.operation}`{layer}{place}: the gradient of {self.input}"


class Local:
    """One recorded call of an operation as a function of its own.

    Attributes:
        node: the call.
        arrays: its inputs, copies in float64 of those that have a gradient.
        weights: the gradient that is let in.
    """

    def __init__(self, node: Node, rng: np.random.Generator) -> None:
        self.node = node
        self.inputs = [np.array(getattr(x, "_data", x)) for x in node.inputs]
        self.positions = [i for i, closure in enumerate(node.closures) if closure is not None]
        for i in self.positions:
            self.inputs[i] = np.array(self.inputs[i], np.float64, order="C")
        self.arrays = {self.title(i): self.inputs[i] for i in self.positions}
        y = self.outputs()
        shape = np.shape(y)
        self.weights = rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)

    def title(self, position: int) -> str:
        """What the operation calls an input."""
        names = self.node.operation.names
        if self.node.operation.arity is None or position >= len(names):
            return f"input {position + 1}"
        return names[position]

    def run(self) -> Any:
        """What the body returns at the inputs as they are now."""
        with np.errstate(all="ignore"):
            return self.node.operation.body(*self.inputs, **self.node.options)

    def outputs(self) -> Any:
        """The value."""
        y = np.array(self.run()[0], np.float64)
        return float(y) if y.ndim == 0 else y

    def gradients(self, closures: Any = None, scale: float = 1.0) -> dict[str, np.ndarray]:
        """What the closures make of the weights: those of a new run, or others."""
        closures = self.run()[1:] if closures is None else closures
        found = {}
        for i in self.positions:
            with np.errstate(all="ignore"):
                d = closures[i](np.asarray(self.weights * scale))
            found[self.title(i)] = summed(np.asarray(d, np.float64), self.inputs[i].shape)
        return found

    def raising(self) -> list[int]:
        """The inputs whose closures raise an error."""
        found = []
        for i in self.positions:
            closure: Any = self.node.closures[i]
            try:
                np.asarray(closure(np.asarray(self.weights)), np.float64)
            except Exception:  # see above
                found.append(i)
        return found

    def switches(self) -> list[np.ndarray]:
        """The side of each kink that the inputs are on."""
        operation = self.node.operation
        return [] if operation.kinks is None else [sides_of(operation, self.inputs, self.node.options)]

    def problem(self, gradients: Callable[[], dict[str, np.ndarray]]) -> Problem:
        """The operation as a problem."""
        weights = float(self.weights) if np.ndim(self.weights) == 0 else self.weights
        return Problem(self.arrays, self.outputs, gradients, Measure(weights), self.switches)

    def compare(self, rng: np.random.Generator) -> list[Comparison]:
        """The closures that the graph has kept, at the values of the run; beside a kink, those of a new run."""
        kept = [self.node.closures]

        def gradients() -> dict[str, np.ndarray]:
            return self.gradients(kept.pop() if kept else None)

        return compare(self.problem(gradients), self.places(rng), rng)

    def compare_second(self, rng: np.random.Generator) -> list[Comparison]:
        """The operation on Tensors, at the second order."""
        leaves = {name: Tensor(array, requires_grad=True) for name, array in self.arrays.items()}
        inputs: list[Any] = list(self.inputs)
        for i in self.positions:
            inputs[i] = leaves[self.title(i)]
        recorded = Recorded(partial(self.node.operation, *inputs, **self.node.options), leaves, self.node.title)
        arrays = {name: leaf.data for name, leaf in leaves.items()}
        second = rng.uniform(0.5, 1.5, sum(a.size for a in arrays.values()))
        problem = Problem(
            arrays,
            partial(recorded.slopes, self.weights),
            partial(recorded.second_gradients, self.weights, second),
            Measure(second),
            recorded.switches,
        )
        return compare(problem, self.places(rng), rng)

    def places(self, rng: np.random.Generator) -> dict[str, list[Place]]:
        """Which elements to compare."""
        return {
            name: list(range(a.size))
            if a.size <= MOST_ELEMENTS
            else [*sorted(rng.choice(a.size, MOST_ELEMENTS, replace=False).tolist()), None]
            for name, a in self.arrays.items()
        }


def find_guilty(recorded: Recorded, order: int, rng: np.random.Generator) -> list[Guilty]:
    """The operations of a run whose closures are wrong by themselves, in the order of the run."""
    guilty: list[Guilty] = []
    known: set[tuple[Operation, int]] = set()
    for node in nodes_of(recorded.run()):
        if all((node.operation, i) in known for i, c in enumerate(node.closures) if c is not None):
            continue
        local = Local(node, rng)
        raising: list[int] = []
        try:
            comparisons = local.compare(rng) if order == 1 else local.compare_second(rng)
        except Exception:  # whatever a wrong closure may do, it must not hide the report
            raising = local.raising()
            comparisons = [Comparison(local.title(i), local.inputs[i].shape, []) for i in local.positions]
        for i, comparison in zip(local.positions, comparisons, strict=True):
            if (comparison.verdict == "fail" or i in raising) and (node.operation, i) not in known:
                known.add((node.operation, i))
                name, where = node.operation.name, source_of(node, i)
                guilty.append(Guilty(name, where, i, local.title(i), node.scope, comparison, local))
    return guilty


@dataclass(frozen=True)
class PlainSweep:
    """What a sweep of the checker's own found.

    Attributes:
        contributions: by leaf, what each of its uses adds to its gradient.
        writers: calls, and positions of their inputs, whose closures write into the gradient that they are given.
    """

    contributions: dict[Variable, list[np.ndarray]]
    writers: list[tuple[Node, int]]


def plain_sweep(output: Any, weights: Any) -> PlainSweep:
    """Carry gradients back through all nodes in the plainest way, to compare the engine's sweep with."""
    found = PlainSweep({}, [])
    nodes = nodes_of(output)
    if not nodes:
        return found
    gradients: dict[Node, np.ndarray] = {nodes[-1]: np.asarray(weights, np.float64).reshape(output.shape)}
    with np.errstate(all="ignore"):
        for node in reversed(nodes):
            g = gradients.pop(node, None)
            if g is None:
                continue
            for i, (x, closure) in enumerate(zip(node.inputs, node.closures, strict=True)):
                if closure is None or not isinstance(x, Variable):
                    continue
                given = g.copy()
                d = summed(np.array(closure(given), np.float64), x.shape)
                if not np.array_equal(given, g, equal_nan=True):
                    found.writers.append((node, i))
                if x._node is None:
                    found.contributions.setdefault(x, []).append(d)
                else:
                    gradients[x._node] = gradients[x._node] + d if x._node in gradients else d
    return found


def writers(recorded: Recorded, weights: Any, rng: np.random.Generator) -> list[Guilty]:
    """The operations whose closures write into the gradient that they are given, which may be another's."""
    guilty = []
    for node, i in plain_sweep(recorded.run(), weights).writers:
        local = Local(node, rng)
        nothing = Comparison(local.title(i), local.inputs[i].shape, [])
        guilty.append(Guilty(node.operation.name, source_of(node, i), i, local.title(i), node.scope, nothing, local))
    return guilty


def nodes_of(output: Any) -> list[Node]:
    """All nodes behind an output, oldest first."""
    if not isinstance(output, Variable) or output._node is None:
        return []
    found = {output._node}
    stack = [output._node]
    while stack:
        for x in stack.pop().inputs:
            if isinstance(x, Variable) and x._node is not None and x._node not in found:
                found.add(x._node)
                stack.append(x._node)
    return sorted(found, key=lambda node: node.time)


def source_of(node: Node, position: int) -> str:
    """File and line of a closure that stands in its operation's body; otherwise those of the body."""
    body = node.operation.body
    code: Any = getattr(inspect.unwrap(body), "__code__", None)
    own: Any = getattr(node.closures[position], "__code__", None)
    if own is not None and code is not None and own.co_filename == code.co_filename:
        code = own
    if code is None:
        return ""
    path = Path(code.co_filename)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    elif path.is_absolute():
        path = Path(*path.parts[-2:])
    return f"{path.as_posix()}:{code.co_firstlineno}"


def summed(d: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A gradient summed over the axes along which an input was broadcast; NaN if its shape is no such shape.

    Written here once more, because a check may not rely on what it checks.
    """
    if d.shape == shape:
        return d
    lead = d.ndim - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, d.shape[lead:], strict=True)):
        return np.full(shape, np.nan)
    d = np.asarray(d.sum(axis=tuple(range(lead))))
    return np.asarray(d.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 != d.shape[i]), keepdims=True))
