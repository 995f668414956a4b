"""A compiled function of arrays: traced once for each set of shapes, then run as one program."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from tinygrad_mlp.autograd import Variable
from tinygrad_mlp.compiling.buffers import Buffers
from tinygrad_mlp.compiling.guarding import compare_results, tolerance_factor
from tinygrad_mlp.compiling.honesty import check_repeatable, telling_where
from tinygrad_mlp.compiling.kernels import KERNELS
from tinygrad_mlp.compiling.native import Native, native_or_none
from tinygrad_mlp.compiling.passes import simplified
from tinygrad_mlp.compiling.source import Source
from tinygrad_mlp.errors import OptionError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.randomness import DRAWING, Draw
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.tracing.program import Program, Ref, mapped
from tinygrad_mlp.tracing.traced import Traced, new_input, ref_of

Backend = Literal["auto", "numpy", "numba"]
"""What runs a program: NumPy, or machine code by Numba; "auto" is Numba where it is installed and knows all calls."""
MOST_PROGRAMS = 8
"""Programs that are kept, each for one set of shapes: the usual batch, the last of an epoch, and some more."""


class CompiledFunction:
    """What `tg.compile` makes. Call it like the function; `print(f.program)` shows what it does.

    Attributes:
        function: as given.
        backend: as asked for.
        bound: the programs by the shapes and dtypes of their inputs, the last few of them.
        latest: the one that ran last; None before the first call.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> f = tg.compile(lambda x: tg.relu(x).sum(), backend="numpy")
    >>> f(np.array([-1.0, 2.0]))
    array(2.)
    >>> print(f.program)
    def function(x0):
        t1 = np.sum(np.maximum(x0, 0))                                # number
        return t1
    """

    def __init__(self, function: Callable[..., Any], backend: Backend = "auto", guard: bool | float = False) -> None:
        if backend not in ("auto", "numpy", "numba"):
            raise OptionError(f"backend is {backend!r}; 'auto', 'numpy' or 'numba' is expected")
        self.function = function
        self.backend: Backend = backend
        self.guard = tolerance_factor(guard)
        self.calls = 0
        self.bound: dict[Any, BoundFunction] = {}
        self.latest: BoundFunction | None = None

    def __call__(self, *inputs: Any) -> Any:
        """The function's result, with arrays in the place of Tensors. Inputs of other shapes are compiled at first."""
        arrays = [np.asarray(getattr(x, "_data", x)) for x in inputs]
        kinds = tuple((a.shape, a.dtype, is_leaf(x)) for a, x in zip(arrays, inputs, strict=True))
        key = (kinds, getattr(self.function, "training", None))
        bound = self.bound.get(key)
        if bound is None:
            if len(self.bound) >= MOST_PROGRAMS:
                self.bound.pop(next(iter(self.bound)))
            bound = self.bound[key] = BoundFunction(self.function, inputs, arrays, self.backend)
        self.latest = bound
        return self.guarded(bound, inputs, arrays) if self.guard else bound(arrays)

    def guarded(self, bound: BoundFunction, inputs: tuple[Any, ...], arrays: list[np.ndarray]) -> Any:
        """A call beside the function's own, from the same values and with the same random draws."""
        self.calls += 1
        result = bound(arrays)
        kept = [(x, x._data.copy()) for x in bound.captured]
        drawn = iter([place for _, place in bound.trace.draws])
        token = DRAWING.set(lambda _: next(drawn))
        try:
            with np.errstate(all="ignore"):
                expected = self.function(*inputs)
        finally:
            DRAWING.reset(token)
            for x, data in kept:
                x._data[...] = data
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        compare_results(f"call {self.calls} of {name} ({bound.backend} backend)", result, expected, self.guard)
        return result

    @property
    def program(self) -> Source:
        """The program that ran last, as readable NumPy, which can be executed."""
        if self.latest is None:
            raise OptionError("the function has not been called yet: it is compiled for the shapes of its inputs")
        return self.latest.source


class BoundFunction:
    """A function for inputs of certain shapes."""

    def __init__(
        self, function: Callable[..., Any], inputs: tuple[Any, ...], arrays: list[np.ndarray], backend: Backend
    ) -> None:
        self.captured = captured_by(function)

        def traced(kernels: Any) -> FunctionTrace:
            return FunctionTrace(function, inputs, arrays, self.captured, kernels)

        with telling_where():
            readable = traced(KERNELS)
            check_repeatable(readable.program, traced(KERNELS).program)
        self.source = Source(simplified(readable.program), "function", readable.names)
        native = native_or_none(simplified(readable.program), readable.arrays, {}, backend)
        self.trace = readable
        self.runner: Buffers | Native
        if native is not None:
            self.runner = native
        else:
            self.trace = traced({})
            self.runner = Buffers(simplified(self.trace.program), self.trace.arrays, {})
        self.backend = "numpy" if native is None else "numba"

    def __call__(self, arrays: list[np.ndarray]) -> Any:
        """Run it on other values."""
        for place, array in zip(self.trace.arrays, arrays, strict=False):
            place[...] = array
        for x, place in zip(self.captured, self.trace.captured, strict=True):
            place[...] = x._data
        for draw, place in self.trace.draws:
            place[...] = draw()
        self.runner.run()
        return mapped(self.runner.outputs, lambda x: x.copy() if isinstance(x, np.ndarray) else x)


class FunctionTrace:
    """A trace of a function: its program, and an array for each input, each captured Tensor and each random draw."""

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: tuple[Any, ...],
        arrays: list[np.ndarray],
        captured: list[Variable],
        kernels: Any,
    ) -> None:
        self.program = Program(kernels=kernels)
        self.arrays: list[np.ndarray] = []
        self.draws: list[tuple[Draw, np.ndarray]] = []
        self.names: dict[Ref, str] = {}
        traced = [self.new(f"x{i}", a) for i, a in enumerate(arrays)]
        arguments = [Tensor(t, requires_grad=True) if is_leaf(x) else t for t, x in zip(traced, inputs, strict=True)]
        values = [self.new(x.name or f"w{i}", x._data) for i, x in enumerate(captured)]
        self.captured = self.arrays[len(arrays) :]
        kept = [x._data for x in captured]
        token = DRAWING.set(self.draw)
        try:
            for x, value in zip(captured, values, strict=True):
                x._data = value
            with np.errstate(all="ignore"):
                result = function(*arguments)
        finally:
            DRAWING.reset(token)
            for x, data in zip(captured, kept, strict=True):
                x._data = data
        self.program.outputs = mapped(result, ref_of)

    def new(self, name: str, array: np.ndarray) -> Traced:
        """One more input."""
        place = np.array(array)
        made = new_input(self.program, place)
        self.arrays.append(place)
        clean = "".join(c if c.isalnum() else "_" for c in name)
        taken = set(self.names.values())
        self.names[made.ref] = clean if clean.isidentifier() and clean not in taken else f"w{made.ref.index}"
        return made

    def draw(self, draw: Draw) -> Traced:
        """Random numbers, as an input."""
        made = self.new(f"mask{len(self.draws)}", draw.example())
        self.draws.append((draw, self.arrays[-1]))
        return made


def is_leaf(x: Any) -> bool:
    """Whether an input is a Tensor whose gradient can be asked for within the function."""
    return isinstance(x, Variable) and x.requires_grad


def captured_by(function: Callable[..., Any]) -> list[Variable]:
    """The Tensors and parameters that a function uses beside its inputs: their values may change between calls."""
    found: dict[int, Variable] = {}
    for x in reachable(function):
        if isinstance(x, Module):
            for path, p in x.named_parameters().items():
                p.name = p.name or path
                found.setdefault(id(p), p)
        elif isinstance(x, Variable) and x._node is None:
            found.setdefault(id(x), x)
    return list(found.values())


def reachable(function: Any) -> Iterator[Any]:
    """What a function gets at without an argument: itself if it is a Module, its closure, its globals, its object."""
    seen: set[int] = set()
    stack: list[Any] = [function]
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if isinstance(x, Module | Variable):
            yield x
        elif isinstance(x, types.FunctionType):
            stack += [cell.cell_contents for cell in x.__closure__ or () if has_content(cell)]
            stack += [x.__globals__[name] for name in x.__code__.co_names if name in x.__globals__]
            stack += [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
        elif isinstance(x, types.MethodType):
            stack += [x.__self__, x.__func__]
        elif isinstance(x, list | tuple):
            stack += x
        elif isinstance(x, dict):
            stack += x.values()
        elif hasattr(x, "func") and hasattr(x, "args") and hasattr(x, "keywords"):  # functools.partial
            stack += [x.func, *x.args, *x.keywords.values()]
        elif hasattr(x, "__wrapped__"):
            stack.append(x.__wrapped__)


def has_content(cell: types.CellType) -> bool:
    """Whether the variable of a closure has been set."""
    try:
        cell.cell_contents  # noqa: B018 - it raises an error if not
    except ValueError:
        return False
    return True


def compile_function(
    function: Callable[..., Any], *, backend: Backend = "auto", guard: bool | float = False
) -> CompiledFunction:
    """Compile a function of arrays: its NumPy calls and operations become one straight-line program.

    Args:
        function: takes arrays or Tensors; returns an array or a Tensor, or tuples, lists and dicts of them. It may ask
            for gradients within, of any order. Tensors and Modules that it uses beside its inputs are read anew at
            each call.
        backend: see `compile_step`.
        guard: call the function itself too, with the same random draws, and compare all values: see `compile_step`.

    Returns:
        A function that gives the same, with arrays for Tensors. It is compiled for the shapes and dtypes of its inputs
        when they first come; `print(f.program)` shows what is done.

    Raises:
        TraceError: at the first call, what cannot be traced: an `if` on a value, a write into an input, a draw from a
            generator of your own. The message has the line.
        GuardError: at a call with `guard`, a value that is not the function's own.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> @tg.compile
    ... def slope(x):
    ...     t = tg.Tensor(x, requires_grad=True)
    ...     return tg.grad((t**3).sum(), t)
    >>> slope(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    return CompiledFunction(function, backend, guard)
