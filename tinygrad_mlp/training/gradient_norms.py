"""Gradient norms and update ratios: how strongly each parameter of a network is pulled, and how far it moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_mlp.errors import StateError
from tinygrad_mlp.nn import Buffer, Parameter
from tinygrad_mlp.optim.clipping import norm_of
from tinygrad_mlp.training.callbacks import Callback, Run
from tinygrad_mlp.training.history import PART


class GradientNorms(Callback):
    """Two columns in the history for each parameter: `gradient_norm/layers.0.W` and `update_ratio/layers.0.W`.

    The gradient norm is the Euclidean norm of the gradient before it is clipped, the mean over the steps of the epoch:
    near 0 in the first layers, gradients vanish; far above the others, they explode. The update ratio is Σ‖Δw‖ / Σ‖w‖
    over the steps of the epoch, with the weights after each step, so the share of itself that a parameter moves by in a
    step. About 0.001 is usual (Karpathy, CS231n, "Ratio of weights:updates"); far above it, the learning rate is too
    high, far below it, too low. Biases, which begin at 0, have larger ones at first.

    A parameter that is frozen has 0 in both. A step of a small network takes about half as long again with it, and
    no longer when it is not among the callbacks.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 2, rng=0)
    >>> data = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> sgd = tg.optim.SGD(model, learning_rate=0.1)
    >>> history = tg.fit(model, tg.softmax_cross_entropy, sgd, data, epochs=3, callbacks=[tg.GradientNorms()])
    >>> history.names[2:]
    ['gradient_norm/W', 'gradient_norm/b', 'update_ratio/W', 'update_ratio/b']
    >>> history["gradient_norm/W"][0] > history["gradient_norm/W"][2]
    True
    """

    def __init__(self) -> None:
        self._parameters: dict[str, Parameter] = {}

    def start(self, run: Run) -> None:
        """Find the parameters that the optimizer trains."""
        trained = set(map(id, run.optimizer.parameters))
        named = run.model.named_parameters().items()
        self._parameters = {name: p for name, p in named if id(p) in trained and not isinstance(p, Buffer)}
        self._forget()

    def _forget(self) -> None:
        self._steps = 0
        # For each parameter the sums of ‖gradient‖, ‖Δw‖ and ‖w‖ over the steps of an epoch.
        self._sums = {name: np.zeros(3) for name in self._parameters}
        self._before: dict[str, np.ndarray] = {}

    def gradients(self, run: Run) -> None:
        """Keep the weights as they are before the step."""
        self._steps += 1
        for name, p in self._parameters.items():
            if p._grad is not None:
                self._sums[name][0] += norm_of([p._grad])
                self._before[name] = p.numpy()

    def step(self, run: Run) -> None:
        """Compare them with those after it."""
        for name, before in self._before.items():
            after = self._parameters[name]._data
            self._sums[name][1:] += norm_of([after - before]), norm_of([after])
        self._before = {}

    def numbers(self, run: Run) -> Mapping[str, float]:
        """The columns of the epoch."""
        sums, steps = self._sums, self._steps
        self._forget()
        norms = {name: float(g) / steps for name, (g, _, _) in sums.items()}
        ratios = {name: float(moved) / float(w) if w else 0.0 for name, (_, moved, w) in sums.items()}
        columns = {"gradient_norm": norms, "update_ratio": ratios}
        return {f"{what}{PART}{name}": n for what, numbers in columns.items() for name, n in numbers.items()}

    def state_dict(self) -> dict[str, Any]:
        """The sums of the epoch that is under way."""
        return {"steps": self._steps, "sums": {name: sums.copy() for name, sums in self._sums.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take such sums over. Raises `StateError` for those of other parameters."""
        steps, sums = state.get("steps"), dict(state.get("sums") or {})
        fits = sums.keys() == self._sums.keys() and all(np.shape(array) == (3,) for array in sums.values())
        if not isinstance(steps, int) or not fits:
            raise StateError(f"the state of GradientNorms is {state!r:.80}; steps, and sums by parameter, are expected")
        self._steps, self._sums = steps, {name: np.array(array, np.float64) for name, array in sums.items()}
