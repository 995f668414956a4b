"""The Tensor: a recorded variable with Python's operators, each one line, and NumPy's methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.autograd import Variable, backward
from tinygrad_mlp.errors import GradientError
from tinygrad_mlp.methods import Methods

Operand = Any
"""A Tensor, an array, a number or a list."""


class Tensor(Methods):
    """An array that remembers how it was computed, so that gradients can be carried back through it.

    Args:
        data: an array (copied; keeps its dtype), or a number or list (takes the default dtype, float32).
        requires_grad: whether `backward()` shall leave a gradient in `.grad`.
        name: what messages and drawings call it.

    Raises:
        DtypeError: complex or text data; an integer tensor that requires a gradient.

    >>> import tinygrad_mlp as tg
    >>> x = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ()

    def backward(self, gradient: Any = None) -> None:
        """Add ∂self/∂leaf to the `.grad` of every leaf; a tensor that is not a scalar needs its own `gradient`.

        Raises `GradientError` if it is not given, or nothing requires one; `StaleError` if a leaf was changed since.
        """
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
    def __floordiv__(self, other: Operand) -> Tensor: return ops.floor_divide(self, other)
    def __rfloordiv__(self, other: Operand) -> Tensor: return ops.floor_divide(other, self)
    def __mod__(self, other: Operand) -> Tensor: return ops.remainder(self, other)
    def __rmod__(self, other: Operand) -> Tensor: return ops.remainder(other, self)
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
