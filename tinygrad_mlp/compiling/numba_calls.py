"""What the Numba backend makes of calls that are not elementwise, as the loops that one would write by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mlp.compiling.buffers import joining_axis
from tinygrad_mlp.compiling.checks import CHECKS, ROWS
from tinygrad_mlp.compiling.grouping import UnsupportedError
from tinygrad_mlp.compiling.kernels import plainly
from tinygrad_mlp.compiling.numba_indexing import add_up, check, take
from tinygrad_mlp.compiling.numba_loops import assign, copied, loops, only, option
from tinygrad_mlp.ops import indexing
from tinygrad_mlp.tracing.program import Instruction, Ref

if TYPE_CHECKING:
    from tinygrad_mlp.compiling.numba_source import NumbaSource


def fill(source: NumbaSource, step: Instruction) -> None:
    """Zeros or ones in the shape of an array."""
    only(step, "dtype")
    assign(source, step, lambda _: "0" if step.function is np.zeros_like else "1")


def flip(source: NumbaSource, step: Instruction) -> None:
    """The elements in reverse order along axes."""
    x, axis = step.inputs[0], option(step, 1, "axis")
    only(step, "axis")
    shape, dtype = source.types[step.result.index]
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    turned = {k % len(shape) for k in axes}
    source.prepare(x, set())

    def element(index: Sequence[str]) -> str:
        back = [f"{n - 1} - {i}" if k in turned else i for k, (i, n) in enumerate(zip(index, shape, strict=True))]
        return source.at(x, back, dtype)

    assign(source, step, element)


def join(source: NumbaSource, step: Instruction) -> None:
    """A concatenation. Of one axis: what is not in its place yet is copied there."""
    shape, dtype = source.types[step.result.index]
    axis = joining_axis(step)
    if axis is None or (type(axis) is not int):
        raise UnsupportedError("the Numba backend has no code for concatenate of flattened arrays")
    axis %= len(shape)
    for x in step.inputs[0]:
        if type(x) is Ref and len(shape) > 1:
            source.prepare(x, set())
    name = source.names[step.result] if step.result in source.stored else source.place(step.result)
    start = 0
    for x in step.inputs[0]:
        n = source.shape(x)[axis]
        if len(shape) > 1:
            index = loops(source, source.shape(x))
            target = [f"{start} + {i}" if k == axis else i for k, i in enumerate(index)]
            source.line(f"{source.indexed(name, target)} = {source.at(x, index, dtype)}", len(index))
        else:
            place = source.parts.get(source.root(x)) if type(x) is Ref else None
            if place is None or (place.whole, place.start) != (step.result, start):
                source.line(f"{name}[{start}:{start + n}] = {source.array(x)}")
        start += n


def scan(source: NumbaSource, step: Instruction) -> None:
    """Running sums or products along an axis."""
    x, axis = step.inputs[0], option(step, 1, "axis")
    only(step, "axis", "dtype")
    shape, dtype = source.types[step.result.index]
    if type(axis) is not int or type(x) is not Ref:
        raise UnsupportedError(f"the Numba backend has no code for {step.function.__name__} of a flattened array")
    axis %= len(shape)
    source.prepare(x, set())
    name = source.place(step.result)
    index = loops(source, shape)
    before = [f"{i} - 1" if k == axis else i for k, i in enumerate(index)]
    sign = "+" if step.function is np.cumsum else "*"
    element = f"np.{dtype.name}({source.at(x, index, dtype)})"
    text = f"{element} if {index[axis]} == 0 else {source.indexed(name, before)} {sign} {element}"
    source.line(f"{source.indexed(name, index)} = {text}", len(index))


def extreme_place(source: NumbaSource, step: Instruction) -> None:
    """Where the largest or smallest element along an axis is: the first one, or the first NaN."""
    x, axis = step.inputs[0], option(step, 1, "axis")
    only(step, "axis", "keepdims")
    if type(axis) is not int or type(x) is not Ref:
        raise UnsupportedError(f"the Numba backend has no code for {step.function.__name__} of a flattened array")
    shape, dtype = source.types[x.index]
    axis %= len(shape)
    source.prepare(x, set())
    if source.shape(step.result) == ():
        raise UnsupportedError(f"the Numba backend has no code for {step.function.__name__} of a whole array")
    name = source.place(step.result)
    index = loops(source, [n for k, n in enumerate(shape) if k != axis])
    depth, sign = len(index), ">" if step.function is np.argmax else "<"
    here = source.at(x, [*index[:axis], "k", *index[axis:]], dtype)
    best = source.at(x, [*index[:axis], "best", *index[axis:]], dtype)
    source.line("best = 0", depth)
    source.line(f"for k in range(1, {shape[axis]}):", depth)
    source.line(f"if {best} == {best} and ({here} {sign} {best} or {here} != {here}):", depth + 1)
    source.line("best = k", depth + 2)
    place = [*index[:axis], "0", *index[axis:]] if step.options.get("keepdims") else index
    source.line(f"{source.indexed(name, place)} = best", depth)


def einsum(source: NumbaSource, step: Instruction) -> None:
    """Products of elements, summed: one loop for each letter."""
    only(step, "optimize")
    text, *operands = step.inputs
    if type(text) is not str or "->" not in text or "." in text or step.options.get("optimize"):
        raise UnsupportedError("the Numba backend has no code for einsum in this form, or of large arrays")
    left, output = text.replace(" ", "").split("->")
    letters = left.split(",")
    dtype = source.types[step.result.index][1]
    lengths: dict[str, int] = {}
    for own, x in zip(letters, operands, strict=True):
        if type(x) is Ref:
            source.prepare(x, set())
        for letter, n in zip(own, source.shape(x), strict=True):
            lengths[letter] = max(n, lengths.get(letter, 0)) if n else 0
    summed = [letter for letter in lengths if letter not in output]
    number = source.shape(step.result) == ()
    total = f"v{step.result.index}"
    name = "" if number else source.place(step.result)
    depth = 0
    for letter in output:
        source.line(f"for e{letter} in range({lengths[letter]}):", depth)
        depth += 1
    source.line(f"{total} = np.{dtype.name}(0)", depth)
    inner = depth
    for letter in summed:
        source.line(f"for e{letter} in range({lengths[letter]}):", inner)
        inner += 1
    factors = [source.at(x, [f"e{letter}" for letter in own], dtype) for own, x in zip(letters, operands, strict=True)]
    source.line(f"{total} += {' * '.join(factors)}", inner)
    if number:
        source.store_number(step.result)
    else:
        source.line(f"{source.indexed(name, [f'e{letter}' for letter in output])} = {total}", depth)


def stacked_product(source: NumbaSource, step: Instruction) -> None:
    """A matrix product of vectors, or of stacks of matrices: one product after the other."""
    a, b = step.inputs
    only(step)
    shape, dtype = source.types[step.result.index]
    if len(source.shape(a)) == len(source.shape(b)) == 1:
        for x in (a, b):
            if type(x) is Ref:
                source.prepare(x, set())
        total = f"v{step.result.index}"
        source.line(f"{total} = np.{dtype.name}(0)")
        (i,) = loops(source, source.shape(a))
        source.line(f"{total} += {source.at(a, [i], dtype)} * {source.at(b, [i], dtype)}", 1)
        source.store_number(step.result)
        return
    if 0 in (*source.shape(a), *source.shape(b)):
        raise UnsupportedError("the Numba backend has no code for matmul of stacks of nothing")
    ends = [min(2, len(source.shape(x))) for x in (a, b)]
    lead = shape[: len(shape) - sum(ends) + 2]
    operands = [matrices(source, x, end) for x, end in zip((a, b), ends, strict=True)]
    name = source.place(step.result)
    index = loops(source, lead)
    parts = [
        part(source.shape(x)[: len(source.shape(x)) - end], index)
        for x, end, part in zip((a, b), ends, operands, strict=True)
    ]
    if len(shape) > len(lead):
        source.line(f"np.dot({parts[0]}, {parts[1]}, {name}[{', '.join(index)}])", len(index))
    else:
        raise UnsupportedError("the Numba backend has no code for matmul of stacks with numbers as results")


def matrices(source: NumbaSource, x: Any, end: int) -> Callable[[Sequence[int], Sequence[str]], str]:
    """The matrices of a stack, each contiguous or the transpose of a contiguous one, as BLAS wants them."""
    transposed = ""
    shape = source.shape(x)
    if type(x) is Ref and x in source.views:
        step = source.views[x]
        if step.function is np.matrix_transpose and step.inputs[0] not in source.views and end == 2:
            x, transposed = step.inputs[0], ".T"
        elif len(shape) > 2:
            name = copied(source, x)
            return lambda lead, index: sliced(name, lead, index)
    array = source.array(x)
    return lambda lead, index: sliced(array, lead, index) + transposed


def sliced(name: str, lead: Sequence[int], index: Sequence[str]) -> str:
    """One matrix of a stack that may be broadcast."""
    own = ["0" if n == 1 else i for n, i in zip(lead, index[len(index) - len(lead) :], strict=True)]
    return f"{name}[{', '.join(own)}]" if own else name


CALLS: dict[Callable[..., Any], Callable[[NumbaSource, Instruction], None]] = {
    **dict.fromkeys([*CHECKS, *ROWS], check),
    plainly(indexing.taken): take,
    plainly(indexing.add_at): add_up,
    np.zeros_like: fill,
    np.ones_like: fill,
    np.flip: flip,
    np.concatenate: join,
    np.cumsum: scan,
    np.cumprod: scan,
    np.argmax: extreme_place,
    np.argmin: extreme_place,
    np.einsum: einsum,
    np.matmul: stacked_product,
}
"""What writes the code of a call."""
