"""What a compiled program costs, as a table: by part of the step and layer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from tinygrad_mlp.compiling.buffers import Buffers
from tinygrad_mlp.compiling.native import Native
from tinygrad_mlp.compiling.passes import VIEWS
from tinygrad_mlp.tracing.program import Instruction, Program, Ref

RUNS = 20
"""Runs for the times, of which the fastest counts."""


def explanation_of(program: Program, runner: Buffers | Native, backend: str) -> str:
    """The table: for each part and layer its calls, arithmetic operations and bytes written; with NumPy also times."""
    return "\n".join(lines(program, runner, backend))


def lines(program: Program, runner: Buffers | Native, backend: str) -> Iterator[str]:
    """The lines of the table."""
    calls = [step for step in program.instructions if step.function not in VIEWS]
    yield f"{len(calls)} calls of NumPy's, {len(program.instructions) - len(calls)} views; {how(runner, backend)}"
    yield f"memory beside parameters and state: {runner.size:,} bytes, of {total_bytes(program, calls):,} computed"
    yield ""
    times = timed(runner) if isinstance(runner, Buffers) else {}
    head = f"{'part':<28}{'calls':>7}{'operations':>13}{'bytes':>11}"
    yield head + (f"{'µs':>8}" if times else "")
    yield "─" * (len(head) + 8 * bool(times))
    parts = dict.fromkeys(step.scope or "–" for step in calls)
    for part in parts:
        members = [step for step in calls if (step.scope or "–") == part]
        row = f"{part[:27]:<28}{len(members):>7}{sum(operations(s, program) for s in members):>13,}"
        row += f"{total_bytes(program, members):>11,}"
        yield row + (f"{sum(times.get(s.result, 0.0) for s in members):>8.1f}" if times else "")


def how(runner: Buffers | Native, backend: str) -> str:
    """How the program is run."""
    if isinstance(runner, Native):
        loops = sum(line.strip().startswith("for i0 ") for line in runner.source.lines)
        products = sum("np.dot(" in line for line in runner.source.lines)
        return f"{backend}: one function of {loops} loops and {products} matrix products"
    return f"{backend}: {len(runner.calls)} calls that write in place"


def operations(step: Instruction, program: Program) -> int:
    """Arithmetic operations: two for each multiply-add of a product, one for each element that is read or made."""
    shape = program.types[step.result.index][0]
    sizes = [math.prod(program.types[x.index][0]) for x in step.inputs if type(x) is Ref]
    if step.function is np.matmul:
        inner = program.types[step.inputs[0].index][0][-1] if type(step.inputs[0]) is Ref else 1
        return 2 * math.prod(shape) * inner
    return max([math.prod(shape), *sizes])


def total_bytes(program: Program, steps: list[Instruction]) -> int:
    """The bytes of all results."""
    types = [program.types[step.result.index] for step in steps]
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in types)


def timed(runner: Buffers) -> dict[Ref, float]:
    """The µs that the calls of each result take, run on copies of what they write to: nothing is changed."""
    kept = [array.copy() for array in runner.given.values()]
    best: dict[Ref, float] = {}
    try:
        with np.errstate(all="ignore"):
            for _ in range(RUNS):
                for ref, calls in runner.calls_of.items():
                    start = time.perf_counter()
                    for function, arguments in calls:
                        function(*arguments)
                    elapsed = (time.perf_counter() - start) * 1e6
                    best[ref] = min(elapsed, best.get(ref, math.inf))
    finally:
        for array, copy in zip(runner.given.values(), kept, strict=True):
            array[...] = copy
    return best
