"""The Numba backend: a program as one Python function of loops and matrix products, for Numba to compile.

Elementwise calls on one shape become one loop, whose intermediate values never reach memory. Matrix products go to
BLAS.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_mlp.compiling.buffers import Part, safe_homes
from tinygrad_mlp.compiling.grouping import SCALAR, TRANSPOSES, Grouping, UnsupportedError, axes_of, indexed_base
from tinygrad_mlp.compiling.many_steps import loop_text
from tinygrad_mlp.compiling.numba_calls import CALLS
from tinygrad_mlp.compiling.numba_loops import copied, for_blas, index_text, is_contiguous, keeps_order, larger, see
from tinygrad_mlp.compiling.numba_parts import in_parts
from tinygrad_mlp.compiling.scalars import RARE
from tinygrad_mlp.tracing.program import Instruction, Program, Ref, leaves

# NaN and infinity stay what they are: no `nnan`, no `ninf`.
FLAGS = ("afn", "arcp", "contract", "nsz", "reassoc")
HEAD = '''"""A program that tinygrad_mlp has compiled."""

import math

import numpy as np
from numba import njit


'''
DECORATOR = f'@njit(fastmath={{{", ".join(map(repr, FLAGS))}}}, cache=True, nogil=True, error_model="numpy")'
START = {np.sum: "0", np.prod: "1", np.max: "-np.inf", np.min: "np.inf"}


class NumbaSource(Grouping):
    """The text of a program's function for Numba.

    Args:
        program: simplified.
        inputs: the arrays that the inputs live in.
        homes: results, and the arrays that they replace.
        fed: of a training step, the inputs that are new in each one, after X and y.

    Attributes:
        text: the module; a long function in parts.
        whole: the same with one function.
        constants: arrays that the function takes after the inputs.
        scratch: elements of working memory of each dtype, which it takes after those.
        checks: functions that look at a value, with their options.
        same: results of checks, and what was looked at.
        groups_at: the lines that groups of calls begin with: a loop over several, a product, a sum.
        memory: where in the working memory a value is: dtype, first element and shape.
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[np.ndarray],
        homes: Mapping[Ref, np.ndarray],
        fed: Sequence[int] | None = None,
    ) -> None:
        super().__init__(program, homes)
        self.inputs = inputs
        self.fed = fed
        self.lines: list[str] = []
        self.constants: list[np.ndarray] = []
        self.scratch: dict[np.dtype[Any], int] = {}
        self.checks: list[tuple[Callable[..., Any], Ref, dict[str, Any]]] = []
        self.same: dict[Ref, Ref] = {}
        self.memory: dict[Ref, tuple[np.dtype[Any], int, tuple[int, ...]]] = {}
        self.given = dict(zip(program.places, self.inputs, strict=True))
        self.names = {ref: f"a{ref.index}" for ref in program.places}
        self.stored: set[Ref] = set(program.places)
        self.numbers: set[Ref] = set()  # views that are variables by now
        self.inside: set[Ref] = set()
        self.at_once, self.late = safe_homes(program, self.given, self.homes)
        self.groups_at: list[tuple[int, list[Instruction]]] = []
        for group in self.groups():
            here = len(self.lines)
            self.emit(group)
            if len(self.lines) > here:  # (a concatenation whose parts are in their places costs nothing)
                self.groups_at.append((here, group))
        for x in leaves(program.outputs):
            see(self, x)
        for ref, home in self.late.items():
            self.copy_late(ref, home)

    # Expressions.

    def number(self, x: Any, dtype: np.dtype[Any]) -> str:
        """A constant number in the dtype that it is used with."""
        kind = x.dtype if isinstance(x, np.generic | np.ndarray) else np.dtype(bool) if isinstance(x, bool) else dtype
        value = np.asarray(x, kind).item()
        if kind.kind == "b":
            return repr(bool(value))
        text = (
            "np.inf"
            if value == np.inf
            else "-np.inf"
            if value == -np.inf
            else "np.nan"
            if value != value
            else repr(value)
        )
        return f"np.{kind.name}({text})"

    def at(self, x: Any, index: Sequence[str], dtype: np.dtype[Any]) -> str:
        """One element of a value, at an index of the broadcast shape."""
        shape = self.shape(x)
        index = index[len(index) - len(shape) :]
        index = ["0" if n == 1 else i for i, n in zip(index, shape, strict=True)]
        if type(x) is not Ref:
            if not shape:
                return self.number(x, dtype)
            return self.indexed(self.constant(x), index)
        if x in self.inside:
            return f"v{x.index}"
        if x in self.views and x not in self.numbers:
            return self.through(self.views[x], index, dtype)
        return self.indexed(self.names[x], index) if x in self.stored else self.scalar_name(x)

    def indexed(self, name: str, index: Sequence[str]) -> str:
        """An element of an array."""
        return f"{name}[{', '.join(index) or '()'}]"

    def scalar_name(self, ref: Ref) -> str:
        """The variable of a number."""
        return f"v{ref.index}"

    def constant(self, x: Any) -> str:
        """A constant array as one more argument."""
        for i, known in enumerate(self.constants):
            if known is x:
                return f"c{i}"
        self.constants.append(x)
        return f"c{len(self.constants) - 1}"

    def through(self, step: Instruction, index: Sequence[str], dtype: np.dtype[Any]) -> str:
        """An element of a view as one of its base."""
        base = step.inputs[0]
        shape = self.shape(base)
        if step.function is np.asarray:
            return self.at(base, index, dtype)
        if step.function in TRANSPOSES:
            axes = axes_of(step, len(shape))
            back = [index[axes.index(i)] for i in range(len(shape))]
            return self.at(base, back, dtype)
        if step.function is np.broadcast_to:
            return self.at(base, index, dtype)
        if step.function is operator.getitem:
            return self.at(base, indexed_base(step.inputs[1], index, shape), dtype)
        long = [i for i, n in zip(index, self.shape(step.result), strict=True) if n != 1]
        if [n for n in shape if n != 1] == [n for n in self.shape(step.result) if n != 1]:  # only ones come and go
            left = iter(long)
            return self.at(base, ["0" if n == 1 else next(left) for n in shape], dtype)
        return self.indexed(self.array(step.result), index)

    def array(self, x: Any) -> str:
        """The name of an array variable that holds a value."""
        if type(x) is not Ref:
            return self.constant(np.ascontiguousarray(x))
        if x in self.stored:
            return self.names[x]
        if x not in self.views:
            raise UnsupportedError(f"{x} is a number, where an array is needed")
        step = self.views[x]
        if step.function not in (*TRANSPOSES, np.reshape, operator.getitem):
            return self.remember(x, copied(self, x))
        if step.function is np.reshape and not is_contiguous(self, step.inputs[0]):
            base = copied(self, step.inputs[0])  # the reshape of a transpose, for instance, is no view
        else:
            base = self.array(step.inputs[0])
        name = f"a{x.index}"
        if step.function is not np.reshape and keeps_order(self, step) and is_contiguous(self, x):
            text = f"{base}.reshape({self.shape(x)})"
        elif step.function in TRANSPOSES:
            axes = axes_of(step, len(self.shape(x)))
            text = f"{base}.T" if axes == tuple(range(len(axes)))[::-1] else f"{base}.transpose({axes})"
        elif step.function is np.reshape:
            text = f"{base}.reshape({self.shape(x)})"
        else:
            text = f"{base}[{index_text(step.inputs[1])}]"
        self.line(f"{name} = {text}")
        return self.remember(x, name)

    def remember(self, x: Ref, name: str) -> str:
        """From now on a value is in an array variable."""
        self.names[x] = name
        self.stored.add(x)
        return name

    # Statements.

    def line(self, text: str, depth: int = 0) -> None:
        """Add a line to the function."""
        self.lines.append("    " * (depth + 1) + text)

    def place(self, ref: Ref) -> str:
        """The array variable that a result is written to: its home, its part of a concatenation, or working memory."""
        shape, dtype = self.types[ref.index]
        name = self.names[ref] = f"a{ref.index}"
        self.stored.add(ref)
        if ref in self.at_once:
            home = self.at_once[ref]
            place = next(p for p, array in self.given.items() if np.shares_memory(array, home))
            base = self.given[place]
            if home.shape == base.shape and home.ctypes.data == base.ctypes.data:
                self.names[ref] = self.names[place]
                return self.names[ref]
            start = (home.ctypes.data - base.ctypes.data) // base.itemsize
            self.line(f"{name} = {self.names[place]}[{start}:{start + home.size}].reshape({shape})")
            return name
        if ref in self.parts:
            part: Part = self.parts[ref]
            if part.whole not in self.stored:
                self.place(part.whole)
            self.line(f"{name} = {self.names[part.whole]}[{part.start}:{part.stop}].reshape({shape})")
            return name
        size = int(np.prod(shape))
        start = self.scratch.get(dtype, 0)
        self.scratch[dtype] = start + size
        self.memory[ref] = (dtype, start, shape)
        self.line(f"{name} = w_{dtype.name}[{start}:{start + size}].reshape({shape})")
        return name

    def emit(self, group: list[Instruction]) -> None:
        """The statements of a group."""
        step = group[0]
        self.inside = set()
        if self.elementwise(step) and self.shape(step.result) != ():
            self.loop(group)
        elif self.elementwise(step):
            self.line(f"v{step.result.index} = {self.expression(step, [])}")
            self.store_number(step.result)
        elif step.function is np.matmul and [len(self.shape(x)) for x in step.inputs] in ([2, 2], [2, 1], [1, 2]):
            a, b = (for_blas(self, x) for x in step.inputs)
            self.line(f"np.dot({a}, {b}, {self.place(step.result)})")
        elif step.function in START:
            self.reduction(step)
        elif step.function in CALLS:
            CALLS[step.function](self, step)
        else:
            raise UnsupportedError(f"the Numba backend has no code for {step.function.__name__}")

    def expression(self, step: Instruction, index: Sequence[str]) -> str:
        """The scalar expression of an elementwise instruction, in the dtype of its result."""
        dtype = self.types[step.result.index][1]
        floats = [self.types[x.index][1] for x in step.inputs if type(x) is Ref]
        like = next((d for d in floats if d.kind == "f"), dtype if dtype.kind == "f" else floats[0])
        arguments = [self.at(x, index, like) for x in step.inputs]
        if step.function.__name__ == "converted":
            return f"np.{dtype.name}({arguments[0]})"
        text = SCALAR[step.function].format(*(f"({a})" if " " in a and not a.startswith("(") else a for a in arguments))
        if step.function is np.reciprocal:
            text = text.replace("one", f"np.{dtype.name}(1)")
        return f"np.{dtype.name}({text})" if dtype.kind == "f" and step.function in CAST else text

    def loop(self, group: list[Instruction]) -> None:
        """One loop over the elements of several results."""
        shape = self.shape(group[0].result)
        results = {step.result for step in group}
        kept = [ref for ref in results if self.is_needed_beyond(ref, group)]
        for step in group:  # views that need an array are made before the loop
            for x in step.reads:
                self.prepare(x, results)
        targets = {ref: self.place(ref) for ref in sorted(kept, key=lambda ref: ref.index)}
        self.stored -= set(targets)
        index = [f"i{k}" for k in range(len(shape))]
        for depth, (name, n) in enumerate(zip(index, shape, strict=True)):
            self.line(f"for {name} in range({n}):", depth)
        depth = len(shape)
        for step in group:
            self.line(f"v{step.result.index} = {self.expression(step, index)}", depth)
            self.inside.add(step.result)
        for ref, name in targets.items():
            self.line(f"{self.indexed(name, index)} = v{ref.index}", depth)
        self.inside = set()
        self.stored |= set(targets)

    def prepare(self, x: Ref, results: set[Ref]) -> None:
        """Make the array of a reshape that an element cannot be found through."""
        if x in self.views and x not in self.numbers and self.root(x) not in results:
            step = self.views[x]
            if self.shape(x) == ():  # read once, before the loop: what it writes might be the same memory
                self.line(f"v{x.index} = {self.through(step, [], self.types[x.index][1])}")
                self.numbers.add(x)
                return
            if step.function is np.reshape and [n for n in self.shape(x) if n != 1] != [
                n for n in self.shape(step.inputs[0]) if n != 1
            ]:
                self.array(x)
            elif type(step.inputs[0]) is Ref:
                self.prepare(step.inputs[0], results)

    def reduction(self, step: Instruction) -> None:
        """A sum, a maximum or a minimum over axes, as a loop."""
        x = step.inputs[0]
        shape, dtype = self.shape(x), self.types[step.result.index][1]
        if len(step.inputs) > 1 or not set(step.options) <= {"axis", "keepdims", "dtype"}:
            raise UnsupportedError(f"{step.function.__name__} with {sorted(step.options)}")
        axis = step.options.get("axis")
        axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        reduced = {a % len(shape) for a in axes} if shape else set()
        self.prepare(x, set())
        index = [f"i{k}" for k in range(len(shape))]
        start = f"np.{dtype.name}({START[step.function]})"
        whole = len(reduced) == len(shape)
        wide = whole and step.function is np.sum and dtype.kind == "f"
        target = f"v{step.result.index}"
        if whole:
            self.line(f"{target} = np.float64(0)" if wide else f"{target} = {start}")
        else:
            name = self.place(step.result)
            kept = step.options.get("keepdims")
            place = [i if k not in reduced else "0" for k, i in enumerate(index) if k not in reduced or kept]
            self.line(f"{name}[...] = {start}")
            target = self.indexed(name, place)
        for depth, (i, n) in enumerate(zip(index, shape, strict=True)):
            self.line(f"for {i} in range({n}):", depth)
        element = self.at(x, index, dtype)
        text = {
            np.sum: f"{target} += {element}",
            np.prod: f"{target} *= {element}",
            np.max: f"{target} = {larger(target, element, '>=')}",
            np.min: f"{target} = {larger(target, element, '<=')}",
        }[step.function]
        self.line(text, len(shape))
        if wide:
            self.line(f"{target} = np.{dtype.name}({target})")
        if whole and self.shape(step.result):
            value = target
            name = self.place(step.result)
            self.line(f"{name}[...] = {value}")
        elif whole:
            self.store_number(step.result)

    def store_number(self, ref: Ref) -> None:
        """Write a number to its place in a concatenation; a number that replaces another one has no code yet."""
        if ref in self.at_once:
            raise UnsupportedError(f"{ref}, a number, replaces an input")
        if ref in self.parts:
            part = self.parts[ref]
            if part.whole not in self.stored:
                self.place(part.whole)
            self.line(f"{self.names[part.whole]}[{part.start}] = v{ref.index}")

    def copy_late(self, ref: Ref, home: np.ndarray) -> None:
        """Write a result over what it replaces, at the end."""
        place = next(p for p, array in self.given.items() if np.shares_memory(array, home))
        base = self.given[place]
        start = (home.ctypes.data - base.ctypes.data) // base.itemsize
        source = self.array(ref)
        whole = home.shape == base.shape
        target = (
            f"{self.names[place]}[...]" if whole else f"{self.names[place]}.reshape(-1)[{start}:{start + home.size}]"
        )
        self.line(f"{target} = {source}{'' if whole else '.reshape(-1)'}")

    @property
    def text(self) -> str:
        """The module."""
        arguments = [self.names_of_input(ref) for ref in self.program.places]
        arguments += [f"c{i}" for i in range(len(self.constants))]
        arguments += [f"w_{dtype.name}" for dtype in self.scratch]
        results = [x for x in leaves(self.program.outputs) if type(x) is Ref and self.shape(x) == ()]
        self.returned = results
        returned = ", ".join(["True", *(self.at(ref, [], self.types[ref.index][1]) for ref in results)])
        wrong = ", ".join(["False", *(f"np.{self.types[ref.index][1].name}(0)" for ref in results)])
        functions, lines = in_parts(DECORATOR.replace("cache=True, ", ""), self.lines, returned)
        head = f"{DECORATOR}\ndef step({', '.join(arguments)}):\n"
        end = f"    return ({returned},)\n"
        self.whole = (HEAD + head + "\n".join([*self.lines, end])).replace("WRONG", f"({wrong},)")
        text = (HEAD + functions + head + "\n".join([*lines, end])).replace("WRONG", f"({wrong},)")
        return text if self.fed is None else text + loop_text(arguments, [arguments[i] for i in self.fed])

    def names_of_input(self, ref: Ref) -> str:
        """The argument of an input."""
        return f"a{ref.index}"


CAST = {np.sign, np.exp, np.log, np.sqrt, np.tanh, np.log1p, np.expm1, np.power, np.divide, *RARE}
"""Functions whose result Numba may make wider than NumPy does."""
