"""The backward pass as data: what every view draws, writes or shows.

`BackwardPass.of(loss)` runs a sweep of its own and watches it: no `.grad` is touched. Its steps are numbered in the
order in which the sweep takes them, from the loss on.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Node, Variable, observing
from tinygrad_mlp.autograd.sweep import seed_for, sweep
from tinygrad_mlp.errors import GradientError, StaleError
from tinygrad_mlp.optim import Optimizer
from tinygrad_mlp.views.measures import Gradient, norm
from tinygrad_mlp.views.steps import Edge, Leaf, Step, graph_of

MOST_KEPT = 1_500
"""Steps of a graph up to which the elements of all gradients are kept; of a longer one, only norms are."""


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
    >>> seen = tg.views.BackwardPass.of((w * w).sum())
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
