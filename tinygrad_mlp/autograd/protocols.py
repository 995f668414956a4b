"""NumPy's functions on Tensors: `np.exp(t)`, `np.sum(t, 0)`, `array @ t`.

NumPy asks a Tensor, through `__array_ufunc__` and `__array_function__`, what one of its functions means. Three tables
answer: ufuncs and functions with a rule, and functions whose integer or boolean result carries no gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np

from tinygrad_mlp.errors import UnsupportedError

F = TypeVar("F", bound=Callable[..., Any])

RULES: dict[Callable[..., Any], Callable[..., Any]] = {}
PLAIN: set[Callable[..., Any]] = {
    getattr(np, name)
    for name in """equal not_equal less less_equal greater greater_equal isnan isinf isfinite logical_and logical_or
    logical_xor logical_not signbit isposinf isneginf any all argmax argmin argsort argpartition argwhere nonzero
    flatnonzero searchsorted count_nonzero array_equal allclose isclose shape ndim size result_type empty_like
    zeros_like ones_like shares_memory may_share_memory""".split()  # noqa: SIM905 - readable at this length
}


def implements(numpy_function: Callable[..., Any]) -> Callable[[F], F]:
    """Make a function the rule for `numpy_function` on Tensors; it follows NumPy's calling convention."""

    def register(rule: F) -> F:
        RULES[numpy_function] = rule
        return rule

    return register


def plain(x: Any) -> Any:
    """The data of a Variable; anything else as it is; sequences element by element."""
    if isinstance(x, list | tuple):
        return type(x)(map(plain, x))
    return getattr(x, "_data", x)


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Answer NumPy for a ufunc of which some operand is a Variable."""
    if method != "__call__":
        raise UnsupportedError(f"np.{ufunc.__name__}.{method} has no rule for Tensors: use a function such as np.sum")
    if "out" in options:
        raise UnsupportedError(
            f"np.{ufunc.__name__} cannot write a Tensor into an array (out=, or an in-place operator on an array): "
            "use its result, or t.numpy()"
        )
    if refused := [key for key in options if key != "axis" or ufunc.signature is None]:
        raise UnsupportedError(f"np.{ufunc.__name__} of a Tensor takes no {', '.join(refused)}=")
    if ufunc in PLAIN:
        return ufunc(*map(plain, inputs))
    rule = RULES.get(ufunc)
    if rule is None:
        raise unsupported(ufunc)
    return rule(*inputs, **options)


def call_function(function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Answer NumPy for a function of which some argument is a Variable."""
    if function in PLAIN:
        return function(*plain(inputs), **{name: plain(value) for name, value in options.items()})
    rule = RULES.get(function)
    if rule is None:
        raise unsupported(function)
    return rule(*inputs, **without_defaults(function, options))


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """A function's parameters; none for those of NumPy's, written in C, that tell nothing about them."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return {}


def without_defaults(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Options that say more than NumPy's defaults: `out=None` says nothing."""
    parameters = parameters_of(function)
    return {k: v for k, v in options.items() if k not in parameters or v is not parameters[k].default}


def bind(
    name: str, own_names: tuple[str, ...], arity: int, inputs: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Sort arguments as NumPy takes them into arrays and options: `sum(t, 0)` and `sum(a=t, axis=0)` alike.

    `own_names` are those of the operation's body, its `arity` arrays first. A NumPy function of the same name tells
    the order; what it has beyond the options (out, where, dtype, …) may be given only as NumPy's default.
    """
    known = own_names[arity:]
    function = getattr(np, name, bind)
    takes_numpys = function in RULES and not isinstance(function, np.ufunc)
    names = (takes_numpys and tuple(parameters_of(function))) or own_names
    if len(inputs) > len(names):
        raise UnsupportedError(f"{name} takes at most {len(names)} arguments ({', '.join(names)}), not {len(inputs)}")
    given = dict(zip(names, inputs, strict=False)) | options
    arrays = tuple(given.pop(key) for key in names[:arity] if key in given)
    if len(arrays) != arity:
        raise UnsupportedError(f"{name} takes {arity} arrays ({', '.join(names[:arity])}), not {len(arrays)}")
    kept = without_defaults(function, given) if takes_numpys else given
    unknown = [key for key in kept if key not in known]
    if unknown:
        takes = ", ".join(f"{key}=" for key in known) or "no options"
        raise UnsupportedError(f"{name} of a Tensor takes {takes}, not {', '.join(unknown)}=")
    return arrays, kept


def unsupported(function: Callable[..., Any]) -> UnsupportedError:
    """The error for a NumPy function without a rule, with the ones whose names are near."""
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np")
    ours = sorted({rule.__name__ for rule in RULES})
    near = get_close_matches(function.__name__, ours, n=3, cutoff=0.5)
    hint = f"the nearest that work: {', '.join(f'tg.{n}' for n in near)}; " if near else ""
    return UnsupportedError(
        f"{module}.{function.__name__} has no rule for Tensors ({hint}t.numpy() gives the values, without a gradient; "
        "tg.op defines an operation of your own)"
    )
