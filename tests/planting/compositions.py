"""The surroundings of a planted bug: a function in which the operation is one of a dozen, the others being right."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.table import Case

import tinygrad_mlp as tg


class Composition:
    """A scalar function that feeds an operation with products and mixes its result with other terms.

        y = op(x₁·a₁, x₂·a₂, …),  E = Σ w·tanh(s·(y + 0.7·c)) + Σ v·sigmoid(x₁)

    The operation gets just the inputs of its row in the table. The gradient of the sum y + 0.7·c goes to both terms,
    as one array. With `calls="twice"`, the operation is called twice with the same operands; with "again", the second
    time with other ones.

    Attributes:
        inputs: the point, float64 arrays: the xᵢ, and c.
    """

    def __init__(self, case: Case, calls: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.case = case
        self.calls = calls
        y = np.asarray(case(*case.inputs), np.float64)
        self.factors = [rng.uniform(0.7, 1.4, case.inputs[i].shape) for i in case.differentiable]
        points = [case.inputs[i] / a for i, a in zip(case.differentiable, self.factors, strict=True)]
        self.inputs = [*points, rng.uniform(-1, 1, y.shape)]
        self.scale = float(0.7 / max(1.0, np.abs(y).max(initial=0)))
        self.w = rng.uniform(0.5, 1.5, y.shape) * rng.choice([-1.0, 1.0], y.shape)
        self.v = rng.uniform(0.5, 1.5, points[0].shape)

    def __call__(self, *leaves: Any) -> Any:
        """E."""
        *xs, c = leaves
        side = c * 0.7
        fed = [x * a for x, a in zip(xs, self.factors, strict=True)]
        y = self.result(fed)
        if self.calls != "once":
            others = fed if self.calls == "twice" else [x * (0.83 * a) for x, a in zip(xs, self.factors, strict=True)]
            y = y + self.result(others) * 0.6
        z = tg.tanh((side + y) * self.scale)
        return (z * self.w).sum() + (tg.sigmoid(xs[0]) * self.v).sum()

    def result(self, fed: list[Any]) -> Any:
        """That of the operation."""
        operands = list(self.case.inputs)
        for i, x in zip(self.case.differentiable, fed, strict=True):
            operands[i] = x
        return self.case(*operands)

    def gradients(self, order: int = 1) -> list[np.ndarray]:
        """Of the first order, or of a fixed combination of those."""
        leaves = [tg.Tensor(x, requires_grad=True) for x in self.inputs]
        total = self(*leaves)
        if order == 2:
            slopes = tg.grad(total, leaves, create_graph=True)
            rng = np.random.default_rng(0)
            total = sum(((g * rng.uniform(0.5, 1.5, g.shape)).sum() for g in slopes), tg.Tensor(0.0))
            if not total.requires_grad:
                return [np.zeros(x.shape) for x in leaves]
        total.backward()
        return [np.zeros(x.shape) if x.grad is None else x.grad.copy() for x in leaves]
