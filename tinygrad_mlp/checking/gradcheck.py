"""The gradient checker: every element of a gradient against a numeric derivative that knows its own uncertainty."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Variable
from tinygrad_mlp.checking.bisection import find_guilty, find_troublesome
from tinygrad_mlp.checking.comparing import Comparison, Place, compare
from tinygrad_mlp.checking.diagnosis import diagnose
from tinygrad_mlp.checking.numeric import Measure
from tinygrad_mlp.checking.problem import Problem, Recorded, check_finite, in_float64
from tinygrad_mlp.checking.report import Report
from tinygrad_mlp.errors import DtypeError, GradientError, OptionError
from tinygrad_mlp.nn import Module, Parameter
from tinygrad_mlp.randomness import generator
from tinygrad_mlp.tensor import Tensor

UNCOMPARED = ("nondeterministic", "mutates inputs")
"""Troubles that make a comparison meaningless."""
AGAIN = "gives another result when it is called again with the same gradient"
DIRECTIONS = 3
"""Random directions for each array of which not all elements are checked."""


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    loss: Callable[..., Any] | None = None,
    only: str | Sequence[str] | None = None,
    order: int = 1,
    elements: int = 5000,
    rng: np.random.Generator | int = 0,
) -> Report:
    """Check gradients against numeric derivatives, and say what is wrong where they differ.

    Three forms:

    - `gradcheck(f, x, y)`: f takes the inputs as Tensors and returns a Tensor of any shape. Arrays, floats and
      Tensors that require a gradient are checked; other Tensors are passed on as they are.
    - `gradcheck(f)`: f takes nothing. The leaves that its result depends on are checked.
    - `gradcheck(model, X, y, loss=…)`: the parameters of a Module, by name, for `loss(model(X), y)`, or without a
      loss for the outputs.

    Everything is computed in float64; models and Tensors in float32 are put back as they were. Of an output that is
    not a scalar, a combination with random weights is differentiated. The inputs of f are never changed.

    Args:
        f: the function or the model. It must give the same result for the same inputs: evaluate a model with dropout
            in `eval()` mode.
        inputs: see above.
        loss: for a Module, from its outputs and y to a scalar.
        only: names of the inputs or parameters to check, or patterns as for files: "layers.0.*".
        order: 1 or 2. 2 checks the first and also the second order: the gradient of the gradient.
        elements: how many elements are checked at most. If there are more, a random choice of them, and for each array
            random directions in which all its elements move; the report says how many.
        rng: for the weights and choices.

    Returns:
        A Report. `report.passed` is True if every element passes or sits on a kink; `print(report)` says the rest.

    Raises:
        DtypeError: integer inputs, or a function that returns no numbers.
        NonFiniteError: the function is NaN or infinite at the point itself.
        ShapeError: the shape of the result changes between calls.
        OptionError: nothing to check, or an order other than 1 and 2.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.gradcheck(lambda x, w: tg.tanh(x @ w), np.ones((4, 3)), np.full((3, 2), 0.1)).passed
    True
    >>> @tg.op
    ... def cube(x):
    ...     return x**3, lambda g: g * 2 * x**2  # 3 · x² would be right
    >>> report = tg.gradcheck(cube, [1.0, 2.0])
    >>> report.verdict, report.failures[0].cause, report.guilty[0].operation
    ('fail', 'factor', 'cube')
    """
    if order not in (1, 2):
        raise OptionError(f"gradcheck: order is {order!r}; 1 or 2 is expected")
    if elements < 1:
        raise OptionError(f"gradcheck: elements is {elements!r}; at least 1 is expected")
    rng = generator(rng)
    reopen = partial(prepared, f, inputs, loss, only)
    with ExitStack() as borrowed:
        recorded = reopen(borrowed)
        report = Report(recorded.what, order, sum(leaf.size for leaf in recorded.leaves.values()), reopen)
        fill(report, recorded, elements, rng)
    return report


def fill(report: Report, recorded: Recorded, elements: int, rng: np.random.Generator) -> None:
    """Check a function whose leaves are in float64."""
    what = recorded.what
    first = recorded.value()
    check_finite(what, first)
    arrays = {name: leaf.data for name, leaf in recorded.leaves.items()}
    weights = weights_for(first, rng)
    places = chosen(arrays, elements, rng)
    before = {name: array.copy() for name, array in arrays.items()}
    again = recorded.value()
    recorded.gradients(weights)
    changed = [name for name, array in arrays.items() if not np.array_equal(array, before[name])]
    for name in changed:
        arrays[name][...] = before[name]
        recorded.trouble[name] = ("mutates inputs", f"{what} or its backward pass writes into this array")
    troublesome = {} if changed else find_troublesome(recorded, weights, rng)
    blamed = []
    for kind, suspects in troublesome.items():
        for suspect in suspects:
            what_it_does = "writes into the gradient that it is given" if kind == "mutates inputs" else AGAIN
            recorded.trouble |= dict.fromkeys(arrays, (kind, f"the closure of `{suspect.operation}` {what_it_does}"))
        blamed += suspects
    if not np.array_equal(first, again) and not (changed or blamed):
        for name in arrays:
            recorded.trouble[name] = (
                "nondeterministic",
                f"{what} returned different values for the same inputs: fix its random numbers "
                "(model.eval() switches dropout off)",
            )
    for degree in range(1, report.order + 1):
        problem = (
            first_order(recorded, arrays, weights) if degree == 1 else second_order(recorded, arrays, weights, rng)
        )
        comparisons = [Comparison(name, array.shape, []) for name, array in arrays.items()]
        if not any(kind in UNCOMPARED for kind, _ in recorded.trouble.values()):
            comparisons = compare(problem, places, rng)
        wrong = {c.name for c in comparisons if c.verdict == "fail"} | recorded.trouble.keys()
        guilty = blamed or (find_guilty(recorded, degree, rng) if wrong else [])
        causes = {c.name: diagnose(c, recorded, weights, guilty) for c in comparisons if c.name in wrong}
        report.add(degree, comparisons, causes, guilty)
        if not report.passed:
            break


def first_order(recorded: Recorded, arrays: Mapping[str, np.ndarray], weights: Any) -> Problem:
    """The function itself."""
    gradients = partial(recorded.gradients, weights)
    return Problem(arrays, recorded.value, gradients, Measure(weights), recorded.switches, inside=recorded.inside)


def second_order(
    recorded: Recorded, arrays: Mapping[str, np.ndarray], weights: Any, rng: np.random.Generator
) -> Problem:
    """The function's gradients, one after the other, as a function."""
    second = weights_for(np.empty(sum(a.size for a in arrays.values())), rng)
    return Problem(
        arrays,
        partial(recorded.slopes, weights),
        partial(recorded.second_gradients, weights, second),
        Measure(second),
        recorded.switches,
        float(np.linalg.norm(np.ravel(recorded.value() * weights))),
    )


def weights_for(outputs: Any, rng: np.random.Generator) -> Any:
    """Weights from ±0.5 to ±1.5, none like another, so that no error hides in a sum; of a scalar, 1 would hide some."""
    if type(outputs) is float:
        return float(rng.uniform(0.5, 1.5))
    return rng.uniform(0.5, 1.5, outputs.shape) * rng.choice([-1.0, 1.0], outputs.shape)


def chosen(arrays: Mapping[str, np.ndarray], most: int, rng: np.random.Generator) -> dict[str, list[Place]]:
    """Which elements to check: all of them, or of each array its share and some directions."""
    total = sum(a.size for a in arrays.values())
    if total <= most:
        return {name: list(range(a.size)) for name, a in arrays.items()}
    places: dict[str, list[Place]] = {}
    for name, a in arrays.items():
        share = min(a.size, max(1, most * a.size // total))
        picked: list[Place] = sorted(rng.choice(a.size, share, replace=False).tolist())
        places[name] = [*picked, *[None] * DIRECTIONS * (share < a.size)]
    return places


def prepared(
    f: Any, inputs: tuple[Any, ...], loss: Any, only: str | Sequence[str] | None, borrowed: ExitStack
) -> Recorded:
    """The function with its leaves, which are in float64 until `borrowed` is left."""
    what = f"{type(f).__name__}" if isinstance(f, Module) else getattr(f, "__name__", type(f).__name__)
    if isinstance(f, Module):
        call, leaves = of_model(f, inputs, loss, borrowed)
    elif loss is not None:
        raise OptionError(f"gradcheck: loss= goes with a Module, and {what} is none: let it return the loss itself")
    elif inputs:
        tensors = [as_leaf(x, i) for i, x in enumerate(inputs)]
        names = input_names(f, inputs)
        leaves = {name: t for name, t in zip(names, tensors, strict=True) if t.requires_grad}
        call = partial(f, *tensors)
    else:
        call = f
        leaves = leaves_of(f)
        borrowed.enter_context(in_float64(leaves.values()))
    patterns: Sequence[str] | None = [only] if isinstance(only, str) else only
    kept = {name: x for name, x in leaves.items() if patterns is None or any(fnmatchcase(name, p) for p in patterns)}
    if not kept:
        there = ", ".join(leaves) or "nothing: no input requires a gradient"
        raise OptionError(f"gradcheck of {what}: only={only!r} leaves nothing to check; there is {there}")
    return Recorded(call, kept, what)


def of_model(
    model: Module, inputs: tuple[Any, ...], loss: Any, borrowed: ExitStack
) -> tuple[Callable[[], Any], dict[str, Tensor]]:
    """The loss of a model, or its outputs, and its parameters in float64."""
    if len(inputs) not in (1, 2) or (loss is not None) != (len(inputs) == 2):
        raise OptionError(
            f"gradcheck of a model takes (model, X, y, loss=…) or (model, X), not {len(inputs)} inputs "
            f"{'with' if loss is not None else 'without'} a loss"
        )
    parameters: dict[str, Parameter] = model.named_parameters()
    borrowed.enter_context(in_float64(parameters.values()))
    X = np.asarray(getattr(inputs[0], "_data", inputs[0]))
    X = X.astype(np.float64) if X.dtype.kind == "f" else X
    leaves: dict[str, Tensor] = {name: p for name, p in parameters.items() if p.requires_grad}
    if loss is None:
        return lambda: model(X), leaves
    return lambda: loss(model(X), inputs[1]), leaves


def as_leaf(x: Any, position: int) -> Tensor:
    """An input as a Tensor of its own in float64; Tensors that require no gradient stay what they are."""
    if isinstance(x, Variable):
        if not x.requires_grad:
            return x  # type: ignore[return-value]  # every Variable that users have is a Tensor
        data = np.array(x._data)
    else:
        data = np.array(x)
    if data.dtype.kind != "f":
        raise DtypeError(
            f"gradcheck: input {position + 1} is {data.dtype} {data.shape}; a gradient needs floating-point numbers. "
            "Labels and indices are passed as Tensors without requires_grad, or within f: lambda z: f(z, labels)"
        )
    return Tensor(np.array(data, np.float64, order="C"), requires_grad=True, name=getattr(x, "name", None))


def input_names(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """What the inputs are called: by their own names, those of f's parameters, or by number."""
    try:
        own = [p.name for p in inspect.signature(f).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):  # a callable that tells nothing
        own = []
    found: list[str] = []
    for i, x in enumerate(inputs):
        name = getattr(x, "name", None) or (own[i] if i < len(own) else f"input {i + 1}")
        found.append(name if name not in found else f"input {i + 1}")
    return found


def leaves_of(f: Callable[[], Any]) -> dict[str, Tensor]:
    """The leaves that the result of a function depends on, by name, oldest use first."""
    output = f()
    if not isinstance(output, Variable) or output._node is None:
        raise GradientError(
            f"gradcheck: {getattr(f, '__name__', 'f')}() returned "
            f"{'a Tensor that depends on no leaf' if isinstance(output, Variable) else type(output).__name__}; "
            "without inputs, the result must depend on Tensors that require a gradient"
        )
    nodes = {output._node}
    stack = [output._node]
    leaves: list[Any] = []
    while stack:
        for x in stack.pop().inputs:
            if not isinstance(x, Variable) or not x.requires_grad:
                continue
            if x._node is None:
                leaves.append(x)
            elif x._node not in nodes:
                nodes.add(x._node)
                stack.append(x._node)
    unique: Iterable[Any] = dict.fromkeys(reversed(leaves))
    named: dict[str, Tensor] = {}
    for x in unique:
        name = x.name or f"leaf {len(named) + 1}"
        named[name if name not in named else f"{name} ({len(named) + 1})"] = x
    return named
