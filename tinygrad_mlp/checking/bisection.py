"""Which operation is to blame: each one of the recorded graph is checked by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tinygrad_mlp.autograd import Node, Operation, Variable
from tinygrad_mlp.autograd.modes import graph_building
from tinygrad_mlp.checking.comparing import Comparison, Place, compare
from tinygrad_mlp.checking.numeric import Measure
from tinygrad_mlp.checking.problem import Problem, Recorded, sides_of
from tinygrad_mlp.ops import multiply
from tinygrad_mlp.places import notebook_cell
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
        order: 2 if the closure is right and its own derivative is not.

    >>> import tinygrad_mlp as tg
    >>> @tg.op
    ... def product(a, b):
    ...     return a * b, lambda g: g * b, lambda g: g * b  # g · a would be right
    >>> guilty = tg.gradcheck(lambda x, y: tg.exp(product(x, y)).sum(), [1.0, 2.0], [3.0, 0.5]).guilty
    >>> [(suspect.operation, suspect.input) for suspect in guilty]
    [('product', 'b')]
    """

    operation: str
    where: str
    position: int
    input: str
    layer: str
    comparison: Comparison
    local: Local
    order: int = 1

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
        options: those of the call.
        kept: what the closures that the graph has kept make of it, before anything is run again: a new run could
            repair what they rely on.
    """

    def __init__(self, node: Node, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        self.node = node
        self.inputs = [np.array(getattr(x, "_data", x)) for x in node.inputs]
        self.positions = [i for i, closure in enumerate(node.closures) if closure is not None]
        for i in self.positions:
            self.inputs[i] = np.array(self.inputs[i], np.float64, order="C")
        self.arrays = {self.title(i): self.inputs[i] for i in self.positions}
        self.options = node.options
        self.weights = np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))
        self.kept = self.gradients(node.closures)
        self.weights = -self.weights
        self.kept_of_minus = self.gradients(node.closures)
        self.weights = -self.weights

    def accused(self, position: int, comparison: Comparison, order: int = 1) -> Guilty:
        """The charge against the closure of one input."""
        node = self.node
        where, title = source_of(node, position), self.title(position)
        return Guilty(node.operation.name, where, position, title, node.scope, comparison, self, order)

    def is_cut_off(self, position: int) -> bool:
        """Whether a closure makes a plain array, or a constant, of a gradient that could be differentiated."""
        inputs = [Tensor(x, requires_grad=i in self.positions) for i, x in enumerate(self.inputs)]
        with graph_building(), np.errstate(all="ignore"):
            closure = self.node.operation.body(*inputs, **self.options)[1 + position]
            d = closure(Tensor(self.weights, requires_grad=True))
        return not (isinstance(d, Variable) and d.requires_grad)

    def title(self, position: int) -> str:
        """What the operation calls an input."""
        names = self.node.operation.names
        if self.node.operation.arity is None or position >= len(names):
            return f"input {position + 1}"
        return names[position]

    def run(self) -> Any:
        """What the body returns at the inputs as they are now."""
        with np.errstate(all="ignore"):
            return self.node.operation.body(*self.inputs, **self.options)

    def outputs(self) -> Any:
        """The value."""
        y = np.array(self.run()[0], np.float64)
        return float(y) if y.ndim == 0 else y

    def gradients(self, closures: Any = None) -> dict[str, np.ndarray]:
        """What the closures make of the weights: those of a new run, or others. NaN where one raises an error."""
        closures = self.run()[1:] if closures is None else closures
        found = {}
        for i in self.positions:
            shape = self.inputs[i].shape
            try:
                with np.errstate(all="ignore"):
                    found[self.title(i)] = summed(np.array(closures[i](self.weights.copy()), np.float64), shape)
            except Exception:  # whatever a wrong closure may do, it must not hide the report
                found[self.title(i)] = np.full(shape, np.nan)
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
        if any(not np.allclose(self.kept_of_minus[name], -g, equal_nan=True) for name, g in self.kept.items()):
            # Not linear, and maybe right for one sign: what is wrong for the other one counts.
            found = self.compare_kept(self.kept, rng)
            if any(c.verdict == "fail" for c in found):
                return found
            self.weights, self.kept = -self.weights, self.kept_of_minus
        return self.compare_kept(self.kept, rng)

    def compare_kept(self, kept_gradients: dict[str, np.ndarray], rng: np.random.Generator) -> list[Comparison]:
        """Gradients that were computed before, at the values of the run; beside a kink, those of a new run."""
        kept = [kept_gradients]

        def gradients() -> dict[str, np.ndarray]:
            return kept.pop() if kept else self.gradients()

        return compare(self.problem(gradients), self.places(rng), rng)

    def compare_second(self, rng: np.random.Generator) -> list[Comparison]:
        """The operation on Tensors, at the second order, one input after the other; what arrives may change too."""
        return [self.second_of(i, rng) for i in self.positions]

    def second_of(self, position: int, rng: np.random.Generator) -> Comparison:
        """Whether the closure of one input can be differentiated: by the input, and by what arrives."""
        name = self.title(position)
        x = Tensor(self.inputs[position], requires_grad=True)
        g = Tensor(self.weights, requires_grad=True)
        inputs: list[Any] = list(self.inputs)
        inputs[position] = x
        leaves = {name: x, "what arrives": g}
        recorded = Recorded(
            lambda: multiply(self.node.operation(*inputs, **self.node.options), g), leaves, self.node.title
        )
        arrays = {key: leaf.data for key, leaf in leaves.items()}
        ones, second = np.ones(g.shape), rng.uniform(0.5, 1.5, x.size + g.size)
        problem = Problem(
            arrays,
            partial(recorded.slopes, ones),
            partial(recorded.second_gradients, ones, second),
            Measure(second),
            recorded.switches,
            float(np.linalg.norm(self.weights)),
        )
        found = compare(problem, {key: self.some(array, rng) for key, array in arrays.items()}, rng)
        return max(found, key=lambda comparison: comparison.verdict == "fail")

    def places(self, rng: np.random.Generator) -> dict[str, list[Place]]:
        """Which elements to compare."""
        return {name: self.some(array, rng) for name, array in self.arrays.items()}

    def some(self, array: np.ndarray, rng: np.random.Generator) -> list[Place]:
        """All elements of an array, or of too many some and a direction."""
        if array.size <= MOST_ELEMENTS:
            return list(range(array.size))
        return [*sorted(rng.choice(array.size, MOST_ELEMENTS, replace=False).tolist()), None]


def find_guilty(recorded: Recorded, order: int, rng: np.random.Generator) -> list[Guilty]:
    """The operations of a run whose closures are wrong by themselves, in the order of the run."""
    guilty: list[Guilty] = []
    known: set[tuple[Operation, int]] = set()
    for local in locals_of(recorded.run(), rng):
        operation = local.node.operation
        if all((operation, i) in known for i in local.positions):
            continue
        comparisons = local.compare(rng) if order == 1 else local.compare_second(rng)
        for i, comparison in zip(local.positions, comparisons, strict=True):
            if comparison.verdict == "fail" and (operation, i) not in known:
                known.add((operation, i))
                guilty.append(local.accused(i, comparison, order))
    return guilty


def locals_of(output: Any, rng: np.random.Generator) -> list[Local]:
    """The calls of a run, each by itself, oldest first."""
    nodes = nodes_of(output)
    shapes = {x._node: x.shape for node in nodes for x in node.inputs if isinstance(x, Variable)}
    return [Local(node, shapes.get(node, output.shape), rng) for node in nodes]


@dataclass(frozen=True)
class PlainSweep:
    """What a sweep of the checker's own found.

    Attributes:
        contributions: by leaf, what each of its uses adds to its gradient.
        writers: calls, and positions of their inputs, whose closures write into the gradient that they are given.
        unsteady: those whose closures give another result when they are called again.
    """

    contributions: dict[Variable, list[np.ndarray]] = field(default_factory=dict)
    writers: list[tuple[Node, int]] = field(default_factory=list)
    unsteady: list[tuple[Node, int]] = field(default_factory=list)


def plain_sweep(output: Any, weights: Any) -> PlainSweep:
    """Carry gradients back through all nodes in the plainest way, to compare the engine's sweep with."""
    found = PlainSweep()
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
                d = np.array(closure(given), np.float64)
                if not np.array_equal(given, g, equal_nan=True):
                    found.writers.append((node, i))
                elif not np.array_equal(d, np.array(closure(g.copy()), np.float64), equal_nan=True):
                    found.unsteady.append((node, i))
                d = summed(d, x.shape)
                if x._node is None:
                    found.contributions.setdefault(x, []).append(d)
                else:
                    gradients[x._node] = gradients[x._node] + d if x._node in gradients else d
    return found


def find_troublesome(
    recorded: Recorded, weights: Any, rng: np.random.Generator
) -> dict[Literal["mutates inputs", "nondeterministic"], list[Guilty]]:
    """The operations whose closures write into what they are given, or do not do the same twice."""
    try:
        found = plain_sweep(output := recorded.run(), weights)
    except Exception:  # of a closure; `Recorded.gradients` reports it
        return {}
    calls = {local.node: local for local in locals_of(output, rng)} if found.writers or found.unsteady else {}

    def accused(pairs: list[tuple[Node, int]]) -> list[Guilty]:
        blamed: dict[tuple[Operation, int], Guilty] = {}
        for node, i in pairs:
            local = calls[node]
            nothing = Comparison(local.title(i), local.inputs[i].shape, [])
            blamed.setdefault((node.operation, i), local.accused(i, nothing))
        return list(blamed.values())

    return {"mutates inputs": accused(found.writers), "nondeterministic": accused(found.unsteady)}


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
    if cell := notebook_cell(code.co_filename):
        return f"{cell}:{code.co_firstlineno}"
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
