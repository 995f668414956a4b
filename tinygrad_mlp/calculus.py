"""Derivatives of functions: `value_and_grad`, `vjp`, `jvp`, `jacobian`, `hessian`, `hvp`. (`tg.grad` is of tensors.)

An argument is an array (a Tensor, a number, a list), a dict of them, or a Module, which stands for those of its
parameters that require a gradient. A derivative has its structure: for a Module, a dict by path, as
`named_parameters()`. A function may give several arrays, in tuples, lists or dicts.

Of arrays derivatives are arrays. They are Tensors, which can be differentiated again, where f itself would give
Tensors that require a gradient: if an argument is one, or f uses one besides. Within a function that is being
differentiated that is so, so all of these can be nested to any order. A Module's own parameters are leaves, and outside
of such a function derivatives for them are arrays, as of `tg.grad`. `no_grad()` around a call gives arrays.

| here | as in |
|---|---|
| `value_and_grad(f, argnums=0, has_aux=False)` | JAX (`torch.func.grad_and_value` gives the gradient first) |
| `jvp(f, primals, tangents)` → value, tangent | JAX and `torch.func` (which want a tuple also of one argument) |
| `vjp(f, *primals)` → value, pullback | JAX and `torch.func`; the pullback of one argument gives one, as the latter's |
| `jacobian(f, argnums=0)`, `hessian(f, argnums=0)` | JAX's and `torch.func`'s `jacrev` and `hessian` |
| `hvp(f, primals, tangents)` → value, product | `torch.autograd.functional` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Node, Variable, enable_grad, grad
from tinygrad_mlp.autograd.modes import MODE
from tinygrad_mlp.errors import DtypeError, GradientError, OptionError, ShapeError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.ops import positive, reshape, stack
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.tracing.program import leaves, mapped

Function = Callable[..., Any]
Argnums = int | Sequence[int]
INSIDE: ContextVar[bool] = ContextVar("differentiating", default=False)
"""Whether a function is being differentiated, so that derivatives taken within it are differentiated again."""
COLUMNS_COST = 3
"""How many sweeps for a row of a jacobian take the time of one for a column, which goes through the sweep's graph."""


class Point(Tensor):
    """A leaf that is made for one call of a function; nobody else can ask for its gradient."""

    __slots__ = ()


class Evaluation:
    """One call of a function: what it was given, what it gave, and whether derivatives have to be Tensors.

    Attributes:
        trees: for each argument that is differentiated its Variables, in the argument's structure.
        inputs: all of these Variables.
        value: what the function gave; `aux` is what else it gave.
        outputs: the Tensors in the value.
        recorded: whether results are Tensors that can be differentiated again.
    """

    def __init__(
        self, name: str, f: Function, arguments: Sequence[Any], positions: Iterable[int], has_aux: bool = False
    ) -> None:
        self.name = name
        given = list(arguments)
        self.trees: list[Any] = []
        outer: list[Any] = []
        with enable_grad():
            for i in positions:
                given[i], tree = opened(arguments[i], f"{name}: argument {i}")
                self.trees.append(tree)
                outer += leaves(arguments[i])
            inside = INSIDE.set(True)
            try:
                self.value = f(*given)
            finally:
                INSIDE.reset(inside)
        if has_aux:
            if not isinstance(self.value, tuple) or len(self.value) != 2:
                raise OptionError(f"{name}: with has_aux=True a function gives a tuple of two: its value, and the rest")
            self.value, self.aux = self.value
        self.inputs: list[Variable] = leaves(self.trees)
        self.outputs: list[Variable] = leaves(self.value)
        for y in self.outputs:
            if not isinstance(y, Variable) or y.dtype.kind != "f":
                kind = f"a Tensor of {y.dtype}" if isinstance(y, Variable) else f"a {type(y).__name__}"
                raise GradientError(
                    f"{name}: the function gives {kind}, which has no gradient; a floating-point Tensor is expected "
                    "(float(x), x.numpy() and comparisons lose the graph; a constant is tg.Tensor(c))"
                )
        self.recorded = MODE.get().recording and (
            INSIDE.get() or any(requires_grad(x) for x in outer) or depends_on_others(self.outputs, self.inputs)
        )

    def scalar(self) -> Variable:
        """The one output, if it is a scalar."""
        shapes = [y.shape for y in self.outputs]
        if shapes != [()]:
            seen = f"an array {shapes[0]}" if len(shapes) == 1 else f"{len(shapes)} arrays"
            raise GradientError(
                f"{self.name}: the function gives {seen}; a scalar is expected: "
                "sum it up, or take tg.jacobian, or tg.vjp with a gradient"
            )
        return self.outputs[0]

    def result(self, tree: Any) -> Any:
        """Tensors as the caller gets them."""
        return mapped(tree, lambda x: x if self.recorded or not isinstance(x, Variable) else array_of(x))

    def pulled(self, outputs: Sequence[Variable], gradients: Sequence[Any], create_graph: bool) -> list[Any]:
        """The gradients of Σ outputs · gradients for the inputs."""
        return list(grad(outputs, self.inputs, gradient=gradients, create_graph=create_graph))

    def shaped(self, gradients: Iterable[Any]) -> list[Any]:
        """One for each input, in the structures of the arguments."""
        following = iter(gradients)
        return [mapped(tree, lambda _: next(following)) for tree in self.trees]

    def transposed(self) -> tuple[list[Variable], list[Variable]]:
        """Σ J·u for the inputs, as a function of u = 0; and these u, one for each output.

        The derivative of a vector-Jacobian product for its vector is a Jacobian-vector product: `jvp` by a second
        backward sweep. (At u = 0 a slope that blows up does not matter where the tangent is 0.)
        """
        us: list[Variable] = [Tensor(np.zeros(y.shape, y.dtype), requires_grad=True) for y in self.outputs]
        return self.pulled(self.outputs, us, True), us


def opened(x: Any, where: str) -> tuple[Any, Any]:
    """An argument as the function gets it, and the Variables in it that derivatives are taken for.

    A Tensor gets a node of its own here, so that a derivative for it does not go by other ways to the same Tensor.
    """
    if isinstance(x, Module):
        return x, {path: p for path, p in x.named_parameters().items() if p.requires_grad}
    if isinstance(x, dict):
        pairs = {key: opened(value, f"{where}, {key!r}") for key, value in x.items()}
        return {key: given for key, (given, _) in pairs.items()}, {key: tree for key, (_, tree) in pairs.items()}
    if isinstance(x, Variable) and x.requires_grad:
        made = positive(x)
        return made, made
    leaf = Point(x._data if isinstance(x, Variable) else x)
    if leaf.dtype.kind != "f":
        raise DtypeError(f"{where} is {leaf.dtype}; floating-point numbers are expected where a derivative is taken")
    leaf.requires_grad = True
    return leaf, leaf


def requires_grad(x: Any) -> bool:
    """Whether it is a Tensor that requires a gradient."""
    return isinstance(x, Variable) and x.requires_grad


def depends_on_others(outputs: Iterable[Variable], inputs: Iterable[Variable]) -> bool:
    """Whether a leaf that requires a gradient has a part in the outputs, besides the inputs.

    (Points of other calls do not count: those of calls within are done with, and around others all is recorded.)
    """
    seen: set[Node | Variable] = {x._node or x for x in inputs}
    open_ends = [y for y in outputs if y.requires_grad]
    while open_ends:
        x = open_ends.pop()
        place = x._node or x
        if place in seen:
            continue
        seen.add(place)
        if x._node is None and not isinstance(x, Point):
            return True
        open_ends += [y for y in (x._node.inputs if x._node else ()) if requires_grad(y)]
    return False


def array_of(x: Variable) -> Any:
    """The values as a caller may change them; a number for a scalar. A traced array stays what it is."""
    data = x._data
    return (data.copy() if data.ndim else data[()]) if isinstance(data, np.ndarray) else data


def positions_of(name: str, argnums: Argnums, count: int) -> list[int]:
    """The positions of the arguments that are differentiated, from the front."""
    chosen = [argnums] if isinstance(argnums, int) else list(argnums)
    if not chosen or not all(isinstance(i, int) and -count <= i < count for i in chosen):
        raise OptionError(
            f"{name}: argnums is {argnums!r}; the positions of some of the {count} arguments given are expected"
        )
    return [i % count for i in chosen]


def single(argnums: Argnums, results: list[Any]) -> Any:
    """One result for one position, a tuple for a sequence of them."""
    return results[0] if isinstance(argnums, int) else tuple(results)


def matching(where: str, values: Any, variables: Any) -> list[Any]:
    """Vectors as a list, one for each Variable in a structure; shapes and names have to be the same."""
    if isinstance(variables, tuple | list):
        if not isinstance(values, tuple | list) or len(values) != len(variables):
            seen = f"{len(values)} of them" if isinstance(values, tuple | list) else type(values).__name__
            raise ShapeError(f"{where}: {seen} given; a tuple of {len(variables)} is expected")
        pairs = zip(range(len(values)), values, variables, strict=True)
        return [x for i, v, variable in pairs for x in matching(f"{where} {i}", v, variable)]
    if isinstance(variables, dict):
        if not isinstance(values, dict) or values.keys() != variables.keys():
            seen = ", ".join(map(str, values)) if isinstance(values, dict) else type(values).__name__
            raise ShapeError(f"{where}: {seen} given; a dict of {', '.join(map(str, variables))} is expected")
        return [x for key, variable in variables.items() for x in matching(f"{where} {key!r}", values[key], variable)]
    vector = values if hasattr(values, "__array_function__") else np.asarray(values, variables.dtype)
    if vector.shape != variables.shape:
        raise ShapeError(f"{where} has the shape {vector.shape}; {variables.shape} is expected")
    return [vector]


def units(x: Variable) -> Any:
    """The arrays of its shape with a single 1, in the order of the elements."""
    return np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)


def assembled(rows: list[Any], axis: int, y: Variable, x: Variable) -> Any:
    """Rows or columns of a jacobian as one array."""
    return reshape(stack(rows, axis), y.shape + x.shape) if rows else np.zeros(y.shape + x.shape, x.dtype)


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function of the same arguments that gives (value, gradient) of f.

    Args:
        f: gives a scalar Tensor; with `has_aux` a tuple of it and anything else.
        argnums: the position of the argument that is differentiated, or several: then the gradient is a tuple.
        has_aux: the value is then a tuple, of the scalar and what else f gave.

    Raises:
        GradientError: when called, f gives no scalar Tensor.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> value, slope = tg.value_and_grad(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    >>> print(value, slope)
    9.0 [ 3. 12.]
    >>> model = tg.nn.Dense(2, 1, rng=0)
    >>> _, slopes = tg.value_and_grad(lambda model, x: model(x).sum())(model, [[1.0, 2.0]])
    >>> slopes["W"].tolist(), slopes["b"].tolist()
    ([[1.0], [2.0]], [1.0])
    """

    def differentiated(*arguments: Any) -> Any:
        positions = positions_of("value_and_grad", argnums, len(arguments))
        run = Evaluation("value_and_grad", f, arguments, positions, has_aux)
        slopes = run.shaped(run.pulled([run.scalar()], [None], run.recorded))
        value = (run.value, run.aux) if has_aux else run.value
        return run.result(value), single(argnums, slopes)

    return differentiated


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of f, and a function u ↦ uᵀ·J that carries a gradient of the value back to the arguments.

    Args:
        f: gives a Tensor, or several.
        primals: all of its arguments.

    Returns:
        (value, pullback). The pullback takes u, an array of the value's shape or several in its structure, and gives
        the gradient for the argument, or a tuple for several. It can be called again and again.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> value, pullback = tg.vjp(lambda a, b: a * b, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback([1.0, 10.0])
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = Evaluation("vjp", f, primals, range(len(primals)))

    def pullback(gradient: Any) -> Any:
        seeds = matching("vjp: the gradient", gradient, run.value)
        slopes = run.pulled(run.outputs, seeds, run.recorded or any(map(requires_grad, seeds)))
        return single(0 if len(primals) == 1 else (), run.shaped(slopes))

    return run.result(run.value), pullback


def jvp(f: Function, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The value of f, and J·v: how it changes when the arguments move along tangents. By two backward sweeps.

    Args:
        f: gives a Tensor, or several.
        primals: a tuple of all of its arguments; a single argument may stand alone.
        tangents: v, in the same structure and shapes.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> value, tangent = tg.jvp(lambda x: x**2, np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    >>> print(value, tangent)
    [1. 4.] [ 2. 40.]
    """
    run, vs = moving("jvp", f, primals, tangents)
    slopes, us = run.transposed()
    following = iter(grad(slopes, us, gradient=vs, create_graph=run.recorded or any(map(requires_grad, vs))))
    return run.result(run.value), mapped(run.value, lambda _: next(following))


def moving(name: str, f: Function, primals: Any, tangents: Any) -> tuple[Evaluation, list[Any]]:
    """A call of f, and a tangent for each of its inputs. A single argument may stand alone."""
    arguments, vectors = (primals, tangents) if isinstance(primals, tuple) else ((primals,), (tangents,))
    run = Evaluation(name, f, arguments, range(len(arguments)))
    return run, matching(f"{name}: the tangent of argument", vectors, run.trees)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """A function that gives all partial derivatives of f: ∂f/∂x, of the shape f.shape + x.shape.

    It takes one backward sweep for each element of the value, or two and one for each element of the arguments,
    whichever is less.

    Args:
        f: gives a Tensor, or several.
        argnums: the position of the argument that is differentiated, or several: then there is a tuple of jacobians.

    Returns:
        A function of the same arguments. In the place of each array of the value it gives what an argument's
        derivative is: an array, a dict for a dict or a Module, a tuple for several arguments.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.jacobian(lambda x: tg.cumsum(x**2))(np.array([1.0, 2.0, 3.0]))
    array([[2., 0., 0.],
           [2., 4., 0.],
           [2., 4., 6.]])
    """

    def differentiated(*arguments: Any) -> Any:
        run = Evaluation("jacobian", f, arguments, positions_of("jacobian", argnums, len(arguments)))
        rows, columns = sum(y.size for y in run.outputs), sum(x.size for x in run.inputs)
        by_output = by_rows(run) if rows <= COLUMNS_COST * columns else by_columns(run)
        following = iter(by_output)
        return mapped(run.value, lambda _: single(argnums, run.shaped(next(following))))

    return differentiated


def by_rows(run: Evaluation) -> list[list[Any]]:
    """For each output the jacobians for all inputs, by one sweep for each element of the output."""
    found = []
    for y in run.outputs:
        rows = [run.pulled([y], [unit], run.recorded) for unit in units(y)]
        found.append([assembled([row[i] for row in rows], 0, y, x) for i, x in enumerate(run.inputs)])
    return found


def by_columns(run: Evaluation) -> list[list[Any]]:
    """The same, by one sweep through the graph of a sweep for each element of the inputs."""
    slopes, us = run.transposed()
    found: list[list[Any]] = [[] for _ in us]
    for x, slope in zip(run.inputs, slopes, strict=True):
        columns = [grad([slope], us, gradient=[unit], create_graph=run.recorded) for unit in units(x)]
        for k, y in enumerate(run.outputs):
            found[k].append(assembled([column[k] for column in columns], -1, y, x))
    return found


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """A function that gives all second partial derivatives of f: the jacobian of its jacobian.

    Args:
        f: gives a scalar Tensor, usually; several, or arrays, as `jacobian` takes them.
        argnums: the position of the argument that is differentiated, or several: then there is a tuple of tuples.

    Returns:
        A function of the same arguments that gives an array f.shape + x.shape + x.shape; of a Module a dict of dicts.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(jacobian(f, argnums), argnums)


def hvp(f: Function, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The value of f, a scalar, and H·v, the second derivative times a vector, without ever having H. Two sweeps.

    Args:
        f: gives a scalar Tensor.
        primals: a tuple of all of its arguments; a single argument may stand alone.
        tangents: v, in the same structure and shapes, which the product has too.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> value, product = tg.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 10.0]))
    >>> print(value, product)
    9.0 [  6. 120.]
    """
    run, vs = moving("hvp", f, primals, tangents)
    slopes = run.pulled([run.scalar()], [None], True)
    products = run.shaped(run.pulled(slopes, vs, run.recorded or any(map(requires_grad, vs))))
    return run.result(run.value), tuple(products) if isinstance(primals, tuple) else products[0]
