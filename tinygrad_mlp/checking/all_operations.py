"""Every operation of the package, checked with example inputs at the first and the second order."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.autograd import Operation
from tinygrad_mlp.checking.gradcheck import gradcheck
from tinygrad_mlp.checking.report import Report
from tinygrad_mlp.ops.indexing import SLOT
from tinygrad_mlp.tensor import Tensor

Draw = Callable[[np.random.Generator], tuple[Any, ...]]


def numbers(*shapes: tuple[int, ...], signs: tuple[float, ...] = (1.0,)) -> Draw:
    """Random inputs of these shapes; between 0.3 and 0.9 nearly every function is smooth."""
    return lambda rng: tuple(rng.uniform(0.3, 0.9, shape) * rng.choice(signs, shape) for shape in shapes)


def labelled(shape: tuple[int, ...], classes: int) -> Draw:
    """Random numbers of a shape, with a label for each of its rows (or elements)."""
    return lambda rng: (rng.uniform(0.3, 0.9, shape), rng.integers(0, classes, shape[:1] if classes > 2 else shape))


def regular(*others: tuple[int, ...]) -> Draw:
    """A positive definite matrix (3, 3), and other inputs of these shapes."""
    return lambda rng: (*(m @ m.T + np.eye(3) for (m,) in [numbers((3, 3))(rng)]), *numbers(*others)(rng))


def fractions(rng: np.random.Generator) -> tuple[Any, ...]:
    """Arrays (3, 4) and (4,) whose quotients are far from whole, where remainders jump."""
    b = rng.uniform(0.3, 0.9, 4)
    return b * (2 + rng.uniform(0.3, 0.7, (3, 4))), b


INPUTS: dict[str, Draw] = {
    **dict.fromkeys(("remainder", "fmod", "floor_divide"), fractions),
    **dict.fromkeys(("det", "cofactors", "log_determinant", "sign_of_determinant", "inv_", "cholesky_"), regular()),
    "solve_": regular((3, 2)),
    "contract": numbers((2, 3), (3, 4), (4, 2)),
    "level": lambda rng: (rng.uniform(0.3, 0.9, (3, 4)), np.array([[1, 1, 2, 3]] * 3)),
    "arccosh": lambda rng: (rng.uniform(1.3, 1.9, (3, 4)),),
    "matmul_": numbers((2, 3, 4), (4, 2)),
    "dense_": numbers((5, 3), (3, 4), (4,)),
    "where": lambda rng: (rng.random((3, 4)) < 0.5, *numbers((3, 4), (4,))(rng)),
    "dropout": lambda rng: (rng.uniform(0.3, 0.9, (3, 4)), rng.random((3, 4)) < 0.5),
    "get": lambda rng: (rng.uniform(0.3, 0.9, (3, 4)), np.array([2, 0, 2])),
    "scatter": lambda rng: (rng.uniform(0.3, 0.9, (3, 4)), np.array([2, 0, 2])),
    "softmax_cross_entropy_": labelled((4, 3), 3),
    "binary_cross_entropy": labelled((4, 3), 2),
    "binary_cross_entropy_with_logits_": labelled((4, 3), 2),
    "concatenate_": numbers((3, 2), (3, 1), (3, 4)),
}
"""Inputs of the operations that take others than arrays (3, 4) and, where they broadcast, (4,)."""
SCANS = ("cumsum_", "cumprod_", "recurrence")
OPTIONS: dict[str, dict[str, Any]] = {
    "dropout": {"p": 0.4},
    "clip_": {"low": -0.5, "high": 0.6},
    "astype": {"dtype": np.dtype(np.float64)},
    "get": {"pattern": (SLOT, slice(None))},
    "scatter": {"pattern": (SLOT, slice(None)), "shape": (4, 4)},
    "standardize": {"axis": -1},
    "broadcast_to": {"shape": (2, 3, 4)},
    "reshape": {"shape": (2, 6)},
    "transpose": {"axes": (1, 0)},
    "concatenate_": {"axis": 1},
    "contract": {"letters": ("ij", "jk", "ki"), "output": ""},
    "inv_": {"strict": True},
    "norm_": {"p": 2, "axis": 1, "keepdims": False},
    "sinc_": {"order": 0},
    **{name: {"axis": 1} for name in ("sum", "mean", "max", "min", "logsumexp", "sort_", "level", *SCANS)},
}


@dataclass(frozen=True)
class Checked:
    """One operation and its report.

    Attributes:
        module: where it stands in `tinygrad_mlp.ops`.
        name: its name there; that of an operation behind a function of the same name ends in "_".
        report: of the first and the second order.
    """

    module: str
    name: str
    report: Report

    def worst(self, order: int) -> float:
        """The largest error of an order, relative to the largest gradient; 0 where nothing is compared."""
        elements = [e for c in self.report.comparisons.get(order, ()) for e in c.elements]
        size = max((abs(e.numeric) for e in elements), default=0.0)
        return max((abs(e.analytic - e.numeric) for e in elements), default=0.0) / (size or 1.0)


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Every operation, with its module and the name that it has there."""
    for found in pkgutil.iter_modules(ops.__path__):
        module = importlib.import_module(f"{ops.__name__}.{found.name}")
        for name, thing in vars(module).items():
            if isinstance(thing, Operation) and thing.__module__ == module.__name__:
                yield found.name, name, thing


def inputs_for(name: str, operation: Operation, rng: np.random.Generator) -> tuple[Any, ...]:
    """Example inputs: Tensors that require a gradient, except for labels, indices and masks."""
    if name in INPUTS:
        arrays = INPUTS[name](rng)
    else:
        second = (4,) if operation.broadcasts else (3, 4)
        shapes = [(3, 4), *[second] * ((operation.arity or 1) - 1)]
        arrays = numbers(*shapes, signs=(-1.0, 1.0))(rng)
        with np.errstate(all="ignore"):
            y = operation.body(*arrays, **OPTIONS.get(name, {}))[0]
        if not np.all(np.isfinite(y)):  # of a negative number there is no logarithm
            arrays = numbers(*shapes)(rng)
    return tuple(Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays)


def check_operations(rng: np.random.Generator | int = 0) -> Iterator[Checked]:
    """Check every operation, one after the other."""
    rng = np.random.default_rng(rng)
    for module, name, operation in operations():
        inputs = inputs_for(name, operation, rng)
        call = partial(operation, **OPTIONS.get(name, {}))
        yield Checked(module, name, gradcheck(call, *inputs, order=2, rng=rng))


def table_of(results: list[Checked]) -> Iterator[str]:
    """A line for each operation: its worst errors at both orders, and the verdict."""
    width = max(len(f"{r.module}.{r.name}") for r in results)
    yield f"{'':<{width}}  largest relative error"
    yield f"{'operation':<{width}}  {'order 1':>9}  {'order 2':>9}  verdict"
    yield "─" * (width + 33)
    for r in results:
        name = f"{r.module}.{r.name}"
        yield f"{name:<{width}}  {r.worst(1):>9.1e}  {r.worst(2):>9.1e}  {r.report.verdict}"
