"""Order along an axis. Elements that tie are not told apart: they share their gradients equally, as of `max`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_mlp.autograd import Array, Rule, implements, kernel, op
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.ops.arithmetic import times
from tinygrad_mlp.ops.arranging import axes_of, moveaxis, operand
from tinygrad_mlp.ops.reductions import Axis, kept_shape


@op(kinks=lambda x, axis: np.expand_dims(x, axis) - np.expand_dims(x, axis + 1))
def sort_(x: Array, *, axis: int) -> Rule:
    """X in ascending order along an axis, which is counted from the front; NaN comes last."""
    places = np.argsort(x, axis=axis)
    y = np.take_along_axis(x, places, axis)
    return y, lambda g: np.take_along_axis(level(g, y, axis=axis), np.argsort(places, axis=axis), axis)


@implements(np.sort)
def sort(a: Array, axis: int | None = -1) -> Any:
    """X in ascending order along an axis, or all elements, flattened; NaN comes last.

    >>> import tinygrad_mlp as tg
    >>> print(tg.sort(tg.Tensor([3.0, 1.0, 2.0])))
    Tensor([1., 2., 3.], dtype=float32)
    >>> tg.jacobian(lambda x: tg.sort(x)[0])([1.0, 1.0, 2.0])  # two are the least
    array([0.5, 0.5, 0. ], dtype=float32)
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


@implements(np.quantile)
def quantile(a: Array, q: Any, axis: Axis = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The number below which a part of the elements lies, between two neighbours in a straight line.

    Elements that tie with one of the two share its gradient equally.

    Args:
        a: any shape.
        q: the part, a number from 0 to 1, or an array of them, whose axes come first in the result.
        axis: all axes by default.
        method: "linear"; NumPy's others are not there.
        keepdims: leave the reduced axes with length 1.

    Returns:
        NaN where an element is NaN.

    Raises:
        OptionError: a q outside of 0 to 1, or another method.
        ShapeError: there is no element.

    >>> import tinygrad_mlp as tg
    >>> print(tg.quantile([1.0, 2.0, 4.0, 8.0], [0.0, 0.5, 1.0]))
    [1. 3. 8.]
    """
    parts = np.asarray(q, np.float64)
    if not ((parts >= 0) & (parts <= 1)).all():
        raise OptionError(f"quantile: q is {q!r}; from 0 to 1 is expected")
    if method != "linear":
        raise OptionError(f"quantile: method is {method!r}; 'linear' is the only one")
    a = operand(a)
    reduced = axes_of("quantile", axis, a.ndim)
    rest = [i for i in range(a.ndim) if i not in reduced]
    n, last = int(np.prod([a.shape[i] for i in reduced])), len(rest)
    if n == 0:
        raise ShapeError(f"quantile: {a.shape} has no elements over axis {axis}")
    ordered = sort_(np.transpose(a, (*rest, *reduced)).reshape((*(a.shape[i] for i in rest), n)), axis=last)
    place = parts * (n - 1)
    low = np.floor(place).astype(np.intp)
    weight = (place - low).astype(a.dtype if a.dtype.kind == "f" else np.float64)
    below, above = ordered[..., low], ordered[..., np.minimum(low + 1, n - 1)]
    y = times(1 - weight, below) + times(weight, above)
    greatest = ordered[..., np.full(parts.shape, n - 1)]
    y = np.where(np.isnan(greatest), greatest, y)
    y = moveaxis(y, tuple(range(last, last + parts.ndim)), tuple(range(parts.ndim)))
    return y.reshape((*parts.shape, *kept_shape(a.shape, axis))) if keepdims else y


@implements(np.percentile)
def percentile(a: Array, q: Any, axis: Axis = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile`, of parts in hundredths, from 0 to 100. The other arguments are those of `quantile`.

    >>> import tinygrad_mlp as tg
    >>> print(tg.percentile([1.0, 2.0, 4.0, 8.0], 25))  # at 25 % of the way, 0.75 places behind the first
    1.75
    """
    return quantile(a, np.asarray(q) / 100, axis, method=method, keepdims=keepdims)


@implements(np.median)
def median(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The middle element over axes, or the mean of the two in the middle; NaN where one is NaN.

    Elements that tie with the middle share its gradient equally. `axis` and `keepdims` are as of `sum`.

    >>> import tinygrad_mlp as tg
    >>> print(tg.median([5.0, 1.0, 9.0]), tg.jacobian(tg.median)([5.0, 1.0, 9.0]))
    5.0 [1. 0. 0.]
    """
    return quantile(a, 0.5, axis, keepdims=keepdims)
