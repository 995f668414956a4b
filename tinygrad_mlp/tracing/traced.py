"""Traced arrays: they compute like NumPy's and write down each call, so that it can be replayed with other inputs.

Shapes need no rules of their own, because every call is really made, once, on the example values. What would freeze a
value into the program (a Python `if` on it, `float(x)`) is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygrad_mlp.autograd import SCOPE, Variable
from tinygrad_mlp.errors import TraceError
from tinygrad_mlp.tracing.program import Instruction, Program, Ref, leaves, mapped


class Traced(NDArrayOperatorsMixin):
    """An array of a running trace: its value on the example inputs, and its place in the program."""

    def __init__(self, value: np.ndarray, program: Program, ref: Ref) -> None:
        self.value = value
        self.program = program
        self.ref = ref

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(x, Variable) for x in inputs):
            return NotImplemented  # a Tensor of traced values knows better
        if options.get("out") is not None:
            raise TraceError(f"np.{ufunc.__name__} writes in place, which a program of values cannot record")
        return record(ufunc if method == "__call__" else getattr(ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if any(issubclass(t, Variable) for t in types):
            return NotImplemented
        if function in (np.shape, np.ndim, np.size):  # known, whatever the values are
            return function(*mapped(inputs, value_of), **options)
        return record(function, inputs, options)

    def __kernel__(self, function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return self.program.kernels.get(function, partial(record_call, function))(*inputs, **options)

    def __lift__(self, x: Any) -> Any:
        """An array as a constant of this trace."""
        return x if isinstance(x, Traced) else record_into(self.program, np.asarray, (x,), {})

    def __getitem__(self, index: Any) -> Any:
        if any(
            isinstance(x, Traced) and x.dtype.kind == "b" for x in (index if isinstance(index, tuple) else (index,))
        ):
            raise TraceError("x[mask] has a length that depends on values, so it cannot be traced: use np.where")
        return record(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TraceError(f"{self!r} is written to in place, which a program of values cannot record: use np.where")

    def __repr__(self) -> str:
        return f"<traced {self.ref} {self.shape} {self.dtype}>"

    def _frozen(self, *_: Any) -> NoReturn:
        raise TraceError(
            f"the value of {self!r} is asked for by Python code (if, float, int, iteration), which would freeze it "
            "into the program: use np.where or another array function"
        )

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __len__ = item = __array__ = _frozen

    # In place, Python falls back to `y = y + b`: a name is bound again, and nobody's array is written to.
    __iadd__ = NDArrayOperatorsMixin.__add__
    __isub__ = NDArrayOperatorsMixin.__sub__
    __imul__ = NDArrayOperatorsMixin.__mul__
    __itruediv__ = NDArrayOperatorsMixin.__truediv__

    # fmt: off
    @property
    def T(self) -> Any: return np.transpose(self)
    @property
    def mT(self) -> Any: return np.matrix_transpose(self)
    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any: return np.sum(self, axis=axis, dtype=dtype, keepdims=keepdims)
    def max(self, axis: Any = None, keepdims: bool = False) -> Any: return np.max(self, axis=axis, keepdims=keepdims)
    def min(self, axis: Any = None, keepdims: bool = False) -> Any: return np.min(self, axis=axis, keepdims=keepdims)
    def mean(self, axis: Any = None, keepdims: bool = False) -> Any: return np.mean(self, axis=axis, keepdims=keepdims)
    def reshape(self, *shape: Any) -> Any: return np.reshape(self, shape[0] if len(shape) == 1 else shape)
    def transpose(self, *axes: Any) -> Any: return np.transpose(self, axes or None)
    def astype(self, dtype: Any) -> Any: return record(converted, (self,), {"dtype": np.dtype(dtype)})
    def copy(self) -> Any: return np.copy(self)
    # fmt: on


def converted(x: np.ndarray, *, dtype: np.dtype[Any]) -> np.ndarray:
    """A copy of x in another dtype."""
    return x.astype(dtype)


def record_call(function: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """Make a call, and write it down."""
    return record(function, inputs, options)


def record(function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Make a call on the values, and write it down."""
    programs = [x.program for x in leaves((inputs, options)) if isinstance(x, Traced)]
    if any(p is not programs[0] for p in programs):
        raise TraceError(f"{function.__name__} mixes arrays of two traces")
    return record_into(programs[0], function, inputs, options)


def record_into(
    program: Program, function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Make a call on the values, and write it down in this program."""
    result = function(*mapped(inputs, value_of), **mapped(options, value_of))
    if not isinstance(result, np.ndarray | np.generic):
        raise TraceError(f"{function.__name__} gives a {type(result).__name__}, not an array, and cannot be traced")
    value = np.asarray(result)
    ref = program.new_ref(value.shape, value.dtype)
    scope = f"{program.part} {SCOPE.get()}".strip()
    program.instructions.append(Instruction(function, mapped(inputs, ref_of), mapped(options, ref_of), ref, scope))
    return Traced(value, program, ref)


def value_of(x: Any) -> Any:
    """The value of a traced array on the example inputs; anything else as it is."""
    return x.value if isinstance(x, Traced) else x


def ref_of(x: Any) -> Any:
    """The place of a traced array, or of a Tensor that holds one; anything else as it is."""
    x = x._data if isinstance(x, Variable) else x
    return x.ref if isinstance(x, Traced) else x


def trace(function: Callable[..., Any], *examples: Any) -> Program:
    """Run a function once on traced arrays and return the program of its NumPy calls.

    Args:
        function: takes arrays; returns an array or a Tensor, or tuples, lists and dicts of them. It may make Tensors
            of its arguments and ask for their gradients.
        examples: arrays with the shapes and dtypes that the program is for.

    Raises:
        TraceError: Python code looks at a value, writes in place, or calls something that is not NumPy.

    >>> import numpy as np
    >>> program = trace(lambda x, y: np.sum(x * y), np.ones(3), np.ones(3))
    >>> print(program)
    v0: input (3,) float64
    v1: input (3,) float64
    v2 = multiply(v0, v1)
    v3 = sum(v2)
    return v3
    >>> program(np.arange(3.0), np.arange(3.0))
    np.float64(5.0)
    """
    program = Program()
    arguments = [new_input(program, np.asarray(example)) for example in examples]
    program.outputs = mapped(function(*arguments), ref_of)
    return program


def new_input(program: Program, example: np.ndarray) -> Traced:
    """One more input of a program."""
    program.inputs.append((example.shape, example.dtype))
    program.places.append(program.new_ref(example.shape, example.dtype))
    return Traced(example, program, program.places[-1])
