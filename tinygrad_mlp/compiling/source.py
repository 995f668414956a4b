"""A program as text: readable NumPy with the names of parameters and layers, which can be executed as it stands."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np

from tinygrad_mlp.tracing.program import Instruction, Program, Ref, mapped

LONGEST = 40
"""Characters of an expression that is written within another one."""
TIGHTEST = 4
"""How tightly an index or an attribute binds, on the scale of the numbers below."""
SHORT = (np.transpose, np.reshape, operator.getitem)
INFIX: dict[Callable[..., Any], tuple[str, int]] = {
    np.add: ("+", 1),
    np.subtract: ("-", 1),
    np.multiply: ("*", 2),
    np.divide: ("/", 2),
    np.matmul: ("@", 2),
    np.equal: ("==", 0),
    np.not_equal: ("!=", 0),
    np.less: ("<", 0),
    np.less_equal: ("<=", 0),
    np.greater: (">", 0),
    np.greater_equal: (">=", 0),
}


class Source:
    """The text of a program.

    Args:
        program: what it does.
        name: that of the function.
        names: of inputs and other values, by Ref; the rest are numbered.
        results: what each output is called in a comment, or nothing.
    """

    def __init__(self, program: Program, name: str, names: Mapping[Ref, str]) -> None:
        self.program = program
        self.name = name
        self.names = dict(names)
        self.namespace: dict[str, Any] = {"np": np}
        self.inlined: dict[Ref, Instruction] = {}
        numbers, taken = count(1), set(self.names.values())
        users = self.only_users()
        for step in program.instructions:
            ref = step.result
            if ref in self.names:
                continue
            if ref in users and self.is_short(step, users[ref]):
                self.inlined[ref] = step
            else:
                self.names[ref] = next(t for i in numbers if (t := f"t{i}") not in taken)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The function, with its parts marked by comments, and with shapes."""
        inputs = ", ".join(self.names[ref] for ref in self.program.places)
        yield f"def {self.name}({inputs}):"
        here = ""
        for step in self.program.instructions:
            if step.result in self.inlined:
                continue
            if step.scope != here:
                here = step.scope
                yield f"    # {here}" if here else ""
            shape, dtype = self.program.types[step.result.index]
            text = f"    {self.names[step.result]} = {self.expression(step)}"
            size = "×".join(map(str, shape)) or "number"
            yield f"{text:<64}  # {size}{'' if dtype.kind == 'f' else f' {dtype}'}"
        yield f"    return {self.shown(self.program.outputs)}"

    def only_users(self) -> dict[Ref, Instruction]:
        """The values that a single instruction reads, once, and that instruction."""
        uses = Counter(ref for step in self.program.instructions for ref in step.reads)
        mapped(self.program.outputs, lambda x: uses.update([x]) if type(x) is Ref else None)
        return {ref: step for step in self.program.instructions for ref in step.reads if uses[ref] == 1}

    def is_short(self, step: Instruction, user: Instruction) -> bool:
        """Whether a value is written where it is used: a view, or a short expression of the same part."""
        if step.function in SHORT:
            return True
        simple = isinstance(step.function, np.ufunc) and step.function.nout == 1 and not step.options
        return simple and step.scope == user.scope and len(self.expression(step)) <= LONGEST

    def expression(self, step: Instruction) -> str:
        """The right side of one line."""
        function, inputs = step.function, step.inputs
        if function in INFIX and not step.options:
            sign, level = INFIX[function]
            return f"{self.operand(inputs[0], level)} {sign} {self.operand(inputs[1], level + 1)}"
        if function is np.negative and not step.options:
            return f"-{self.operand(inputs[0], TIGHTEST)}"
        if function is operator.getitem:
            return f"{self.operand(inputs[0], TIGHTEST)}[{self.index(inputs[1])}]"
        if function is np.transpose and len(inputs) == 1 and not step.options:
            return f"{self.operand(inputs[0], TIGHTEST)}.T"
        if function.__name__ == "converted":
            return f"{self.operand(inputs[0], TIGHTEST)}.astype({self.dtype(step.options['dtype'])})"
        if function is np.reshape and len(inputs) == 2:
            shape = self.shown(inputs[1])
            shape = shape[1:-1] if shape.startswith("(") and len(shape) > 2 else shape
            return f"{self.operand(inputs[0], TIGHTEST)}.reshape({shape})"
        arguments = [self.shown(x) for x in inputs]
        arguments += [f"{k}={self.shown(v)}" for k, v in step.options.items() if v is not None and v is not False]
        return f"{self.function_name(function)}({', '.join(arguments)})"

    def operand(self, x: Any, level: int) -> str:
        """A value within an expression, in brackets if it binds less than what is around it."""
        text = self.shown(x)
        if type(x) is not Ref:
            return f"({text})" if level == TIGHTEST and not isinstance(x, np.ndarray) else text
        if x not in self.inlined:
            return text
        step = self.inlined[x]
        own = INFIX[step.function][1] if step.function in INFIX else TIGHTEST - (step.function is np.negative)
        return f"({text})" if own < level else text

    def function_name(self, function: Callable[..., Any]) -> str:
        """How a function is called: one of NumPy's by its own name, another one through the namespace."""
        name = function.__name__
        if getattr(np, name, None) is function:
            return f"np.{name}"
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):
            return f"np.{owner.__name__}.{name}"
        self.namespace[name] = function
        return name

    def index(self, x: Any) -> str:
        """An index as it stands between brackets."""
        if isinstance(x, tuple):
            return ", ".join(map(self.index, x)) or "()"
        if isinstance(x, slice):
            parts = ["" if part is None else self.shown(part) for part in (x.start, x.stop)]
            return ":".join(parts) + ("" if x.step is None else f":{self.shown(x.step)}")
        return "..." if x is Ellipsis else self.shown(x)

    def dtype(self, dtype: Any) -> str:
        """A dtype, as an attribute of NumPy."""
        return f"np.{np.dtype(dtype).name}"

    def shown(self, x: Any) -> str:
        """A value by its name, a constant by what makes it."""
        if type(x) is Ref:
            return self.expression(self.inlined[x]) if x in self.inlined else self.names[x]
        if isinstance(x, tuple | list):
            inner = ", ".join(map(self.shown, x))
            if isinstance(x, list):
                return f"[{inner}]"
            return f"({inner},)" if len(x) == 1 else f"({inner})"
        if isinstance(x, dict):
            return "{" + ", ".join(f"{k!r}: {self.shown(v)}" for k, v in x.items()) + "}"
        if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return self.dtype(x)
        if isinstance(x, np.generic):
            return f"np.{x.dtype.name}({x!s})"
        if isinstance(x, np.ndarray):
            return self.constant(x)
        if isinstance(x, float) and not np.isfinite(x):
            return "np.nan" if np.isnan(x) else "np.inf" if x > 0 else "-np.inf"
        if x is None or x is Ellipsis or isinstance(x, bool | int | float | str | slice):
            return "..." if x is Ellipsis else repr(x)
        return self.known(x, "object")

    def constant(self, x: np.ndarray) -> str:
        """A constant array: a range and a short one are written out, another one is found in the namespace."""
        if x.ndim == 1 and x.size and np.array_equal(x, np.arange(x.size)) and x.dtype == np.intp:
            return f"np.arange({x.size})"
        if x.size <= 8:
            return f"np.array({x.tolist()!r}, {self.dtype(x.dtype)})"
        return self.known(x, "constant")

    def known(self, x: Any, kind: str) -> str:
        """The name of an object in the namespace."""
        for name, known in self.namespace.items():
            if known is x:
                return name
        name = f"{kind}{sum(key.startswith(kind) for key in self.namespace) + 1}"
        self.namespace[name] = x
        return name


def function_from(source: Source) -> Callable[..., Any]:
    """The function that a text defines."""
    namespace = dict(source.namespace)
    text = str(source)  # fills in the namespace
    namespace |= source.namespace
    exec(compile(text, f"<{source.name}>", "exec"), namespace)
    made: Callable[..., Any] = namespace[source.name]
    return made
