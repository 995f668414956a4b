"""The order of the house: a module imports only from its own part and from the parts before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tinygrad_mlp"
ORDER = [
    "interrupting",
    "errors",
    "spelling",
    "atomic",
    "terminal",
    "places",
    "dtypes",
    "randomness",
    "sums",
    "autograd",
    "ops",
    "methods",
    "tensor",
    "tracing",
    "nn",
    "calculus",
    "optim",
    "compiling",
]
ORDER += ["data", "training", "checking", "testing", "views", "files", "cli", "__main__"]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(tree: ast.AST) -> Iterator[str]:
    """The parts of the package that a module imports anywhere, under `if TYPE_CHECKING` excepted."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "tinygrad_mlp":
                yield from (alias.name for alias in node.names)
            elif module.startswith("tinygrad_mlp."):
                yield module.split(".")[1]
        yield from imported_parts(node)


def test_every_part_has_its_place() -> None:
    assert {part_of(path) for path in FILES} == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    here = ORDER.index(part_of(path))
    for part in imported_parts(ast.parse(path.read_text("utf-8"))):
        assert part in ORDER[: here + 1], f"{path.name} imports {part}, which comes later"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_one_concept(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_the_engine_is_an_evenings_read() -> None:
    files = [*(PACKAGE / "autograd").glob("*.py"), PACKAGE / "tensor.py"]
    lines = sum(bool(line.strip()) for path in files for line in path.read_text("utf-8").splitlines())
    assert lines <= 900
