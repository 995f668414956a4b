"""What a user meets: each public module shows its public names only, and their examples can be tried at once."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import tinygrad_mlp as tg

ROOT = Path(__file__).parent.parent


def public_modules(module: ModuleType = tg, path: str = "tg") -> Iterator[tuple[str, ModuleType]]:
    """A module, and the modules among its public names, by the path that a user writes."""
    yield path, module
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield from public_modules(value, f"{path}.{name}")


MODULES = dict(public_modules())


@pytest.mark.parametrize("path", MODULES)
def test_dir_shows_the_public_names_only(path: str) -> None:
    module = MODULES[path]
    assert dir(module) == sorted(module.__all__)


@pytest.mark.parametrize("path", MODULES)
def test_a_star_import_gives_exactly_the_public_names(path: str) -> None:
    module = MODULES[path]
    assert len(module.__all__) == len(set(module.__all__))
    names: dict[str, Any] = {}
    exec(f"from {module.__name__} import *", names)
    assert names.keys() - {"__builtins__"} == set(module.__all__)


@pytest.mark.parametrize("path", MODULES)
def test_public_names_are_the_packages_own(path: str) -> None:
    module = MODULES[path]
    for name in module.__all__:
        assert not name.startswith("_")
        value = getattr(module, name)
        if isinstance(value, ModuleType | FunctionType | type):
            home = value.__name__ if isinstance(value, ModuleType) else value.__module__
            assert home.partition(".")[0] == "tinygrad_mlp", f"{path}.{name} is from {home}"


def written() -> Iterator[tuple[str, str]]:
    """The texts for users: where they stand, and what they say. Messages and docstrings are those of the package."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("notebooks/*.ipynb")]:
        yield path.name, path.read_text("utf-8")
    for path in [*(ROOT / "tinygrad_mlp").rglob("*.py"), *(ROOT / "examples").glob("*.py")]:
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def is_public(path: str) -> bool:
    """Whether each name of a path such as `nn.Dense.forward` is shown by the module before it."""
    value: Any = tg
    for name in path.split("."):
        if not isinstance(value, ModuleType):
            break
        if name not in dir(value):
            return False
        value = getattr(value, name)
    return True


def test_names_that_users_are_told_are_public() -> None:
    placeholders = {"name", "operation"}  # of any function
    told = {
        (name, where)
        for where, text in written()
        for name in re.findall(r"(?<![\w.])tg\.([A-Za-z_][\w.]*\w)", text)
        if name not in placeholders
    }
    assert len(told) > 200
    assert [f"tg.{name} in {where}" for name, where in sorted(told) if not is_public(name)] == []


def examples() -> dict[str, str]:
    """The docstrings with examples of all public things and of their methods, by name."""
    found: dict[str, str] = {}
    for path, module in MODULES.items():
        for name in module.__all__:
            thing = getattr(module, name)
            members = {f".{key}": member for key, member in vars(thing).items()} if isinstance(thing, type) else {}
            for key, x in {"": thing, **members}.items():
                text = getattr(x, "__doc__", None)
                if isinstance(text, str) and ">>>" in text:
                    found.setdefault(text, f"{path}.{name}{key}")
    return {name: text for text, name in found.items()}


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_can_be_pasted_into_a_new_session(name: str) -> None:
    told: list[str] = []
    example = doctest.DocTestParser().get_doctest(EXAMPLES[name], {}, name, None, None)
    doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert not told, "".join(told)
