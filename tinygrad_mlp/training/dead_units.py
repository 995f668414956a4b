"""Units that pass no gradient on: which share of them there is in each layer, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Mode, Node, Operation
from tinygrad_mlp.autograd.modes import MODE
from tinygrad_mlp.training.callbacks import Callback, Run

SATURATED = 0.05
"""A sigmoid or tanh is saturated where its slope is below this share of its largest."""


def alive(y: np.ndarray) -> np.ndarray:
    """Which units of a relu's values y (…, n) are above 0 for some row; of fewer than two axes, which elements are."""
    units = y.reshape(-1, y.shape[-1]) if y.ndim > 1 else y.reshape(1, -1)
    return np.asarray((units > 0).any(axis=0))


def saturated(operation: str, y: np.ndarray) -> np.ndarray | None:
    """Where the values of a sigmoid or a tanh are saturated; None for other operations."""
    if operation == "sigmoid":
        return np.asarray(y * (1 - y) < SATURATED / 4)
    return np.asarray(1 - y * y < SATURATED) if operation == "tanh" else None


class DeadUnits(Callback):
    """A column in the history for each activation: `dead/layers.1` for relu, `saturated/layers.1` for sigmoid and tanh.

    A unit of relu is dead if it was 0 for every row of the epoch, so that its weights got no gradient: the column has
    the share of these units, from 0 to 1. For sigmoid and tanh it is the share of the values, over the rows of the
    epoch, whose slope was below a twentieth of the largest slope. Validation does not count.

    An activation outside of layers is called by its operation, `dead/relu`.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(1, 4, rng=0) >> tg.nn.ReLU() >> tg.nn.Dense(4, 2, rng=1)
    >>> model[0].b.data = [-9.0, 1.0, 1.0, 1.0]  # the first unit is 0 for every row
    >>> sgd = tg.optim.SGD(model, learning_rate=0.1)
    >>> data = [[-1.0], [1.0]], [0, 1]
    >>> history = tg.fit(model, tg.softmax_cross_entropy, sgd, data, epochs=2, callbacks=[tg.DeadUnits()])
    >>> history["dead/layers.1"]
    [0.25, 0.25]
    """

    def __init__(self) -> None:
        self._token: Token[Mode] | None = None
        self._forget()

    def _forget(self) -> None:
        # By the layer, and how many units it has, since it may be called with several widths.
        self._alive: dict[tuple[str, int], np.ndarray] = {}
        self._saturated: dict[str, tuple[int, int]] = {}

    def start(self, run: Run) -> None:
        """Watch the operations of the training."""
        self._forget()
        mode = MODE.get()
        self._token = MODE.set(mode._replace(recorders=(*mode.recorders, self.record)))

    def record(self, operation: Operation, arrays: list[Any], y: Any, node: Node | None) -> None:
        """Look at the values of an activation that a gradient will pass."""
        if node is None or not isinstance(y, np.ndarray) or not y.size:
            return
        layer = node.scope or operation.name
        if operation.name == "relu":
            now = alive(y)
            before = self._alive.get((layer, now.size))
            self._alive[layer, now.size] = now if before is None else before | now
        elif (where := saturated(operation.name, y)) is not None:
            count, size = self._saturated.get(layer, (0, 0))
            self._saturated[layer] = count + int(np.count_nonzero(where)), size + where.size

    def numbers(self, run: Run) -> Mapping[str, float]:
        """The columns of the epoch."""
        found: dict[str, float] = {}
        for layer in dict.fromkeys(layer for layer, _ in self._alive):
            units = np.concatenate([units for (name, _), units in self._alive.items() if name == layer])
            found[f"dead/{layer}"] = 1 - float(units.mean())
        found |= {f"saturated/{layer}": count / size for layer, (count, size) in self._saturated.items()}
        self._forget()
        return found

    def end(self, run: Run) -> None:
        """Watch no more."""
        if self._token is not None:
            MODE.reset(self._token)
            self._token = None
