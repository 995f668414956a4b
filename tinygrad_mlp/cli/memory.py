"""Memory: how much a network takes in training, and how much there is, compared before anything is made."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tinygrad_mlp.cli.parser import UsageError
from tinygrad_mlp.dtypes import default_dtype

NUMBERS = 8
"""Numbers for each parameter at the worst moment, measured with Adam: values, gradients, the optimizer's, copies."""

KEPT = 16
"""The same where a checkpoint is written, of the weights and the moments."""

LIMITS = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
"""What a container may use, and what it uses (Linux, cgroup v2)."""
MEMINFO = Path("/proc/meminfo")


def check_memory(parameters: int, kept: bool = False) -> None:
    """Raise `UsageError` for a network that cannot be trained in the memory that is free, as far as that is known.

    Args:
        parameters: how many it has.
        kept: whether checkpoints are written.
    """
    needed, free = parameters * (KEPT if kept else NUMBERS) * default_dtype().itemsize, free_memory()
    if free is not None and needed > free:
        raise UsageError(
            f"the network has {parameters:,} parameters; to train and save them takes about {size(needed)} of memory, "
            f"and {size(free)} are free: fewer or smaller layers are expected"
        )


def free_memory() -> int | None:
    """How many bytes could be had: what is free, or could be freed, on the machine and in the container."""
    found = []
    try:
        if match := re.search(r"^MemAvailable: +([0-9]+) kB$", MEMINFO.read_text("ascii"), re.MULTILINE):
            found.append(int(match[1]) * 1024)
    except OSError:  # no Linux
        if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        most, used = (path.read_text("ascii").strip() for path in LIMITS)
        if most != "max":
            found.append(int(most) - int(used))
    except OSError:
        pass
    return min(found, default=None)


def size(count: int) -> str:
    """`4.8 GB`, `12 MB`."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}" if count < 1000 * unit else f"{count / unit:,.0f} {name}"
    return f"{count / 1e3:.0f} kB"
