"""The graph behind a loss as a backward pass walks it: steps, the leaves where it ends, and the edges between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Node, Variable
from tinygrad_mlp.views.formulas import Formula, formula, role_of
from tinygrad_mlp.views.measures import Gradient, asleep


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
        name: the Tensor's, else what the first operation that used it calls it.
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
                if getattr(x, "name", None) is None:
                    target.name = role  # the first use in the forward pass says best what it is
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
