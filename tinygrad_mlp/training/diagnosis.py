"""A diagnosis of a run that went wrong: where the first number that is not finite came from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinygrad_mlp.autograd import Node, Variable

HINT = "a smaller learning rate often helps"


def origin(loss: Variable, parameters: Mapping[str, Variable]) -> str:
    """Why a loss is not finite: a parameter that is not, or the first operation of its graph whose result is not."""
    return bad_parameter(parameters) or bad_operation(loss) or "no operation of its graph made that"


def bad_parameter(parameters: Mapping[str, Variable]) -> str | None:
    """The first parameter that is not finite, or None."""
    for name, p in parameters.items():
        if where := bad_element(p._data):
            return f"parameter {name} has {where}"
    return None


def bad_operation(loss: Variable) -> str | None:
    """The oldest operation below a loss whose result is not finite, or None."""
    for node, result in graph_of(loss).items():
        if where := bad_element(result._data):
            return f"{node.title} made {where}"
    return None


def graph_of(loss: Variable) -> dict[Node, Variable]:
    """The nodes below a loss with their results, the oldest first."""
    results: dict[Node, Variable] = {}
    stack = [loss]
    while stack:
        x = stack.pop()
        if x._node is not None and x._node not in results:
            results[x._node] = x
            stack.extend(y for y in x._node.inputs if isinstance(y, Variable))
    return {node: results[node] for node in sorted(results, key=lambda node: node.time)}


def bad_element(values: np.ndarray) -> str | None:
    """The first element that is not finite, as text, or None."""
    good = np.isfinite(values)
    if good.all():
        return None
    where = tuple(int(i) for i in np.argwhere(~good)[0])
    return f"{values[where]} at {where} of {values.shape}" if where else str(values)
