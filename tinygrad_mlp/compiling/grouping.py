"""Which values of a program are views, which share a loop, and which have to be in memory."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_mlp.compiling.buffers import parts_of
from tinygrad_mlp.compiling.scalars import RARE
from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.tracing.program import Instruction, Program, Ref, leaves

SCALAR: dict[Callable[..., Any], str] = {
    np.add: "{0} + {1}",
    np.subtract: "{0} - {1}",
    np.multiply: "{0} * {1}",
    np.divide: "{0} / {1}",
    np.power: "{0} ** {1}",
    np.negative: "-{0}",
    np.positive: "{0}",
    np.square: "{0} * {0}",
    np.reciprocal: "one / {0}",
    np.equal: "{0} == {1}",
    np.not_equal: "{0} != {1}",
    np.less: "{0} < {1}",
    np.less_equal: "{0} <= {1}",
    np.greater: "{0} > {1}",
    np.greater_equal: "{0} >= {1}",
    np.logical_and: "{0} and {1}",
    np.logical_or: "{0} or {1}",
    np.bitwise_and: "{0} & {1}",
    np.bitwise_or: "{0} | {1}",
    np.where: "({1} if {0} else {2})",
    np.clip: "({1} if {0} < {1} else {2} if {0} > {2} else {0})",
    np.maximum: "({0} if {0} >= {1} or {0} != {0} else {1})",
    np.minimum: "({0} if {0} <= {1} or {0} != {0} else {1})",
    np.sign: "({0} if {0} != {0} else ({0} > 0) - ({0} < 0))",
    **{
        getattr(np, name): f"np.{name}({{0}})"
        for name in ("exp", "log", "sqrt", "tanh", "abs", "log1p", "expm1", "sin", "cos")
    },
    **RARE,
}
"""Elementwise functions as expressions of Python numbers."""
TRANSPOSES = (np.transpose, np.matrix_transpose)


class UnsupportedError(TraceError):
    """Something that this backend has no code for."""


class Grouping:
    """What a compiler has to know of a program's values.

    Args:
        program: simplified.
        homes: results that replace inputs.

    Attributes:
        views: values that are others seen in another way.
        parts: values that are computed in their place in a concatenation.
        uses: who reads each value, through views too.
    """

    def __init__(self, program: Program, homes: Mapping[Ref, np.ndarray]) -> None:
        self.program = program
        self.homes = homes
        self.types = program.types
        self.views = {step.result: step for step in program.instructions if self.is_view(step)}
        self.parts = {part.source: part for part in parts_of(program, self.roots(), homes)}
        self.uses = self.users()

    def is_view(self, step: Instruction) -> bool:
        """Whether a result is its first input seen in another way, which costs nothing."""
        if step.function in (*TRANSPOSES, np.reshape, np.broadcast_to, np.expand_dims, np.asarray):
            return True
        if step.function is not operator.getitem:
            return False
        index = step.inputs[1] if isinstance(step.inputs[1], tuple) else (step.inputs[1],)
        return all(x is None or x is Ellipsis or isinstance(x, int | np.integer | slice) for x in index)

    def roots(self) -> dict[Ref, Ref]:
        """What each view is a view of."""
        found: dict[Ref, Ref] = {}
        for ref, step in self.views.items():
            base = step.inputs[0]
            found[ref] = found.get(base, base)
        return found

    def users(self) -> dict[Ref, list[Instruction]]:
        """Who reads each value, through views too."""
        roots = self.roots()
        found: dict[Ref, list[Instruction]] = {}
        for step in self.program.instructions:
            if step.result not in self.views:
                for ref in step.reads:
                    found.setdefault(roots.get(ref, ref), []).append(step)
        return found

    def shape(self, x: Any) -> tuple[int, ...]:
        """The shape of a value or a constant."""
        return self.types[x.index][0] if type(x) is Ref else np.shape(x)

    def elementwise(self, step: Instruction) -> bool:
        """Whether each element of a result comes from the elements at its place."""
        return (step.function in SCALAR and not step.options) or step.function.__name__ == "converted"

    def groups(self) -> Iterator[list[Instruction]]:
        """Instructions that share a loop: neighbouring elementwise ones on one shape. Views are left out."""
        group: list[Instruction] = []
        for step in self.program.instructions:
            if step.result in self.views:
                continue
            fits = self.elementwise(step) and self.shape(step.result) != ()
            if group and not (fits and self.shape(step.result) == self.shape(group[0].result)):
                yield group
                group = []
            if fits:
                # A value that the loop itself writes can be read at the same place only.
                inside = {other.result for other in group}
                if any(self.root(x) in inside and x not in inside for x in step.reads):
                    yield group
                    group = []
                group.append(step)
            else:
                yield [step]
        if group:
            yield group

    def root(self, ref: Ref) -> Ref:
        """What a value is a view of, or itself."""
        while ref in self.views:
            ref = self.views[ref].inputs[0]
        return ref

    def is_needed_beyond(self, ref: Ref, group: list[Instruction]) -> bool:
        """Whether a result has to be in memory: it is an output, or read after the loop."""
        if ref in self.homes or ref in self.outputs or ref in self.parts:
            return True
        return any(all(user is not step for step in group) for user in self.uses.get(ref, ()))

    @cached_property
    def outputs(self) -> set[Ref]:
        """What the program returns."""
        return {self.root(x) for x in leaves(self.program.outputs) if type(x) is Ref}


def axes_of(step: Instruction, n: int) -> tuple[int, ...]:
    """The order that a transpose brings n axes into."""
    if step.function is np.matrix_transpose:
        return (*range(n - 2), n - 1, n - 2)
    axes = step.inputs[1] if len(step.inputs) > 1 else step.options.get("axes")
    return tuple(range(n))[::-1] if axes is None else tuple(int(a) % n for a in axes)


def indexed_base(index: Any, inner: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """The index of a base's element, from the index into `base[index]`."""
    items = list(index) if isinstance(index, tuple) else [index]
    used = sum(x is not None and x is not Ellipsis for x in items)
    if Ellipsis not in items:
        items.append(Ellipsis)
    at = items.index(Ellipsis)
    items[at : at + 1] = [slice(None)] * (len(shape) - used)
    found: list[str] = []
    left = iter(inner)
    for x in items:
        if x is None:
            next(left)
        elif isinstance(x, slice):
            start, _, step = x.indices(shape[len(found)])
            i = next(left)
            scaled = i if step == 1 else f"({i}) * {step}"
            found.append(scaled if start == 0 else f"{start} + {scaled}")
        else:
            n = shape[len(found)]
            found.append(str(int(x) % n))
    return found
