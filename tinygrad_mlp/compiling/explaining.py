"""What a compiled program costs, as tables: by part of the step and layer, and as machine code by loop and product."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from tinygrad_mlp.compiling.buffers import Buffers
from tinygrad_mlp.compiling.group_times import group_times
from tinygrad_mlp.compiling.native import Native
from tinygrad_mlp.compiling.passes import VIEWS
from tinygrad_mlp.tracing.program import Instruction, Program, Ref, mapped

RUNS = 20
"""Runs for the times, of which the fastest counts."""


def explanation_of(program: Program, runner: Buffers | Native, backend: str, note: str = "") -> str:
    """The tables.

    For each part and layer its calls, arithmetic operations and the bytes of their results, with NumPy also times; and
    of machine code its groups: the calls that share a loop, what they read from memory and write there, and times.
    """
    found = [*lines(program, runner, backend)]
    found[1:1] = [note] * bool(note)
    return "\n".join([*found, *(groups(program, runner) if isinstance(runner, Native) else ())])


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
        row = f"{shortened(part, 27):<28}{len(members):>7}{sum(operations(s, program) for s in members):>13,}"
        row += f"{total_bytes(program, members):>11,}"
        yield row + (f"{sum(times.get(s.result, 0.0) for s in members):>8.1f}" if times else "")


def groups(program: Program, runner: Native) -> Iterator[str]:
    """The table of what runs one after the other in the machine code."""
    times = group_times(runner)
    head = f"{'group':<52}{'over':>12}{'operations':>13}{'bytes':>11}" + (f"{'µs':>8}" if times else "")
    yield ""
    yield head
    yield "─" * len(head)
    for i, (_, group) in enumerate(runner.source.groups_at):
        shape = "×".join(map(str, program.types[group[0].result.index][0])) or "number"
        row = f"{shortened(name_of(group), 51):<52}{shape:>12}{sum(operations(s, program) for s in group):>13,}"
        row += f"{moved(group, runner):>11,}"
        yield row + (f"{times[i]:>8.2f}" if times else "")
    if times:
        yield f"{'all':<52}{'':>36}{sum(times):>8.2f}"


def name_of(group: list[Instruction]) -> str:
    """What a group does: its parts, and the calls in it."""
    parts = list(dict.fromkeys(step.scope for step in group if step.scope))
    names = [step.function.__name__ for step in group]
    calls = names[0] if len(names) == 1 else f"{len(names)} calls: {', '.join(names)}"
    return f"{parts[0] if parts else '–'}{' …' * (len(parts) > 1)}: {calls}"


def shortened(text: str, length: int) -> str:
    """A text that fits."""
    return text if len(text) <= length else text[: length - 1] + "…"


def moved(group: list[Instruction], runner: Native) -> int:
    """The bytes that a group reads from memory and writes there; what stays within its loop does not count."""
    source = runner.source
    inside = {step.result for step in group}
    read = {x for step in group for x in leaves_of(step) if source.root(x) not in inside}
    written = {ref for ref in inside if source.is_needed_beyond(ref, group)}

    def size(ref: Ref) -> int:
        shape, dtype = source.types[ref.index]
        return math.prod(shape) * dtype.itemsize

    return sum(min(size(ref), size(source.root(ref))) for ref in read | written)


def leaves_of(step: Instruction) -> list[Ref]:
    """The values that an instruction reads."""
    found: list[Ref] = []
    mapped((step.inputs, step.options), lambda x: found.append(x) if type(x) is Ref else None)
    return found


def how(runner: Buffers | Native, backend: str) -> str:
    """How the program is run."""
    if isinstance(runner, Native):
        found = [group for _, group in runner.source.groups_at]
        products = sum(group[0].function is np.matmul for group in found)
        fused = sum(len(group) > 1 for group in found)
        return (
            f"{backend}: one function of {len(found) - products} loops, {fused} of them for several calls, and "
            f"{products} matrix products"
        )
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
