"""The README is true: its Python code and its commands are run, and give the output that stands below them.

`…` stands for anything. Decimal numbers may differ by 0.05 and counts by 3, because another processor's matrix products
round differently, and a training run carries that on.
"""

from __future__ import annotations

import contextlib
import html
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_mlp as tg

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [(code, BLOCKS[i + 1][1]) for i, (language, code) in enumerate(BLOCKS) if language == "python"]
NUMBER = r"(-?\d+(?:\.\d+)?)"


def assert_same(seen: str, expected: str) -> None:
    """Equal but for what `…` stands for, and nearly equal numbers."""
    numbers: list[str] = []

    def pattern(part: str) -> str:
        pieces = re.split(NUMBER, part)
        numbers.extend(pieces[1::2])
        return "".join(NUMBER if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))

    match = re.fullmatch(".*".join(map(pattern, expected.strip().split("…"))), seen.strip(), re.DOTALL)
    assert match, f"expected:\n{expected}\nseen:\n{seen}"
    for found, wanted in zip(match.groups(), numbers, strict=True):
        near = 0.05 if "." in wanted else 3
        assert abs(float(found) - float(wanted)) <= near, f"{found} for {wanted} in:\n{seen}"


@pytest.mark.parametrize(("code", "output"), PYTHON)
def test_python_code_prints_what_stands_below_it(code: str, output: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert_same(printed.getvalue(), output)


def test_there_is_python_code_with_output() -> None:
    assert len(PYTHON) == 3


def test_commands_print_what_stands_below_them(tmp_path: Path) -> None:
    (session,) = [text for language, text in BLOCKS if language == "console"]
    steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    assert [command.split()[1] for command, _ in steps] == ["demo", "train", "predict"]
    for command, output in steps:
        program, *arguments = shlex.split(command)
        assert program == "tinygrad-mlp"
        run = [sys.executable, "-m", "tinygrad_mlp", *arguments]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stderr) == (0, "")
        if output.strip():
            assert_same(done.stdout, output)


def test_the_picture_is_what_its_script_draws(tmp_path: Path) -> None:
    target = tmp_path / "backward.svg"
    run = [sys.executable, str(ROOT / "examples" / "draw_backward.py"), str(target)]
    done = subprocess.run(run, capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout == f"wrote {target}\n"
    assert words_in(target) == words_in(ROOT / "docs/backward.svg")


def words_in(svg: Path) -> list[str]:
    """The pieces of text in a drawing; renderers differ in how they write a blank."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg.read_text("utf-8"))
    return [html.unescape(text).replace("\xa0", " ") for text in found]


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_every_public_name_is_there_and_documented() -> None:
    for name in tg.__all__:
        assert getattr(tg, name).__doc__, name
