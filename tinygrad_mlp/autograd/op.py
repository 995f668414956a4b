"""An operation is one plain function: its body gives a value and, beside it, one backward closure per input.

    @op
    def dense(x: Array, w: Array, b: Array) -> Rule:
        y = x @ w
        y += b
        return y, lambda g: g @ w.T, lambda g: x.T @ g, lambda g: sum(g, axis=0)

Called with plain arrays it gives a plain array. Called with Variables it gives a Variable, and the graph gets a Node
that keeps the closures of those inputs that require a gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, overload

import numpy as np
from numpy import ndarray

from tinygrad_mlp.autograd import protocols
from tinygrad_mlp.autograd.modes import MODE, SCOPE
from tinygrad_mlp.autograd.variable import Variable, clock, wrapped
from tinygrad_mlp.errors import DtypeError, ShapeError, TinygradMlpError

new = object.__new__
Closure = Callable[[Any], Any]
Reason = Callable[..., str | None] | None
Kinks = Callable[..., Any] | None
Rule = tuple[Any, ...]
"""What a body returns: the value, then as many closures as inputs; None for an input that has no gradient."""


@dataclass(slots=True, eq=False, repr=False, weakref_slot=True)
class Node:
    """One recorded call of an operation: its inputs, its options, and the closures that carry gradients back.

    Attributes:
        operation: what was called.
        inputs: Variables, and plain arrays as the body received them.
        closures: for each input the function from the output's gradient to the input's, or None.
        time: when it was recorded. Inputs are older than results, so times are a topological order.
        scope: the path of the layer that made the call, or "".
    """

    operation: Operation
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    closures: tuple[Closure | None, ...]
    time: int
    scope: str

    @property
    def title(self) -> str:
        """What messages call it: the operation, and the layer where it was called."""
        return f"{self.operation.name} in {self.scope}" if self.scope else self.operation.name

    def __repr__(self) -> str:
        return f"<node {self.time}: {self.title}>"


class Operation:
    """What `@op` makes of a body. Call it with arrays, Tensors, numbers and lists."""

    def __init__(
        self,
        body: Callable[..., Rule],
        broadcasts: bool = False,
        discrete: Sequence[str] = (),
        explain: Reason = None,
        kinks: Kinks = None,
    ) -> None:
        update_wrapper(self, body)
        parameters = inspect.signature(body).parameters.values()
        # For help: a call takes what the body takes, and gives no Rule.
        self.__signature__ = inspect.Signature([p.replace(annotation=p.empty) for p in parameters])
        arrays = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        self.body = body
        self.name = self.__name__ = body.__name__.rstrip("_")
        self.broadcasts, self.explain, self.kinks = broadcasts, explain, kinks
        self.arity = None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(arrays)
        self.names = tuple(p.name for p in parameters)
        # Positions of the inputs that share a dtype. (Of a variadic operation either all do or only the first ones.)
        shared = [i for i, name in enumerate(arrays) if name not in discrete]
        self.first = shared[0] if shared else 0
        self.shared = slice(self.first, shared[-1] + 1 if discrete else None)
        self.discrete = bool(discrete)
        if unknown := set(discrete) - set(arrays):
            raise TypeError(f"{self.name}: discrete inputs {sorted(unknown)} are not among {arrays}")
        if shared != list(range(self.first, self.first + len(shared))) or not shared:
            raise TypeError(f"{self.name}: discrete inputs stand before or behind all others")

    def __repr__(self) -> str:
        return f"<operation {self.name}{self.__signature__}>"

    def __reduce__(self) -> str:
        return self.body.__qualname__  # pickled by name: a copy is the same operation

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The value: a Variable if an input is one, otherwise a plain array."""
        if len(inputs) != self.arity and self.arity is not None:
            inputs, options = protocols.bind(self.name, self.names, self.arity, inputs, options)
        # This is the hot path of a small network: each line is run for each operation of each step.
        arrays = []
        dtype: Any = None
        ordinary = alike = True  # all NumPy arrays, of one dtype
        variables = required = 0
        for x in inputs:
            a = x
            if isinstance(x, Variable):
                a = x._data
                variables += 1
                if x._requires_grad:
                    required += 1
            arrays.append(a)
            if type(a) is not ndarray:
                ordinary = False
            elif a.dtype is not dtype:
                alike = dtype is None
                dtype = a.dtype
        if not (ordinary and (alike or (self.discrete and len({a.dtype for a in arrays[self.shared]}) == 1))):
            arrays = self.prepared(arrays)
            inputs = tuple([x if isinstance(x, Variable) else a for x, a in zip(inputs, arrays, strict=True)])
        try:
            rule = self.body(*arrays, **options) if options else self.body(*arrays)
        except ValueError as error:
            raise self.explained(error, arrays) from error
        if type(rule) is not tuple or len(rule) != len(arrays) + 1:
            seen = f"{len(rule) - 1} closures" if type(rule) is tuple else f"a {type(rule).__name__} as the result"
            raise TypeError(f"{self.name}: {len(arrays)} inputs but {seen}; a body gives a value and a closure each")
        y = rule[0]
        if not variables:
            return y
        if type(y) is not ndarray and not hasattr(y, "__array_function__"):
            y = np.asarray(y)  # NumPy gives a scalar for a 0-d result
        if y.dtype.kind != "f":
            if y.dtype.kind not in "iub":
                raise DtypeError(f"{self.name}: the result is {y.dtype}; operations give real numbers")
            return y
        if type(y) is ndarray:
            for a in arrays:
                if a is y:
                    y = y.view()
            y.setflags(False)
        recording, recorders, _ = MODE.get()
        result: Variable = new(Variable.recorded_as)
        result._data = y
        result.name = None
        closures = rule[1:]
        if required < len(inputs) and required:
            needed = [isinstance(x, Variable) and x._requires_grad for x in inputs]
            closures = tuple([c if n else None for c, n in zip(closures, needed, strict=True)])
        if required and recording and any(closures):
            result._node = Node(self, inputs, options, closures, clock.tick(), SCOPE.get())
            result._requires_grad = True
        else:
            result._node = None
            result.become_leaf()
        for recorder in recorders:
            recorder(self, arrays, y, result._node)
        return result

    def prepared(self, operands: list[Any]) -> list[Any]:
        """Operands as arrays of one world, those that share a dtype with one dtype.

        Integers, booleans, numbers and lists take the dtype of the floating-point arrays among them. Where one operand
        is traced, all become traced, so that a body may call methods of any of its inputs.
        """
        strong = [hasattr(x, "__array_function__") for x in operands]  # arrays: their dtype counts
        arrays = [x if counts else np.asarray(x) for x, counts in zip(operands, strong, strict=True)]
        shared = range(len(arrays))[self.shared]
        for i in shared:
            if arrays[i].dtype.kind not in "fiub":
                raise DtypeError(f"{self.name}: input {i + 1} is {arrays[i].dtype}; operations take real numbers")
        floats = {arrays[i].dtype for i in shared if strong[i] and arrays[i].dtype.kind == "f"}
        if floats:
            dtype = np.result_type(*floats)
            for i in shared:
                if arrays[i].dtype != dtype:
                    arrays[i] = arrays[i].astype(dtype)
        for x in operands:
            if hasattr(x, "__lift__"):
                return [x.__lift__(a) for a in arrays]
        return arrays

    def variables(self, inputs: tuple[Any, ...]) -> list[Any]:
        """A node's inputs for running the body again: what a gradient could go to as Variables."""
        arrays = list(inputs)
        for i in range(len(arrays))[self.shared]:
            if not isinstance(arrays[i], Variable):
                arrays[i] = wrapped(arrays[i])
        return arrays

    def explained(self, error: ValueError, arrays: Sequence[Any]) -> TinygradMlpError:
        """An error of NumPy's, with the operation, the layer and the shapes that it does not know."""
        where = f"{self.name} in {SCOPE.get()}" if SCOPE.get() else self.name
        if isinstance(error, TinygradMlpError):
            return type(error)(str(error).replace(f"{self.name}: ", f"{where}: ", 1))
        if self.explain and (reason := self.explain(*arrays)):
            return ShapeError(f"{where}: {reason}")
        shapes = ", ".join(f"{name} {x.shape}" for name, x in zip(self.names, arrays, strict=False))
        return ShapeError(f"{where}: {error} (given {shapes})")


@overload
def op(body: Callable[..., Rule], /) -> Operation: ...
@overload
def op(
    *, broadcasts: bool = False, discrete: Sequence[str] = (), explain: Reason = None, kinks: Kinks = None
) -> Callable[[Callable[..., Rule]], Operation]: ...
def op(body: Callable[..., Rule] | None = None, /, **declared: Any) -> Any:  # noqa: D417 - named in the overloads
    """Make an operation of a function that returns its value and one backward closure per input.

    The body uses operators, array methods, `np.` functions and other operations, so that it runs on arrays, on Tensors
    (for derivatives of higher order) and under tracing. Positional parameters are arrays; keyword-only ones are
    options. It returns a new array or a view, never its input, and a closure never writes into its argument.

    Args:
        body: the function.
        broadcasts: inputs may be broadcast against each other; the sweep then sums their gradients back.
        discrete: names of inputs that are labels, indices or masks: they are not cast, and their closure is None.
        explain: given the arrays that NumPy refused, says why in the operation's own words, or None.
        kinks: given arrays and options, numbers that change sign where the slope jumps: `lambda x: x` for relu.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> @tg.op
    ... def cube(x):
    ...     return x**3, lambda g: g * 3 * x**2
    >>> t = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(t).sum().backward()
    >>> t.grad
    array([ 3., 12.], dtype=float32)
    """
    if body is None:
        return lambda body: Operation(body, **declared)
    return Operation(body, **declared)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that writes in place or looks at values, which a body must not do.

    Tracing records it as one call. In a body its result has to be the operation's value, or come from discrete inputs
    only: a derivative does not look inside.
    """

    def call(*inputs: Any, **options: Any) -> Any:
        for x in inputs:
            if type(x) is not ndarray:
                break
        else:
            return function(*inputs, **options)
        if any(isinstance(x, Variable) for x in inputs):
            # The result is the value of the operation that is being run again, whose node it will take over.
            return wrapped(call(*map(protocols.plain, inputs), **options))
        for x in inputs:
            if hasattr(x, "__kernel__"):
                return x.__kernel__(function, inputs, options)
        return function(*inputs, **options)

    return update_wrapper(call, function)
