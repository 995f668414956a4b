"""The notebooks are true: run from the top, they show what they have saved, as do the answers to their exercises."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from notebook_runner import ANSWER, CODE, NOTEBOOKS, SECONDS, answers, executed, read, shown, source
from printed import assert_same

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
ROUNDING_ERROR = re.compile(r"\d(\.\d+)?e-\d+")  # such as 5.3e-13, another one on each machine
each_notebook = pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)


# Jupyter's own libraries warn, of unencrypted sockets for instance. What a notebook warns of is in its output.
@pytest.mark.filterwarnings("default")
@each_notebook
def test_a_notebook_shows_what_it_has_saved(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="needs the [notebook] extra")
    saved = read(path)
    start = time.monotonic()
    fresh = executed(path, tmp_path)
    assert time.monotonic() - start < SECONDS
    cells = len(saved["cells"])
    for before, after in zip(saved["cells"], fresh.cells[:cells], strict=True):
        if before["cell_type"] == "code" and "varies" not in before["metadata"].get("tags", []):
            assert_same(shown(after), ROUNDING_ERROR.sub("…", shown(before)))
    for (_, expected), cell in zip(answers(saved), fresh.cells[cells:], strict=True):
        assert_same(shown(cell), expected)


@each_notebook
def test_a_notebook_says_what_one_will_know_and_ends_in_three_exercises_with_answers(path: Path) -> None:
    texts = [source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]
    assert re.match(r"# .+\n\nAt the end you will know", texts[0])
    exercises = [text for text in texts if text.startswith("### Exercise ")]
    assert [text.split()[2] for text in exercises] == ["1", "2", "3"]
    assert texts[-3:] == exercises
    for text in exercises:
        (answer,) = ANSWER.findall(text)
        assert CODE.findall(answer)


@each_notebook
def test_the_code_of_a_notebook_fits_in_its_cells(path: Path) -> None:
    code = [source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    code += [answer for answer, _ in answers(read(path))]
    assert max(len(line) for text in code for line in text.splitlines()) <= 96


@each_notebook
def test_a_notebook_was_saved_after_a_run_from_the_top_and_without_a_warning(path: Path) -> None:
    notebook = read(path)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert not re.search(r"/(home|tmp|root|Users|work)/|ipykernel|0x[0-9a-f]{6}", "\n".join(map(shown, code)))
    assert notebook["metadata"]["language_info"] == {"name": "python"}


def test_the_table_of_notebooks_names_each_of_them_once() -> None:
    listed = re.findall(r"\]\(([^)]+\.ipynb)\)", (NOTEBOOKS / "README.md").read_text("utf-8"))
    assert listed == [path.name for path in ALL]
