"""A process that may read files and nothing else: 1 GiB of addresses, and an audit hook that sees what is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

GIGABYTE = 1 << 30
FORBIDDEN = ("compile", "exec", "import", "marshal.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "pickle.")
FORBIDDEN_TOO = ("socket.", "subprocess.", "ctypes.", "os.remove", "os.rename", "shutil.", "os.mkdir", "code.")

seen: list[str] = []
"""The forbidden events so far."""
watching = False


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note events by which code is run or files are changed."""
    if not watching:
        return
    writing = event == "open" and isinstance(arguments[1], str) and arguments[1].strip("rb")
    if event.startswith((*FORBIDDEN, *FORBIDDEN_TOO)) or writing:
        seen.append(f"{event} {arguments!r:.80}")


def guard() -> None:
    """Put up the limit and the hook in this process, for good."""
    import resource  # Unix only, and only here

    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTE, GIGABYTE))
    sys.addaudithook(hook)


def watched(call: Callable[[], Any]) -> Any:
    """Call, with the hook looking."""
    global watching
    watching = True
    try:
        return call()
    finally:
        watching = False


def in_process(part: str, *words: str) -> dict[str, Any]:
    """What `python -m stress.PART WORDS…` prints, a JSON object; `{"crashes": 1}` if it dies."""
    path = os.pathsep.join(filter(None, sys.path))  # where this process finds the tests and the package
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", f"stress.{part}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return {"crashes": 1}
    return {"crashes": 0, **json.loads(done.stdout)}
