"""The reference is whole: what is public stands in it, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sphinx_site.listing import found, listed_names, public_names

PAGES = sorted((Path(__file__).parents[2] / "docs" / "api").glob("*.md"))


def test_every_public_name_is_listed_exactly_once() -> None:
    listed = Counter(name for page in PAGES for name in listed_names(page.read_text("utf-8")))
    public = public_names()
    assert len(public) == len(set(public))
    assert sorted(set(public) - set(listed)) == [], "add them to a page of docs/api"
    assert sorted(set(listed) - set(public)) == [], "not public, or reached by another name first"
    assert [name for name, times in listed.items() if times > 1] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_listed_is_there(page: Path) -> None:
    for name in listed_names(page.read_text("utf-8")):
        assert found(name) is not None


def test_public_names_are_found_in_all_parts_of_the_package_where_a_user_finds_them() -> None:
    names = public_names()
    for name in (
        "Tensor",
        "exp",
        "nn.Dense",
        "nn.initialisers.he",
        "metrics.f1",
        "optim.Adam",
        "testing.arrays",
        "compile",
    ):
        assert f"tinygrad_mlp.{name}" in names
    for name in ("checking.Report", "errors.ShapeError", "views.draw_gradients", "autograd.Node"):
        assert f"tinygrad_mlp.{name}" in names
    assert "tinygrad_mlp.checking.gradcheck" not in names  # it is tg.gradcheck
    assert "tinygrad_mlp.compiling.compile_function" not in names  # it is tg.compile


def test_a_block_lists_names_of_a_module_all_of_them_or_those_of_files_of_operations() -> None:
    named = "```{public} tinygrad_mlp.nn\nDense\nDropout ReLU\n```\n"
    assert listed_names(named) == ["tinygrad_mlp.nn.Dense", "tinygrad_mlp.nn.Dropout", "tinygrad_mlp.nn.ReLU"]
    assert "tinygrad_mlp.errors.DataError" in listed_names("# A\n\n```{public} tinygrad_mlp.errors\n```\n")
    assert listed_names("```{operations} scans norms\n```\n") == [
        f"tinygrad_mlp.{n}" for n in ("cumprod", "cumsum", "norm")
    ]
    assert listed_names("```python\nDense\n```\n") == []


def test_a_name_that_is_not_there_is_an_error_that_tells_it() -> None:
    with pytest.raises(ImportError, match=r"tinygrad_mlp\.nn\.Dens"):
        found("tinygrad_mlp.nn.Dens")
