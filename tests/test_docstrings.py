"""Every public name says what it is and shows it: a docstring, and an example that pytest runs.

Public is what stands in the `__all__` of `tinygrad_mlp`, of the modules named there, and of a few that users import
from. (What `autograd` and `tracing` have beyond that is for reading.)
"""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tinygrad_mlp
from tinygrad_mlp import checking, compiling, errors, files, ops, training, views
from tinygrad_mlp.autograd import Operation

ROOT = Path(__file__).parent.parent
MODULES = [tinygrad_mlp, ops, views, errors, files, checking, training, compiling]


def own(thing: Any) -> bool:
    """Whether the package defines it, and not NumPy, say."""
    return (thing.__name__ if inspect.ismodule(thing) else thing.__module__).partition(".")[0] == "tinygrad_mlp"


def names_in(module: ModuleType) -> list[str]:
    """A module's public names: its `__all__`, or what it defines itself."""
    defined = [name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    return getattr(module, "__all__", [name for name in defined if not name.startswith("_")])


def public(modules: list[ModuleType]) -> tuple[dict[str, ModuleType], dict[str, Any]]:
    """All public modules; and all classes, functions and operations in them, each by the first name it has."""
    found_modules: dict[str, ModuleType] = {}
    found: dict[str, Any] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop(0)
        title = module.__name__.replace("tinygrad_mlp", "tg", 1)
        if title in found_modules:
            continue
        found_modules[title] = module
        for name in names_in(module):
            thing = getattr(module, name)
            if inspect.ismodule(thing):
                waiting += [thing] if own(thing) else []
            elif not (inspect.isclass(thing) or inspect.isfunction(thing) or isinstance(thing, Operation)):
                continue  # a type's other name, say, which can have no docstring
            elif own(thing) and all(thing is not other for other in found.values()):
                found[f"{title}.{name}"] = thing
    return found_modules, found


PUBLIC_MODULES, PUBLIC = public(MODULES)
CLASSES = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing)}
WITH_EXAMPLES = [
    name for name, thing in PUBLIC.items() if not (inspect.isclass(thing) and issubclass(thing, BaseException))
]


def members(cls: type) -> Iterator[str]:
    """The public methods and properties of a class that the package defines, inherited ones too."""
    for base in cls.__mro__:
        if own(base):
            for name, member in vars(base).items():
                field = inspect.ismemberdescriptor(member) or type(member).__name__ == "_tuplegetter"
                described = inspect.isroutine(member) or inspect.isdatadescriptor(member)
                if described and not field and not name.startswith("_"):
                    yield name


@pytest.fixture(scope="session")
def collected() -> set[str]:
    """What pytest collects from the package, with the options of this project: examples, by module and name."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tinygrad_mlp"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert told.returncode == 0, told.stdout + told.stderr
    return {line.partition("::")[2] for line in told.stdout.splitlines() if "::" in line}


def test_the_walk_finds_what_users_import():
    assert {"tg.nn.initialisers", "tg.optim", "tg.data", "tg.training.metrics", "tg.testing"} <= set(PUBLIC_MODULES)
    assert {"tg.Tensor", "tg.relu", "tg.gelu", "tg.compile", "tg.nn.Dense", "tg.views.draw_curves"} <= set(PUBLIC)
    assert sum(isinstance(thing, Operation) for thing in PUBLIC.values()) > 80


@pytest.mark.parametrize("name", [*PUBLIC_MODULES, *PUBLIC])
def test_every_public_name_has_a_docstring(name: str) -> None:
    thing = {**PUBLIC_MODULES, **PUBLIC}[name]
    text = (thing.__doc__ or "").strip()
    assert text, f"{name} says nothing about itself"
    assert not text.startswith(f"{thing.__name__}("), f"{name} has only the docstring that Python makes of its fields"


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_method_and_property_has_a_docstring(name: str) -> None:
    silent = {member for member in members(CLASSES[name]) if not inspect.getdoc(getattr(CLASSES[name], member))}
    assert not silent, f"{name}: no docstring for {', '.join(sorted(silent))}"


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_public_name_has_an_example_that_pytest_runs(name: str, collected: set[str]) -> None:
    thing = PUBLIC[name]
    doctest = f"{thing.__module__}.{thing.__qualname__}"
    assert any(found == doctest or found.startswith(f"{doctest}.") for found in collected), (
        f"{name} has no `>>>` in its docstring, or pytest does not collect it"
    )


def test_help_on_an_operation_begins_with_how_it_is_called() -> None:
    @tinygrad_mlp.op
    def scaled(x: Any, *, factor: float = 2.0) -> Any:
        """Y = factor · X."""
        return factor * x, lambda g: factor * g

    told = pydoc.plain(pydoc.render_doc(scaled)).splitlines()
    assert told[2] == "scaled = <operation scaled(x, *, factor=2.0)>"
    assert told[3].strip() == "Y = factor · X."
