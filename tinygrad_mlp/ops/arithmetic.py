"""Arithmetic with broadcasting, matrix products, and the two guarded products that singular slopes are written with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from tinygrad_mlp.autograd import Array, Rule, implements, op
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.sums import precise_sum


@implements(np.add)
@op(broadcasts=True)
def add(a: Array, b: Array) -> Rule:
    """Y = A + B; shapes broadcast, and a gradient is the sum over what was repeated.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> b = tg.Tensor([0.0, 0.0], requires_grad=True)
    >>> tg.grad(tg.add(np.ones((3, 2)), b).sum(), b)  # b is used for three rows
    array([3., 3.], dtype=float32)
    """
    return a + b, lambda g: g, lambda g: g


@implements(np.subtract)
@op(broadcasts=True)
def subtract(a: Array, b: Array) -> Rule:
    """Y = A − B; shapes broadcast.

    >>> import tinygrad_mlp as tg
    >>> tg.subtract([5.0, 3.0], 2.0)
    array([3., 1.])
    """
    return a - b, lambda g: g, lambda g: -g


@implements(np.multiply)
@op(broadcasts=True)
def multiply(a: Array, b: Array) -> Rule:
    """Y = A ⊙ B, element by element; shapes broadcast.

    >>> import tinygrad_mlp as tg
    >>> print(tg.jacobian(lambda x: tg.multiply(x, x))(3.0))  # of both uses of x: 3 + 3
    6.0
    """
    return a * b, lambda g: g * b, lambda g: g * a


@implements(np.divide)
@op(broadcasts=True)
def divide(a: Array, b: Array) -> Rule:
    """Y = A / B, element by element; shapes broadcast.

    >>> import tinygrad_mlp as tg
    >>> a, b = tg.jacobian(tg.divide, argnums=(0, 1))(6.0, 2.0)
    >>> print(a, b)  # 1 / b and −a / b²
    0.5 -1.5
    """
    y = a / b
    return y, lambda g: over(g, b), lambda g: -over(times(g, y), b)


@implements(np.negative)
@op
def negative(x: Array) -> Rule:
    """Y = −X.

    >>> import tinygrad_mlp as tg
    >>> tg.negative([1.0, -2.0])
    array([-1.,  2.])
    """
    return -x, lambda g: -g


@implements(np.power)
@op(broadcasts=True)
def power(x: Array, p: Array) -> Rule:
    """Y = X^P. The gradient for P needs X > 0 where it is not 0.

    >>> import tinygrad_mlp as tg
    >>> x, p = tg.jacobian(tg.power, argnums=(0, 1))(2.0, 3.0)
    >>> print(x, p.round(3))  # p·x^(p−1) and x^p·ln x
    12.0 5.545
    """
    y = x**p
    return y, lambda g: times(g, times(p, x ** (p - 1))), lambda g: times(times(g, y), log_or_zero(x, y))


@op(broadcasts=True)
def over(g: Array, d: Array) -> Rule:
    """g / d where 0 / anything is 0: a gradient that is exactly zero stays zero where the slope blows up.

    >>> import tinygrad_mlp as tg
    >>> tg.over([0.0, 3.0], [0.0, 2.0])
    array([0. , 1.5])
    """
    return g / np.where(g == 0, 1, d), lambda h: over(h, d), lambda h: -over(times(h, over(g, d)), d)


@op(broadcasts=True)
def times(g: Array, f: Array) -> Rule:
    """g ⊙ f where 0 · anything is 0, an infinity and NaN included.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.times([0.0, 3.0], [np.inf, 2.0])
    array([0., 6.])
    """
    return g * np.where(g == 0, 0, f), lambda h: times(h, f), lambda h: times(h, g)


def log_or_zero(x: Array, y: Array) -> Any:
    """log x where y is not 0 (there its factor is 0, and log 0 would only warn)."""
    return np.log(np.where(y == 0, 1, x))


def dot(a: Array, b: Array) -> Any:
    """The matrix product of two matrices, the way BLAS is fastest.

    For small ones `ndarray.dot` takes half the time of the ufunc behind `@`; but it knows nothing of Variables. For
    large ones OpenBLAS computes A·Wᵀ up to a third slower than (W·Aᵀ)ᵀ.
    """
    if type(a) is not ndarray or type(b) is not ndarray:
        return a @ b
    if b.size < LARGE or b.flags.c_contiguous:
        return a.dot(b)
    return np.ascontiguousarray(b.T.dot(a.T).T)


LARGE = 1 << 14
"""Elements from which the order in which a matrix lies in memory matters more than the overhead of a call."""


def inner_sizes(a: Array, b: Array, *_: Array) -> str | None:
    """Why a matrix product was refused: the sizes that have to be equal."""
    if a.shape[-1] == b.shape[-2]:
        return None
    return f"{a.shape} · {b.shape}: inner sizes {a.shape[-1]} and {b.shape[-2]} differ"


@op(broadcasts=True, explain=inner_sizes)
def matmul_(a: Array, b: Array) -> Rule:
    """Y = A·B for matrices (…, n, k) and (…, k, m); leading axes broadcast."""
    return a @ b, lambda g: g @ b.mT, lambda g: a.mT @ g


@implements(np.linalg.matmul)
@implements(np.matmul)
def matmul(a: Array, b: Array) -> Any:
    """The matrix product `a @ b`, as NumPy's: a 1-D `a` is a row, a 1-D `b` a column, leading axes broadcast.

    Args:
        a: (k,), (n, k) or (…, n, k).
        b: (k,), (k, m) or (…, k, m).

    Raises:
        ShapeError: the inner sizes differ, or an operand is 0-d.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.matmul([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    array([12., 34.])
    >>> tg.matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape
    (5, 2, 4)
    """
    a, b = (x if hasattr(x, "ndim") else np.asarray(x) for x in (a, b))
    if a.ndim > 1 and b.ndim > 1:
        return matmul_(a, b)
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError(f"matmul: A {a.shape} · B {b.shape}: a 0-d operand has no matrix product; use *")
    y = matmul_(a.reshape((1, -1)) if a.ndim == 1 else a, b.reshape((-1, 1)) if b.ndim == 1 else b)
    rows, columns = y.shape[-2:]
    return y.reshape(y.shape[:-2] + (() if a.ndim == 1 else (rows,)) + (() if b.ndim == 1 else (columns,)))


def dense_sizes(x: Array, w: Array, b: Array) -> str | None:
    """Why X·W + b was refused."""
    if x.ndim == w.ndim == 2 and x.shape[1] != w.shape[0]:
        return f"X {x.shape} · W {w.shape}: inner sizes {x.shape[1]} and {w.shape[0]} differ"
    return f"X {x.shape}, W {w.shape}, b {b.shape}: (N, n_in), (n_in, n_out) and (n_out,) expected"


@op(explain=dense_sizes)
def dense_(x: Array, w: Array, b: Array) -> Rule:
    """Y = X·W + b for a batch of rows."""
    y = dot(x, w)
    if b.shape != w.shape[1:]:
        raise ShapeError(f"dense: {dense_sizes(x, w, b)}")
    y += b
    return y, lambda g: dot(g, w.T), lambda g: dot(x.T, g), lambda g: precise_sum(g, axis=0)


def dense(x: Array, w: Array, b: Array) -> Any:
    """Y = X·W + b, the layer of the guide: dX = dY·Wᵀ, dW = Xᵀ·dY, db = Σ over the batch of dY.

    Args:
        x: (N, n_in); or (n_in,), or (…, n_in), which are taken as rows.
        w: (n_in, n_out).
        b: (n_out,).

    Raises:
        ShapeError: the sizes do not fit; the message names them.

    >>> import tinygrad_mlp as tg
    >>> W, b = tg.Tensor([[1.0], [0.5]], requires_grad=True), tg.Tensor([0.1], requires_grad=True)
    >>> y = tg.dense([[1.0, 2.0], [3.0, 4.0]], W, b)
    >>> print(tg.grad(y.sum(), W).tolist(), tg.grad(y.sum(), b))  # Σ of the rows of X, and how many there are
    [[4.0], [6.0]] [2.]
    """
    if not hasattr(x, "ndim"):
        x = np.asarray(x)
    if x.ndim == 2:
        return dense_(x, w, b)
    if x.ndim == 0:
        raise ShapeError("dense: X (): (N, n_in), (…, n_in) or (n_in,) expected")
    rows = dense_(x.reshape((-1, x.shape[-1])), w, b)
    return rows.reshape((*x.shape[:-1], rows.shape[-1]))
