"""Formulas, galleries, examples and commands: what the site shows of them is what the repository has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("sphinx", reason="needs the [docs] extra")

from sphinx_site import commands, example_pages, galleries, gradients, mathml

import tinygrad_mlp as tg
from tinygrad_mlp.autograd import Operation
from tinygrad_mlp.cli import COMMANDS

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)


def formulas(path: Path) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return [block or inline for text in texts for block, inline in FORMULA.findall(text)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_formulas_of_a_notebook_are_translated_whole(path: Path) -> None:
    for latex in formulas(path):
        tree = ElementTree.fromstring(mathml.mathml(latex, "block"))
        said = "".join(tree.itertext())
        assert "\\" not in said, f"{latex} is shown as {said}"


def test_a_formula_has_the_parts_that_it_is_written_with() -> None:
    tree = ElementTree.fromstring(mathml.mathml(r"\frac{a}{b_1}", "inline"))
    space = "{http://www.w3.org/1998/Math/MathML}"
    (fraction,) = tree.iter(f"{space}mfrac")
    top, bottom = fraction
    assert "".join(top.itertext()) == "a"
    assert "".join(bottom.itertext()) == "b1"
    assert [*bottom.iter(f"{space}msub")]


def test_the_name_of_a_function_stands_apart_from_what_follows() -> None:
    assert "<mi>log</mi><mspace" in mathml.mathml(r"\log P", "inline")
    assert "</msub><mspace" in mathml.mathml(r"Y_k \log P", "inline")
    assert "<mspace" not in mathml.mathml("P Y", "inline")


def test_formulas_are_found() -> None:
    assert sum(len(formulas(path)) for path in NOTEBOOKS) > 40


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_card_shows_what_the_notebook_has_saved(path: Path) -> None:
    outputs = [output for cell in json.loads(path.read_text("utf-8"))["cells"] for output in cell.get("outputs", [])]
    drawn = any({"image/png", "image/svg+xml"} & output.get("data", {}).keys() for output in outputs)
    shown = galleries.of_notebook(path)
    assert shown.startswith('<img class="thumbnail"' if drawn else '<pre class="thumbnail"')
    assert len(shown) > 200


def test_a_text_on_a_card_is_cut_to_its_size_and_means_no_markup() -> None:
    text = "\n" + "<" * 100 + "\n" * 50 + "end"
    shown = galleries.text_picture(text)
    assert "&lt;" * galleries.COLUMNS + "\n" in shown
    assert "&lt;" * (galleries.COLUMNS + 1) not in shown
    assert "end" not in shown


def test_a_row_of_the_table_becomes_a_card_with_a_link_if_there_is_a_page() -> None:
    readme = (
        "| 2 [By hand](2_backpropagation_by_hand.ipynb) | what it is |\n| [network file](network.json) | layers |\n"
    )
    (one, two) = galleries.ROW.findall(readme)
    card = galleries.card(ROOT / "notebooks", *one)
    assert "2 By hand\n:link: /notebooks/2_backpropagation_by_hand\n" in card
    assert "what it is" in card
    assert ":link:" not in galleries.card(ROOT / "examples", *two)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_page_of_an_example_has_its_code_and_what_it_prints(path: Path) -> None:
    code = path.read_text("utf-8")
    page = example_pages.page("A title", path.name, code)
    assert page.startswith("# A title\n\n")
    docstring, body = example_pages.without_docstring(code)
    assert body in page
    assert code.endswith(f"{body}\n")
    assert '"""' not in page.partition("```python")[0]
    printed = docstring.partition(example_pages.PRINTS)[2].split()
    assert printed == page.partition("It prints:")[2].partition("```text")[2].partition("\n```")[0].split()


def test_examples_are_called_what_their_table_calls_them() -> None:
    titles = example_pages.titles(ROOT)
    assert titles["xor.py"] == "XOR"
    assert titles["own_layer.py"] == "Own layer"
    assert {path.name for path in SCRIPTS} <= set(titles)


def test_each_command_has_a_section_with_its_help() -> None:
    text = commands.sections()
    assert re.findall(r"^## tinygrad-mlp (\w+)$", text, re.MULTILINE) == list(COMMANDS)
    assert "--learning-rate" in text.partition("## tinygrad-mlp train")[2].partition("\n## ")[0]
    source = [f"# A\n\n{commands.BLOCK}"]
    commands.on_source(None, "page", source)  # type: ignore[arg-type] # it looks at the text only
    assert source == [f"# A\n\n{text}"]
    assert commands.BLOCK in (ROOT / "docs" / "command_line.md").read_text("utf-8")


def test_the_formulas_of_an_operations_gradients_are_those_of_its_closures() -> None:
    assert gradients.formulas(tg.multiply) == ("dA = dY ⊙ B", "dB = dY ⊙ A")
    assert gradients.formulas(tg.tanh) == ("dX = dY ⊙ (1 − Y²)",)
    assert gradients.formulas(tg.mean) == ("dX = dY / n, repeated",)  # not the n of one call


def test_the_formulas_stand_behind_what_an_operation_says_and_before_its_example() -> None:
    lines = ["Y = 1 / X."]
    gradients.on_docstring(None, "function", "tinygrad_mlp.tanh", None, None, lines)  # type: ignore[arg-type] # unused
    assert lines[-3:-1] == [":Backward:", "    | ``dX = dY ⊙ (1 − Y²)``"]
    lines = ["Y = 1 / X.", "", ">>> 1 + 1", "2"]
    gradients.on_docstring(None, "function", "tinygrad_mlp.tanh", None, None, lines)  # type: ignore[arg-type] # unused
    assert lines[-2:] == [">>> 1 + 1", "2"]
    assert ":Backward:" in lines
    lines = ["Fits."]
    for name in ("tinygrad_mlp.fit", "tinygrad_mlp.dense", "tinygrad_mlp.nn.Dense", "tinygrad_mlp.Tensor.sum"):
        gradients.on_docstring(None, "function", name, None, None, lines)  # type: ignore[arg-type] # unused
    assert lines == ["Fits."]


def test_most_operations_have_formulas() -> None:
    operations = [f for f in (getattr(tg, name) for name in tg.ops.__all__) if isinstance(f, Operation)]
    assert sum(bool(gradients.formulas(operation)) for operation in operations) > 0.9 * len(operations)
