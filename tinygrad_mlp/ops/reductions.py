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
    """The sum over axes (all of them by default).

    Args:
        x: any shape.
        axis: one axis, several in a tuple, or None for all.
        keepdims: leave the axes with length 1, so that the result broadcasts against X.

    >>> import tinygrad_mlp as tg
    >>> tg.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.])
    >>> tg.jacobian(tg.sum)([5.0, 7.0])  # each element counts once
    array([1., 1.], dtype=float32)
    """
    kept = kept_shape(x.shape, axis)
    return precise_sum(x, axis, keepdims), lambda g: np.broadcast_to(g.reshape(kept), x.shape)


@implements(np.broadcast_to)
@op
def broadcast_to(x: Array, *, shape: tuple[int, ...]) -> Rule:
    """X repeated along new and length-1 axes, as a view; the gradient is the sum over what was repeated.

    Raises:
        ShapeError: X does not broadcast to this shape.

    >>> import tinygrad_mlp as tg
    >>> tg.broadcast_to([1.0, 2.0], shape=(3, 2)).shape
    (3, 2)
    >>> tg.jacobian(lambda x: tg.broadcast_to(x, shape=(3, 2)).sum())([1.0, 2.0])  # each is there three times
    array([3., 3.], dtype=float32)
    """
    return np.broadcast_to(x, shape), lambda g: unbroadcast(g, x.shape)


@implements(np.mean)
@op
def mean(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The mean over axes: the sum divided by how many there are. `axis` and `keepdims` are as of `sum`.

    >>> import tinygrad_mlp as tg
    >>> tg.mean([[1.0, 2.0], [3.0, 6.0]], axis=1, keepdims=True)
    array([[1.5],
           [4.5]])
    >>> tg.jacobian(tg.mean)([5.0, 7.0, 9.0, 1.0])
    array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """
    kept = kept_shape(x.shape, axis)
    n = x.size // (int(np.prod(kept)) or 1)  # (`max` is an operation here)
    return precise_sum(x, axis, keepdims) / n, lambda g: np.broadcast_to((g / n).reshape(kept), x.shape)


@implements(np.amax)
@implements(np.max)
@op(kinks=lambda x, axis=None, keepdims=False: x - x.max(axis=axis, keepdims=True))
def max(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The largest element over axes; ties share the gradient equally. `axis` and `keepdims` are as of `sum`.

    Raises:
        ShapeError: there is no element.

    >>> import tinygrad_mlp as tg
    >>> tg.max([[1.0, 7.0], [5.0, 2.0]], axis=1)
    array([7., 5.])
    >>> tg.jacobian(tg.max)([3.0, 1.0, 3.0])
    array([0.5, 0. , 0.5], dtype=float32)
    """
    y = x.max(axis=axis, keepdims=keepdims)
    return y, extreme(x, y, axis)


@implements(np.amin)
@implements(np.min)
@op(kinks=lambda x, axis=None, keepdims=False: x - x.min(axis=axis, keepdims=True))
def min(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The smallest element over axes; ties share the gradient equally. `axis` and `keepdims` are as of `sum`.

    Raises:
        ShapeError: there is no element.

    >>> import tinygrad_mlp as tg
    >>> tg.min([[1.0, 7.0], [5.0, 2.0]], axis=1)
    array([1., 2.])
    >>> tg.jacobian(tg.min)([3.0, 1.0, 2.0])
    array([0., 1., 0.], dtype=float32)
    """
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
