"""What the tests of the command share: a folder to work in, the exercise's tables in it, and ways to run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tinygrad_mlp import cli
from tinygrad_mlp.data import breast_cancer_path


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tinygrad-mlp"])
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in this process; words are separated by blanks, or given one by one."""

    def call(*words: str) -> Result:
        capsys.readouterr()
        code = cli.main(words[0].split() if len(words) == 1 else words)
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def good(run: Callable[..., Result]) -> Callable[..., str]:
    """Run a command that has to succeed, and say nothing on stderr; its output."""

    def call(*words: str) -> str:
        result = run(*words)
        assert (result.code, result.err) == (0, ""), result
        return result.out

    return call


@pytest.fixture
def bad(run: Callable[..., Result]) -> Callable[..., str]:
    """Run a command that has to refuse what it is given, in one line; that line."""

    def call(*words: str) -> str:
        result = run(*words)
        assert result.code == 2, result
        assert result.err.startswith("tinygrad-mlp")
        assert result.err.count("\n") == 1
        assert "Traceback" not in result.err
        return result.err.rstrip("\n")

    return call


@pytest.fixture
def program() -> list[str]:
    """The installed script, as a user starts it."""
    return [str(Path(sys.executable).with_name("tinygrad-mlp"))]


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a process, without what changes colours, windows and the buffering of the output."""
    left_out = ["NO_COLOR", "FORCE_COLOR", "DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "COLUMNS", "LINES"]
    left_out += ["PYTHONUNBUFFERED"]
    return {name: value for name, value in os.environ.items() if name not in left_out} | {"PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def real(program: list[str], environment: dict[str, str]) -> Callable[..., Result]:
    """Run the command as a user does, in a process of its own."""

    def call(words: str, start: Sequence[str] = program, **more: str) -> Result:
        done = subprocess.run(
            [*start, *words.split()],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment | more,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return call


PEAK = """
import sys
from pathlib import Path
from tinygrad_mlp import cli
code = cli.main(sys.argv[1:])
[line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(code, line.split()[1])
"""


@pytest.fixture
def peak(environment: dict[str, str]) -> Callable[[str], int]:
    """The most memory that a command took in a process of its own, in bytes."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process is read from Linux")
    # A fixed threshold: freed arrays go back to the system at once, so that the peak is that of arrays that live.
    quiet = environment | {"MALLOC_MMAP_THRESHOLD_": "131072", "OPENBLAS_NUM_THREADS": "1"}

    def measured(words: str) -> int:
        command = [sys.executable, "-c", PEAK, *words.split()]
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=True)
        code, kilobytes = done.stdout.splitlines()[-1].split()
        assert code == "0"
        return 1024 * int(kilobytes)

    return measured


def wdbc_rows() -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The names of the 30 columns, and the rows as label and numbers."""
    with breast_cancer_path() as path:
        header, *lines = path.read_text("utf-8").splitlines()
    names = header.split(",")
    at = names.index("diagnosis")
    rows = [line.split(",") for line in lines]
    return [n for n in names if n != "diagnosis"], [(row[at], row[:at] + row[at + 1 :]) for row in rows]


def wdbc_lines(rows: int | None = None) -> list[str]:
    """Lines as the exercise has them: an id, M or B, 30 numbers."""
    return [f"{842302 + i},{label},{','.join(numbers)}" for i, (label, numbers) in enumerate(wdbc_rows()[1][:rows])]


@pytest.fixture
def raw(folder: Path) -> str:
    """The exercise's table: 569 rows without a header."""
    (folder / "raw.csv").write_text("\n".join(wdbc_lines()) + "\n")
    return "raw.csv"


@pytest.fixture
def header(folder: Path) -> str:
    """The same rows with a header."""
    names = ",".join(["ID", "Diagnosis", *wdbc_rows()[0]])
    (folder / "header.csv").write_text("\n".join([names, *wdbc_lines()]) + "\n")
    return "header.csv"


@pytest.fixture
def points() -> Callable[..., str]:
    """Write a small table width,height,kind: points around a centre for each class, far from the other centres."""

    def write(name: str = "points.csv", classes: Sequence[str] = ("a", "b"), each: int = 12) -> str:
        lines = ["width,height,kind"]
        for i in range(each):
            lines += [f"{10 * c + i % 4 / 10},{-5 * c + i / 10},{kind}" for c, kind in enumerate(classes)]
        Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return name

    return write
