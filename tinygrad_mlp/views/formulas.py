"""The formula of a gradient, `dW = Xᵀ·dY`, read from the source of the very closure that computes it."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.autograd import Node
from tinygrad_mlp.views.notation import ATOM, PRODUCT, SIGN, Notation, Text, UnwritableError, body_of, letter

Function = ast.Lambda | ast.FunctionDef
LONGEST = 72
"""Characters of a formula; what is longer is not read any more."""


class Formula(NamedTuple):
    """A gradient as the textbook writes it.

    Attributes:
        gradient: the left side, `dW`.
        text: the right side, `Xᵀ·dY`; or `backward of NAME` where the closure has no source, or more than one line.
        where: what the names in it stand for: `n = 5`.
        is_read: whether it comes from the source.
    """

    gradient: str
    text: str
    where: tuple[str, ...] = ()
    is_read: bool = True

    def __str__(self) -> str:
        return f"{self.gradient} = {self.text}"


def formula(node: Node, position: int, output_ndim: int, summed_over: tuple[int, ...] = ()) -> Formula:
    """The formula of what a node's closure gives to one of its inputs.

    Args:
        node: the recorded call.
        position: which input, from 0.
        output_ndim: the number of axes of the node's result.
        summed_over: the axes over which the sweep has summed up what the closure returned, because of broadcasting.
    """
    closure: Any = node.closures[position]
    role = role_of(node, position)
    body, names, output = names_of(node, output_ndim)
    gradient = "d" + (names[role].text if role in names else role)
    code = getattr(closure, "__code__", None)
    expression = None if code is None else body_of(source_of(code))
    right, where = Text(f"backward of {node.operation.name}", ATOM), tuple[str, ...]()
    if expression is not None and code is not None and code.co_argcount == 1:
        arriving = {code.co_varnames[0]: Text(f"d{output}", scalar=output_ndim == 0)}
        notation = Notation(values_of(closure), {**names, **arriving}, source_of)
        try:
            written = notation.write(expression)
            if len(written.text) <= LONGEST:
                right, where = written, tuple(explained(notation, body))
        except (UnwritableError, RecursionError):
            expression = None
    if summed_over:
        right = Text(f"Σ {over_axes(summed_over, output_ndim)}of {right.inside(SIGN)}", PRODUCT)
    return Formula(gradient, right.text, where, "backward of " not in right.text)


def over_axes(axes: tuple[int, ...], ndim: int) -> str:
    """`over the batch `, if that is the axis."""
    if axes == tuple(range(ndim)):
        return "" if ndim < 2 else "over everything "
    if axes == (0,):
        return "over the batch "
    return f"over axis {axes[0]} " if len(axes) == 1 else f"over axes {', '.join(map(str, axes))} "


def role_of(node: Node, position: int) -> str:
    """What an operation calls one of its inputs: `w`; one of many is `xs[2]`."""
    roles = roles_of(node.operation.body)
    if position < len(roles):
        name, many = roles[position]
        if not many:
            return name
    first, name = next((i, name) for i, (name, many) in enumerate(roles) if many)
    return f"{name}[{position - first}]"


@lru_cache(maxsize=1024)
def roles_of(body: Any) -> list[tuple[str, bool]]:
    """The array parameters of a body, and whether each stands for any number of inputs."""
    parameters = inspect.signature(body).parameters.values()
    return [(p.name, p.kind is p.VAR_POSITIONAL) for p in parameters if p.kind is not p.KEYWORD_ONLY]


def names_of(node: Node, output_ndim: int) -> tuple[ast.FunctionDef | None, dict[str, Text], str]:
    """The body's source, how its inputs are written, and its output: Y, or Out where an input is called Y.

    An input that has as many axes as the output is a capital; so `b` of Y = X·W + b stays small.
    """
    code = getattr(inspect.unwrap(node.operation.body), "__code__", None)
    body = None if code is None else source_of(code)
    names: dict[str, Text] = {}
    for position, (role, many) in enumerate(roles_of(node.operation.body)):
        if not many and position < len(node.inputs):
            ndim = np.ndim(getattr(node.inputs[position], "_data", node.inputs[position]))
            names[role] = Text(letter(role, capital=ndim >= output_ndim), scalar=ndim == 0)
    output = "Out" if any(text.text == "Y" for text in names.values()) else "Y"
    if not isinstance(body, ast.FunctionDef):
        return None, names, output
    for statement in body.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)) if other in names:
                names[name] = names[other] = Text(letter(name, capital=True))  # `z = logits`: Z is what it is called
    for part in ast.walk(body):
        match part:
            case ast.Return(value=ast.Tuple(elts=[ast.Name(id=name), *_])):
                names.setdefault(name, Text(output, scalar=output_ndim == 0))
    return body, names, output


def values_of(closure: Any) -> dict[str, Any]:
    """What the names in a closure stand for."""
    values = dict(closure.__globals__)
    for name, cell in zip(closure.__code__.co_freevars, closure.__closure__ or (), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # it has not been given a value yet
            continue
    return values


def explained(notation: Notation, body: ast.FunctionDef | None) -> Iterator[str]:
    """What the names that a formula uses stand for: numbers, and what the body computes in one line."""
    assigned = {} if body is None else assignments(body)
    for name in dict.fromkeys(notation.used):
        value = notation.values.get(name)
        if isinstance(value, bool | int | float | np.generic):
            yield f"{letter(name, capital=False)} = {value:.4g}"
        elif name in assigned:
            inner = Notation(notation.values, notation.names, notation.find)
            left, e = letter(name, capital=True), assigned[name]
            try:
                if name.startswith("log_"):
                    left = letter(name.removeprefix("log_"), capital=True)
                    e = ast.Call(ast.Name("exp"), [e], [])
                yield f"{left} = {inner.write(e).text}"
            except UnwritableError:
                continue


def assignments(body: ast.FunctionDef) -> dict[str, ast.expr]:
    """The names that a body assigns once, and what."""
    found: dict[str, ast.expr] = {}
    for statement in body.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
    return found


def source_of(code: CodeType) -> Function | None:
    """The lambda or function in a source file that a code object was compiled from; None without the source.

    Of several lambdas on one line it is the one whose place the code's instructions have.
    """
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    candidates = functions_in(code.co_filename, "".join(lines)).get(code.co_firstlineno, [])
    candidates = [f for f in candidates if fits(f, code)]
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    places = [
        (start, first, stop, last)
        for start, stop, first, last in code.co_positions()
        if start and stop and first is not None and last is not None and last > first
    ]
    inside = [
        f
        for f in candidates
        if isinstance(f, ast.Lambda)
        and all(covers(f.body, (start, first), (stop, last)) for start, first, stop, last in places)
    ]
    inside.sort(key=lambda f: (f.body.lineno, f.body.col_offset))
    return inside[-1] if places and inside else None  # of nested ones, the innermost


def covers(e: ast.expr, start: tuple[int, int], stop: tuple[int, int]) -> bool:
    """Whether a place in the source lies within an expression."""
    assert e.end_lineno is not None
    assert e.end_col_offset is not None
    return (e.lineno, e.col_offset) <= start and stop <= (e.end_lineno, e.end_col_offset)


def fits(function: Function, code: CodeType) -> bool:
    """Whether a function can be what a code object was compiled from: the file may have been edited since."""
    name = "<lambda>" if isinstance(function, ast.Lambda) else function.name
    arguments = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    n = code.co_argcount + code.co_kwonlyargcount
    if name != code.co_name or arguments != list(code.co_varnames[:n]):
        return False
    if isinstance(function, ast.FunctionDef):
        return True
    there = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    inner = {a.arg for f in ast.walk(function.body) if isinstance(f, ast.Lambda) for a in f.args.args}
    return all(x.id in there | inner or nested(function) for x in ast.walk(function.body) if isinstance(x, ast.Name))


def nested(function: ast.Lambda) -> bool:
    """Whether a lambda has other code in it, whose names are not among its own."""
    kinds = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    return any(isinstance(x, kinds) for x in ast.walk(function.body))


@lru_cache(maxsize=64)
def functions_in(filename: str, text: str) -> dict[int, list[Function]]:
    """The functions of a file by the line on which their code begins (a function's first decorator)."""
    found: dict[int, list[Function]] = {}
    try:
        tree = ast.parse(text, filename)
    except (SyntaxError, ValueError):
        return found
    for function in ast.walk(tree):
        if isinstance(function, ast.Lambda | ast.FunctionDef):
            decorators = [] if isinstance(function, ast.Lambda) else function.decorator_list
            found.setdefault(min([function.lineno, *(d.lineno for d in decorators)]), []).append(function)
    return found
