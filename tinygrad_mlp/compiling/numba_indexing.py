"""Indices in the Numba backend: taking elements, adding them up where they came from, and looking at what may be wrong.

A label or an index that may change is looked at in a loop of its own, which leaves the function before anything is
changed; Python then says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mlp.compiling.checks import CHECKS, ROWS, in_range
from tinygrad_mlp.compiling.grouping import UnsupportedError
from tinygrad_mlp.compiling.numba_loops import assign, loops, temporary
from tinygrad_mlp.ops import indexing
from tinygrad_mlp.tracing.program import Instruction, Ref

if TYPE_CHECKING:
    from tinygrad_mlp.compiling.numba_source import NumbaSource


def check(source: NumbaSource, step: Instruction) -> None:
    """Look at labels or indices. The result is what was looked at."""
    subject = step.inputs[0]
    if type(subject) is not Ref or (source.shape(subject) == () and subject not in source.given):
        raise UnsupportedError(f"the Numba backend has no code for {step.function.__name__} of a single number")
    look(source, step.function, subject, step.options)
    source.names[step.result] = source.array(subject)
    source.stored.add(step.result)
    source.same[step.result] = subject


def look(source: NumbaSource, function: Callable[..., Any], subject: Ref, options: dict[str, Any]) -> None:
    """Leave the function if an element, or a row, is not as it has to be."""
    source.checks.append((function, subject, options))
    source.prepare(subject, set())
    shape, dtype = source.types[subject.index]
    if function in ROWS:
        *rows, n = shape
        index = loops(source, rows)
        depth = len(rows)
        source.line("total = np.float64(0)", depth)
        source.line(f"for j in range({n}):", depth)
        element = source.at(subject, [*index, "j"], dtype)
        source.line(f"total += {element} if {element} >= 0 else np.nan", depth + 1)
        condition = ROWS[function].format("total", **options)
    else:
        index = loops(source, shape)
        condition = CHECKS[function].format(source.at(subject, index, dtype), **options)
    source.line(f"if {condition}:", len(index))
    source.line("return WRONG", len(index) + 1)


class Places:
    """Where the elements of `x[index]` are in x.

    Args:
        source: what the code is for.
        shape: of x.
        pattern, arrays: the index, as the operations `get` and `scatter` have it.

    Attributes:
        shape: of `x[index]`.
    """

    def __init__(self, source: NumbaSource, shape: tuple[int, ...], pattern: Sequence[Any], arrays: Any) -> None:
        self.source = source
        self.of = shape
        self.items = self.one_for_each_axis(pattern, list(arrays))
        chosen = [i for i, item in enumerate(self.items) if not isinstance(item, slice | None)]
        self.common = np.broadcast_shapes(*(source.shape(self.items[i]) for i in chosen))
        together = not chosen or chosen == list(range(chosen[0], chosen[-1] + 1))
        # NumPy's rule: the axes of index arrays side by side stay where they are, others come first.
        before = self.items[: chosen[0]] if chosen and together else []
        self.lead = sum(isinstance(item, slice | None) for item in before)
        kept: list[int] = []
        axis = 0
        for item in self.items:
            if isinstance(item, slice):
                kept.append(len(range(*item.indices(shape[axis]))))
            elif item is None:
                kept.append(1)
            axis += item is not None
        self.shape = (*kept[: self.lead], *self.common, *kept[self.lead :])

    def one_for_each_axis(self, pattern: Sequence[Any], arrays: list[Any]) -> list[Any]:
        """The index with all axes in it: `...` written out, masks as the places of their True, arrays put in."""
        items: list[Any] = []
        for item in pattern:
            if item is not indexing.SLOT:
                items.append(int(item) if isinstance(item, np.integer) else item)
                continue
            array = arrays.pop(0)
            if type(array) is Ref:
                if self.source.types[array.index][1].kind == "b":
                    raise UnsupportedError("the Numba backend has no code for an index of truth values")
                items.append(array)
            else:
                constant = np.asarray(array)
                items += np.nonzero(constant) if constant.dtype.kind == "b" else [constant]
        used = sum(item is not None and item is not Ellipsis for item in items)
        full = [slice(None)] * (len(self.of) - used)
        if not any(item is Ellipsis for item in items):
            return [*items, *full]
        at = next(i for i, item in enumerate(items) if item is Ellipsis)
        return [*items[:at], *full, *items[at + 1 :]]

    def check(self) -> None:
        """Look at index arrays that may change."""
        axis = 0
        for item in self.items:
            if type(item) is Ref:
                if self.source.shape(item) == () and self.source.root(item) not in self.source.given:
                    raise UnsupportedError("the Numba backend has no code for an index that is a single number")
                look(self.source, in_range, item, {"axis": axis, "size": self.of[axis]})
            axis += item is not None

    def __call__(self, index: Sequence[str]) -> list[str]:
        """The index into x, from one into `x[index]`."""
        inner = index[self.lead : self.lead + len(self.common)]
        left = iter([*index[: self.lead], *index[self.lead + len(self.common) :]])
        found: list[str] = []
        for item in self.items:
            n = self.of[len(found)] if len(found) < len(self.of) else 0
            if item is None:
                next(left)
            elif isinstance(item, slice):
                start, _, stride = item.indices(n)
                i = next(left)
                scaled = i if stride == 1 else f"({i}) * {stride}"
                found.append(scaled if start == 0 else f"{start} + {scaled}")
            elif isinstance(item, int):
                found.append(str(item % n))
            elif type(item) is Ref:
                place = self.source.at(item, inner, np.dtype(np.intp))
                found.append(f"({place} if {place} >= 0 else {place} + {n})")
            else:
                found.append(self.source.at(np.where(item < 0, item + n, item), inner, np.dtype(np.intp)))
        return found


def take(source: NumbaSource, step: Instruction) -> None:
    """`x[index]` with arrays in the index."""
    x, *arrays = step.inputs
    places = Places(source, source.shape(x), step.options["pattern"], arrays)
    if type(x) is Ref:
        source.prepare(x, set())
    places.check()
    dtype = source.types[step.result.index][1]
    assign(source, step, lambda index: source.at(x, places(index), dtype))


def add_up(source: NumbaSource, step: Instruction) -> None:
    """Zeros with elements added at an index; of many float32 numbers in float64, as outside of programs."""
    g, *arrays = step.inputs
    shape, dtype = source.types[step.result.index]
    places = Places(source, shape, step.options["pattern"], arrays)
    if source.shape(g) != places.shape or shape == ():
        raise UnsupportedError("the Numba backend has no code for add_at of an array that is broadcast")
    if type(g) is Ref:
        source.prepare(g, set())
    places.check()
    name = source.place(step.result)
    many = max((int(np.prod(source.shape(x))) for x in arrays), default=0) > 128
    wide = temporary(source, np.dtype(np.float64), shape) if many and dtype.itemsize < 8 else name
    source.line(f"{wide}[...] = 0")
    index = loops(source, places.shape)
    source.line(f"{source.indexed(wide, places(index))} += {source.at(g, index, dtype)}", len(index))
    if wide != name:
        index = loops(source, shape)
        source.line(f"{source.indexed(name, index)} = {source.indexed(wide, index)}", len(index))
