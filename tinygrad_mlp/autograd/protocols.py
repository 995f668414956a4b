"""NumPy's functions on Tensors: `np.exp(t)`, `np.sum(t, 0)`, `array @ t`.

NumPy asks a Tensor, through `__array_ufunc__` and `__array_function__`, what one of its functions means. Three tables
answer: ufuncs and functions with a rule, and functions whose integer or boolean result carries no gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np

from tinygrad_mlp.errors import UnsupportedError

F = TypeVar("F", bound=Callable[..., Any])

RULES: dict[Callable[..., Any], Callable[..., Any]] = {}
# fmt: off
PLAIN: set[Callable[..., Any]] = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isnan, np.isinf, np.isfinite,
    np.logical_and, np.logical_or, np.logical_not, np.signbit, np.argmax, np.argmin, np.argsort, np.count_nonzero,
    np.array_equal, np.allclose, np.isclose, np.shape, np.ndim, np.size, np.result_type, np.zeros_like, np.ones_like,
    np.shares_memory, np.may_share_memory,
}
# fmt: on


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
    if options:
        raise UnsupportedError(f"np.{ufunc.__name__} of a Tensor takes no {', '.join(options)}=")
    if ufunc in PLAIN:
        return ufunc(*map(plain, inputs))
    rule = RULES.get(ufunc)
    if rule is None:
        raise unsupported(ufunc)
    return rule(*inputs)


def call_function(function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Answer NumPy for a function of which some argument is a Variable."""
    if function in PLAIN:
        return function(*plain(inputs), **{name: plain(value) for name, value in options.items()})
    rule = RULES.get(function)
    if rule is None:
        raise unsupported(function)
    return rule(*inputs, **without_defaults(function, options))


def without_defaults(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Options that say more than NumPy's defaults: `out=None` says nothing."""
    parameters: Mapping[str, inspect.Parameter] = {}
    with suppress(ValueError):  # some of NumPy's functions, written in C, tell nothing about their arguments
        parameters = inspect.signature(function).parameters
    return {k: v for k, v in options.items() if k not in parameters or v is not parameters[k].default}


def bind(
    name: str, own_names: tuple[str, ...], arity: int, inputs: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Sort arguments as NumPy takes them into arrays and options: `sum(t, 0)` and `sum(a=t, axis=0)` alike.

    `own_names` are those of the operation's body, its `arity` arrays first. A NumPy function of the same name tells
    the order; what it has beyond the options (out, where, dtype, …) may be given only as NumPy's default.
    """
    known = own_names[arity:]
    names, defaults = own_names, {}
    function = getattr(np, name, None)
    if function in RULES and not isinstance(function, np.ufunc):
        with suppress(ValueError):  # some of NumPy's functions, written in C, tell nothing about their arguments
            parameters = inspect.signature(function).parameters
            names, defaults = tuple(parameters), {key: p.default for key, p in parameters.items()}
    if len(inputs) > len(names):
        raise UnsupportedError(f"{name} takes at most {len(names)} arguments ({', '.join(names)}), not {len(inputs)}")
    given = dict(zip(names, inputs, strict=False)) | options
    arrays = tuple(given.pop(key) for key in names[:arity] if key in given)
    if len(arrays) != arity:
        raise UnsupportedError(f"{name} takes {arity} arrays ({', '.join(names[:arity])}), not {len(arrays)}")
    kept = {key: value for key, value in given.items() if key in known or value is not defaults.get(key)}
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
