"""Order along an axis. Elements that tie are not told apart: they share their gradients equally, as of `max`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_mlp.autograd import Array, Rule, implements, kernel, op
from tinygrad_mlp.ops.arranging import axes_of, cut, operand
from tinygrad_mlp.ops.reductions import Axis, kept_shape


@op(kinks=lambda x, axis: np.expand_dims(x, axis) - np.expand_dims(x, axis + 1))
def sort_(x: Array, *, axis: int) -> Rule:
    """X in ascending order along an axis, which is counted from the front; NaN comes last."""
    places = np.argsort(x, axis=axis, kind="stable")
    y = np.take_along_axis(x, places, axis)
    return y, lambda g: np.take_along_axis(level(g, y, axis=axis), np.argsort(places, axis=axis, kind="stable"), axis)


@implements(np.sort)
def sort(a: Array, axis: int | None = -1) -> Any:
    """X in ascending order along an axis, or all elements, flattened; NaN comes last.

    >>> import tinygrad_mlp as tg
    >>> print(tg.sort(tg.Tensor([3.0, 1.0, 2.0])))
    Tensor([1., 2., 3.], dtype=float32)
    """
    a = operand(a)
    return sort_(a.reshape(-1), axis=0) if axis is None else sort_(a, axis=normalize_axis_index(axis, a.ndim, "sort"))


@op(discrete=("ordered",))
def level(g: Array, ordered: Array, *, axis: int) -> Rule:
    """Each element the mean over those places along an axis where an ordered array has the same value."""
    return levelled(g, ordered, axis=axis), lambda h: level(h, ordered, axis=axis), None


@kernel
def levelled(g: np.ndarray, ordered: np.ndarray, *, axis: int) -> np.ndarray:
    """Means over groups of equal neighbours."""
    values, lines = np.moveaxis(ordered, axis, -1), np.moveaxis(g, axis, -1)
    first = np.ones(values.shape, bool)  # whether a group begins here
    first[..., 1:] = values[..., 1:] != values[..., :-1]
    if first.all():
        return np.array(g)
    group = np.cumsum(first.ravel()) - 1
    means = np.bincount(group, lines.ravel()) / np.bincount(group)
    return np.moveaxis(means[group].reshape(lines.shape).astype(g.dtype), -1, axis)


@implements(np.median)
def median(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The middle element over axes, or the mean of the two in the middle; NaN where one is NaN.

    Elements that tie with the middle share its gradient equally.
    """
    a = operand(a)
    reduced = axes_of("median", axis, a.ndim)
    kept = kept_shape(a.shape, axis)
    rest = [i for i in range(a.ndim) if i not in reduced]
    n, last = int(np.prod([a.shape[i] for i in reduced])), len(rest)
    lines = np.transpose(a, (*rest, *reduced)).reshape((*(a.shape[i] for i in rest), n))
    if n == 0:
        return np.mean(a, axis=axis, keepdims=keepdims)  # NaN, and NumPy's warning
    ordered = sort_(lines, axis=last)
    middle = np.mean(cut(ordered, (n - 1) // 2, n // 2 + 1, last), axis=-1)
    greatest = cut(ordered, n - 1, n, last).reshape(middle.shape)
    middle = np.where(np.isnan(greatest), greatest, middle)
    return middle.reshape(kept) if keepdims else middle
