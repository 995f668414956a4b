"""The methods of a Tensor: those that an ndarray has, with its arguments, and a few functions of networks."""

from __future__ import annotations

from inspect import isfunction
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mlp import ops
from tinygrad_mlp.autograd import Variable
from tinygrad_mlp.ops.assigning import At
from tinygrad_mlp.ops.shapes import one_tuple

if TYPE_CHECKING:
    from tinygrad_mlp.tensor import Tensor

Axis = int | tuple[int, ...] | None


class Methods(Variable):
    """NumPy's methods, each one line: a Tensor is one of these with operators."""

    __slots__ = ()

    # fmt: off
    @property
    def T(self) -> Tensor:
        """X with its axes reversed: of a matrix the transpose."""
        return ops.transpose(self)

    @property
    def mT(self) -> Tensor:
        """X with its last two axes exchanged: a stack of matrices, each transposed."""
        return ops.transpose(self, axes=(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2))

    @property
    def at(self) -> At:
        """`x.at[index].set(value)`, `.add`, `.multiply`, `.max`, `.min`: a new tensor, as if a part had been changed."""
        return At(self)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.sum(self, axis=axis, keepdims=keepdims)
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.mean(self, axis=axis, keepdims=keepdims)
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.max(self, axis=axis, keepdims=keepdims)
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor: return ops.min(self, axis=axis, keepdims=keepdims)
    def prod(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor: return ops.prod(self, axis=axis, keepdims=keepdims)
    def var(self, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor: return ops.var(self, axis=axis, ddof=ddof, keepdims=keepdims)
    def std(self, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor: return ops.std(self, axis=axis, ddof=ddof, keepdims=keepdims)
    def dot(self, b: Any) -> Tensor: return ops.dot(self, b)
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor: return ops.trace(self, offset, axis1, axis2)
    def cumsum(self, axis: int | None = None) -> Tensor: return ops.cumsum(self, axis)
    def cumprod(self, axis: int | None = None) -> Tensor: return ops.cumprod(self, axis)
    def argmax(self, axis: int | None = None) -> Any: return np.argmax(self._data, axis)
    def argsort(self, axis: int | None = -1) -> Any: return np.argsort(self._data, axis)
    def nonzero(self) -> Any: return self._data.nonzero()
    def any(self, axis: Axis = None, *, keepdims: bool = False) -> Any: return np.any(self._data, axis, keepdims=keepdims)
    def all(self, axis: Axis = None, *, keepdims: bool = False) -> Any: return np.all(self._data, axis, keepdims=keepdims)
    def argmin(self, axis: int | None = None) -> Any: return np.argmin(self._data, axis)
    def reshape(self, *shape: Any) -> Tensor: return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)
    def transpose(self, *axes: Any) -> Tensor: return ops.transpose(self, axes=one_tuple(axes))
    def ravel(self) -> Tensor: return ops.ravel(self)
    def flatten(self) -> Tensor: return ops.ravel(self)
    def swapaxes(self, axis1: int, axis2: int) -> Tensor: return ops.swapaxes(self, axis1, axis2)
    def squeeze(self, axis: Axis = None) -> Tensor: return ops.squeeze(self, axis)
    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor: return ops.repeat(self, repeats, axis)
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor: return ops.diagonal(self, offset, axis1, axis2)
    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Tensor: return ops.take(self, indices, axis, mode=mode)
    def copy(self) -> Tensor: return ops.positive(self)
    def tolist(self) -> Any: return self._data.tolist()
    def astype(self, dtype: Any) -> Tensor: return ops.astype(self, dtype=np.dtype(dtype))
    def clip(self, min: float | None = None, max: float | None = None) -> Tensor: return ops.clip(self, min, max)
    def round(self, decimals: int = 0) -> Tensor: return ops.round(self, decimals=decimals)
    def exp(self) -> Tensor: return ops.exp(self)
    def log(self) -> Tensor: return ops.log(self)
    def sqrt(self) -> Tensor: return ops.sqrt(self)
    def abs(self) -> Tensor: return ops.abs(self)
    def tanh(self) -> Tensor: return ops.tanh(self)
    def sigmoid(self) -> Tensor: return ops.sigmoid(self)
    def relu(self) -> Tensor: return ops.relu(self)
    def softmax(self, axis: int = -1) -> Tensor: return ops.softmax(self, axis=axis)
    # fmt: on


def described(name: str, method: Any) -> str:
    """What `help` says of a method: what the function of its name says first, or that NumPy has it."""
    if name in ops.__all__:
        said = getattr(ops, name).__doc__ or ""  # `python -OO` has none
        return f"`tg.{name}` of this tensor. {said.partition(chr(10))[0]}"
    passes = method.__annotations__["return"] == "Tensor"
    return f"As NumPy's `ndarray.{name}`, {'and gradients pass' if passes else 'of the values: no gradient passes'}."


for _name, _method in vars(Methods).items():
    if isfunction(_method):
        _method.__doc__ = described(_name, _method)
