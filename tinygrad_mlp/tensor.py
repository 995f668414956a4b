"""The Tensor: a recorded variable with Python's operators and NumPy's methods, each one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.autograd import Variable, backward
from tinygrad_mlp.errors import GradientError
from tinygrad_mlp.ops.shapes import one_tuple

Axis = int | tuple[int, ...] | None
Operand = Any
"""A Tensor, an array, a number or a list."""


class Tensor(Variable):
    """An array that remembers how it was computed, so that gradients can be carried back through it.

    Args:
        data: an array (copied; keeps its dtype), or a number or list (takes the default dtype, float32).
        requires_grad: whether `backward()` shall leave a gradient in `.grad`.
        name: what messages and drawings call it.

    Raises:
        DtypeError: complex or text data; an integer tensor that requires a gradient.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ()

    def backward(self, gradient: Any = None) -> None:
        """Add ∂self/∂leaf to the `.grad` of every leaf; a tensor that is not a scalar needs its own `gradient`."""
        backward(self, gradient)

    def item(self) -> float:
        """The only element, as a Python number."""
        return self._data.item()

    def numpy(self) -> np.ndarray:
        """A copy of the values."""
        return np.array(self._data)

    def detach(self) -> Tensor:
        """A copy of the values as a leaf, without the graph."""
        return Tensor(self._data, name=self.name)

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self._data), separator=", ", prefix="Tensor(")
        named = f", name={self.name!r}" if self.name else ""
        made = f", from={self._node.operation.name}" if self._node else ", requires_grad=True" * self._requires_grad
        return f"Tensor({text}, dtype={self.dtype}{named}{made})"

    # fmt: off
    def __add__(self, other: Operand) -> Tensor: return ops.add(self, other)
    def __radd__(self, other: Operand) -> Tensor: return ops.add(other, self)
    def __sub__(self, other: Operand) -> Tensor: return ops.subtract(self, other)
    def __rsub__(self, other: Operand) -> Tensor: return ops.subtract(other, self)
    def __mul__(self, other: Operand) -> Tensor: return ops.multiply(self, other)
    def __rmul__(self, other: Operand) -> Tensor: return ops.multiply(other, self)
    def __truediv__(self, other: Operand) -> Tensor: return ops.divide(self, other)
    def __rtruediv__(self, other: Operand) -> Tensor: return ops.divide(other, self)
    def __pow__(self, other: Operand) -> Tensor: return ops.power(self, other)
    def __rpow__(self, other: Operand) -> Tensor: return ops.power(other, self)
    def __matmul__(self, other: Operand) -> Tensor: return ops.matmul(self, other)
    def __rmatmul__(self, other: Operand) -> Tensor: return ops.matmul(other, self)
    def __neg__(self) -> Tensor: return ops.negative(self)
    def __pos__(self) -> Tensor: return self
    def __abs__(self) -> Tensor: return ops.abs(self)

    def __iadd__(self, other: Operand) -> Tensor: return self._not_in_place("+") + other
    def __isub__(self, other: Operand) -> Tensor: return self._not_in_place("-") - other
    def __imul__(self, other: Operand) -> Tensor: return self._not_in_place("*") * other
    def __itruediv__(self, other: Operand) -> Tensor: return self._not_in_place("/") / other
    def __ipow__(self, other: Operand) -> Tensor: return self._not_in_place("**") ** other
    def __imatmul__(self, other: Operand) -> Tensor: return self._not_in_place("@") @ other

    # Comparisons give plain arrays: they have no gradient. Hashing stays by identity.
    def __eq__(self, other: Operand) -> np.ndarray: return np.equal(self, other)  # type: ignore[override]
    def __ne__(self, other: Operand) -> np.ndarray: return np.not_equal(self, other)  # type: ignore[override]
    def __lt__(self, other: Operand) -> np.ndarray: return np.less(self, other)
    def __le__(self, other: Operand) -> np.ndarray: return np.less_equal(self, other)
    def __gt__(self, other: Operand) -> np.ndarray: return np.greater(self, other)
    def __ge__(self, other: Operand) -> np.ndarray: return np.greater_equal(self, other)
    __hash__ = object.__hash__

    def __bool__(self) -> bool: return bool(self._data)
    def __float__(self) -> float: return float(self._data)
    def __int__(self) -> int: return int(self._data)
    def __len__(self) -> int: return len(self._data)
    def __iter__(self) -> Iterator[Tensor]: return (self[i] for i in range(len(self)))
    def __getitem__(self, index: Any) -> Tensor: return ops.getitem(self, index)

    @property
    def T(self) -> Tensor: return ops.transpose(self)
    @property
    def mT(self) -> Tensor: return ops.transpose(self, axes=(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2))

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.sum(self, axis=axis, keepdims=keepdims)
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.mean(self, axis=axis, keepdims=keepdims)
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.max(self, axis=axis, keepdims=keepdims)
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.min(self, axis=axis, keepdims=keepdims)
    def argmax(self, axis: int | None = None) -> Any: return np.argmax(self._data, axis)
    def argmin(self, axis: int | None = None) -> Any: return np.argmin(self._data, axis)
    def reshape(self, *shape: Any) -> Tensor: return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)
    def transpose(self, *axes: Any) -> Tensor: return ops.transpose(self, axes=one_tuple(axes))
    def astype(self, dtype: Any) -> Tensor: return ops.astype(self, dtype=np.dtype(dtype))
    def clip(self, min: float | None = None, max: float | None = None) -> Tensor: return ops.clip(self, min, max)
    def exp(self) -> Tensor: return ops.exp(self)
    def log(self) -> Tensor: return ops.log(self)
    def sqrt(self) -> Tensor: return ops.sqrt(self)
    def abs(self) -> Tensor: return ops.abs(self)
    def tanh(self) -> Tensor: return ops.tanh(self)
    def sigmoid(self) -> Tensor: return ops.sigmoid(self)
    def relu(self) -> Tensor: return ops.relu(self)
    def softmax(self, axis: int = -1) -> Tensor: return ops.softmax(self, axis=axis)
    # fmt: on

    def _not_in_place(self, sign: str) -> Tensor:
        """Refuse `w -= …` on a leaf: it would make w a result, and the parameter would be lost."""
        if self._node is None and self._requires_grad:
            raise GradientError(
                f"{self.title} {sign}= … would replace a leaf that requires a gradient by a result: "
                f"write p.data {sign}= … to change it, or y = p {sign} … for a new tensor"
            )
        return self


Variable.recorded_as = Tensor
