"""An elementwise function run in place: no temporaries of the size of its arrays, one NumPy call per operation.

The function stays pure and reads like its formula. It is traced once; its straight-line program is then run block by
block, each result written into a scratch array that fits the processor's cache, or over the array that it replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.tracing.program import Instruction, Ref
from tinygrad_mlp.tracing.traced import trace

BLOCK = 1 << 17
"""Elements that are handled at once: 512 KB of float32 an array."""

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class InPlace:
    """The in-place form of `function(*arrays, *numbers) → new values of the first arrays`.

    Args:
        function: pure, elementwise, made of ufuncs and `np.where`.
        arrays: how many arrays it takes.
        numbers: how many numbers (0-d arrays) it takes after them.
        replaced: for each value that it returns, which of the arrays it replaces.
        dtype: of all of them.

    Raises:
        TraceError: the function is not elementwise, or cannot be traced.
    """

    def __init__(
        self, function: Callable[..., Any], arrays: int, numbers: int, replaced: Sequence[int], dtype: np.dtype[Any]
    ) -> None:
        examples = [np.ones(2, dtype)] * arrays + [np.full((), 0.5, dtype)] * numbers
        with np.errstate(all="ignore"):  # the example values mean nothing
            program = trace(function, *examples)
        self.dtype = dtype
        self.arrays = arrays
        self.instructions = list(program.instructions)
        outputs = [*program.outputs]
        for i, output in enumerate(outputs):
            if type(output) is not Ref or output.index < len(examples):  # a constant or an input as it is
                result = program.new_ref()
                self.instructions.append(Instruction(np.positive, (output,), {}, result))
                outputs[i] = result
        self.scratch_arrays = 0
        self.copies: list[tuple[Ref, int]] = []
        self.places = self.placed(dict(zip(outputs, replaced, strict=True)), numbers)

    def placed(self, targets: dict[Ref, int], numbers: int) -> dict[Ref, tuple[str, Any]]:
        """Where each value lives: in an array, a number's place, a scratch array, or a 0-d array of its own."""
        end = len(self.instructions)
        last_use: dict[Ref, int] = dict.fromkeys(targets, end)
        for i, step in enumerate(self.instructions):
            for ref in refs(step):
                last_use[ref] = max(i, last_use.get(ref, i))
        places: dict[Ref, tuple[str, Any]] = {Ref(i): ("array", i) for i in range(self.arrays)}
        places |= {Ref(self.arrays + i): ("number", i) for i in range(numbers)}
        free: list[int] = []
        for i, step in enumerate(self.instructions):
            if step.function is not np.where and getattr(step.function, "nout", 0) != 1:
                raise TraceError(f"{step.function.__name__} is not elementwise, so it cannot be run block by block")
            if step.options:
                raise TraceError(f"{step.function.__name__} with {', '.join(step.options)}= cannot be run in place")
            free += [places[ref][1] for ref in set(refs(step)) if last_use[ref] == i and places[ref][0] == "scratch"]
            result = step.result
            target = targets.get(result)
            if target is None and all(places[ref][0] in ("number", "value") for ref in refs(step)):
                places[result] = ("value", np.zeros((), self.dtype))
            elif target is not None and last_use.get(Ref(target), -1) <= i:
                places[result] = ("array", target)
            else:
                if not free:
                    free.append(self.scratch_arrays)
                    self.scratch_arrays += 1
                places[result] = ("scratch", free.pop())
                if target is not None:
                    self.copies.append((result, target))
        return places

    def bind(self, arrays: Sequence[np.ndarray], numbers: Sequence[np.ndarray]) -> list[Call]:
        """The calls that carry the function out on these arrays (n,), which may be run again and again."""
        n = len(arrays[0])
        scratch = [np.empty(min(n, BLOCK), self.dtype) for _ in range(self.scratch_arrays)]
        starts = range(0, n, BLOCK)
        return [call for a in starts for call in self.block(arrays, numbers, scratch, a, min(a + BLOCK, n))]

    def block(
        self,
        arrays: Sequence[np.ndarray],
        numbers: Sequence[np.ndarray],
        scratch: Sequence[np.ndarray],
        start: int,
        stop: int,
    ) -> Iterator[Call]:
        """The calls for one block."""

        def found(x: Any) -> Any:
            if type(x) is not Ref:
                return np.asarray(x, self.dtype) if np.ndim(x) == 0 else x  # a 0-d array is met faster than a number
            kind, where = self.places[x]
            if kind == "value":
                return where
            if kind == "number":
                return numbers[where]
            return arrays[where][start:stop] if kind == "array" else scratch[where][: stop - start]

        for step in self.instructions:
            inputs, result = tuple(map(found, step.inputs)), found(step.result)
            yield (chosen, (result, *inputs)) if step.function is np.where else (step.function, (*inputs, result))
        for ref, target in self.copies:
            yield np.positive, (found(ref), arrays[target][start:stop])


def chosen(result: np.ndarray, *inputs: Any) -> None:
    """`np.where`, which takes no `out`."""
    result[...] = np.where(*inputs)


def run(calls: Sequence[Call]) -> None:
    """Carry out bound calls."""
    for function, inputs in calls:
        function(*inputs)


def refs(step: Instruction) -> list[Ref]:
    """The values that an instruction reads."""
    return [x for x in step.inputs if type(x) is Ref]
