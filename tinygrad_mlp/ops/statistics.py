"""Products, spread and averages over axes, and sums that leave NaN out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.ops.arithmetic import over, times
from tinygrad_mlp.ops.arranging import axes_of, operand
from tinygrad_mlp.ops.reductions import Axis, kept_shape, mean, reduced_axes, sum
from tinygrad_mlp.ops.scans import shifted
from tinygrad_mlp.ops.stacking import cut, diff
from tinygrad_mlp.sums import precise_sum


@implements(np.prod)
@op
def prod(x: Array, *, axis: Axis = None, keepdims: bool = False) -> Rule:
    """The product over axes. The slope of each factor is the product of the others, without a division.

    `axis` and `keepdims` are as of `sum`.

    >>> import tinygrad_mlp as tg
    >>> tg.jacobian(tg.prod)([2.0, 3.0, 4.0])
    array([12.,  8.,  6.], dtype=float32)
    >>> tg.jacobian(tg.prod)([2.0, 0.0, 4.0])  # 2 · 0 · 4 / 0 would be NaN
    array([0., 8., 0.], dtype=float32)
    """
    kept = kept_shape(x.shape, axis)
    return np.prod(x, axis=axis, keepdims=keepdims), lambda g: times(g.reshape(kept), product_of_others(x, axis))


def product_of_others(x: Array, axis: Axis) -> Any:
    """For each element the product of the others that are reduced with it: those before it times those behind it."""
    reduced = reduced_axes(x.ndim, axis)
    order = [i for i in range(x.ndim) if i not in reduced] + reduced
    apart = np.transpose(x, order)
    lines = apart.reshape((*apart.shape[: x.ndim - len(reduced)], -1)) if x.size else apart.reshape((0, 1))
    before = shifted(np.cumprod(lines, axis=-1), -1, first=1.0)
    behind = np.flip(shifted(np.cumprod(np.flip(lines, -1), axis=-1), -1, first=1.0), -1)
    return np.transpose((before * behind).reshape(apart.shape), np.argsort(order).tolist())


@implements(np.var)
@op
def var(x: Array, *, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Rule:
    """The mean squared distance from the mean: Σ (X − μ)² / (n − ddof), dX = 2·(X − μ) / (n − ddof).

    Args:
        x: any shape, with more than ddof elements over the axes (otherwise the result is NaN or infinite).
        axis: one axis, several in a tuple, or None for all.
        ddof: 0 for the variance of these numbers, 1 for an estimate, without bias, from a sample of n.
        keepdims: leave the axes with length 1.

    >>> import tinygrad_mlp as tg
    >>> print(tg.var([0.0, 0.0, 3.0]), tg.var([0.0, 0.0, 3.0], ddof=1))  # (1 + 1 + 4) / 3, and / 2
    2.0 3.0
    """
    kept = kept_shape(x.shape, axis)
    d = centred(x, axis)
    n = divisor(d, kept, ddof)
    return precise_sum(d * d, axis, keepdims) / n, lambda g: g.reshape(kept) * (d * 2 / n)


@implements(np.std)
@op(kinks=lambda x, axis=None, ddof=0, keepdims=False: np.sum(np.abs(centred(x, axis)), axis=axis))
def std(x: Array, *, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Rule:
    """The root of `var`, dX = (X − μ) / ((n − ddof)·Y). Kink where all elements are equal: slope 0.

    The arguments are those of `var`.

    >>> import tinygrad_mlp as tg
    >>> print(tg.std([1.0, 1.0, 5.0, 5.0]), tg.jacobian(tg.std)([0.1, 0.1, 0.1]))
    2.0 [0. 0. 0.]
    """
    kept = kept_shape(x.shape, axis)
    d = centred(x, axis)
    n = divisor(d, kept, ddof)
    y = np.sqrt(precise_sum(d * d, axis, keepdims) / n)
    return y, lambda g: g.reshape(kept) * (over(d, y.reshape(kept)) / n)


def centred(x: Array, axis: Axis) -> Any:
    """X − μ. The first element is taken out first, so that equal elements give exactly 0."""
    reduced = reduced_axes(x.ndim, axis)
    d = x - x[tuple(slice(0, 1) if i in reduced else slice(None) for i in range(x.ndim))]
    return d - mean(d, axis=axis, keepdims=True)


def divisor(d: Array, kept: tuple[int, ...], ddof: float) -> Any:
    """How many elements go into a number of the result, less `ddof`; at least 0, as in NumPy."""
    n = d.size / (np.prod(kept) or 1) - ddof
    return np.asarray(n if n > 0 else 0, d.dtype)


@implements(np.average)
def average(a: Array, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The mean over axes, weighted: Σ w·X / Σ w.

    Args:
        a: any shape.
        axis: all axes by default.
        weights: of the shape of X, or of the reduced axes alone; they may require a gradient.
        returned: give a pair, the average and the sum of the weights.
        keepdims: leave the reduced axes with length 1.

    Raises:
        ShapeError: weights of another shape.

    >>> import tinygrad_mlp as tg
    >>> print(tg.average([1.0, 4.0], weights=[3.0, 1.0]))  # (3·1 + 1·4) / 4
    1.75
    """
    a = operand(a)
    if weights is None:
        y = mean(a, axis=axis, keepdims=keepdims)
        return (y, np.full(y.shape, a.size / max(y.size, 1), a.dtype)) if returned else y
    w = operand(weights, a)
    w = w if w.dtype.kind == "f" else w.astype(a.dtype)
    if w.shape != a.shape:
        reduced = axes_of("average", axis, a.ndim)
        if w.shape != tuple(a.shape[i] for i in reduced):
            raise ShapeError(
                f"average: weights {w.shape} for {a.shape} over axis {axis}: of that shape, or of those axes"
            )
        order = np.argsort(reduced).tolist()
        w = np.transpose(w, order).reshape(tuple(n if i in reduced else 1 for i, n in enumerate(a.shape)))
        w = np.broadcast_to(w, a.shape)
    total = sum(w, axis=axis, keepdims=keepdims)
    y = sum(a * w, axis=axis, keepdims=keepdims) / total
    return (y, total) if returned else y


@implements(np.ptp)
def ptp(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The largest element less the smallest, over axes; ties share the gradients equally.

    `axis` and `keepdims` are as of `sum`.

    >>> import tinygrad_mlp as tg
    >>> tg.ptp([[1.0, 4.0], [2.0, 9.0]], axis=1)
    array([3., 7.])
    """
    a = operand(a)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@implements(np.trapezoid)
def trapezoid(y: Array, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The area below a line through points: Σ of each step's width times its mean height.

    Args:
        y: the heights along an axis.
        x: where the points are, (n,) or of the shape of Y; they may require a gradient.
        dx: their distance, if there is no x.
        axis: where the points are counted.

    >>> import tinygrad_mlp as tg
    >>> print(tg.trapezoid([0.0, 1.0, 4.0, 9.0]))  # of x² from 0 to 3, whose area is 9
    9.5
    """
    y = operand(y)
    axis = normalize_axis_index(axis, y.ndim, "trapezoid")
    means = (cut(y, 1, None, axis) + cut(y, None, -1, axis)) / 2
    if x is None:
        return sum(means * dx, axis=axis)
    x = operand(x, y)
    x = x if x.ndim > 1 else x.reshape(tuple(-1 if i == axis else 1 for i in range(y.ndim)))
    return sum(means * diff(x, axis=axis), axis=axis)


@implements(np.nansum)
def nansum(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The sum over axes of what is not NaN, which gets a gradient of 0. `axis` and `keepdims` are as of `sum`.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.nansum([1.0, np.nan, 2.0]), tg.jacobian(tg.nansum)([1.0, np.nan, 2.0]))
    3.0 [1. 0. 1.]
    """
    a = operand(a)
    return sum(np.where(np.isnan(a), 0, a), axis=axis, keepdims=keepdims)


@implements(np.nanprod)
def nanprod(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The product over axes of what is not NaN, which gets a gradient of 0. `axis` and `keepdims` are as of `sum`.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.nanprod([2.0, np.nan, 3.0]))
    6.0
    """
    a = operand(a)
    return np.prod(np.where(np.isnan(a), 1, a), axis=axis, keepdims=keepdims)


@implements(np.nanmean)
def nanmean(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The mean over axes of what is not NaN; NaN where nothing else is. `axis` and `keepdims` are as of `sum`.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.nanmean([1.0, np.nan, 5.0]), tg.jacobian(tg.nanmean)([1.0, np.nan, 5.0]))
    3.0 [0.5 0.  0.5]
    """
    a = operand(a)
    there = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    return nansum(a, axis, keepdims=keepdims) / there.astype(a.dtype)


@implements(np.nanmax)
def nanmax(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The largest over axes of what is not NaN; NaN where nothing else is. Ties share the gradient equally.

    `axis` and `keepdims` are as of `sum`.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nanmax([[1.0, np.nan], [np.nan, np.nan]], axis=1)
    array([ 1., nan])
    """
    return without_nan(np.max, -np.inf, a, axis, keepdims)


@implements(np.nanmin)
def nanmin(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The smallest over axes of what is not NaN; NaN where nothing else is. Ties share the gradient equally.

    `axis` and `keepdims` are as of `sum`.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.nanmin([[1.0, np.nan], [np.nan, np.nan]], axis=1)
    array([ 1., nan])
    """
    return without_nan(np.min, np.inf, a, axis, keepdims)


def without_nan(extreme: Any, never: float, a: Array, axis: Axis, keepdims: bool) -> Any:
    """An extreme with a number in place of NaN that is never the one, unless there is no other."""
    a = operand(a)
    lost = np.isnan(a)
    nothing = np.all(lost, axis=axis, keepdims=True)
    return extreme(np.where(lost & ~nothing, never, a), axis=axis, keepdims=keepdims)
