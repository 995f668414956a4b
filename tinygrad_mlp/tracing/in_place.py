"""An elementwise function run in place: no temporaries of the size of its arrays, one NumPy call per operation.

The function stays pure and reads like its formula. It is traced once; its straight-line program is then run block by
block, each result written into a scratch array that fits the processor's cache, or over the array that it replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.tracing.program import Instruction, Ref
from tinygrad_mlp.tracing.traced import trace

BLOCK = 1 << 17
"""Elements that are handled at once: 512 KB of float32 an array."""

BY_NAME = (np.maximum, np.minimum, np.clip)
"""Functions that take the array to write to by name only: NumPy deprecates it as a third argument of the first two."""

Call = tuple[Callable[..., Any], tuple[Any, ...]]


class InPlace:
    """The in-place form of `function(*arrays, *numbers) → new values of the first arrays`.

    Args:
        function: pure, elementwise, made of ufuncs, `np.where` and `np.clip`.
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
        examples = [np.ones(2, dtype) for _ in range(arrays)] + [np.full((), 0.5, dtype) for _ in range(numbers)]
        self.dtype = dtype
        self.arrays = arrays
        with np.errstate(all="ignore"):  # the example values mean nothing
            program = trace(function, *examples)
            self.instructions = list(program.instructions)
            self.masks = self.truth_values(examples)
            targets: dict[Ref, int] = {}
            for output, array in zip(program.outputs, replaced, strict=True):
                # Each array is replaced by a result of its own: no constant, input, truth values, or another's result.
                if type(output) is not Ref or output.index < len(examples) or output in self.masks or output in targets:
                    result = program.new_ref(examples[0].shape, dtype)
                    self.instructions.append(Instruction(np.multiply, (output, 1), {}, result))
                    output = result
                targets[output] = array
            self.scratch_arrays: list[np.dtype[Any]] = []
            self.copies: list[tuple[Ref, int]] = []
            self.places = self.placed(targets, numbers)
            try:
                run(self.bind(examples[:arrays], examples[arrays:]))
            except TypeError as error:  # found here, before an array is touched
                raise TraceError(f"this cannot be run in place on {dtype}: {error}") from error

    def truth_values(self, examples: Sequence[np.ndarray]) -> set[Ref]:
        """The values that are True or False, found by computing with the examples. Refuse what is not elementwise."""
        values: dict[Ref, Any] = {Ref(i): example for i, example in enumerate(examples)}
        for step in self.instructions:
            name = step.function.__name__
            if not is_elementwise(step.function):
                raise TraceError(
                    f"{name} is no elementwise ufunc, nor np.where or np.clip, so it cannot be run block by block"
                )
            if step.options:
                raise TraceError(f"{name} with {', '.join(step.options)}= cannot be run in place")
            for x in step.inputs:
                if type(x) is not Ref and np.ndim(x):
                    raise TraceError(
                        f"{name} takes a constant of shape {np.shape(x)}, which fits no block: use numbers"
                    )
            values[step.result] = step.function(*(values[x] if type(x) is Ref else x for x in step.inputs))
        return {ref for ref, value in values.items() if value.dtype == bool}

    def placed(self, targets: dict[Ref, int], numbers: int) -> dict[Ref, tuple[str, Any]]:
        """Where each value lives: in an array, a number's place, a scratch array, or a 0-d array of its own."""
        end = len(self.instructions)
        last_use: dict[Ref, int] = dict.fromkeys(targets, end)
        for i, step in enumerate(self.instructions):
            for ref in step.reads:
                last_use[ref] = max(i, last_use.get(ref, i))
        places: dict[Ref, tuple[str, Any]] = {Ref(i): ("array", i) for i in range(self.arrays)}
        places |= {Ref(self.arrays + i): ("number", i) for i in range(numbers)}
        free: list[int] = []
        for i, step in enumerate(self.instructions):
            free += [places[ref][1] for ref in set(step.reads) if last_use[ref] == i and places[ref][0] == "scratch"]
            result = step.result
            target = targets.get(result)
            dtype = np.dtype(bool) if result in self.masks else self.dtype
            if target is None and all(places[ref][0] in ("number", "value") for ref in step.reads):
                places[result] = ("value", np.zeros((), dtype))
            elif target is not None and last_use.get(Ref(target), -1) <= i:
                places[result] = ("array", target)
            else:
                fitting = [j for j in free if self.scratch_arrays[j] == dtype]
                if fitting:
                    free.remove(fitting[-1])
                else:
                    fitting.append(len(self.scratch_arrays))
                    self.scratch_arrays.append(dtype)
                places[result] = ("scratch", fitting[-1])
                if target is not None:
                    self.copies.append((result, target))
        return places

    def bind(self, arrays: Sequence[np.ndarray], numbers: Sequence[np.ndarray]) -> list[Call]:
        """The calls that carry the function out on these arrays (n,), which may be run again and again."""
        n = len(arrays[0])
        scratch = [np.empty(min(n, BLOCK), dtype) for dtype in self.scratch_arrays]
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
                # A 0-d array is met faster than a number; None is a limit that np.clip does not have.
                return x if isinstance(x, bool | np.bool | None) else np.asarray(x, self.dtype)
            kind, where = self.places[x]
            if kind == "value":
                return where
            if kind == "number":
                return numbers[where]
            return arrays[where][start:stop] if kind == "array" else scratch[where][: stop - start]

        for step in self.instructions:
            inputs, result = tuple(map(found, step.inputs)), found(step.result)
            if step.function is np.where:
                yield chosen, (result, *inputs)
            elif step.function in BY_NAME:
                yield partial(step.function, out=result), inputs
            else:
                yield step.function, (*inputs, result)
        for ref, target in self.copies:
            yield np.positive, (found(ref), arrays[target][start:stop])


def is_elementwise(function: Callable[..., Any]) -> bool:
    """Whether each element of the one result comes from the elements at its place (of a ufunc: no matmul, no modf)."""
    if isinstance(function, np.ufunc):
        return function.nout == 1 and function.signature is None
    return function in (np.where, np.clip)


def chosen(result: np.ndarray, *inputs: Any) -> None:
    """`np.where`, which takes no `out`."""
    result[...] = np.where(*inputs)


def run(calls: Sequence[Call]) -> None:
    """Carry out bound calls."""
    for function, inputs in calls:
        function(*inputs)
