"""Bugs of the engine: the sweep, the nodes and the leaves, each with a small function that shows it.

The operations are right, so none may be blamed, except by bugs that give nodes wrong closures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import Node, Variable
from tinygrad_mlp.autograd import op as op_decorator
from tinygrad_mlp.autograd.variable import wrapped

op_module = sys.modules[op_decorator.__module__]
sweep_module = sys.modules[tg.grad.__module__]
right_add_up = sweep_module.add_up
right_fitted = sweep_module.fitted
right_seed = sweep_module.seed_for
right_upstream = sweep_module.upstream_of
right_sweep = sweep_module.sweep


@dataclass(frozen=True)
class EngineBug:
    """A bug of the engine.

    Attributes:
        name: in a few words.
        causes: the diagnoses that are right.
        plant: puts it in, inside.
        f: a function whose gradient it makes wrong.
        inputs: the point.
        order: of the derivative that is wrong.
        blames: whether operations may be blamed.
    """

    name: str
    causes: frozenset[str]
    plant: Callable[[], AbstractContextManager[Any]]
    f: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    order: int
    blames: bool


@contextmanager
def replaced(right: Any, wrong: Any) -> Iterator[None]:
    """Put another function into the place of one, in every module of the package that has it."""
    places = [
        (module, name)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("tinygrad_mlp")
        for name, value in list(vars(module).items())
        if value is right
    ]
    for module, name in places:
        setattr(module, name, wrong)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, right)


# Small functions.

RNG = np.random.default_rng(5)
X = RNG.uniform(0.5, 1.5, (3, 3))
A = RNG.uniform(-1.0, 1.0, (3, 3))
ROW = RNG.uniform(0.5, 1.5, 3)
NUMBER = np.array(0.8)


def used_twice(x: Any, a: Any) -> Any:
    """x in three terms, of different shapes of graph."""
    return (tg.tanh(x) * a + tg.exp(x * 0.5) * x).sum()


def diamond(x: Any, a: Any) -> Any:
    """A value used early and late: its node must wait for both."""
    h = tg.tanh(x * a)
    late = tg.sigmoid(tg.tanh(h * 1.3) + 0.2)
    return (h * late + h).sum()


def square(x: Any, a: Any) -> Any:
    """One tensor as both operands."""
    return ((x * x) * tg.tanh(a)).sum()


def sums_shared(x: Any, a: Any) -> Any:
    """Both operands of a sum get the same array as their gradient."""
    early = tg.tanh(x) * 0.5
    y = x + a
    return (y * 1.5 + early).sum()


def broadcast_row(x: Any, row: Any) -> Any:
    """A row added to and multiplied with a square matrix."""
    return (tg.tanh(x * row + row) * x).sum()


def broadcast_number(x: Any, number: Any) -> Any:
    return tg.tanh(x * number).sum()


def two_leaves(x: Any, a: Any) -> Any:
    """Two leaves with the same gradient."""
    return ((x + a) * 1.5).sum()


def two_layers(x: Any, w: Any, b: Any) -> Any:
    """The same operation in two layers, with values of the same shapes."""
    return tg.tanh(tg.dense(tg.tanh(tg.dense(x, w, b)), w, b)).sum()


def quotient(x: Any, a: Any) -> Any:
    return (tg.tanh(a) / tg.exp(x)).sum()


def masked(x: Any, a: Any) -> Any:
    """Some gradients on the way are exactly 0."""
    return (tg.relu(x * a) * 2.0).sum()


def deep(x: Any) -> Any:
    """A chain of 40 operations."""
    for _ in range(20):
        x = tg.tanh(x) + 0.1
    return x.sum()


def cubic(x: Any, a: Any) -> Any:
    return (x * x * x * a).sum()


def outputs(x: Any, a: Any) -> Any:
    """A result that is no scalar."""
    return tg.tanh(x) * a


# Wrong parts.


def overwrite(place: Any, d: Any, gradients: Any, summed: Any) -> None:
    gradients[place] = d


def keep_first(place: Any, d: Any, gradients: Any, summed: Any) -> None:
    """The second contribution is dropped."""


def add_in_place(place: Any, d: Any, gradients: Any, summed: Any) -> None:
    """Into an array that others have too."""
    if isinstance(gradients[place], np.ndarray) and gradients[place].flags.writeable:
        gradients[place] += d
    else:
        right_add_up(place, d, gradients, summed)


def average(place: Any, d: Any, gradients: Any, summed: Any) -> None:
    gradients[place] = (gradients[place] + d) / 2


def overwrite_variables(place: Any, d: Any, gradients: Any, summed: Any) -> None:
    """Wrong only in a sweep that builds a graph."""
    if isinstance(d, Variable):
        gradients[place] = d
    else:
        right_add_up(place, d, gradients, summed)


def reduced_by(reduce: Callable[..., Any]) -> Callable[..., Any]:
    def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
        lead = g.ndim - len(shape)
        axes = tuple(i for i in range(g.ndim) if i < lead or (shape[i - lead] == 1 and g.shape[i] != 1))
        return np.array(reduce(g, axes)).reshape(shape)

    return unbroadcast


def first_slice(g: Any, axes: tuple[int, ...]) -> Any:
    return g[tuple(0 if i in axes else slice(None) for i in range(g.ndim))]


def over_last_axes(g: Any, axes: tuple[int, ...]) -> Any:
    return g.sum(axis=tuple(g.ndim - 1 - i for i in axes))


def without_digits(d: Any, x: Any, node: Any) -> Any:
    return right_fitted(np.asarray(d).astype(np.float16), x, node)


def simple_sweep(
    *,
    fit: Callable[..., Any] = right_fitted,
    newest_first: bool = True,
    visits: int = 1,
    skip_zeros: bool = False,
    once_per_node: bool = False,
    most_nodes: int = 10**9,
) -> Callable[..., Any]:
    """The sweep once more, in a few lines, with faults as options."""

    def sweep(pairs: Any, wanted: Any = None, create_graph: bool = False) -> Any:
        if create_graph:
            return right_sweep(pairs, wanted, create_graph)
        gradients: dict[Any, Any] = {}
        nodes: set[Node] = set()
        stack = [x._node for x, _ in pairs if x._node is not None]
        while stack:
            node = stack.pop()
            if node not in nodes:
                nodes.add(node)
                stack += [x._node for x in node.inputs if isinstance(x, Variable) and x._node is not None]
        for x, d in pairs:
            place = x._node or x
            gradients[place] = gradients.get(place, 0) + np.asarray(getattr(d, "_data", d))
        ordered = sorted(nodes, key=lambda node: -node.time)
        if not newest_first:  # breadth first from the output, each node when it is met for the first time
            ordered = breadth_first(pairs)
        for node in ordered[:most_nodes]:
            for _ in range(visits):
                visit(node, gradients)
        kept = {place: g for place, g in gradients.items() if not isinstance(place, Node) or place in (wanted or ())}
        return kept, set()

    def visit(node: Node, gradients: dict[Any, Any]) -> None:
        g = gradients.get(node)
        if g is None or (skip_zeros and not np.all(g)):
            return
        reached = set()
        for x, closure in zip(node.inputs, node.closures, strict=True):
            if closure is None:
                continue
            place = x._node or x
            if once_per_node and place in reached:
                continue
            reached.add(place)
            d = fit(closure(g), x, node)
            gradients[place] = gradients[place] + d if place in gradients else np.array(d)

    return sweep


def breadth_first(pairs: Any) -> list[Node]:
    found = [x._node for x, _ in pairs if x._node is not None]
    for node in found:
        for x in node.inputs:
            if isinstance(x, Variable) and x._node is not None and x._node not in found:
                found.append(x._node)
    return found


def seeded_with(change: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda output, gradient: change(np.asarray(right_seed(output, gradient)))


def backward_that_shares(output: Any, gradient: Any = None) -> None:
    """The array of the sweep is handed to each leaf as it is: two leaves may get the same one."""
    gradients, _ = sweep_module.sweep([(output, sweep_module.seed_for(output, gradient))])
    for leaf, g in gradients.items():
        if leaf._grad is None:
            leaf._grad = np.asarray(g) if g.flags.writeable else np.array(g)
        else:
            leaf._grad += g


def backward_that_replaces(output: Any, gradient: Any = None) -> None:
    """The second gradient of a leaf replaces the first."""
    gradients, _ = sweep_module.sweep([(output, sweep_module.seed_for(output, gradient))])
    for leaf, g in gradients.items():
        leaf._grad = np.array(g)


def upstream_through_first_inputs(wanted: Any, outputs: Any) -> Any:
    """`grad` looks for its inputs along the first operands only."""
    useful = right_upstream(wanted, outputs)
    reached, stack = set(wanted), [y._node for y in outputs if y._node is not None]
    while stack:
        node = stack.pop()
        reached.add(node)
        stack += [x._node for x in node.inputs[:1] if isinstance(x, Variable) and x._node is not None]
    return useful & reached


def rerun_without_graph(node: Node) -> list[Any]:
    """Closures on plain arrays: what they return depends on nothing."""
    return [c and (lambda g, c=c: wrapped(np.asarray(c(g._data)))) for c in node.closures]


class NodesThatReuseClosures:
    """Each operation keeps the closures of its first call with these shapes."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def __call__(self, operation: Any, inputs: Any, options: Any, closures: Any, time: int, scope: str) -> Node:
        key = operation, tuple(np.shape(getattr(x, "_data", x)) for x in inputs)
        return Node(operation, inputs, options, self.known.setdefault(key, closures), time, scope)


def node_with_mixed_closures(operation: Any, inputs: Any, options: Any, closures: Any, time: int, scope: str) -> Node:
    """The closures of two operands are exchanged."""
    shapes = {np.shape(getattr(x, "_data", x)) for x in inputs}
    if len(inputs) == 2 and len(shapes) == 1 and all(closures):
        closures = closures[::-1]
    return Node(operation, inputs, options, closures, time, scope)


def node_without_second(operation: Any, inputs: Any, options: Any, closures: Any, time: int, scope: str) -> Node:
    """Only the first operand gets a gradient, if it needs one."""
    kept = (closures[0], *[None] * (len(closures) - 1)) if closures[0] else closures
    return Node(operation, inputs, options, kept, time, scope)


def planted_in(part: str, wrong: Any) -> Callable[[], AbstractContextManager[Any]]:
    """What puts a wrong part into the place of the right one. (`Node` is a class, used by one module to make nodes.)"""
    if part != "Node":
        return lambda: replaced(getattr(sweep_module, part), wrong)
    return lambda: patch.object(op_module, "Node", wrong() if isinstance(wrong, type) else wrong)


ENGINE_BUGS: list[EngineBug] = []


def bug(name: str, part: str, wrong: Any, f: Any, *inputs: np.ndarray, causes: str, order: int = 1) -> None:
    """Put a bug into the list."""
    kinds = frozenset(causes.split(", "))
    blames = part in ("Node", "rerun")
    ENGINE_BUGS.append(EngineBug(name, kinds, planted_in(part, wrong), f, inputs or (X, A), order, blames))


bug("a contribution overwrites the one before", "add_up", overwrite, used_twice, causes="lost contribution")
bug("contributions after the first are dropped", "add_up", keep_first, used_twice, causes="lost contribution")
bug("contributions are averaged", "add_up", average, used_twice, causes="lost contribution, factor, unknown")
bug("added in place into an array of others", "add_up", add_in_place, sums_shared, causes="mutates inputs, unknown")
bug(
    "the second use within a node is dropped",
    "sweep",
    simple_sweep(once_per_node=True),
    square,
    causes="lost contribution, factor",
)
bug(
    "breadth first instead of newest first",
    "sweep",
    simple_sweep(newest_first=False),
    diamond,
    causes="lost contribution",
)
bug("each node is visited twice", "sweep", simple_sweep(visits=2), diamond, causes="factor, unknown")
bug(
    "nodes with a zero in their gradient are skipped", "sweep", simple_sweep(skip_zeros=True), masked, causes="detached"
)
bug("the sweep ends after 20 nodes", "sweep", simple_sweep(most_nodes=20), deep, X, causes="detached")
bug("half precision on the way", "sweep", simple_sweep(fit=without_digits), diamond, causes="precision")
bug(
    "not un-broadcast: the first slice",
    "unbroadcast",
    reduced_by(first_slice),
    broadcast_row,
    X,
    ROW,
    causes="axis, lost contribution",
)
bug(
    "un-broadcast by the mean",
    "unbroadcast",
    reduced_by(lambda g, axes: g.mean(axis=axes)),
    broadcast_row,
    X,
    ROW,
    causes="axis, factor",
)
bug("un-broadcast over the last axes", "unbroadcast", reduced_by(over_last_axes), broadcast_row, X, ROW, causes="axis")
bug(
    "a number's gradient is a mean",
    "unbroadcast",
    reduced_by(lambda g, axes: g.mean(axis=axes)),
    broadcast_number,
    X,
    NUMBER,
    causes="axis, factor",
)
bug("the sweep starts with 2", "seed_for", seeded_with(lambda g: 2 * g), diamond, causes="factor")
bug(
    "the gradient of the output is ignored", "seed_for", seeded_with(np.ones_like), outputs, causes="ignores g, unknown"
)
bug("two leaves share a gradient", "backward", backward_that_shares, two_leaves, causes="mutates inputs")
bug(
    "a second backward replaces the first",
    "backward",
    backward_that_replaces,
    two_leaves,
    causes="mutates inputs, lost contribution",
)
bug(
    "grad follows the first operands only",
    "upstream_of",
    upstream_through_first_inputs,
    quotient,
    causes="lost contribution, detached",
)
bug("closures of an earlier call", "Node", NodesThatReuseClosures, two_layers, X, A, ROW, causes="stale")
bug("closures with the wrong operands", "Node", node_with_mixed_closures, quotient, causes="swapped")
bug(
    "only the first operand gets a gradient",
    "Node",
    node_without_second,
    quotient,
    causes="detached, lost contribution",
)
bug("a gradient does not depend on anything", "rerun", rerun_without_graph, cubic, causes="detached", order=2)
bug(
    "contributions overwritten in a built graph",
    "add_up",
    overwrite_variables,
    cubic,
    causes="lost contribution, factor",
    order=2,
)
