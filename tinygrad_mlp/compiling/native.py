"""Running a program as machine code: its text is written to a file, which Numba compiles once and remembers."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_mlp.atomic import atomic_write
from tinygrad_mlp.compiling.grouping import UnsupportedError
from tinygrad_mlp.compiling.numba_source import NumbaSource
from tinygrad_mlp.errors import LabelError, OptionError
from tinygrad_mlp.tracing.program import Program, Ref, mapped

CACHE = "TINYGRAD_MLP_CACHE"
"""The environment variable with the folder of compiled programs."""


class Native:
    """A program bound to arrays, as one compiled function: `run()` carries it out.

    Args:
        program: what to do, simplified.
        inputs: the arrays that the inputs live in.
        homes: results, and the arrays that they replace.
        fed: of a training step, the inputs that are new in each one, after X and y: `run_many` is then there.

    Raises:
        UnsupportedError: there is something in it that has no code.
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[np.ndarray],
        homes: Mapping[Ref, np.ndarray],
        fed: Sequence[int] | None = None,
    ) -> None:
        if any(not array.flags.c_contiguous for array in inputs):
            raise UnsupportedError("an input is not contiguous")
        self.source = NumbaSource(program, inputs, homes, fed)
        text = self.source.text
        module = loaded(text)
        self.function: Callable[..., Any] = module.step
        self.many: Callable[..., int] | None = getattr(module, "steps", None)
        scratch = {dtype: np.zeros(n, dtype) for dtype, n in self.source.scratch.items()}
        self.arguments = (*inputs, *self.source.constants, *scratch.values())
        self.others = self.arguments[2:]
        self.size = sum(array.nbytes for array in scratch.values())
        given = dict(zip(program.places, inputs, strict=True))
        self.numbers = {ref: np.zeros((), program.types[ref.index][1]) for ref in self.source.returned}
        self.places = list(self.numbers.values())

        def found(x: Any) -> Any:
            if type(x) is not Ref:
                return x
            if x in self.numbers:
                return self.numbers[x]
            if x in homes:
                return homes[x]
            if x in given:
                return given[x]
            if x in self.source.same:
                return found(self.source.same[x])
            if x in self.source.memory:
                dtype, start, shape = self.source.memory[x]
                return scratch[dtype][start : start + int(np.prod(shape))].reshape(shape)
            step = self.source.views[x]
            return np.asarray(step.function(found(step.inputs[0]), *step.inputs[1:], **step.options))

        self.outputs = mapped(program.outputs, found)
        self.checks = [(function, found(ref), options) for function, ref, options in self.source.checks]

    def run(self) -> None:
        """Compute all values from the inputs as they are now.

        Raises:
            LabelError: a label is out of range; nothing has been changed.
        """
        right, *numbers = self.function(*self.arguments)
        if not right:
            self.complain()
        for place, value in zip(self.places, numbers, strict=True):
            place[...] = value

    def run_on(self, x: np.ndarray, y: np.ndarray) -> float:
        """The same with other arrays for the first two inputs; gives the first number among the outputs."""
        if not (x.flags.c_contiguous and y.flags.c_contiguous):
            x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        results = self.function(x, y, *self.others)
        if not results[0]:
            self.arguments[0][...], self.arguments[1][...] = x, y
            self.complain()
        return float(results[1])

    def run_many(
        self, X: np.ndarray, y: np.ndarray, order: np.ndarray, fed: Sequence[np.ndarray], z: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """One step after another in one call, on rows of X and y.

        Args:
            X: the rows (R, …).
            y: their labels (R, …).
            order: which of them (steps · N,), N for each step.
            fed: for each of the fed inputs, its content in each step (steps, …).
            z: the memory of an output, which is kept of each step.

        Returns:
            The losses of the steps that were made, and z (steps, N, …) of each. The last one is the first whose loss
            is not finite; or the one before labels that are wrong, of which `complain` then tells.
        """
        assert self.many is not None
        count = len(order) // len(self.arguments[0])
        losses, outputs = np.empty(count, self.places[0].dtype), np.empty((count, *z.shape), z.dtype)
        made = self.many(X, y, order, *fed, z, losses, outputs, *self.arguments)
        return losses[:made], outputs[:made]

    def complain(self) -> None:
        """Say what is wrong with a label or an index."""
        for function, array, options in self.checks:
            function(array, **options)
        raise LabelError("a label or an index is out of its range")


def native_or_none(
    program: Program,
    inputs: Sequence[np.ndarray],
    homes: Mapping[Ref, np.ndarray],
    backend: str,
    fed: Sequence[int] | None = None,
) -> Native | None:
    """A program as machine code, if that is asked for, or if it can be and nothing else is asked for.

    Raises:
        OptionError: Numba is asked for and not installed.
        UnsupportedError: Numba is asked for, and there is no code for something.
    """
    if backend == "numpy":
        return None
    if find_spec("numba") is None:
        if backend == "numba":
            raise OptionError("backend is 'numba', which is not installed: pip install 'tinygrad_mlp[compile]'")
        return None
    try:
        return Native(program, inputs, homes, fed)
    except UnsupportedError:
        if backend == "numba":
            raise
        return None


def why_not_native(program: Program, inputs: Sequence[np.ndarray], homes: Mapping[Ref, np.ndarray]) -> str:
    """Why "auto" has not taken Numba."""
    if find_spec("numba") is None:
        return "Numba is not installed"
    try:
        NumbaSource(program, inputs, homes)
    except UnsupportedError as error:
        return str(error)
    return "an input is not contiguous"


def loaded(text: str) -> ModuleType:
    """The module of a text, from the folder of compiled programs; it is written there if it is new.

    Numba keeps machine code beside a file, and not for code that has none. The file's name is a digest of the text, so
    that a program that has been seen before is found.
    """
    digest = hashlib.sha256(f"{versions()}\n{text}".encode()).hexdigest()[:32]
    name = f"tinygrad_mlp_program_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    path = folder() / f"{name}.py"
    try:
        if not (path.exists() and path.read_bytes() == text.encode()):
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, text.encode())
        module = module_of(name, path)
        forgive(module.step)
    except (OSError, RuntimeError):  # a folder that cannot be written to, which Numba calls a RuntimeError
        module = sys.modules[name] = ModuleType(name)
        exec(compile(text.replace("cache=True, ", ""), f"<{name}>", "exec"), module.__dict__)
    return module


def module_of(name: str, path: Path) -> ModuleType:
    """The module of a file."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def forgive(function: Any) -> None:
    """Let a compiled function go on without its machine code on disk, if that is damaged or cannot be written.

    Numba passes on whatever unpickling a truncated file raises. It has no public name for its cache.
    """
    cache = function._cache
    load, save = cache.load_overload, cache.save_overload

    def load_or_compile(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # of any kind: it depends on the bytes
            with suppress(OSError):
                cache.flush()
            return None

    def save_if_possible(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    cache.load_overload, cache.save_overload = load_or_compile, save_if_possible


@cache
def versions() -> str:
    """What the machine code depends on beside the text."""
    found = [sys.version.split()[0]]
    for package in ("numba", "llvmlite", "numpy"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return ", ".join(found)


def folder() -> Path:
    """Where compiled programs are kept."""
    if given := os.environ.get(CACHE):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home()
    return Path(base) / "tinygrad_mlp" / "programs"
