"""What keeps a compiled program from being wrong in silence."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.places import notebook_cell
from tinygrad_mlp.tracing.program import Instruction, Program, leaves

PACKAGE = Path(__file__).parent.parent


def check_repeatable(one: Program, other: Program) -> None:
    """Refuse a function whose traces differ: it draws random numbers of its own, or depends on what else changes.

    Raises:
        TraceError: names the first call that differs.
    """
    if len(one.instructions) != len(other.instructions):
        raise TraceError(
            f"traced twice, it made {len(one.instructions)} NumPy calls and then {len(other.instructions)}: "
            "what it does depends on something that is no input"
        )
    for a, b in zip(one.instructions, other.instructions, strict=True):
        if a.function is not b.function or not same(a, b):
            raise TraceError(
                f"traced twice, {a.function.__name__} got other constants: random numbers or other values that change "
                "would be frozen into the program. Pass them as inputs; layers draw with tinygrad_mlp's own generators "
                f"({a.scope or 'no layer'})"
            )


def same(a: Instruction, b: Instruction) -> bool:
    """Whether two calls have the same constants."""
    left, right = leaves((a.inputs, a.options)), leaves((b.inputs, b.options))
    return len(left) == len(right) and all(equal(x, y) for x, y in zip(left, right, strict=True))


def equal(x: Any, y: Any) -> bool:
    """Whether two constants are the same."""
    if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
        return np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind == "f")
    return type(x) is type(y) and (x is y or bool(x == y))


@contextmanager
def telling_where() -> Iterator[None]:
    """Add the line of the user's code to what a trace refuses."""
    try:
        yield
    except TraceError as error:
        place = users_line(error)
        if not place:
            raise
        raise TraceError(f"{error} ({place})") from error


def users_line(error: BaseException) -> str:
    """The innermost line outside of this package, and NumPy, that led to an error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if PACKAGE not in path.parents and "numpy" not in path.parts and path.name != "contextlib.py":
            return f"{notebook_cell(frame.filename) or path.name}:{frame.lineno}: {frame.line}"
    return ""
