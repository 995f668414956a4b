"""Planting a bug: an operation's body is swapped for one whose closure for one input is wrong."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

import numpy as np
from planting.kinds import Call, Kind

from tinygrad_mlp.autograd import Operation

Pairs = list[tuple[np.ndarray, np.ndarray]]
"""Gradients as they should have been, and as they were."""


@contextmanager
def planted(operation: Operation, position: int, kind: Kind) -> Iterator[Pairs]:
    """Make the gradient of one input of an operation wrong inside.

    Yields:
        What the wrong closures have returned so far, beside what would have been right.
    """
    body = operation.body
    memory: dict[Any, Any] = {}
    seen: Pairs = []

    @wraps(body)
    def with_a_bug(*inputs: Any, **options: Any) -> Any:
        y, *closures = body(*inputs, **options)
        if position < len(closures) and closures[position] is not None:
            call = Call(operation, body, inputs, options, y, [*closures], position, memory)
            kind.begin(call)
            if kind.applies(call):
                closures[position] = partial(noted, kind, call, seen)
        return y, *closures

    operation.body = with_a_bug
    try:
        yield seen
    finally:
        operation.body = body


def noted(kind: Kind, call: Call, seen: Pairs, g: Any) -> Any:
    """The wrong gradient."""
    if kind.order > 1:
        return kind.wrong(call, g)
    right = call.gradient(np.array(g)) if len(seen) < 8 else None
    wrong = kind.wrong(call, g)
    if right is not None:
        seen.append((right, np.array(wrong)))
    return wrong


def call_of(operation: Operation, position: int, inputs: Any, options: dict[str, Any]) -> Call | None:
    """A call for asking whether a kind applies; None if the input has no gradient."""
    y, *closures = operation.body(*inputs, **options)
    if closures[position] is None:
        return None
    return Call(operation, operation.body, tuple(inputs), options, y, closures, position)


def consistent_causes(pairs: Pairs) -> set[str]:
    """The diagnoses that describe wrong numbers, whatever made them wrong."""
    found: set[str] = set()
    for right, wrong in pairs:
        if right.shape != wrong.shape or not right.size:
            continue
        error = wrong - right
        # A description has to fit much better than the right gradient does, and than rounding could make it.
        margin = max(1e-3 * np.abs(error).max(), 1e-12 * np.abs(right).max())
        if not error.any():
            continue
        if not wrong.any():
            found |= {"detached", "lost contribution"}
        else:
            ratio = np.vdot(right, wrong) / (np.vdot(right, right) or 1)
            if np.abs(wrong - ratio * right).max() <= margin:
                found.add("sign" if abs(ratio + 1) < 1e-4 else "factor")
        if (np.abs(error) <= 1e-6 * np.abs(error).max()).any():
            found.add("boundary")
        if right.size > 1 and np.ptp(error) <= margin:
            found.add("offset")
        for i in range(right.ndim):
            for j in range(i):
                if np.abs(np.swapaxes(right, i, j).reshape(right.shape) - wrong).max() <= margin:
                    found.add("transposed")
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Without NumPy's warnings: a wrong gradient may well overflow."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
