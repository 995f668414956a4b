"""The Numba backend: a program as one Python function of loops and matrix products, for Numba to compile.

Elementwise calls on one shape become one loop, whose intermediate values never reach memory. Matrix products go to
BLAS.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mlp.compiling.buffers import Part, parts_of, safe_homes
from tinygrad_mlp.compiling.kernels import checked_labels
from tinygrad_mlp.compiling.passes import refs
from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.tracing.program import Instruction, Program, Ref, mapped

# NaN and infinity stay what they are: no `nnan`, no `ninf`.
FLAGS = ("afn", "arcp", "contract", "nsz", "reassoc")
HEAD = f'''"""A program that tinygrad_mlp has compiled."""

import numpy as np
from numba import njit


@njit(fastmath={{{", ".join(map(repr, FLAGS))}}}, cache=True, nogil=True)
'''
SCALAR: dict[Callable[..., Any], str] = {
    np.add: "{0} + {1}",
    np.subtract: "{0} - {1}",
    np.multiply: "{0} * {1}",
    np.divide: "{0} / {1}",
    np.power: "{0} ** {1}",
    np.negative: "-{0}",
    np.positive: "{0}",
    np.square: "{0} * {0}",
    np.reciprocal: "one / {0}",
    np.equal: "{0} == {1}",
    np.not_equal: "{0} != {1}",
    np.less: "{0} < {1}",
    np.less_equal: "{0} <= {1}",
    np.greater: "{0} > {1}",
    np.greater_equal: "{0} >= {1}",
    np.logical_and: "{0} and {1}",
    np.logical_or: "{0} or {1}",
    np.bitwise_and: "{0} & {1}",
    np.bitwise_or: "{0} | {1}",
    np.where: "({1} if {0} else {2})",
    np.maximum: "({0} if {0} >= {1} or {0} != {0} else {1})",
    np.minimum: "({0} if {0} <= {1} or {0} != {0} else {1})",
    np.sign: "({0} if {0} != {0} else ({0} > 0) - ({0} < 0))",
    **{
        getattr(np, name): f"np.{name}({{0}})"
        for name in ("exp", "log", "sqrt", "tanh", "abs", "log1p", "expm1", "sin", "cos")
    },
}
"""Elementwise functions as expressions of Python numbers."""
START = {np.sum: "0", np.max: "-np.inf", np.min: "np.inf"}


class UnsupportedError(TraceError):
    """Something that this backend has no code for."""


@dataclass
class NumbaSource:
    """The text of a program's function for Numba.

    Args:
        program: simplified.
        inputs: the arrays that the inputs live in.
        homes: results, and the arrays that they replace.

    Attributes:
        text: the module.
        constants: arrays that the function takes after the inputs.
        scratch: elements of working memory of each dtype, which it takes after those.
        checks: functions that look at an input before the run, by its Ref, with their options.
        memory: where in the working memory a value is: dtype, first element and shape.
    """

    program: Program
    inputs: Sequence[np.ndarray]
    homes: Mapping[Ref, np.ndarray]
    lines: list[str] = field(default_factory=list)
    constants: list[np.ndarray] = field(default_factory=list)
    scratch: dict[np.dtype[Any], int] = field(default_factory=dict)
    checks: list[tuple[Callable[..., Any], Ref, dict[str, Any]]] = field(default_factory=list)
    memory: dict[Ref, tuple[np.dtype[Any], int, tuple[int, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.program
        self.types = program.types
        self.made = {step.result: step for step in program.instructions}
        self.given = dict(zip(program.places, self.inputs, strict=True))
        self.names = {ref: f"a{ref.index}" for ref in program.places}
        self.stored: set[Ref] = set(program.places)
        self.at_once, self.late = safe_homes(program, self.given, self.homes)
        self.views = {step.result: step for step in program.instructions if self.is_view(step)}
        self.parts = {part.source: part for part in parts_of(program, self.roots(), self.homes)}
        self.uses = self.users()
        for group in self.groups():
            self.emit(group)
        for ref, home in self.late.items():
            self.copy_late(ref, home)

    # Which values are what.

    def is_view(self, step: Instruction) -> bool:
        """Whether a result is its first input seen in another way, which costs nothing."""
        if step.function in (np.transpose, np.reshape, np.broadcast_to, np.expand_dims, np.asarray):
            return True
        if step.function is not operator.getitem:
            return False
        index = step.inputs[1] if isinstance(step.inputs[1], tuple) else (step.inputs[1],)
        return all(x is None or x is Ellipsis or isinstance(x, int | np.integer | slice) for x in index)

    def roots(self) -> dict[Ref, Ref]:
        """What each view is a view of."""
        found: dict[Ref, Ref] = {}
        for ref, step in self.views.items():
            base = step.inputs[0]
            found[ref] = found.get(base, base)
        return found

    def users(self) -> dict[Ref, list[Instruction]]:
        """Who reads each value, through views too."""
        roots = self.roots()
        found: dict[Ref, list[Instruction]] = {}
        for step in self.program.instructions:
            if step.result not in self.views:
                for ref in refs(step):
                    found.setdefault(roots.get(ref, ref), []).append(step)
        return found

    def shape(self, x: Any) -> tuple[int, ...]:
        """The shape of a value or a constant."""
        return self.types[x.index][0] if type(x) is Ref else np.shape(x)

    def elementwise(self, step: Instruction) -> bool:
        """Whether each element of a result comes from the elements at its place."""
        return (step.function in SCALAR and not step.options) or step.function.__name__ == "converted"

    def groups(self) -> Iterator[list[Instruction]]:
        """Instructions that share a loop: neighbouring elementwise ones on one shape. Views are left out."""
        group: list[Instruction] = []
        for step in self.program.instructions:
            if step.result in self.views:
                continue
            fits = self.elementwise(step) and self.shape(step.result) != ()
            if group and not (fits and self.shape(step.result) == self.shape(group[0].result)):
                yield group
                group = []
            if fits:
                # A value that the loop itself writes can be read at the same place only.
                inside = {other.result for other in group}
                if any(self.root(x) in inside and x not in inside for x in refs(step)):
                    yield group
                    group = []
                group.append(step)
            else:
                yield [step]
        if group:
            yield group

    def root(self, ref: Ref) -> Ref:
        """What a value is a view of, or itself."""
        while ref in self.views:
            ref = self.views[ref].inputs[0]
        return ref

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
        if x in self.views:
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
        if step.function is np.transpose:
            axes = axes_of(step) or tuple(range(len(shape)))[::-1]
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
        base = self.array(step.inputs[0])
        name = f"a{x.index}"
        if step.function is np.transpose:
            axes = axes_of(step)
            text = (
                f"{base}.T"
                if axes is None or axes == tuple(range(len(self.shape(x))))[::-1]
                else f"{base}.transpose({axes})"
            )
        elif step.function is np.reshape:
            text = f"{base}.reshape({self.shape(x)})"
        elif step.function is operator.getitem:
            text = f"{base}[{index_text(step.inputs[1])}]"
        else:
            raise UnsupportedError(f"{step.function.__name__} as an array")
        self.line(f"{name} = {text}")
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
        self.inside: set[Ref] = set()
        if self.elementwise(step) and self.shape(step.result) != ():
            self.loop(group)
        elif self.elementwise(step):
            self.line(f"v{step.result.index} = {self.expression(step, [])}")
        elif step.function is np.matmul and not step.options and len(self.shape(step.result)) == 2:
            a, b = (self.array(x) for x in step.inputs)
            self.line(f"np.dot({a}, {b}, {self.place(step.result)})")
        elif step.function in START:
            self.reduction(step)
        elif step.function is np.concatenate:
            self.joined(step)
        elif step.function is checked_labels and step.inputs[0] in self.given:
            self.check_labels(step)
        else:
            raise UnsupportedError(f"the Numba backend has no code for {step.function.__name__}")

    def check_labels(self, step: Instruction) -> None:
        """Leave the function before anything is changed, if a label is out of range; Python then says which."""
        labels = step.inputs[0]
        if self.shape(labels) == ():
            raise UnsupportedError("a label that is a number")
        self.checks.append((step.function, labels, step.options))
        self.names[step.result] = name = self.names[labels]
        self.stored.add(step.result)
        index = [f"i{k}" for k in range(len(self.shape(labels)))]
        for depth, (i, n) in enumerate(zip(index, self.shape(labels), strict=True)):
            self.line(f"for {i} in range({n}):", depth)
        element = self.indexed(name, index)
        self.line(f"if {element} < 0 or {element} >= {step.options['classes']}:", len(index))
        self.line("return WRONG", len(index) + 1)

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
            for x in refs(step):
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
        if x in self.views and self.root(x) not in results:
            step = self.views[x]
            if step.function is np.reshape and [n for n in self.shape(x) if n != 1] != [
                n for n in self.shape(step.inputs[0]) if n != 1
            ]:
                self.array(x)
            elif type(step.inputs[0]) is Ref:
                self.prepare(step.inputs[0], results)

    def is_needed_beyond(self, ref: Ref, group: list[Instruction]) -> bool:
        """Whether a result has to be in memory: it is an output, or read after the loop."""
        if ref in self.homes or ref in self.outputs() or ref in self.parts:
            return True
        return any(all(user is not step for step in group) for user in self.uses.get(ref, ()))

    def outputs(self) -> set[Ref]:
        """What the program returns."""
        found: set[Ref] = set()
        mapped(self.program.outputs, lambda x: found.add(self.root(x)) if type(x) is Ref else None)
        return found

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

    def joined(self, step: Instruction) -> None:
        """A concatenation: what is not in its place yet is copied there."""
        name = self.names[step.result] if step.result in self.stored else self.place(step.result)
        if len(self.shape(step.result)) != 1:
            raise UnsupportedError("concatenate of more than one axis")
        start = 0
        for x in step.inputs[0]:
            n = self.shape(x)[0]
            source = self.root(x)
            if source not in self.parts or self.parts[source].whole != step.result:
                self.line(f"{name}[{start}:{start + n}] = {self.array(x)}")
            start += n

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
        results = [x for x in flat(self.program.outputs) if type(x) is Ref and self.shape(x) == ()]
        self.returned = results
        returned = ", ".join(["True", *(f"v{ref.index}" for ref in results)])
        wrong = ", ".join(["False", *(f"np.{self.types[ref.index][1].name}(0)" for ref in results)])
        self.lines = [line.replace("WRONG", f"({wrong},)") for line in self.lines]
        head = f"def step({', '.join(arguments)}):\n"
        return HEAD + head + "\n".join([*self.lines, f"    return ({returned},)"]) + "\n"

    def names_of_input(self, ref: Ref) -> str:
        """The argument of an input."""
        return f"a{ref.index}"


CAST = {np.sign, np.exp, np.log, np.sqrt, np.tanh, np.log1p, np.expm1, np.power, np.divide}
"""Functions whose result Numba may make wider than NumPy does."""


def larger(one: str, other: str, sign: str) -> str:
    """The larger (or smaller) of two numbers; NaN if one of them is."""
    return f"{one} if {one} {sign} {other} or {one} != {one} else {other}"


def flat(x: Any) -> list[Any]:
    """The leaves of a structure."""
    found: list[Any] = []
    mapped(x, found.append)
    return found


def axes_of(step: Instruction) -> tuple[int, ...] | None:
    """The order of the axes of a transpose."""
    axes = step.inputs[1] if len(step.inputs) > 1 else step.options.get("axes")
    if axes is None:
        return None
    n = len(axes)
    return tuple(int(a) % n for a in axes)


def indexed_base(index: Any, inner: Sequence[str], shape: tuple[int, ...]) -> list[str]:
    """The index of a base's element, from the index into `base[index]`."""
    items = list(index) if isinstance(index, tuple) else [index]
    used = sum(x is not None and x is not Ellipsis for x in items)
    if Ellipsis not in items:
        items.append(Ellipsis)
    at = items.index(Ellipsis)
    items[at : at + 1] = [slice(None)] * (len(shape) - used)
    found: list[str] = []
    left = iter(inner)
    for x in items:
        if x is None:
            next(left)
        elif isinstance(x, slice):
            start, _, step = x.indices(shape[len(found)])
            i = next(left)
            scaled = i if step == 1 else f"({i}) * {step}"
            found.append(scaled if start == 0 else f"{start} + {scaled}")
        else:
            n = shape[len(found)]
            found.append(str(int(x) % n))
    return found


def index_text(index: Any) -> str:
    """A basic index as text."""
    items = index if isinstance(index, tuple) else (index,)

    def shown(x: Any) -> str:
        if isinstance(x, slice):
            parts = ["" if p is None else str(p) for p in (x.start, x.stop)]
            return ":".join(parts) + ("" if x.step is None else f":{x.step}")
        return "..." if x is Ellipsis else repr(x)

    return ", ".join(map(shown, items))
