"""What the code of several calls is made of: loops over shapes, one assignment, working memory, options."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mlp.compiling.grouping import TRANSPOSES, UnsupportedError, axes_of
from tinygrad_mlp.tracing.program import Instruction, Ref

if TYPE_CHECKING:
    from tinygrad_mlp.compiling.numba_source import NumbaSource

Element = Callable[[Sequence[str]], str]
"""The expression of one element, from its index."""


def loops(source: NumbaSource, shape: Sequence[int], letter: str = "i") -> list[str]:
    """Nested loops over a shape; gives the names of the index. What is inside is at the depth of their number."""
    index = [f"{letter}{k}" for k in range(len(shape))]
    for depth, (name, n) in enumerate(zip(index, shape, strict=True)):
        source.line(f"for {name} in range({n}):", depth)
    return index


def assign(source: NumbaSource, step: Instruction, element: Element) -> None:
    """Compute the elements of a result one by one."""
    shape, dtype = source.types[step.result.index]
    if shape == ():
        source.line(f"v{step.result.index} = np.{dtype.name}({element([])})")
        source.store_number(step.result)
        return
    name = source.place(step.result)
    index = loops(source, shape)
    source.line(f"{source.indexed(name, index)} = {element(index)}", len(index))


def temporary(source: NumbaSource, dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """The name of an array in the working memory that nothing else uses."""
    start, size = source.scratch.get(dtype, 0), int(np.prod(shape))
    source.scratch[dtype] = start + size
    name = f"t{start}_{dtype.name}"
    source.line(f"{name} = w_{dtype.name}[{start}:{start + size}].reshape({shape})")
    return name


def copied(source: NumbaSource, x: Ref) -> str:
    """The name of a contiguous array with the elements of a view."""
    shape, dtype = source.types[x.index]
    source.prepare(x, set())
    source.memory[x] = (dtype, source.scratch.get(dtype, 0), shape)
    name = temporary(source, dtype, shape)
    index = loops(source, shape)
    source.line(f"{source.indexed(name, index)} = {source.at(x, index, dtype)}", len(index))
    return name


def is_contiguous(source: NumbaSource, x: Ref) -> bool:
    """Whether the elements of a value are side by side in memory, in their order."""
    if x not in source.views:
        return True
    step = source.views[x]
    base = step.inputs[0]
    if step.function in (np.reshape, np.expand_dims, np.asarray) or keeps_order(source, step):
        return is_contiguous(source, base)
    if step.function is operator.getitem:
        first, *others = step.inputs[1] if isinstance(step.inputs[1], tuple) else (step.inputs[1],)
        in_order = isinstance(first, int | np.integer) or (isinstance(first, slice) and first.step in (None, 1))
        return in_order and not others and is_contiguous(source, base)
    return False


def keeps_order(source: NumbaSource, step: Instruction) -> bool:
    """Whether a transpose or an index leaves all elements where they are: only axes of length 1 come, go or move."""
    shape = source.shape(step.inputs[0])
    if step.function in TRANSPOSES:
        axes = [axis for axis in axes_of(step, len(shape)) if shape[axis] != 1]
        return axes == sorted(axes)
    same = [n for n in shape if n != 1] == [n for n in source.shape(step.result) if n != 1]
    items = step.inputs[1] if isinstance(step.inputs[1], tuple) else (step.inputs[1],)
    forward = not any(isinstance(x, slice) and x.step not in (None, 1) for x in items)
    return step.function is operator.getitem and same and forward


def for_blas(source: NumbaSource, x: Any) -> str:
    """The name of a matrix or vector that BLAS takes as it is: contiguous, or the transpose of what is."""
    step = source.views.get(x) if type(x) is Ref else None
    if step is None or is_contiguous(source, x):
        return source.array(x)
    turned = step.function in TRANSPOSES and axes_of(step, len(source.shape(x))) == (1, 0)
    return source.array(x) if turned and is_contiguous(source, step.inputs[0]) else copied(source, x)


def option(step: Instruction, position: int, name: str, default: Any = None) -> Any:
    """An argument that may be given by place or by name."""
    return step.inputs[position] if len(step.inputs) > position else step.options.get(name, default)


def only(step: Instruction, *names: str) -> None:
    """Refuse other options than these."""
    if others := {name for name, value in step.options.items() if value is not None} - set(names):
        raise UnsupportedError(f"the Numba backend has no code for {step.function.__name__} with {sorted(others)}")


def see(source: NumbaSource, x: Any) -> None:
    """Copy an output that NumPy cannot see as a view: of a number, or the reshape of a transpose, for instance."""
    view = x
    while type(view) is Ref and view in source.views:
        step = source.views[view]
        if step.function is np.reshape and not is_contiguous(source, step.inputs[0]):
            source.array(view)
        view = step.inputs[0]
    if view is not x and source.shape(view) == () and source.shape(x) != () and view not in source.stored:
        source.remember(x, copied(source, x))


def larger(one: str, other: str, sign: str) -> str:
    """The larger (or smaller) of two numbers; NaN if one of them is."""
    return f"{one} if {one} {sign} {other} or {one} != {one} else {other}"


def index_text(index: Any) -> str:
    """A basic index as text."""
    items = index if isinstance(index, tuple) else (index,)

    def shown(x: Any) -> str:
        if isinstance(x, slice):
            parts = ["" if p is None else str(p) for p in (x.start, x.stop)]
            return ":".join(parts) + ("" if x.step is None else f":{x.step}")
        return "..." if x is Ellipsis else repr(x)

    return ", ".join(map(shown, items))
