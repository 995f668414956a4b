"""Determinants, with slopes of every order also where a matrix is singular."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, implements, kernel, op
from tinygrad_mlp.ops.arithmetic import times
from tinygrad_mlp.ops.indexing import SLOT, get, scatter
from tinygrad_mlp.ops.matrices import computed, inv_, refuse_unless_square


@kernel
def determinant(a: np.ndarray) -> Any:
    """The determinant by LAPACK."""
    return computed(np.linalg.det, a)


@implements(np.linalg.det)
@op
def det(a: Array) -> Rule:
    """|A|, dA = its cofactors times dY, which needs no inverse.

    Args:
        a: (…, n, n).

    Raises:
        ShapeError: A is not square.

    >>> import tinygrad_mlp as tg
    >>> tg.jacobian(tg.det)([[2.0, 1.0], [4.0, 2.0]]).round(3)  # of a singular matrix
    array([[ 2., -4.],
           [-1.,  2.]], dtype=float32)
    """
    return determinant(a), lambda g: g[..., None, None] * cofactors(a)


@op
def cofactors(a: Array) -> Rule:
    """The matrix (−1)^(i+j)·|A without row i and column j|, whose slopes are cofactors of those smaller matrices."""
    n = a.shape[-1]
    pattern = (Ellipsis, SLOT, SLOT)
    rows, columns = rows_and_columns_of_minors(n)
    signs = np.asarray((-1.0) ** np.add.outer(np.arange(n), np.arange(n)), a.dtype)

    def closure(h: Array) -> Any:
        minors = get(a, rows, columns, pattern=pattern)
        slopes = (h * signs)[..., None, None] * cofactors(minors)
        return scatter(slopes, rows, columns, pattern=pattern, shape=a.shape)

    return by_singular_values(a), closure


def rows_and_columns_of_minors(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Index arrays (n, 1, n − 1, 1) and (1, n, 1, n − 1): at (i, j) the matrix without row i and column j."""
    left = np.arange(max(n - 1, 0))
    others = left + (left >= np.arange(n)[:, None])
    return others[:, None, :, None], others[None, :, None, :]


@kernel
def by_singular_values(a: np.ndarray) -> np.ndarray:
    """cof(U·S·V) = cof U · cof S · cof V, where cof U = |U|·U: right also where A is singular."""
    if 0 in a.shape:
        return np.array(a)
    wide = a.astype(np.float32) if a.dtype == np.float16 else a
    u, s, v = np.linalg.svd(wide)
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)
    behind = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., ::-1]
    signs = np.linalg.det(u) * np.linalg.det(v)
    return np.asarray((u * (signs[..., None] * before * behind)[..., None, :]) @ v).astype(a.dtype)


@kernel
def log_of_size(a: np.ndarray) -> Any:
    """ln of the size of the determinant, by LAPACK, without overflow; −∞ of a singular matrix."""
    return computed(log_part, a)


def log_part(a: np.ndarray) -> Any:
    """The second part of `np.linalg.slogdet`."""
    return np.linalg.slogdet(a).logabsdet


@kernel
def sign_of_size(a: np.ndarray) -> Any:
    """The sign of the determinant, 0 of a singular matrix."""
    return computed(sign_part, a)


def sign_part(a: np.ndarray) -> Any:
    """The first part of `np.linalg.slogdet`."""
    return np.linalg.slogdet(a).sign


@op
def log_determinant(a: Array) -> Rule:
    """ln |det A|, dA = A⁻ᵀ·dY, which is infinite where A is singular, or 0 if dY is."""
    return log_of_size(a), lambda g: times(g[..., None, None], inv_(a, strict=False).mT)


@op
def sign_of_determinant(a: Array) -> Rule:
    """The sign of det A. Its slope is 0 wherever it has one, so no gradient passes."""
    return sign_of_size(a), lambda g: np.zeros(a.shape, a.dtype)


class SignAndLog(NamedTuple):
    """What `slogdet` gives: the determinant is sign·e^logabsdet."""

    sign: Any
    logabsdet: Any


@implements(np.linalg.slogdet)
def slogdet(a: Array) -> SignAndLog:
    """The sign of the determinant and the logarithm of its size, which cannot overflow.

    Args:
        a: (…, n, n).

    Returns:
        A named pair (sign, logabsdet).

    Raises:
        ShapeError: A is not square.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.slogdet(100 * np.eye(500)).logabsdet.round(4))  # 1000 · ln 10, where `det` is infinite
    2302.5851
    """
    a = refuse_unless_square("slogdet", a)
    return SignAndLog(sign_of_determinant(a), log_determinant(a))
