"""An expression of a closure's source, written as a textbook writes it: `dot(x.T, g)` becomes `Xᵀ·dY`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

CHOICE, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)
"""How tightly a text holds together: inside of something tighter, it needs parentheses."""
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "theta": "θ", "lambda_": "λ",
    "mu": "μ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω", "rho": "ρ",
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">", ast.GtE: "≥", ast.Lt: "<", ast.LtE: "≤", ast.Eq: "=", ast.NotEq: "≠", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
TRANSPARENT = {"reshape", "astype", "broadcast_to", "copy", "asarray"}
"""Calls that leave the numbers as they are."""
LAYOUT = {"axis", "axes", "keepdims", "shape", "dtype", "kept"}
"""Arguments that say where numbers stand, not what they are."""
SUMS = {"sum", "precise_sum", "unbroadcast"}
INLINED = 3
"""How deep helper functions of one expression are followed."""

Finder = Callable[[Any], ast.Lambda | ast.FunctionDef | None]


class Text(NamedTuple):
    """A written expression: how tightly it holds together, whether it is one number, and which, if it is a constant."""

    text: str
    level: int = ATOM
    scalar: bool = False
    value: float | None = None

    def inside(self, level: int) -> str:
        """The text as part of something that holds together so tightly."""
        return f"({self.text})" if self.level < level else self.text


class UnwritableError(Exception):
    """The expression has no short textbook form."""


class Notation:
    """Writes expressions that stand in one operation's body.

    Args:
        values: what the names in the source stand for at run time.
        names: how some of them are written: the arriving gradient, the output, the inputs.
        find: the source of a helper function, or None.

    Attributes:
        used: the other names that stand in what was written.
    """

    def __init__(self, values: Mapping[str, Any], names: Mapping[str, Text], find: Finder) -> None:
        self.values = values
        self.names = names
        self.find = find
        self.used: list[str] = []

    def write(self, e: ast.expr, depth: int = 0) -> Text:
        """Write an expression. Raises `UnwritableError`."""
        match e:
            case ast.Constant(value=bool() | int() | float() as value):
                return number(value)
            case ast.Constant():
                return Text(repr(e.value), scalar=True)
            case ast.Name():
                return self.name(e.id)
            case ast.BinOp():
                return self.binary(e, depth)
            case ast.UnaryOp(op=ast.USub()):
                x = self.write(e.operand, depth)
                return Text(f"−{x.inside(SIGN)}", SIGN, x.scalar)
            case ast.UnaryOp(op=ast.Not() | ast.Invert()):
                return Text(f"not {self.write(e.operand, depth).inside(ATOM)}", SUM)
            case ast.Compare():
                parts = [self.write(e.left, depth).inside(SUM)]
                for sign, right in zip(e.ops, e.comparators, strict=True):
                    parts += [COMPARISONS[type(sign)], self.write(right, depth).inside(SUM)]
                return Text(" ".join(parts), CHOICE)
            case ast.IfExp():
                return self.choice(e, depth)
            case ast.Attribute(attr="T" | "mT"):
                return Text(f"{self.write(e.value, depth).inside(ATOM)}ᵀ")
            case ast.Attribute():
                return Text(f"{self.write(e.value, depth).inside(ATOM)}.{e.attr}")
            case ast.Subscript():
                return self.subscript(e, depth)
            case ast.Call():
                return self.call(e, depth)
            case ast.Starred():
                return self.write(e.value, depth)
            case ast.Tuple() | ast.List():
                return Text(f"({', '.join(self.write(x, depth).text for x in e.elts)})")
        raise UnwritableError(type(e).__name__)

    def name(self, name: str) -> Text:
        """A name: one of the operation's, a number, or what the body has computed."""
        if name in self.names:
            return self.names[name]
        value = self.values.get(name)
        if isinstance(value, float | int) and name.isupper():
            return number(value)  # a constant of the module
        if name not in self.used:
            self.used.append(name)
        scalar = isinstance(value, bool | int | float | np.generic) or getattr(value, "ndim", None) == 0
        return Text(letter(name, capital=not scalar), scalar=scalar)

    def binary(self, e: ast.BinOp, depth: int) -> Text:
        """An operator between two expressions."""
        a, b = self.write(e.left, depth), self.write(e.right, depth)
        scalar = a.scalar and b.scalar
        match e.op:
            case ast.Add():
                return Text(f"{a.inside(SUM)} + {b.inside(SUM)}", SUM, scalar)
            case ast.Sub():
                return Text(f"{a.inside(SUM)} − {b.inside(PRODUCT)}", SUM, scalar)
            case ast.Mult():
                return product(a, b)
            case ast.Div():
                return quotient(a, b)
            case ast.MatMult():
                return matrix_product(a, b)
            case ast.Pow():
                return power(a, b)
            case ast.BitAnd():
                return Text(f"{a.inside(SUM)} and {b.inside(SUM)}", CHOICE)
            case ast.BitOr():
                return Text(f"{a.inside(SUM)} or {b.inside(SUM)}", CHOICE)
        raise UnwritableError(type(e.op).__name__)

    def choice(self, e: ast.IfExp, depth: int) -> Text:
        """The branch that an option has chosen, or both."""
        taken = self.truth(e.test)
        if taken is not None:
            return self.write(e.body if taken else e.orelse, depth)
        a, test, b = (self.write(x, depth) for x in (e.body, e.test, e.orelse))
        return Text(f"{a.inside(SUM)} if {test.text}, else {b.inside(SUM)}", CHOICE)

    def truth(self, test: ast.expr) -> bool | None:
        """Whether a comparison of an option with a constant holds; None if it is something else."""
        match test:
            case ast.Compare(left=ast.Name(id=name), ops=[sign], comparators=[ast.Constant(value=wanted)]):
                if name in self.values:
                    value = self.values[name]
                    if value is None or isinstance(value, str | bool | int | float):
                        equal = value == wanted
                        if isinstance(sign, ast.Eq | ast.Is):
                            return bool(equal)
                        if isinstance(sign, ast.NotEq | ast.IsNot):
                            return not equal
        return None

    def subscript(self, e: ast.Subscript, depth: int) -> Text:
        """A part; a new axis does not change what is meant."""
        x = self.write(e.value, depth)
        index = e.slice.elts if isinstance(e.slice, ast.Tuple) else [e.slice]
        if all(isinstance(i, ast.Constant) and i.value in (None, ...) for i in index):
            return x
        return Text(f"{x.inside(ATOM)}[…]")

    def call(self, e: ast.Call, depth: int) -> Text:
        """A call of NumPy, of an operation, of a method, or of a helper."""
        function, own = self.called(e.func)
        name = function.rstrip("_")
        given = [*e.args]
        if own is not None:
            given.insert(0, own)
        if name in SUMS:
            return self.sum(name, given, e.keywords, depth)
        if name in TRANSPARENT and given:
            x = self.write(given[0], depth)
            match name, given[-1]:
                case "broadcast_to", _:
                    return Text(f"{x.text}, repeated", CHOICE, x.scalar)
                case "reshape", ast.Attribute(attr="shape", value=like):
                    return Text(f"{x.text} in the shape of {self.write(like, depth).text}", CHOICE)
            return x
        helper = None if own is not None else self.resolve(e.func)
        if depth < INLINED and not known(helper) and (inlined := self.inline(helper, given, e.keywords, depth)):
            return inlined
        if name in ("exp",) and (log := self.logarithm(given[0], depth)):
            return log
        args = [self.write(x, depth) for x in given if not (isinstance(x, ast.Name) and x.id in LAYOUT)]
        if name in FORMS and (len(args) == FORMS[name][0]):
            return FORMS[name][1](*args)
        return Text(f"{name}({', '.join(a.text for a in args)})", scalar=bool(args) and all(a.scalar for a in args))

    def called(self, f: ast.expr) -> tuple[str, ast.expr | None]:
        """The name of what is called, and the expression whose method it is."""
        match f:
            case ast.Name(id=name):
                return name, None
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if hasattr(self.values.get(owner), "__spec__"):
                return name, None  # of a module
            case ast.Attribute(value=owner, attr=name):
                return name, owner
        raise UnwritableError("call")

    def resolve(self, f: ast.expr) -> Any:
        """What a function's name stands for."""
        match f:
            case ast.Name(id=name):
                return self.values.get(name)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return getattr(self.values.get(owner), name, None)
        return None

    def sum(self, name: str, given: list[ast.expr], keywords: list[ast.keyword], depth: int) -> Text:
        """A sum over axes: `Σ over the batch of dY` over the first one."""
        x = self.write(given[0], depth)
        axis: Any = given[1] if len(given) > 1 and name != "unbroadcast" else None
        axis = next((k.value for k in keywords if k.arg == "axis"), axis)
        batch = isinstance(axis, ast.Constant) and axis.value == 0
        whole = axis is None and name != "unbroadcast"
        return Text(f"Σ {'over the batch of ' * batch}{x.inside(SIGN)}", PRODUCT, whole)

    def inline(self, helper: Any, given: list[ast.expr], keywords: list[ast.keyword], depth: int) -> Text | None:
        """What a helper of one line returns, with these arguments; None if it is no such helper."""
        if not callable(helper) or not hasattr(helper, "__code__") or keywords:
            return None
        body = body_of(self.find(helper.__code__))
        if body is None or any(isinstance(x, ast.Starred) for x in given):
            return None
        parameters = helper.__code__.co_varnames[: helper.__code__.co_argcount]
        if len(given) != len(parameters):
            return None
        passed = {p: self.values[x.id] for p, x in zip(parameters, given, strict=True)
                  if isinstance(x, ast.Name) and x.id in self.values}  # fmt: skip
        names: dict[str, Text] = {}
        for p, x in zip(parameters, given, strict=True):
            if not isinstance(passed.get(p), str | None):  # an option is looked at, not written
                passed.pop(p)
            if p not in passed:
                names[p] = self.write(x, depth)
        inner = Notation({**helper.__globals__, **passed}, names, self.find)
        return inner.write(body, depth + 1)

    def logarithm(self, e: ast.expr, depth: int) -> Text | None:
        """What the exponential of a logarithm is: `exp(log_p)` is P, `exp(log_softmax(z))` is softmax(Z)."""
        match e:
            case ast.Name(id=name) if name.startswith("log_") and name not in self.names:
                self.used.append(name)
                return Text(letter(name.removeprefix("log_"), capital=True))
            case ast.Call(func=ast.Name(id=name), args=[x]) if name.startswith("log_"):
                return Text(f"{name.removeprefix('log_')}({self.write(x, depth).text})")
        return None


def body_of(function: ast.Lambda | ast.FunctionDef | None) -> ast.expr | None:
    """The expression that a function returns, if it does nothing else."""
    if isinstance(function, ast.Lambda):
        return function.body
    if isinstance(function, ast.FunctionDef):
        rest = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        if len(rest) == 1 and isinstance(rest[0], ast.Return):
            return rest[0].value
    return None


def known(function: Any) -> bool:
    """Whether a function is written in a way of its own."""
    module = getattr(function, "__module__", None) or ""
    return getattr(function, "__name__", "") in FORMS and module.partition(".")[0] in ("numpy", "tinygrad_mlp")


def letter(name: str, capital: bool) -> str:
    """A name as the textbook has it: `x` is X, `y_true` is Y_true, `alpha` is α."""
    if name in GREEK:
        return GREEK[name]
    return name[0].upper() + name[1:] if capital and re.match(r"[a-z](_|$)", name) else name


def number(value: float) -> Text:
    """A number, short."""
    return Text(f"{value:.4g}".replace("-", "−"), SIGN if value < 0 else ATOM, True, value)


def product(a: Text, b: Text) -> Text:
    """`·` with a number, `⊙` element by element."""
    if a.value is not None and b.value is not None:
        return number(a.value * b.value)
    if b.value is not None:
        a, b = b, a  # a number goes first
    if a.value == 1:
        return b
    if not a.scalar and a == b and a.level == ATOM:
        return Text(f"{a.text}²", POWER)
    left, right = a.inside(PRODUCT), b.inside(PRODUCT)
    if " / " in left and a.level == PRODUCT:
        left = f"({left})"
    if right.startswith("−"):
        right = f"({right})"
    sign = "·" if a.scalar or b.scalar else " ⊙ "
    return Text(f"{left}{sign}{right}", PRODUCT, a.scalar and b.scalar)


def quotient(a: Text, b: Text) -> Text:
    """One divided by the other."""
    return Text(f"{a.inside(PRODUCT)} / {b.inside(SIGN)}", PRODUCT, a.scalar and b.scalar)


def matrix_product(a: Text, b: Text) -> Text:
    """A·B."""
    return Text(f"{a.inside(PRODUCT)}·{b.inside(PRODUCT)}", PRODUCT)


def power(a: Text, b: Text) -> Text:
    """`X²`, `X^P`."""
    raised = {"2": "²", "3": "³"}.get(b.text) or f"^{b.inside(ATOM)}"
    return Text(f"{a.inside(ATOM)}{raised}", POWER, a.scalar and b.scalar)


def where(condition: Text, a: Text, b: Text) -> Text:
    """A choice, element by element."""
    return Text(f"{a.inside(SUM)} where {condition.text}, else {b.inside(SUM)}", CHOICE)


def share(chosen: Text, tied: Text, g: Text) -> Text:
    """What the operand of a maximum or minimum gets."""
    return Text(f"{g.inside(PRODUCT)} where {chosen.text}, half where {tied.text}", CHOICE)


def around(before: str, after: str) -> Callable[[Text], Text]:
    """Signs on both sides of an expression."""
    return lambda x: Text(f"{before}{x.text}{after}", scalar=x.scalar)


FORMS: dict[str, tuple[int, Callable[..., Text]]] = {
    "dot": (2, matrix_product),
    "matmul": (2, matrix_product),
    "multiply": (2, product),
    "times": (2, product),
    "divide": (2, quotient),
    "over": (2, quotient),
    "power": (2, power),
    "square": (1, lambda x: power(x, Text("2"))),
    "negative": (1, lambda x: Text(f"−{x.inside(SIGN)}", SIGN, x.scalar)),
    "exp": (1, lambda x: Text(f"e^{x.inside(ATOM)}", POWER, x.scalar)),
    "log": (1, around("ln(", ")")),
    "log1p": (1, around("ln(1 + ", ")")),
    "sqrt": (1, lambda x: Text(f"√{x.inside(ATOM)}", POWER, x.scalar)),
    "abs": (1, around("|", "|")),
    "absolute": (1, around("|", "|")),
    "transpose": (2, lambda x, axes: Text(f"{x.inside(ATOM)}ᵀ")),
    "where": (3, where),
    "share": (3, share),
}
"""Functions with a way of their own to be written: how many arguments they then have."""
