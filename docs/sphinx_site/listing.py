"""Which names are public, and which of them the reference lists. Needs no Sphinx.

A page of `docs/api/` lists names in blocks: `{public}` those of a module that are named, or without names all that are
not found by a shorter path, and `{operations}` all that are in some files of `ops/`:

    ```{public} tinygrad_mlp.nn
    Dense Dropout
    ```

    ```{operations} arithmetic exponentials
    ```
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

from tinygrad_mlp import ops

PACKAGE = "tinygrad_mlp"
BEHIND = ["training", "views", "files", "checking", "compiling", "tracing", "autograd", "errors"]
"""Parts that are not reached as `tg.name`, whose own public names are documented too."""
BLOCK = re.compile(r"^```\{(public|operations)\} ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


def public_names() -> list[str]:
    """All public names of the package, as `tinygrad_mlp.nn.Dense`.

    What several modules have is taken from the one with the shortest path, and else from the first.
    """
    every = [*names_of(importlib.import_module(PACKAGE), PACKAGE)]
    for part in BEHIND:
        every += names_of(importlib.import_module(f"{PACKAGE}.{part}"), f"{PACKAGE}.{part}")
    homes: dict[int, str] = {}
    names: dict[str, None] = {}
    for name in sorted(every, key=lambda name: name.count(".")):
        home = name.rpartition(".")[0]
        if homes.setdefault(id(found(name)), home) == home:
            names[name] = None
    return [*names]


def names_of(module: ModuleType, path: str) -> Iterator[str]:
    """What a module says is public, and what the modules among it say."""
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            yield from names_of(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}"


def found(name: str) -> object:
    """What a dotted name of the package stands for. Raises AttributeError, with the name, if nothing does."""
    value: object = importlib.import_module(PACKAGE)
    path = PACKAGE
    for step in name.split(".")[1:]:
        path = f"{path}.{step}"
        value = getattr(value, step) if hasattr(value, step) else importlib.import_module(path)
    return value


def operations_in(files: str) -> list[str]:
    """The public functions of some files of `ops/`, as `tg` names them."""
    modules = [f"{PACKAGE}.ops.{file}" for file in files.split()]
    functions = [(name, getattr(ops, name).__module__) for name in sorted(ops.__all__)]
    return [f"{PACKAGE}.{name}" for module in modules for name, home in functions if home == module]


def in_block(kind: str, argument: str, content: str) -> list[str]:
    """The names that a block of a page lists."""
    if kind == "operations":
        return operations_in(argument)
    if not content.strip():
        return [name for name in public_names() if name.rpartition(".")[0] == argument]
    return [f"{argument}.{name}" for name in content.split()]


def listed_names(page: str) -> list[str]:
    """The names that the text of a page lists, in order."""
    return [name for block in BLOCK.findall(page) for name in in_block(*block)]
