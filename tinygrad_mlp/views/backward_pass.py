"""The backward pass as data: what every view draws, writes or shows.

`BackwardPass.of(loss)` runs a sweep of its own and watches it: no `.grad` is touched. Its steps are numbered in the
order in which the sweep takes them, from the loss on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Node, Variable, observing
from tinygrad_mlp.autograd.sweep import seed_for, sweep
from tinygrad_mlp.errors import GradientError, StaleError
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.views.formulas import Formula, formula, role_of
from tinygrad_mlp.views.measures import Gradient, asleep, norm

MOST_KEPT = 1_500
"""Steps of a graph up to which the elements of all gradients are kept; of a longer one, only norms are."""


@dataclass(eq=False)
class Edge:
    """One input of a step, and the gradient that flows to it.

    Attributes:
        step: the step, from which the gradient comes.
        position: which of its inputs this is, from 0.
        role: what the operation calls it: `w`.
        target: where the gradient goes: the step that made the input, or a leaf.
        flows: whether it does: nothing flows to data.
        gradient: this path's gradient alone, summed over broadcast axes, in the dtype of the input; None without
            numbers.
        summed_over: the axes of the closure's result over which the sweep has summed, because of broadcasting.
    """

    step: Step = field(repr=False)
    position: int
    role: str
    target: Step | Leaf = field(repr=False)
    flows: bool
    gradient: Gradient | None = None
    summed_over: tuple[int, ...] = ()

    @cached_property
    def formula(self) -> Formula:
        """How the gradient is computed, read from the closure's source: `dW = Xᵀ·dY`."""
        return formula(self.step.node, self.position, len(self.step.shape), self.summed_over)


@dataclass(eq=False)
class Step:
    """An operation of the graph, at its place in the backward pass.

    Attributes:
        number: from 1, in backward order.
        node: what was recorded; its inputs, options and closures.
        result: what the operation gave, with its values.
        edges: its inputs, in the order of the operation's parameters.
        uses: how many steps used the result, each use counted: the arriving gradient is the sum of so many paths.
        arrived: the gradient of the result, dY; None without numbers.
    """

    number: int
    node: Node = field(repr=False)
    result: Variable = field(repr=False)
    edges: list[Edge] = field(default_factory=list, repr=False)
    uses: int = 0
    arrived: Gradient | None = None

    @property
    def key(self) -> str:
        """What other parts of the data call it: `step3`."""
        return f"step{self.number}"

    @property
    def operation(self) -> str:
        """The operation's name."""
        return self.node.operation.name

    @property
    def layer(self) -> str:
        """The path of the layer that called it, or ""."""
        return self.node.scope

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result, and of the gradient that arrives."""
        return tuple(self.result.shape)

    @property
    def options(self) -> dict[str, str]:
        """The options of the call, as Python shows them."""
        return {name: repr(value) for name, value in self.node.options.items()}

    @property
    def outgoing(self) -> list[Edge]:
        """The edges along which a gradient flows: first to parameters, then on to the next steps."""
        return sorted((edge for edge in self.edges if edge.flows), key=lambda edge: isinstance(edge.target, Step))

    @cached_property
    def asleep(self) -> tuple[str, float] | None:
        """("dead", share of units) for relu, ("saturated", share of elements) for sigmoid and tanh, else None."""
        return asleep(self.operation, self.result._data)


@dataclass(eq=False)
class Leaf:
    """Where the graph ends: a parameter, at which a gradient arrives, or data, at which none does.

    Attributes:
        number: from 1, in the order in which the backward pass comes to it.
        value: a Tensor, or an array as the operation received it.
        name: the Tensor's, else what the operation calls the input.
        layer: the path of the layer that alone uses it, or "".
        is_parameter: whether it requires a gradient.
        uses: how many steps used it, each use counted: the gradient is the sum of so many paths.
        gradient: the sum; None for data, and without numbers.
        update_ratio: ‖ΔW‖ / ‖W‖ of the step that the given optimizer would make now; None without an optimizer, or
            if W is 0.
    """

    number: int
    value: Any = field(repr=False)
    name: str
    layer: str
    is_parameter: bool
    uses: int = 0
    gradient: Gradient | None = None
    update_ratio: float | None = None

    @property
    def key(self) -> str:
        """What other parts of the data call it: `leaf2`."""
        return f"leaf{self.number}"

    @property
    def array(self) -> np.ndarray:
        """The values."""
        return np.asarray(getattr(self.value, "_data", self.value))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.array.shape


@dataclass(eq=False)
class BackwardPass:
    """A backward pass, watched step by step.

    Attributes:
        loss: where it begins.
        steps: in backward order.
        leaves: parameters and data, in the order in which the pass comes to them.
        notes: why there are no numbers, if there are none; each one a sentence.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> seen = BackwardPass.of((w * w).sum())
    >>> for step in seen.steps:
    ...     print(step.number, step.operation, [f"{edge.formula} → {edge.target.key}" for edge in step.outgoing])
    1 sum ['dX = dY, repeated → step2']
    2 multiply ['dA = dY ⊙ B → leaf1', 'dB = dY ⊙ A → leaf1']
    >>> seen.leaves[0].gradient.array, seen.leaves[0].uses, w.grad
    (array([2., 4.], dtype=float32), 2, None)
    """

    loss: Variable
    steps: list[Step] = field(repr=False)
    leaves: list[Leaf] = field(repr=False)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, loss: Variable, optimizer: Optimizer | None = None, gradient: Any = None) -> BackwardPass:
        """Watch the backward pass from a loss.

        If a leaf was changed since the forward pass (after `optimizer.step()`, for instance), or if the loss is not a
        scalar and no gradient is given, there are steps and formulas, but no numbers, and `notes` says why.

        Args:
            loss: the result of operations on what requires a gradient.
            optimizer: what trains the parameters, for the update ratios: a copy of it makes the step.
            gradient: ∂E/∂loss, with the shape of the loss; 1 for a scalar.

        Raises:
            GradientError: `loss` is not the result of recorded operations.
        """
        if not isinstance(loss, Variable) or loss._node is None:
            kind = loss.title if isinstance(loss, Variable) else type(loss).__name__
            raise GradientError(f"{kind} has no graph; the result of operations on what requires a gradient expected")
        seen = cls(loss, *graph_of(loss))
        try:
            # In a context of its own: neither no_grad nor the observers of the one around are the view's business.
            Context().run(seen.watch, gradient)
        except (StaleError, GradientError) as error:
            seen.forget()
            seen.notes.append(f"no numbers: {error}")
        else:
            if optimizer is not None:
                seen.add_update_ratios(optimizer)
        return seen

    @property
    def has_numbers(self) -> bool:
        """Whether there are gradients, beside the formulas."""
        return self.steps[0].arrived is not None

    @property
    def parameters(self) -> list[Leaf]:
        """The leaves at which a gradient arrives."""
        return [leaf for leaf in self.leaves if leaf.is_parameter]

    @property
    def data(self) -> list[Leaf]:
        """The leaves without a gradient."""
        return [leaf for leaf in self.leaves if not leaf.is_parameter]

    def edges(self) -> Iterator[Edge]:
        """All edges, step by step."""
        for step in self.steps:
            yield from step.edges

    def watch(self, gradient: Any) -> None:
        """Run the sweep, and keep what it shows."""
        keep = len(self.steps) <= MOST_KEPT
        at = {step.node: step for step in self.steps}

        def observer(node: Node, arrived: Any, left: list[tuple[Variable, Any]]) -> None:
            step = at[node]
            step.arrived = Gradient.of(arrived, keep)
            for edge, (x, d) in zip((e for e in step.edges if e.flows), left, strict=True):
                edge.gradient = Gradient.of(d, keep)
                if node.operation.broadcasts and x.shape != step.shape:
                    edge.summed_over = summed_axes(node.closures[edge.position], arrived, x.shape)

        with observing(observer), np.errstate(all="ignore"):
            gradients, _ = sweep([(self.loss, seed_for(self.loss, gradient))])
        for leaf in self.parameters:
            leaf.gradient = Gradient.of(gradients[leaf.value], keep=True)  # parameters are there anyway

    def forget(self) -> None:
        """Take back what an unfinished sweep has left."""
        for step in self.steps:
            step.arrived = None
        for edge in self.edges():
            edge.gradient = None

    def add_update_ratios(self, optimizer: Optimizer) -> None:
        """Let a copy of the optimizer make a step with the gradients that were seen, and see how far it moves."""
        twin = copy.deepcopy(optimizer)
        leaves: dict[Any, Leaf] = {leaf.value: leaf for leaf in self.parameters}
        moved: list[tuple[Leaf, Any]] = []
        for own, p in zip(optimizer.parameters, twin.parameters, strict=True):
            leaf = leaves.get(own)
            p.grad = None if leaf is None or leaf.gradient is None else leaf.gradient.array
            if leaf is not None:
                moved.append((leaf, p))
        with np.errstate(all="ignore"):
            twin.step()
            for leaf, p in moved:
                if before := norm(leaf.array):
                    leaf.update_ratio = norm(p.data - leaf.array) / before

    def to_dict(self, most: int = 1_024, digits: int = 6) -> dict[str, Any]:
        """All of it as dicts, lists, text and numbers, for JSON.

        Args:
            most: elements of an array up to which they are written; of a larger one it is None.
            digits: significant digits of a number. NaN and infinities are the texts "nan", "inf" and "-inf".
        """

        def gradient(g: Gradient | None) -> dict[str, Any] | None:
            if g is None:
                return None
            return {"norm": plain(g.norm, digits), "mark": g.mark, "values": nested(g.array, most, digits)}

        return {
            "loss": {"title": self.loss.title, "values": nested(self.loss._data, most, digits)},
            "notes": self.notes,
            "steps": [
                {
                    "key": step.key,
                    "number": step.number,
                    "operation": step.operation,
                    "layer": step.layer,
                    "name": step.result.name,
                    "shape": list(step.shape),
                    "options": step.options,
                    "uses": step.uses,
                    "asleep": step.asleep,
                    "values": nested(step.result._data, most, digits),
                    "gradient": gradient(step.arrived),
                    "edges": [
                        {
                            "role": edge.role,
                            "target": edge.target.key,
                            "flows": edge.flows,
                            "formula": str(edge.formula) if edge.flows else None,
                            "where": list(edge.formula.where) if edge.flows else [],
                            "summed_over": list(edge.summed_over),
                            "gradient": gradient(edge.gradient),
                        }
                        for edge in step.edges
                    ],
                }
                for step in self.steps
            ],
            "leaves": [
                {
                    "key": leaf.key,
                    "name": leaf.name,
                    "layer": leaf.layer,
                    "is_parameter": leaf.is_parameter,
                    "shape": list(leaf.shape),
                    "uses": leaf.uses,
                    "update_ratio": None if leaf.update_ratio is None else plain(leaf.update_ratio, digits),
                    "values": nested(leaf.array, most, digits),
                    "gradient": gradient(leaf.gradient),
                }
                for leaf in self.leaves
            ],
        }


def graph_of(loss: Variable) -> tuple[list[Step], list[Leaf]]:
    """The steps that a sweep from a loss takes, and the leaves where it ends, joined by their edges."""
    steps = [Step(i, result._node, result) for i, result in enumerate(reached(loss), 1) if result._node is not None]
    places: dict[Any, Step | Leaf] = {step.node: step for step in steps}
    leaves: list[Leaf] = []
    for step in steps:
        for position, (x, closure) in enumerate(zip(step.node.inputs, step.node.closures, strict=True)):
            key = (x._node or x) if isinstance(x, Variable) else id(x)
            role = role_of(step.node, position)
            target = places.get(key)
            if target is None:
                target = Leaf(len(leaves) + 1, x, getattr(x, "name", None) or role, step.layer, closure is not None)
                places[key] = target
                leaves.append(target)
            elif isinstance(target, Leaf):
                target.is_parameter = target.is_parameter or closure is not None
                if target.layer != step.layer:
                    target.layer = ""  # it belongs to no layer alone
            if closure is not None:
                target.uses += 1
            step.edges.append(Edge(step, position, role, target, closure is not None))
    return steps, leaves


def reached(loss: Variable) -> list[Variable]:
    """The results of operations that a gradient from the loss passes, in backward order."""
    found: dict[Node, Variable] = {}
    stack = [loss]
    while stack:
        x = stack.pop()
        node = x._node
        if node is not None and node not in found:
            found[node] = x
            stack.extend(y for y, closure in zip(node.inputs, node.closures, strict=True) if closure is not None)
    return [found[node] for node in sorted(found, key=lambda node: -node.time)]


def summed_axes(closure: Any, arrived: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a closure's result that the sweep sums over, so that the gradient gets this shape."""
    returned = np.shape(closure(arrived))
    new = len(returned) - len(shape)
    stretched = (i + new for i, n in enumerate(shape) if n == 1 != returned[i + new])
    return (*range(new), *stretched)


def plain(value: float, digits: int) -> float | str:
    """A number for JSON, which has neither NaN nor infinities."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else str(float(value))


def nested(array: Any, most: int, digits: int) -> Any:
    """An array as nested lists, or a number; None if it is too large, or was not kept."""
    if array is None or np.size(array) > most:
        return None
    values = np.asarray(array)
    if values.dtype.kind != "f":
        return values.tolist()
    flat = np.empty(values.size, object)
    flat[:] = [plain(x, digits) for x in values.reshape(-1).tolist()]
    return flat.reshape(values.shape).tolist()
