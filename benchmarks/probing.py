"""What the probes of all packages share: data, functions to differentiate, and commands that are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

X_CHECK = np.array([0.5, -0.3])


def two_groups() -> tuple[np.ndarray, np.ndarray]:
    """Rows (200, 2) float32 and labels (200,) that any classifier can tell apart."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    return (rng.normal(size=(200, 2)) + 4 * y[:, None]).astype(np.float32), y


def files_made_by(distribution: str, words: list[str]) -> list[str]:
    """The files that the commands of a distribution make, given a CSV file, each run with these words and the file."""
    X, y = two_groups()
    with tempfile.TemporaryDirectory() as work:
        table = Path(work) / "table.csv"
        rows = "".join(f"{a},{b},{'AB'[label]}\n" for (a, b), label in zip(X, y, strict=True))
        table.write_text("a,b,label\n" + rows, "utf-8")
        for point in metadata.distribution(distribution).entry_points.select(group="console_scripts"):
            code = f"import sys; from {point.module} import {point.attr} as main; sys.exit(main())"
            with suppress(subprocess.TimeoutExpired):
                run = [sys.executable, "-c", code, *words, str(table)]
                subprocess.run(run, cwd=work, capture_output=True, check=False, timeout=60)
        return sorted(path.name for path in Path(work).iterdir() if path.name != "table.csv")


def without_compiler(code: str) -> float:
    """What a program prints, a number, where there is no program but Python to be found."""
    environment = {**os.environ, "PATH": "/nowhere"}
    environment.pop("CXX", None)
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, check=False, timeout=300)
    if done.returncode:
        errors = re.findall(r"^\S*(?:Error|Exception)\b.*", done.stderr, re.MULTILINE)
        raise RuntimeError(errors[-1] if errors else done.stderr)
    return float(done.stdout)


def two_functions(x: Any) -> Any:
    """Functions of NumPy itself: a ufunc, and two that are none. Its slope is 2·cos(x)."""
    return np.sum(np.concatenate([np.sin(x), np.sin(x)]))


class Peer:
    """A package to compare with.

    Attributes:
        distribution: what pip calls it.
        module: what Python calls it.
    """

    distribution: str
    module: str
    words: tuple[str, ...] = ()

    def command(self) -> list[str]:
        return files_made_by(self.distribution, list(self.words))


def changed(backward: Callable[[], Any], gradient: Callable[[], Any]) -> Any:
    """The gradient of w² at 3 after w was set to 5, or the message of the error that says so."""
    try:
        backward()
    except Exception as error:
        return f"noticed: {error}"
    return gradient()


def ten_thousand_times(x: Any) -> Any:
    """x + 1 + 1 + …"""
    for _ in range(10_000):
        x = x + 1.0
    return x
