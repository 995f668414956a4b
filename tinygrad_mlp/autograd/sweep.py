"""The backward sweep: from the gradients of some outputs to the gradients of the leaves, newest node first.

It alone adds up contributions, sums over broadcast axes and casts. `backward` and `grad` are what users call; views,
explanations and gradient norms watch it through an observer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy import ndarray

from tinygrad_mlp.autograd.modes import MODE, graph_building
from tinygrad_mlp.autograd.op import Closure, Node
from tinygrad_mlp.autograd.protocols import plain
from tinygrad_mlp.autograd.variable import Variable, clock, wrapped
from tinygrad_mlp.errors import GradientError, ShapeError, StaleError
from tinygrad_mlp.sums import unbroadcast

Place = Node | Variable
"""Where a gradient arrives: the node that made a variable, or the variable itself if it is a leaf."""


def sweep(
    outputs: Iterable[tuple[Variable, Any]], wanted: set[Place] | None = None, create_graph: bool = False
) -> tuple[dict[Place, Any], set[Place]]:
    """Carry gradients back through the graph. Pure: no `.grad` is touched.

    Args:
        outputs: pairs of a variable and the gradient that starts there.
        wanted: the places whose gradients are asked for; None means all leaves.
        create_graph: run each body again on its Variables, so that the closures make Variables too.

    Returns:
        The gradients by place, and those places whose gradient is an array that only the sweep knows.
    """
    gradients: dict[Place, Any] = {}
    summed: set[Place] = set()  # the sums made here may be added to in place
    queue: list[tuple[int, Node]] = []  # the nodes that a gradient has reached, newest first
    useful = None if wanted is None else upstream_of(wanted, [output for output, _ in outputs])
    observers = MODE.get().observers
    for x, d in outputs:
        place = x._node or x
        if place in gradients:
            add_up(place, d, gradients, summed)
        else:
            gradients[place] = wrapped(d) if create_graph else plain(d)
            if x._node is not None:
                heappush(queue, (-x._node.time, x._node))
    while queue:
        node = heappop(queue)[1]
        g = gradients[node] if wanted is not None and node in wanted else gradients.pop(node)
        if clock.last_change > node.time:
            check_fresh(node)
        closures = rerun(node) if create_graph else node.closures
        left: list[tuple[Variable, Any]] = []
        for x, closure in zip(node.inputs, closures):  # noqa: B905 - as many, as op has checked
            if closure is None:
                continue
            place = x._node or x
            if useful is not None and place not in useful:
                continue
            d = closure(g)
            data = x._data
            if type(d) is not ndarray or d.shape != data.shape or d.dtype is not data.dtype:
                d = fitted(d, x, node)
            if create_graph:
                d = wrapped(d)  # closures then get nothing but Variables
            if place in gradients:
                add_up(place, d, gradients, summed)
            else:
                gradients[place] = d
                if place is not x:
                    heappush(queue, (-place.time, place))
            if observers:
                left.append((x, d))
        for observer in observers:
            observer(node, g, left)
    return gradients, summed


def add_up(place: Place, d: Any, gradients: dict[Place, Any], summed: set[Place]) -> None:
    """Add one more contribution to the gradient of a place: in place only if the sum was made here."""
    if place in summed and type(d) is ndarray:
        np.add(gradients[place], d, out=gradients[place])
        return
    total = gradients[place] + d
    if isinstance(total, np.generic):
        total = np.asarray(total)  # NumPy gives a scalar for a 0-d sum
    gradients[place] = total
    if type(total) is ndarray:
        summed.add(place)
    else:
        summed.discard(place)


def upstream_of(wanted: set[Place], outputs: Sequence[Variable]) -> set[Place]:
    """The places between the wanted ones and the outputs: through these a gradient has to pass."""
    reached: set[Node] = set()
    stack = [output._node for output in outputs if output._node is not None]
    while stack:
        node = stack.pop()
        if node not in reached:
            reached.add(node)
            stack.extend(x._node for x in node.inputs if isinstance(x, Variable) and x._node is not None)
    useful = set(wanted)
    for node in sorted(reached, key=lambda node: node.time):
        if any(isinstance(x, Variable) and (x._node or x) in useful for x in node.inputs):
            useful.add(node)
    return useful


def check_fresh(node: Node) -> None:
    """Refuse a node that used a leaf which was changed since."""
    for x in node.inputs:
        if isinstance(x, Variable) and x._node is None and x._changed > node.time:
            raise StaleError(
                f"{x.title} was changed after {node.title} had used it: its gradient would belong to other values. "
                "Run the forward pass again before backward()"
            )


def rerun(node: Node) -> list[Closure | None]:
    """The closures of a node on Variables: what they derive from the value follows the node's own rule."""
    y, *closures = node.operation.body(*node.operation.variables(node.inputs), **node.options)
    if isinstance(y, Variable):
        y._node, y._requires_grad = node, True
    return [None if kept is None else closure for kept, closure in zip(node.closures, closures, strict=True)]


def fitted(d: Any, x: Variable, node: Node) -> Any:
    """A closure's result with the shape and dtype of its input."""
    if not hasattr(d, "__array_function__"):
        d = np.asarray(d)
    if d.shape != x.shape:
        if not node.operation.broadcasts:
            raise ShapeError(f"{node.title}: a closure returned a gradient {d.shape} for an input {x.shape}")
        if d.ndim < x.ndim or any(n not in (1, m) for n, m in zip(x.shape[::-1], d.shape[::-1], strict=False)):
            raise ShapeError(f"{node.title}: a closure returned a gradient {d.shape}, not one of an input {x.shape}")
        d = unbroadcast(d, x.shape)
        if isinstance(d, np.generic):
            d = np.asarray(d)  # NumPy gives a scalar for a 0-d sum
    return d if d.dtype == x.dtype else d.astype(x.dtype)


def backward(output: Variable, gradient: Any = None) -> None:
    """Add the gradient of `output` to the `.grad` of every leaf that requires one.

    Args:
        output: a scalar, unless `gradient` is given.
        gradient: ∂E/∂output, with the shape of the output; 1 for a scalar.

    Raises:
        GradientError: the output requires no gradient, or is not a scalar and no gradient is given.
        StaleError: a leaf was changed since the forward pass.
    """
    if not output._requires_grad:
        raise GradientError(
            f"{output.title} does not require a gradient: none of its inputs has requires_grad=True, "
            "or it was computed under no_grad()"
        )
    gradients, summed = sweep([(output, seed_for(output, gradient))])
    leaf: Any
    for leaf, g in gradients.items():
        if leaf._grad is not None:
            np.add(leaf._grad, g, out=leaf._grad)
        elif leaf._home is not None:
            leaf._home[...] = g
            leaf._grad = leaf._home
        else:
            leaf._grad = g if leaf in summed else np.array(g, order="C")


def grad(
    outputs: Variable | Sequence[Variable],
    inputs: Variable | Sequence[Variable],
    *,
    create_graph: bool = False,
    gradient: Any = None,
) -> Any:
    """The gradient of `outputs` for each of `inputs`, leaves or intermediates; no `.grad` is touched.

    Args:
        outputs: a Tensor or several, whose gradients are then added.
        inputs: a Tensor or several.
        create_graph: return Tensors that can be differentiated again.
        gradient: ∂E/∂outputs, one for each output; 1 for scalars.

    Returns:
        Arrays (Tensors with `create_graph`), one for each input, or a single one if `inputs` is a single Tensor. An
        input that the outputs do not depend on gets zeros.

    Raises:
        GradientError: an input does not require a gradient, or an output is not a scalar and no gradient is given.

    >>> import tinygrad_mlp as tg
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> dx = tg.grad(x**3, x, create_graph=True)
    >>> print(dx, tg.grad(dx, x))
    Tensor(12., dtype=float32, from=times) 12.0
    """
    sources = [outputs] if isinstance(outputs, Variable) else list(outputs)
    targets = [inputs] if isinstance(inputs, Variable) else list(inputs)
    seeds = [gradient] * len(sources) if gradient is None or isinstance(outputs, Variable) else list(gradient)
    for x in targets:
        if not x._requires_grad:
            raise GradientError(f"{x.title} does not require a gradient, so there is none to ask for")
    pairs = [(y, seed_for(y, seed)) for y, seed in zip(sources, seeds, strict=True) if y._requires_grad]
    places: list[Place] = [x._node or x for x in targets]
    if create_graph:
        with graph_building():
            gradients, summed = sweep(pairs, set(places), create_graph)
    else:
        gradients, summed = sweep(pairs, set(places))
    results = []
    for x, place in zip(targets, places, strict=True):
        g = gradients.get(place)
        if g is None:
            g = np.zeros(x.shape, x.dtype)
        if create_graph:
            g = wrapped(g)
        elif type(g) is ndarray and place not in summed:
            g = g.copy()
        results.append(g)
        summed.discard(place)  # asked for twice, the second one gets a copy
    return results[0] if isinstance(inputs, Variable) else results


def seed_for(output: Variable, gradient: Any) -> Any:
    """The gradient that a sweep starts with at an output."""
    if gradient is None:
        if output._data.size != 1:
            raise GradientError(
                f"{output.title} has {output._data.size} elements, not one: reduce it first (y.sum(), y.mean()), "
                f"or give its gradient, an array {output.shape}"
            )
        return output.dtype.type(1) if output.ndim == 0 and output._node else np.ones(output.shape, output.dtype)
    if not hasattr(gradient, "__array_function__"):
        gradient = np.asarray(gradient)
    if gradient.shape != output.shape:
        raise ShapeError(f"gradient {gradient.shape} given for {output.title}, whose shape is {output.shape}")
    return gradient if gradient.dtype == output.dtype else gradient.astype(output.dtype)
