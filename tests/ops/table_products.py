"""Rows of the table: products of arrays, and Einstein's notation."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.table import fixed, of, real, row

from tinygrad_mlp import ops
from tinygrad_mlp.ops import einstein

row(
    ops.dot,
    np.dot,
    of(real(3), real(3)),
    of(real(2, 3), real(3)),
    of(real(2, 3), real(3, 2)),
    of(real(), real(2)),
    of(real(2, 2), real()),
    of(real(2, 1, 3), real(3)),
    of(real(3), real(2, 3, 2)),
    of(real(2, 3), real(2, 3, 1)),
    of(real(0), real(0)),
)
row(ops.vdot, np.vdot, of(real(3), real(3)), of(real(2, 3), real(3, 2)), of(real(), real()))
row(
    ops.vecdot,
    np.vecdot,
    of(real(3), real(3)),
    of(real(2, 3), real(3)),
    of(real(2, 1, 3), real(2, 3)),
    of(real(3, 2), real(3, 2), axis=0),
)
row(ops.matvec, np.matvec, of(real(2, 3), real(3)), of(real(2, 1, 3), real(2, 3)))
row(ops.vecmat, np.vecmat, of(real(2), real(2, 3)), of(real(2, 2), real(2, 3)))
row(
    ops.inner,
    np.inner,
    of(real(3), real(3)),
    of(real(2, 3), real(3)),
    of(real(2, 3), real(4, 3)),
    of(real(2, 1, 2), real(3, 2)),
    of(real(), real(2)),
)
row(ops.outer, np.outer, of(real(2), real(3)), of(real(2, 2), real(3)), of(real(), real(2)), of(real(0), real(2)))
row(
    ops.tensordot,
    np.tensordot,
    of(real(2, 3), real(2, 3)),
    of(real(2, 3), real(3, 2), axes=1),
    of(real(2), real(3), axes=0),
    of(real(2, 3, 2), real(2, 2, 3), axes=([1, 2], [2, 0])),
    of(real(2, 3), real(2, 2), axes=(0, -1)),
    of(real(0, 2), real(2, 3), axes=1),
    of(real(), real(), axes=0),
)
row(
    ops.kron,
    np.kron,
    of(real(2), real(3)),
    of(real(2, 2), real(1, 3)),
    of(real(2), real(2, 2)),
    of(real(2, 1, 2), real(2)),
    of(real(), real(2)),
)
row(
    ops.trace,
    np.trace,
    of(real(3, 3)),
    of(real(2, 3), offset=1),
    of(real(2, 3, 2), axis1=0, axis2=-1),
    of(real(2, 2), offset=3),
)
row(
    ops.cross,
    np.cross,
    of(real(3), real(3)),
    of(real(2, 3), real(3)),
    of(real(3, 2), real(2, 3), axisa=0),
    of(real(3, 2), real(3, 1), axis=0),
    of(real(2, 3), real(2, 3), axisc=0),
)


def listed(f: Any) -> Any:
    return lambda *xs: f(list(xs))


row(
    ops.multi_dot,
    None,
    of(real(2, 3), real(3, 2), real(2, 2), call=listed(ops.multi_dot), reference=listed(np.linalg.multi_dot)),
    of(real(3), real(3, 2), real(2), call=listed(ops.multi_dot), reference=listed(np.linalg.multi_dot)),
)


def sums(subscripts: str, *shapes: tuple[int, ...]) -> Any:
    return of(
        *[real(*shape) for shape in shapes],
        subscripts=subscripts,
        call=lambda *xs, subscripts: ops.einsum(subscripts, *xs),
        reference=lambda *xs, subscripts: np.einsum(subscripts, *xs),
    )


row(
    ops.einsum,
    None,
    sums("ij,jk->ik", (2, 3), (3, 2)),
    sums("ij,jk", (2, 3), (3, 2)),
    sums("ji", (2, 3)),
    sums("ba", (2, 3)),
    sums("ij->", (2, 3)),
    sums("ij->j", (2, 3)),
    sums("ii", (3, 3)),
    sums("ii->i", (3, 3)),
    sums("iji->j", (2, 3, 2)),
    sums("iijj->ij", (2, 2, 3, 3)),
    sums("iii->i", (2, 2, 2)),
    sums("i,i->", (3,), (3,)),
    sums("i,j->ij", (2,), (3,)),
    sums("i,j->", (2,), (3,)),
    sums(",i", (), (3,)),
    sums("->", ()),
    sums("...", (2, 3)),
    sums("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    sums("...ij,jk", (2, 1, 2, 3), (3, 2)),
    sums("i...->...", (2, 3)),
    sums("...i,...i->...", (2, 1, 3), (2, 3)),
    sums("...,...->...", (2, 1), (1, 3)),
    sums("ij...,jk...->ik...", (2, 3, 2), (3, 2, 2)),
    sums("i...i->...i", (2, 3, 2)),
    sums("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
    sums("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
    sums("a,ab,abc->abc", (2,), (2, 3), (2, 3, 2)),
    sums("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    sums("ij,kj->ik", (2, 3), (2, 3)),
    sums("ij,jk->k", (2, 3), (3, 2)),
    sums("ij , jk -> ik", (2, 3), (3, 2)),
    sums("ij,jk->ik", (2, 1), (1, 2)),
    sums("ij,jk->ik", (2, 1), (3, 2)),
    sums("ij,i->ij", (1, 3), (2,)),
    sums("ij->ji", (1, 3)),
    sums("ij,jk->ik", (0, 2), (2, 3)),
    sums("ij,jk->ik", (2, 0), (0, 3)),
    sums("Aa,aB->BA", (2, 3), (3, 2)),
    of(
        real(2, 3),
        real(3, 2),
        call=lambda a, b: ops.einsum(a, [0, 1], b, [1, 2], [2, 0]),
        reference=lambda a, b: (a @ b).T,
    ),
    of(
        real(2, 2, 3),
        call=lambda a: ops.einsum(a, [..., 0], [0, ...]),
        reference=lambda a: np.moveaxis(a, -1, 0),
    ),
    of(real(2, 3), fixed(real(3)), call=lambda a, b: ops.einsum("ij,j->i", a, b), reference=np.dot),
)
row(
    einstein.contract,
    lambda *xs, letters, output: np.einsum(f"{','.join(letters)}->{output}", *xs),
    of(real(2, 3), real(3, 2), letters=("ij", "jk"), output="ki"),
    of(real(2, 3), letters=("ij",), output="ji"),
    of(real(2), real(2, 3), real(3), letters=("i", "ij", "j"), output=""),
)
