"""Machine code on disk: found by the next process, and never in the way of a run when it is damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(find_spec("numba") is None, reason="needs Numba, which `make check` installs")
SCRIPT = """
import numpy as np
import tinygrad_mlp as tg
f = tg.compile(lambda x: np.exp(x) * 2 + 1, backend="numba")
print(f(np.zeros(3)).tolist())
from tinygrad_mlp.compiling import native
(module,) = (m for name, m in native.sys.modules.items() if name.startswith("tinygrad_mlp_program_"))
print(sum(module.step.stats.cache_hits.values()))
"""


def run(folder: Path, **environment: str) -> tuple[list[float], int]:
    """What a process of its own computes, and how many functions it found on disk."""
    given = {**os.environ, "TINYGRAD_MLP_CACHE": str(folder), **environment}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    values, hits = done.stdout.splitlines()
    return [float(x) for x in values.strip("[]").split(",")], int(hits)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the machine code of one program."""
    folder = tmp_path_factory.mktemp("cache")
    assert run(folder) == ([3.0, 3.0, 3.0], 0)
    return folder


def damaged(folder: Path, pattern: str, change: Any) -> None:
    files = [*folder.rglob(pattern)]
    assert files
    for path in files:
        path.write_bytes(change(path.read_bytes()))


def test_the_next_process_finds_it(filled: Path) -> None:
    assert run(filled) == ([3.0, 3.0, 3.0], 1)


@pytest.mark.parametrize(
    ("pattern", "change"),
    [
        ("*.nbi", lambda data: data[: len(data) // 2]),
        ("*.nbi", lambda _: b""),
        ("*.nbc", lambda data: data[: len(data) // 2]),
        ("*.nbc", lambda _: b"\x00\xff not a pickle"),
        ("*.py", lambda data: data[:100]),
        ("*.py", lambda _: b"\xff\xfe\x00"),
    ],
    ids=["index cut", "index empty", "code cut", "code garbage", "source cut", "source garbage"],
)
def test_a_damaged_file_is_made_anew(filled: Path, pattern: str, change: Any) -> None:
    damaged(filled, pattern, change)
    assert run(filled)[0] == [3.0, 3.0, 3.0]
    assert run(filled) == ([3.0, 3.0, 3.0], 1)  # and is whole again


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    """A file stands where the folder should be: so it is for any user, root too."""
    (tmp_path / "taken").write_text("")
    assert run(tmp_path / "taken" / "programs") == ([3.0, 3.0, 3.0], 0)
