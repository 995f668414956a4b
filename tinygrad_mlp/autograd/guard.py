"""Anomalies: the operation that made the first NaN, and arrays that were written to behind the graph's back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mlp.autograd.modes import MODE, ModeSwitch
from tinygrad_mlp.errors import NonFiniteError, StaleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_mlp.autograd.op import Node
    from tinygrad_mlp.autograd.variable import Variable

Saved = tuple[list[Any], list[Any]]
"""Arrays that a node relies on, and copies of them from the moment it was recorded."""


class detect_anomaly(ModeSwitch):  # noqa: N801 - the field's name for it
    """Look for trouble: slower, and made for finding a bug.

    Raises inside:
        NonFiniteError: an operation made a NaN, forward or backward; the message names it.
        StaleError: an array that the graph relies on was written to before the backward pass.
    """

    def __init__(self) -> None:
        observers = MODE.get().observers
        super().__init__(guarding=True, observers=(*observers, check_gradients))


def save(arrays: Sequence[Any], value: Any) -> Saved:
    """Copy what a node relies on."""
    relied_on = [a for a in (*arrays, value) if isinstance(a, np.ndarray)]
    return relied_on, [a.copy() for a in relied_on]


def check_value(name: str, value: Any) -> None:
    """Refuse a NaN that an operation made."""
    if isinstance(value, np.ndarray) and np.isnan(value).any():
        where = tuple(int(i) for i in np.argwhere(np.isnan(value))[0])
        raise NonFiniteError(f"{name} made a NaN in the forward pass, at {where} of its result {value.shape}")


def check_saved(node: Node) -> None:
    """Refuse a node whose arrays are no longer what they were."""
    if node.saved is None:
        return
    for position, (now, then) in enumerate(zip(*node.saved, strict=True)):
        if not np.array_equal(now, then, equal_nan=now.dtype.kind == "f"):
            what = f"input {position + 1}" if position < len(node.inputs) else "the result"
            raise StaleError(f"{what} of {node.title} was written to between its forward and its backward pass")


def check_gradients(node: Node, arrived: Any, left: list[tuple[Variable, Any]]) -> None:
    """Refuse a NaN that a closure made."""
    for x, g in left:
        if np.isnan(getattr(g, "_data", g)).any():
            raise NonFiniteError(f"{node.title} made a NaN in the backward pass: the gradient of {x.title}")
