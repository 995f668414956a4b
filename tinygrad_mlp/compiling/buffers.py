"""The NumPy backend: every value has its place in memory, and a run is a list of NumPy calls that write there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.compiling.passes import FEW, VIEWS
from tinygrad_mlp.sums import ones
from tinygrad_mlp.tracing.program import Instruction, Program, Ref, mapped

Call = tuple[Callable[..., Any], tuple[Any, ...]]
REDUCTIONS: dict[Callable[..., Any], np.ufunc] = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}


class Buffers:
    """A program bound to arrays: `run()` carries it out.

    Args:
        program: what to do.
        inputs: the arrays that the inputs live in; to run it on other values, write them there.
        homes: values that have to end up in given arrays, such as the new weights in the place of the old ones.

    Attributes:
        outputs: the structure of the outputs, as arrays that each run overwrites.
        calls: what a run does.
        calls_of: the same by the result that is computed.
        size: the bytes of all arrays made here.
    """

    def __init__(self, program: Program, inputs: Sequence[np.ndarray], homes: Mapping[Ref, np.ndarray]) -> None:
        self.program = program
        self.given = dict(zip(program.places, inputs, strict=True))
        self.batch = inputs[:2]
        self.homes, self.late = safe_homes(program, self.given, homes)
        self.roots: dict[Ref, Ref] = {}
        self.size = 0
        self.calls: list[Call] = []
        self.calls_of: dict[Ref, list[Call]] = {}
        self.values: dict[Ref, np.ndarray] = dict(self.given)
        self.pool: list[np.ndarray] = []
        dying_at: dict[int, list[Ref]] = {}
        for ref, end in self.last_uses().items():
            dying_at.setdefault(end, []).append(ref)
        self.place_parts()
        for i, step in enumerate(program.instructions):
            dying = dying_at.get(i, [])
            self.bind(step, dying)
            self.pool += [self.owned[ref] for ref in dying if ref in self.owned]
        for ref, home in self.late.items():
            self.calls.append((np.copyto, (home, self.values[ref])))
        self.outputs = mapped(program.outputs, self.value)

    def run(self) -> None:
        """Compute all values from the inputs as they are now."""
        for function, arguments in self.calls:
            function(*arguments)

    def run_on(self, x: np.ndarray, y: np.ndarray) -> float:
        """The same with other values for the first two inputs; gives the first of the outputs, a number."""
        first, second = self.batch
        first[...], second[...] = x, y
        for function, arguments in self.calls:
            function(*arguments)
        return float(self.outputs[0][0])

    def last_uses(self) -> dict[Ref, int]:
        """When each value that lives in memory of its own is read for the last time, through whatever view."""
        dummies: dict[Ref, np.ndarray] = dict(self.given)
        end = len(self.program.instructions)
        last: dict[Ref, int] = {}
        self.owned: dict[Ref, np.ndarray] = {}

        def root(ref: Ref) -> Ref:
            return self.roots.get(ref, ref)

        for i, step in enumerate(self.program.instructions):
            for ref in step.reads:
                last[root(ref)] = i
            view = self.view_of(step, dummies)
            if view is not None:
                dummies[step.result] = view
                self.roots[step.result] = root(step.inputs[0])
            else:
                shape, dtype = self.program.types[step.result.index]
                dummies[step.result] = np.empty(shape, dtype)
            last[root(step.result)] = i
        mapped(self.program.outputs, lambda x: last.update({root(x): end}) if type(x) is Ref else None)
        return last

    def view_of(self, step: Instruction, values: Mapping[Ref, np.ndarray]) -> np.ndarray | None:
        """The result, if it is a view of its first input."""
        if step.function not in VIEWS or any(type(ref) is Ref for ref in step.inputs[1:]) or step.options.get("dtype"):
            return None
        index = step.inputs[1] if step.function is operator.getitem else ()
        if any(isinstance(x, np.ndarray | list) for x in (index if isinstance(index, tuple) else (index,))):
            return None
        base = values[step.inputs[0]]
        if step.function is operator.getitem:
            found = base[(*(index if isinstance(index, tuple) else (index,)), *[...] * whole(index))]  # no scalars
        else:
            found = np.asarray(step.function(base, *step.inputs[1:], **step.options))
        return found if found.size and np.shares_memory(found, base) else None

    def place_parts(self) -> None:
        """Let the parts of a concatenation be computed right where they are joined."""
        joined: dict[Ref, np.ndarray] = {}
        for part in parts_of(self.program, self.roots, self.homes):
            if part.whole not in joined:
                shape, dtype = self.program.types[part.whole.index]
                joined[part.whole] = np.empty(shape, dtype)
                self.size += joined[part.whole].nbytes
            shape = self.program.types[part.source.index][0]
            self.homes[part.source] = joined[part.whole][part.start : part.stop].reshape(shape)
        self.homes |= joined

    def value(self, x: Any) -> Any:
        """A value's array; a constant as it is."""
        return self.values[x] if type(x) is Ref else x

    def bind(self, step: Instruction, dying: Sequence[Ref]) -> None:
        """Add the calls for one instruction."""
        view = self.view_of(step, self.values)
        if view is not None and step.result not in self.homes:
            self.values[step.result] = view
            return
        if isinstance(step.function, np.ufunc) and step.function.signature is None:
            # Elementwise: the result may take the place of an input that is not read again.
            free = [ref for ref in dying if ref in self.owned]
            self.pool += [self.owned.pop(ref) for ref in free]
        out = self.values[step.result] = self.place_for(step.result)
        self.calls_of[step.result] = self.lowered(step, out)
        self.calls += self.calls_of[step.result]

    def place_for(self, ref: Ref) -> np.ndarray:
        """Where a value is written: its home, or memory that is free again, or new memory."""
        if ref in self.homes:
            return self.homes[ref]
        shape, dtype = self.program.types[ref.index]
        size = int(np.prod(shape)) * dtype.itemsize
        fitting = [block for block in self.pool if block.nbytes == max(size, 1)]
        if fitting:
            block = fitting[-1]
            self.pool = [other for other in self.pool if other is not block]
        else:
            block = np.empty(max(size, 1), np.uint8)
            self.size += block.nbytes
        self.owned[ref] = block
        return block[:size].view(dtype).reshape(shape)

    def operand(self, x: Any, like: np.dtype[Any]) -> Any:
        """An argument of a ufunc: numbers as 0-d arrays, which are met faster."""
        if type(x) is Ref:
            return self.values[x]
        if type(x) in (int, float):  # a weak number takes the others' dtype
            return np.asarray(x, like)
        return x if isinstance(x, np.ndarray) else np.asarray(x)

    def lowered(self, step: Instruction, out: np.ndarray) -> list[Call]:
        """The calls that compute one value into an array."""
        function, options = step.function, step.options
        if function is np.matmul and out.ndim == 2 and not options:
            a, b = (self.value(x) for x in step.inputs)
            return [(product, (a, b, out))] if out.flags.c_contiguous else [(np.matmul, (a, b, out))]
        if isinstance(function, np.ufunc) and function.nout == 1 and function.signature is None and not options:
            floats = [self.program.types[x.index][1] for x in step.inputs if type(x) is Ref]
            like = next((dtype for dtype in floats if dtype.kind == "f"), floats[0])
            inputs = [self.operand(x, like) for x in step.inputs]
            if function in (np.maximum, np.minimum):
                return [(into(function), (out, *inputs))]
            return [(function, (*inputs, out))]
        if function in REDUCTIONS and set(options) <= {"axis", "keepdims", "dtype"} and len(step.inputs) == 1:
            return self.reduction(step, out)
        if function.__name__ == "converted":
            return [(np.copyto, (out, self.value(step.inputs[0]), "unsafe"))]
        if function is np.concatenate and joining_axis(step) is not None:
            return self.joined(step, out)
        inputs, named = mapped(step.inputs, self.value), mapped(options, self.value)
        return [(computed, (out, function, inputs, named))]

    def reduction(self, step: Instruction, out: np.ndarray) -> list[Call]:
        """A sum or an extreme over axes."""
        x = self.value(step.inputs[0])
        axis, keepdims, dtype = (step.options.get(name) for name in ("axis", "keepdims", "dtype"))
        if step.function is np.sum and axis == 0 and x.ndim == 2 and not keepdims and len(x) <= FEW and dtype is None:
            return [(product, (ones(len(x), x.dtype), x, out))]  # a quarter of the time of a reduction
        return [(REDUCTIONS[step.function].reduce, (x, axis, dtype, out, bool(keepdims)))]

    def joined(self, step: Instruction, out: np.ndarray) -> list[Call]:
        """A concatenation: each part is copied to its place."""
        axis = joining_axis(step) % out.ndim
        calls: list[Call] = []
        start = 0
        for x in step.inputs[0]:
            part = self.value(x)
            place = out[(slice(None),) * axis + (slice(start, start + part.shape[axis]),)]
            start += part.shape[axis]
            if not (np.shares_memory(place, part) and place.ctypes.data == part.ctypes.data):
                calls.append((np.copyto, (place, part)))
        return calls


class Part(NamedTuple):
    """A value that is only made to be joined: its place in the concatenation."""

    source: Ref
    whole: Ref
    start: int
    stop: int


def parts_of(program: Program, roots: Mapping[Ref, Ref], homes: Container[Ref]) -> Iterator[Part]:
    """The values that one-dimensional concatenations join, and that can be computed in their place."""
    made = {step.result for step in program.instructions}
    taken: set[Ref] = set()
    for step in program.instructions:
        shape, dtype = program.types[step.result.index]
        if step.function is not np.concatenate or len(shape) != 1 or step.result in homes or joining_axis(step) is None:
            continue
        start = 0
        for part in step.inputs[0]:
            stop = start + program.types[part.index][0][0]
            source = roots.get(part, part)
            fits = program.types[source.index][1] == dtype and np.prod(program.types[source.index][0]) == stop - start
            if source in made and source not in homes and source not in taken and fits:
                taken.add(source)
                yield Part(source, step.result, start, stop)
            start = stop


def joining_axis(step: Instruction) -> Any:
    """The axis of a concatenation; None if the parts are flattened."""
    return step.inputs[1] if len(step.inputs) > 1 else step.options.get("axis", 0)


def safe_homes(
    program: Program, given: Mapping[Ref, np.ndarray], homes: Mapping[Ref, np.ndarray]
) -> tuple[dict[Ref, np.ndarray], dict[Ref, np.ndarray]]:
    """Which results can be written over what they replace at once, and which only at the end.

    Whatever reads the old values has to come first; an elementwise function may read them while it writes. So has
    whatever may refuse a label or an index: nothing is changed then.
    """
    at_once, late = {}, {}
    order = {step.result: i for i, step in enumerate(program.instructions)}
    views: dict[Ref, set[Ref]] = {ref: {ref} for ref in program.places}
    for step in program.instructions:
        if step.function in VIEWS and type(step.inputs[0]) is Ref:
            for seen in views.values():
                if step.inputs[0] in seen:
                    seen.add(step.result)
    refused = max((i for i, step in enumerate(program.instructions) if may_refuse(step)), default=-1)
    for ref, home in homes.items():
        old = {view for place in given if np.shares_memory(given[place], home) for view in views[place]}
        here = order.get(ref, -1)
        later = any(old & set(step.reads) for step in program.instructions[here + 1 :])
        made_by = program.instructions[here] if here >= 0 else None
        if made_by is not None and here > refused and not later and not (reads_elsewhere(made_by, old, program)):
            at_once[ref] = home
        else:
            late[ref] = home
    return at_once, late


def may_refuse(step: Instruction) -> bool:
    """Whether an instruction may raise an error: a kernel or a check may, NumPy's functions do not."""
    function = step.function
    if isinstance(function, np.ufunc) or function.__name__ == "converted":
        return False
    return str(function.__module__).partition(".")[0] not in ("numpy", "_operator")


def reads_elsewhere(step: Instruction, old: set[Ref], program: Program) -> bool:
    """Whether an instruction reads old values at other places than those that it writes."""
    read = old & set(step.reads)
    elementwise = isinstance(step.function, np.ufunc) and step.function.signature is None
    return bool(read) and not (elementwise and all(x in program.places for x in read))


def whole(index: Any) -> bool:
    """Whether an index can be followed by `...`, which keeps a single element an array."""
    return not any(x is Ellipsis for x in (index if isinstance(index, tuple) else (index,)))


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """A·B into an array."""
    np.dot(a, b, out)


def into(function: np.ufunc) -> Callable[..., None]:
    """A ufunc that takes the array to write to first."""

    def call(out: np.ndarray, *inputs: Any) -> None:
        function(*inputs, out=out)

    return call


def computed(out: np.ndarray, function: Callable[..., Any], inputs: Any, options: dict[str, Any]) -> None:
    """Any other function: its result is copied."""
    out[...] = function(*inputs, **options)
