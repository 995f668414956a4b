"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.errors import OptionError, ShapeError, UnsupportedError
from tinygrad_mlp.ops.arithmetic import over, times
from tinygrad_mlp.ops.arranging import axes_of, operand
from tinygrad_mlp.ops.reductions import Axis, kept_shape, sum
from tinygrad_mlp.sums import precise_sum


@op(kinks=lambda x, p, axis, keepdims: np.sum(np.abs(x), axis=axis))
def norm_(x: Array, *, p: float, axis: Axis, keepdims: bool) -> Rule:
    """(Σ |X|^p)^(1/p) over axes, dX = sign X·(|X| / Y)^(p − 1). Kink where all of X is 0: slope 0."""
    kept = kept_shape(x.shape, axis)
    if p == 2:
        y = np.sqrt(precise_sum(x * x, axis, keepdims))
        return y, lambda g: g.reshape(kept) * over(x, y.reshape(kept))
    y = np.power(precise_sum(np.power(np.abs(x), p), axis, keepdims), 1 / p)
    return y, lambda g: times(g.reshape(kept) * np.sign(x), np.power(over(np.abs(x), y.reshape(kept)), p - 1))


@implements(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The norm of vectors along an axis, of matrices along two, or of all elements.

    Args:
        x: any shape.
        ord: of vectors 1, 2 (the default), ±∞ or another number above 0; of matrices "fro" (the default), 1, −1, ±∞.
        axis: one axis for vectors, two for matrices; None for all of X, which is then a vector, unless `ord` is given
            and X has two axes.
        keepdims: leave the axes with length 1.

    Raises:
        OptionError: an `ord` that there is not.
        UnsupportedError: one that needs singular values: 2, −2 and "nuc" of matrices.
        ShapeError: the axes are neither one nor two.

    >>> import tinygrad_mlp as tg
    >>> w = tg.Tensor([3.0, 4.0], requires_grad=True)
    >>> tg.norm(w).backward()
    >>> w.grad
    array([0.6, 0.8], dtype=float32)
    >>> print(tg.jacobian(tg.norm)([0.0, 0.0]))  # at the kink
    [0. 0.]
    """
    x = operand(x)
    if axis is None and (ord is None or (ord == 2 and x.ndim == 1) or (ord == "fro" and x.ndim == 2)):
        return norm_(x, p=2, axis=None, keepdims=keepdims)
    axes = axes_of("norm", axis, x.ndim)
    if len(axes) == 1:
        return vector_norm(x, 2 if ord is None else ord, axes[0], keepdims)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ShapeError(f"norm: axis {axis} of {x.shape}: one axis for vectors, two for matrices")
    if ord is None or ord == "fro":
        return norm_(x, p=2, axis=axes, keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        raise UnsupportedError(
            f"norm of matrices with ord={ord!r} needs singular values, which have no rule: ord='fro', 1 or inf work"
        )
    if ord not in (1, -1, np.inf, -np.inf):
        raise OptionError(f"norm: ord is {ord!r}; of matrices it can be 'fro', 1, -1, inf or -inf")
    added, compared = axes if abs(ord) == 1 else axes[::-1]
    sums = sum(np.abs(x), axis=added, keepdims=True)
    y = (np.max if ord > 0 else np.min)(sums, axis=compared, keepdims=True)
    return y if keepdims else y.reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes))


def vector_norm(x: Array, ord: Any, axis: int, keepdims: bool) -> Any:
    """The norm of vectors along one axis."""
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(np.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, str) or not ord > 0:
        raise OptionError(f"norm: ord is {ord!r}; of vectors it can be a number above 0, inf or -inf")
    return norm_(x, p=float(ord), axis=axis, keepdims=keepdims)
