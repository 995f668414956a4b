"""Sums, means and extremes over axes; and broadcasting, the adjoint of the sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.sums import precise_sum, unbroadcast

Axis = int | tuple[int, ...] | None


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape with length 1 along the reduced axes, which broadcasts back against the input."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else [axis]
    reduced = {a % len(shape) for a in axes} if shape else set()
    return tuple(1 if i in reduced else n for i, n in enumerate(shape))


@implements(np.sum)
@op
def sum(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The sum over axes (all of them by default)."""
    kept = kept_shape(x.shape, axis)
    return precise_sum(x, axis, keepdims), lambda g: np.broadcast_to(g.reshape(kept), x.shape)


@implements(np.broadcast_to)
@op
def broadcast_to(x: Array, *, shape: tuple[int, ...]) -> Rule:
    """X repeated along new and length-1 axes, as a view."""
    return np.broadcast_to(x, shape), lambda g: unbroadcast(g, x.shape)


@implements(np.mean)
@op
def mean(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The mean over axes: the sum divided by how many there are."""
    kept = kept_shape(x.shape, axis)
    n = x.size // (int(np.prod(kept)) or 1)  # (`max` is an operation here)
    return precise_sum(x, axis, keepdims) / n, lambda g: np.broadcast_to((g / n).reshape(kept), x.shape)


@implements(np.amax)
@implements(np.max)
@op(kinks=lambda x, axis=None, keepdims=False: x - x.max(axis=axis, keepdims=True))
def max(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The largest element over axes; ties share the gradient equally."""
    y = x.max(axis=axis, keepdims=keepdims)
    return y, extreme(x, y, axis)


@implements(np.amin)
@implements(np.min)
@op(kinks=lambda x, axis=None, keepdims=False: x - x.min(axis=axis, keepdims=True))
def min(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The smallest element over axes; ties share the gradient equally."""
    y = x.min(axis=axis, keepdims=keepdims)
    return y, extreme(x, y, axis)


def extreme(x: Array, y: Array, axis: Axis) -> Any:
    """The closure of max and min: each of k elements that equal the result gets 1/k of its gradient."""
    kept = kept_shape(x.shape, axis)

    def closure(g: Array) -> Any:
        tied = (x == y.reshape(kept)).astype(x.dtype)
        return g.reshape(kept) * (tied / tied.sum(axis=axis, keepdims=True))

    return closure


def reduced_axes(ndim: int, axis: Axis) -> list[int]:
    """The reduced axes as a list of positions from the front."""
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else [axis]
    return [a % ndim for a in axes]
