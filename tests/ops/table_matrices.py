"""Rows of the table: linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.table import draw, of, real, row

from tinygrad_mlp import ops
from tinygrad_mlp.ops import determinants, matrices


def regular(*shape: int) -> np.ndarray:
    """Square matrices far from singular: 2 on the diagonal, and less beside it."""
    *_, n = shape
    return np.asarray(draw().uniform(-0.5, 0.5, shape) + 2 * np.eye(n))


def definite(*shape: int) -> np.ndarray:
    """Symmetric ones whose eigenvalues are above 0."""
    a = regular(*shape)
    return np.asarray(a @ a.mT)


def singular(*shape: int) -> np.ndarray:
    """The last row is the sum of the others."""
    a = regular(*shape)
    a[..., -1, :] = a[..., :-1, :].sum(axis=-2)
    return a


STACKS = [(1, 1), (2, 2), (3, 3), (2, 2, 2), (2, 1, 2, 2), (0, 2, 2)]

row(ops.inv, np.linalg.inv, *[of(regular(*shape)) for shape in STACKS])
row(matrices.inv_, lambda a, strict: np.linalg.inv(a), of(regular(2, 2), strict=True), of(regular(2, 2), strict=False))
row(
    matrices.solve_,
    np.linalg.solve,
    of(regular(2, 2), real(2, 3)),
    of(regular(2, 2, 2), real(2, 1)),
    of(regular(2, 2), real(2, 2, 3)),
    of(regular(2, 1, 2, 2), real(2, 2, 1)),
    of(regular(0, 2, 2), real(2, 1)),
)
row(
    ops.solve,
    np.linalg.solve,
    of(regular(3, 3), real(3)),
    of(regular(2, 2), real(2, 3)),
    of(regular(2, 2, 2), real(2)),
    of(regular(2, 2, 2), real(2, 2, 1)),
)
row(
    ops.det,
    np.linalg.det,
    *[of(regular(*shape)) for shape in STACKS],
    of(singular(3, 3)),
    of(singular(2, 3, 3)),
    of(np.zeros((2, 2))),
    of(regular(4, 4)),
)


def minors(a: np.ndarray) -> np.ndarray:
    found = np.zeros(a.shape, a.dtype)
    for i, j in np.ndindex(a.shape[-2:]):
        smaller = np.delete(np.delete(a, i, -2), j, -1)
        found[..., i, j] = (-1) ** (i + j) * np.linalg.det(smaller)
    return found


row(
    determinants.cofactors,
    minors,
    *[of(regular(*shape)) for shape in STACKS],
    of(singular(3, 3)),
    of(np.zeros((3, 3))),
)
row(determinants.log_determinant, lambda a: np.linalg.slogdet(a)[1], *[of(regular(*shape)) for shape in STACKS])
row(determinants.sign_of_determinant, lambda a: np.linalg.slogdet(a)[0], *[of(regular(*shape)) for shape in STACKS])


def both(f: Any) -> Any:
    def call(a: Any) -> Any:
        sign, log = f(a)
        return sign * 2 + log

    return call


row(
    ops.slogdet,
    None,
    *[of(regular(*shape), call=both(ops.slogdet), reference=both(np.linalg.slogdet)) for shape in STACKS],
    of(-regular(3, 3), call=both(ops.slogdet), reference=both(np.linalg.slogdet)),
)


def root(a: np.ndarray, upper: bool = False) -> Any:
    y = np.linalg.cholesky((a + a.mT) / 2)
    return y.mT if upper else y


row(matrices.cholesky_, root, *[of(definite(*shape)) for shape in STACKS])
row(ops.cholesky, root, of(definite(3, 3)), of(definite(3, 3), upper=True), of(definite(2, 2, 2)))
row(
    ops.pinv,
    np.linalg.pinv,
    *[of(regular(*shape)) for shape in [(2, 2), (2, 2, 2)]],
    of(real(3, 2)),
    of(real(2, 3)),
    of(real(2, 3, 1)),
    of(real(1, 1)),
)
row(
    ops.matrix_power,
    np.linalg.matrix_power,
    *[of(regular(2, 2), n=n) for n in (-2, -1, 0, 1, 2, 5)],
    of(regular(2, 2, 2), n=3),
)
