"""Anomalies: the operation that made the first NaN, and arrays that were written to behind the graph's back."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_mlp.autograd import Mode, ModeSwitch, Node, Operation, Variable
from tinygrad_mlp.errors import NonFiniteError, StaleError


class detect_anomaly(ModeSwitch):  # noqa: N801 - the field's name for it
    """Look for trouble: slower, because every array is copied, and made for finding a bug.

    Raises inside, before any `.grad` is touched:
        NonFiniteError: an operation made a NaN, forward or backward; the message names it.
        StaleError: an array that the graph relies on was written to before the backward pass.

    Attributes:
        saved: for each node that lives, the arrays that it relies on, each with a copy.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> w = tg.Tensor([1.0, -1.0], requires_grad=True)
    >>> with tg.detect_anomaly(), np.errstate(invalid="ignore"):
    ...     tg.log(w).sum().backward()
    Traceback (most recent call last):
    tinygrad_mlp.errors.NonFiniteError: log made a NaN in the forward pass, at (1,) of its result (2,)
    """

    def __init__(self) -> None:
        super().__init__()
        self.saved: WeakKeyDictionary[Node, list[tuple[Any, Any]]] = WeakKeyDictionary()

    def changed(self, mode: Mode) -> Mode:
        """The same mode, watched forward and backward."""
        return mode._replace(
            recorders=(*mode.recorders, self.check_value), observers=(*mode.observers, self.check_node)
        )

    def check_value(self, operation: Operation, arrays: list[Any], y: Any, node: Node | None) -> None:
        """Refuse a NaN in a value that was made of numbers, and copy what the node relies on."""
        if np.isnan(y).any():
            where = tuple(int(i) for i in np.argwhere(np.isnan(y))[0])
            made = f"{node.title if node else operation.name} made a NaN in the forward pass"
            raise NonFiniteError(f"{made}, at {where} of its result {y.shape}")
        if node is not None:
            self.saved[node] = [(a, a.copy()) for a in (*arrays, y) if isinstance(a, np.ndarray)]

    def check_node(self, node: Node, arrived: Any, left: list[tuple[Variable, Any]]) -> None:
        """Refuse arrays that are no longer what they were, and a NaN that a closure made."""
        for position, (now, then) in enumerate(self.saved.get(node, ())):
            if not np.array_equal(now, then, equal_nan=now.dtype.kind == "f"):
                what = f"input {position + 1}" if position < len(node.inputs) else "the result"
                raise StaleError(f"{what} of {node.title} was written to between its forward and its backward pass")
        for x, g in left:
            if np.isnan(getattr(g, "_data", g)).any() and not np.isnan(getattr(arrived, "_data", arrived)).any():
                raise NonFiniteError(f"{node.title} made a NaN in the backward pass: the gradient of {x.title}")
