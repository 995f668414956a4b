"""What makes a program shorter without changing what it computes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mlp.tracing.program import Instruction, Program, Ref, leaves, mapped

KEPT: tuple[str, ...] = ("checked_labels", "checked_rows", "checked_fractions", "checked_indices")
"""Functions that check something: they stay, even if nobody needs their result."""


def simplified(program: Program) -> Program:
    """The program without what is constant, computed twice, or not needed."""
    return without_dead_code(without_duplicates(without_long_sums(program)))


FEW = 128
"""Of so few numbers, a sum in float64 is no more precise than NumPy's own (see `precise_sum`)."""


def without_long_sums(program: Program) -> Program:
    """Short sums in the dtype of what is added, as `precise_sum` makes them outside of traces."""
    made = {step.result: step for step in program.instructions}
    kept = []
    for step in program.instructions:
        source = made.get(step.inputs[0]) if step.function.__name__ == "converted" else None
        if source is not None and source.function is np.sum and source.options.get("dtype") is np.float64:
            (shape, dtype), count = program.types[source.inputs[0].index], program.types[source.result.index][0]
            if dtype == step.options["dtype"] and math.prod(shape) <= FEW * max(1, math.prod(count)):
                options = {name: value for name, value in source.options.items() if name != "dtype"}
                step = replace(source, options=options, result=step.result)
        kept.append(step)
    return replace(program, instructions=kept)


def without_duplicates(program: Program) -> Program:
    """Each computation once; what depends on no input is computed now."""
    known: dict[Any, Any] = {}
    replaced: dict[Ref, Any] = {}
    kept: list[Instruction] = []

    def current(x: Any) -> Any:
        return replaced.get(x, x) if type(x) is Ref else x

    for step in program.instructions:
        step = replace(step, inputs=mapped(step.inputs, current), options=mapped(step.options, current))
        if not step.reads:
            replaced[step.result] = step.function(*step.inputs, **step.options)
            continue
        if (same := unchanged(step, program)) is not None:
            replaced[step.result] = same
            continue
        key = key_of(step)
        if key in known:
            replaced[step.result] = known[key]
        else:
            known[key] = step.result
            kept.append(step)
    return replace(program, instructions=kept, outputs=mapped(program.outputs, current))


def unchanged(step: Instruction, program: Program) -> Any:
    """The input, if an instruction gives it back as it is: x.astype(its dtype), x·1, x + 0, a reshape to its shape."""
    x = step.inputs[0]
    if type(x) is not Ref or program.types[x.index] != program.types[step.result.index]:
        return None
    name = step.function.__name__
    if name in ("converted", "reshape", "broadcast_to", "asarray", "copy"):
        return x
    other = step.inputs[1] if len(step.inputs) > 1 else None
    if isinstance(other, int | float) and not isinstance(other, bool) and not step.options:
        neutral = {"multiply": 1, "divide": 1, "power": 1, "subtract": 0}.get(name)
        if neutral == other and neutral is not None:
            return x
    return None


def without_dead_code(program: Program) -> Program:
    """Only what the outputs need."""
    needed = {x for x in leaves(program.outputs) if type(x) is Ref}
    kept: list[Instruction] = []
    for step in reversed(program.instructions):
        if step.result in needed or step.function.__name__ in KEPT:
            needed.update(step.reads)
            kept.append(step)
    return replace(program, instructions=kept[::-1])


def key_of(step: Instruction) -> Any:
    """What two instructions that compute the same have in common."""
    return step.function, hashable(step.inputs), hashable(step.options)


def hashable(x: Any) -> Any:
    """A structure as something that can be a key. Numbers of different types are different: 1, 1.0, float32(1)."""
    if isinstance(x, tuple | list):
        return type(x).__name__, tuple(map(hashable, x))
    if isinstance(x, dict):
        return tuple((key, hashable(value)) for key, value in sorted(x.items()))
    if isinstance(x, slice):
        return "slice", hashable(x.start), hashable(x.stop), hashable(x.step)
    if isinstance(x, np.ndarray):
        return x.shape, str(x.dtype), x.tobytes()
    return type(x).__name__, x


VIEWS: frozenset[Callable[..., Any]] = frozenset(
    {
        operator.getitem,
        np.transpose,
        np.reshape,
        np.broadcast_to,
        np.matrix_transpose,
        np.swapaxes,
        np.moveaxis,
        np.expand_dims,
        np.squeeze,
        np.asarray,
    }
)
"""Functions that may give a view: whether they do depends on the array."""
