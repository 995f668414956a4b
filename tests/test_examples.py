"""The examples are true: each script runs without a warning and prints what its docstring says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from printed import assert_same

EXAMPLES = Path(__file__).parent.parent / "examples"
DRAWS_A_PAGE = "draw_backward.py"  # tested with docs/seeing.md, whose picture it makes
SCRIPTS = sorted(path for path in EXAMPLES.glob("*.py") if path.name != DRAWS_A_PAGE)
PRINTS = "\nIt prints:\n"
PNG = b"\x89PNG\r\n\x1a\n"


def needs_peers(path: Path) -> bool:
    return "sklearn" in path.read_text("utf-8")


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


def printed_block(text: str) -> str:
    """The indented lines after `It prints:`, without the indentation."""
    _, found, block = text.partition(PRINTS)
    assert found, "the docstring says nothing of what the script prints"
    return re.sub(r"^ {4}", "", block, flags=re.MULTILINE)


def parameter(path: Path) -> object:
    return pytest.param(path, marks=[pytest.mark.bench] if needs_peers(path) else [], id=path.stem)


@pytest.mark.parametrize("path", [parameter(path) for path in SCRIPTS])
def test_an_example_prints_what_its_docstring_says(path: Path, tmp_path: Path) -> None:
    run = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same(done.stdout, printed_block(docstring(path)))
    for picture in re.findall(r"\S+\.png", done.stdout):
        content = (tmp_path / picture).read_bytes()
        assert content.startswith(PNG)
        assert len(content) > 5000


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 60


def test_the_table_of_examples_names_each_of_them_once() -> None:
    listed = re.findall(r"^\| \[[^\]]+\]\(([^)]+)\) \|", (EXAMPLES / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".json"))


def test_a_wrong_number_or_word_in_an_output_is_noticed() -> None:
    assert_same("loss 0.51 of 7 rows", "loss 0.5 of 9 rows")
    for expected in ("loss 0.6 of 7 rows", "loss 0.51 of 12 rows", "losses 0.51 of 7 rows"):
        with pytest.raises(AssertionError):
            assert_same("loss 0.51 of 7 rows", expected)
