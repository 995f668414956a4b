"""Linear algebra: solving, inverses and roots of square matrices, also of stacks of them (…, n, n).

float16, which LAPACK does not know, is computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, kernel, op
from tinygrad_mlp.errors import MatrixError, OptionError, ShapeError
from tinygrad_mlp.ops.arranging import operand
from tinygrad_mlp.ops.elementwise import where
from tinygrad_mlp.ops.rounding import positive


def computed(function: Callable[..., Any], *xs: np.ndarray, **options: Any) -> Any:
    """A function of LAPACK's, in float32 for float16.

    Raises:
        MatrixError: LAPACK refused square matrices: they are singular, or not positive definite.
    """
    wide = [x.astype(np.float32) if x.dtype == np.float16 else x for x in xs]
    try:
        y = np.asarray(function(*wide, **options))
    except np.linalg.LinAlgError as error:
        if reason := not_square(xs[0]):
            raise ShapeError(f"{function.__name__}: {reason}") from error
        raise MatrixError(f"{function.__name__}: {str(error).lower()} (among A {xs[0].shape})") from error
    return y.astype(xs[0].dtype) if xs[0].dtype == np.float16 else y


def not_square(x: Array) -> str | None:
    """Why a matrix was refused: it is not square."""
    return None if x.ndim > 1 and x.shape[-1] == x.shape[-2] else f"A {x.shape}: square matrices (…, n, n) expected"


@kernel
def inverse(a: np.ndarray, *, strict: bool) -> Any:
    """The inverse by LAPACK; infinities for a singular matrix, if that is no error."""
    try:
        return computed(np.linalg.inv, a)
    except MatrixError:
        if strict:
            raise
    y = np.full_like(a, np.inf)
    for place in np.ndindex(a.shape[:-2]):
        with suppress(MatrixError):
            y[place] = computed(np.linalg.inv, a[place])
    return y


@op
def inv_(a: Array, *, strict: bool) -> Rule:
    """Y = A⁻¹, dA = −Yᵀ·dY·Yᵀ; of a singular matrix an error, or infinities."""
    y = inverse(a, strict=strict)
    return y, lambda g: -(y.mT @ g @ y.mT)


@implements(np.linalg.inv)
def inv(a: Array) -> Any:
    """The inverse of A.

    Args:
        a: (…, n, n).

    Raises:
        ShapeError: A is not square.
        MatrixError: A is singular.

    >>> import tinygrad_mlp as tg
    >>> tg.inv([[2.0, 1.0], [4.0, 4.0]]).round(4)
    array([[ 1.  , -0.25],
           [-1.  ,  0.5 ]])
    """
    return inv_(a, strict=True)


@kernel
def solution(a: np.ndarray, b: np.ndarray) -> Any:
    """A⁻¹·B by LAPACK."""
    return computed(np.linalg.solve, a, b)


@op(broadcasts=True)
def solve_(a: Array, b: Array) -> Rule:
    """Y = A⁻¹·B for matrices: dB = A⁻ᵀ·dY, dA = −dB·Yᵀ."""
    y = solution(a, b)
    return y, lambda g: -(solve_(a.mT, g) @ y.mT), lambda g: solve_(a.mT, g)


@implements(np.linalg.solve)
def solve(a: Array, b: Array) -> Any:
    """The solution X of A·X = B.

    Args:
        a: (…, n, n).
        b: (n,), or (…, n, m); leading axes broadcast.

    Raises:
        ShapeError: the sizes do not fit.
        MatrixError: A is singular.

    >>> import tinygrad_mlp as tg
    >>> A = tg.Tensor([[2.0, 0.0], [0.0, 4.0]], requires_grad=True)
    >>> tg.solve(A, [2.0, 4.0]).sum().backward()
    >>> A.grad
    array([[-0.5 , -0.5 ],
           [-0.25, -0.25]], dtype=float32)
    """
    a = operand(a)
    b = operand(b, a)
    if not_square(a) or b.ndim < 1 or b.shape[max(b.ndim - 2, 0)] != a.shape[-1]:
        raise ShapeError(f"solve: A {a.shape}, B {b.shape}: (…, n, n) and (n,) or (…, n, m) expected")
    return solve_(a, b.reshape((-1, 1))).reshape((*a.shape[:-1],)) if b.ndim == 1 else solve_(a, b)


@kernel
def lower_root(a: np.ndarray) -> Any:
    """The Cholesky factor by LAPACK."""
    if reason := not_square(a):
        raise ShapeError(f"cholesky: {reason}")
    return computed(np.linalg.cholesky, (a + a.mT) / 2)


@op
def cholesky_(a: Array) -> Rule:
    """The lower triangle L with L·Lᵀ = A; dA = sym(L⁻ᵀ·Φ(Lᵀ·dL)·L⁻¹) with Φ the lower triangle, its diagonal halved
    (Murray 2016, arXiv:1602.07527).
    """
    y = lower_root(a)
    n = a.shape[-1]
    phi = np.asarray(np.tri(n) - np.eye(n) / 2, a.dtype)

    def closure(g: Array) -> Any:
        back = inv(y)
        d = back.mT @ ((y.mT @ g) * phi) @ back
        return (d + d.mT) / 2

    return y, closure


@implements(np.linalg.cholesky)
def cholesky(a: Array, /, *, upper: bool = False) -> Any:
    """The triangle L with L·Lᵀ = A, for a symmetric A with eigenvalues above 0.

    A counts as (A + Aᵀ) / 2, so that its gradient is symmetric, as in PyTorch and JAX. (NumPy looks at one half only.)

    Args:
        a: (…, n, n).
        upper: give the upper triangle, Lᵀ.

    Raises:
        ShapeError: A is not square.
        MatrixError: it has an eigenvalue that is not above 0.

    >>> import tinygrad_mlp as tg
    >>> tg.cholesky([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 0.],
           [1., 2.]])
    """
    y = cholesky_(a)
    return y.mT if upper else y


@kernel
def pseudo_inverse(a: np.ndarray, *, rcond: float | None) -> Any:
    """The pseudo-inverse by singular values."""
    return computed(np.linalg.pinv, a, **({} if rcond is None else {"rcond": rcond}))


@op
def pinv(a: Array, *, rcond: float | None = None) -> Rule:
    """Y = A⁺, the pseudo-inverse of Moore and Penrose, where the rank of A does not change.

    dA = −Yᵀ·dY·Yᵀ + (1 − A·Y)·dYᵀ·Y·Yᵀ + Yᵀ·Y·dYᵀ·(1 − Y·A) (Golub & Pereyra 1973, SIAM J. Numer. Anal. 10(2)).

    Args:
        a: (…, m, n).
        rcond: singular values below this part of the largest count as 0; NumPy's default if None.

    >>> import tinygrad_mlp as tg
    >>> tg.pinv([[3.0], [4.0]]).round(4)  # of a column it is Aᵀ / |A|²
    array([[0.12, 0.16]])
    """
    y = pseudo_inverse(a, rcond=rcond)

    def closure(g: Array) -> Any:
        left, right = g.mT @ y @ y.mT, y.mT @ y @ g.mT
        return -(y.mT @ g @ y.mT) + (left - a @ (y @ left)) + (right - (right @ y) @ a)

    return y, closure


implements(np.linalg.pinv)(pinv)


def refuse_unless_square(name: str, a: Array) -> Array:
    """An operand, if it is square matrices."""
    a = operand(a)
    if reason := not_square(a):
        raise ShapeError(f"{name}: {reason}")
    return a


@implements(np.linalg.matrix_power)
def matrix_power(a: Array, n: int) -> Any:
    """A·A·…·A, n times; the inverse so many times if n is below 0; the identity if n is 0.

    Args:
        a: (…, n, n).
        n: a whole number.

    Raises:
        ShapeError: A is not square.
        MatrixError: n is below 0, and A is singular.
        OptionError: n is not a whole number.

    >>> import tinygrad_mlp as tg
    >>> tg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 5)
    array([[1., 5.],
           [0., 1.]])
    >>> tg.matrix_power([[0.5]], -3)
    array([[8.]])
    """
    a = refuse_unless_square("matrix_power", a)
    if not isinstance(n, int | np.integer):
        raise OptionError(f"matrix_power: n is {n!r}; a whole number is expected")
    base, left = (positive(a), int(n)) if n >= 0 else (inv(a), -int(n))
    y = None
    while left:  # by squaring
        y = (base if y is None else y @ base) if left % 2 else y
        left //= 2
        base = base @ base if left else base
    one = np.eye(a.shape[-1], dtype=a.dtype)
    return where(np.zeros(a.shape, bool), a, one) if y is None else y
