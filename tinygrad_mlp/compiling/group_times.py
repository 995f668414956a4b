"""How long each loop and product of a program takes as machine code: the same code again, with a clock between them."""

from __future__ import annotations

import ctypes
import math
import re
import sys
from typing import Any

import numpy as np

from tinygrad_mlp.compiling.native import Native

RUNS = 50
"""Runs, of which the fastest counts for each group."""
MONOTONIC = 1 if sys.platform == "linux" else 6
"""The number of CLOCK_MONOTONIC."""


def group_times(runner: Native) -> list[float]:
    """The µs of each group, run on the arrays as they are; what it writes is put back. Nothing where there is no clock.

    The code is compiled anew, which takes seconds.
    """
    try:
        clock = ctypes.CDLL(None).clock_gettime
    except (AttributeError, OSError, TypeError):  # not on Windows
        return []
    clock.argtypes, clock.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_int
    marks = [at for at, _ in runner.source.groups_at]
    namespace: dict[str, Any] = {"clock": clock}
    exec(compile(with_clock(runner.source.whole, marks), "<program with a clock>", "exec"), namespace)
    stamps = np.zeros(2 * (len(marks) + 1), np.int64)
    kept = [array.copy() for array in runner.arguments]
    best = np.full(len(marks), math.inf)
    for _ in range(RUNS):
        namespace["step"](*runner.arguments, stamps)
        times = stamps[::2] * 1e6 + stamps[1::2] / 1e3
        best = np.minimum(best, np.diff(times))
        for array, copy in zip(runner.arguments, kept, strict=True):
            array[...] = copy
    found: list[float] = best.tolist()
    return found


def with_clock(text: str, marks: list[int]) -> str:
    """The text of a program that notes the time before each group, and at the end."""
    head, signature, body = re.split(r"(def step\(.*?\):\n)", text, maxsplit=1)
    lines = body.splitlines()
    end = next(i for i, line in enumerate(lines) if line.startswith("    return (True"))
    found: list[str] = []
    for i, line in enumerate(lines[: end + 1]):
        for k, at in enumerate([*marks, end]):
            if at == i:
                found.append(f"    clock({MONOTONIC}, stamps[{2 * k}:{2 * k + 2}].ctypes)")
        found.append(line)
    return head.replace("cache=True, ", "") + signature.replace("):", ", stamps):") + "\n".join(found) + "\n"
