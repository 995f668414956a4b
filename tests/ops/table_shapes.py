"""Rows of the table: axes, stacks, parts, repetition, diagonals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ops.table import of, real, row

from tinygrad_mlp import ops


def listed(subject: Any, reference: Callable[..., Any]) -> dict[str, Any]:
    """How to call a function of a list of arrays with the arrays of a case."""
    return {"call": lambda *xs, **how: subject(list(xs), **how), "reference": lambda *xs, **how: reference(xs, **how)}


def joined(subject: Any) -> dict[str, Any]:
    """How to call a function that gives several arrays: its results of all kinds of shapes, flattened and joined."""

    def flat(join: Any, f: Any) -> Any:
        def call(*xs: Any, **how: Any) -> Any:
            parts = f(*xs, **how)
            parts = parts if isinstance(parts, tuple | list) else [parts]
            return join([part.reshape(-1) * (i + 1) for i, part in enumerate(parts)], 0)

        return call

    return {
        "call": flat(ops.concatenate, subject),
        "reference": flat(np.concatenate, getattr(np, subject.__name__)),
    }


row(ops.ravel, np.ravel, of(real(2, 3)), of(real()), of(real(4)), of(real(0, 2)))
row(
    ops.swapaxes,
    np.swapaxes,
    of(real(2, 3), axis1=0, axis2=1),
    of(real(2, 3, 2), axis1=-1, axis2=0),
    of(real(3), axis1=0, axis2=0),
)
row(ops.matrix_transpose, np.matrix_transpose, of(real(2, 3)), of(real(2, 1, 3)))
row(
    ops.moveaxis,
    np.moveaxis,
    of(real(2, 3, 2), source=0, destination=-1),
    of(real(2, 3, 1), source=(0, 1), destination=(-1, 0)),
    of(real(2, 1, 3, 2), source=[3, 0], destination=[1, 2]),
    of(real(2, 1, 3, 2), source=(0, 1), destination=(2, 1)),
)
row(
    ops.squeeze,
    np.squeeze,
    of(real(1, 3, 1)),
    of(real(1, 3, 1), axis=0),
    of(real(1, 2, 1), axis=(0, -1)),
    of(real(1, 1)),
    of(real()),
    of(real(2)),
)
row(
    ops.expand_dims,
    np.expand_dims,
    of(real(3), axis=0),
    of(real(2, 3), axis=-1),
    of(real(3), axis=(0, 2)),
    of(real(), axis=0),
)
for at_least, like in (
    (ops.atleast_1d, np.atleast_1d),
    (ops.atleast_2d, np.atleast_2d),
    (ops.atleast_3d, np.atleast_3d),
):
    row(
        at_least,
        like,
        *[of(real(*shape)) for shape in [(), (3,), (2, 3), (1, 2, 2)]],
        of(real(), real(2), **joined(at_least)),
    )
row(
    ops.broadcast_arrays,
    None,
    of(real(2, 1), real(3), **joined(ops.broadcast_arrays)),
    of(real(), real(2), real(1, 2), **joined(ops.broadcast_arrays)),
)
row(
    ops.meshgrid,
    None,
    of(real(2), real(3), **joined(ops.meshgrid)),
    of(real(2), real(3), indexing="ij", **joined(ops.meshgrid)),
    of(real(2), real(3), sparse=True, **joined(ops.meshgrid)),
    of(real(2), real(1), real(2), **joined(ops.meshgrid)),
    of(real(2), **joined(ops.meshgrid)),
    of(real(), real(2), **joined(ops.meshgrid)),
)
row(
    ops.stack,
    None,
    of(real(2, 3), real(2, 3), **listed(ops.stack, np.stack)),
    of(real(3), real(3), axis=1, **listed(ops.stack, np.stack)),
    of(real(2, 3), real(2, 3), axis=-2, **listed(ops.stack, np.stack)),
    of(real(), real(), real(), **listed(ops.stack, np.stack)),
    of(real(0), real(0), **listed(ops.stack, np.stack)),
)
for stacked in (ops.vstack, ops.hstack, ops.dstack, ops.column_stack):
    how = listed(stacked, getattr(np, stacked.__name__))
    row(stacked, None, of(real(3), real(3), **how), of(real(2, 3), real(2, 3), **how), of(real(1, 1), **how))
row(
    ops.append,
    np.append,
    of(real(2), real(3)),
    of(real(2, 2), real(1, 2), axis=0),
    of(real(2, 2), real()),
)
for parts in (ops.split, ops.array_split):
    row(
        parts,
        None,
        of(real(4, 2), indices_or_sections=2, **joined(parts)),
        of(real(2, 3), indices_or_sections=3, axis=1, **joined(parts)),
        of(real(5), indices_or_sections=[1, 3], **joined(parts)),
        of(real(3), indices_or_sections=[2, 1, 7], **joined(parts)),
        of(real(3, 1), indices_or_sections=1, axis=-1, **joined(parts)),
    )
row(
    ops.vsplit,
    None,
    of(real(4, 2), indices_or_sections=2, **joined(ops.vsplit)),
    of(real(3, 1), indices_or_sections=[1], **joined(ops.vsplit)),
)
row(
    ops.hsplit,
    None,
    of(real(2, 4), indices_or_sections=2, **joined(ops.hsplit)),
    of(real(4), indices_or_sections=[1], **joined(ops.hsplit)),
)
row(ops.dsplit, None, of(real(2, 1, 4), indices_or_sections=2, **joined(ops.dsplit)))


def difference(x: np.ndarray, *ends: np.ndarray, **how: Any) -> Any:
    return np.diff(x, **how, **dict(zip(("prepend", "append"), ends, strict=False)))


def difference_of_tensors(x: Any, *ends: Any, **how: Any) -> Any:
    return ops.diff(x, **how, **dict(zip(("prepend", "append"), ends, strict=False)))


ENDED = {"call": difference_of_tensors, "reference": difference}
row(
    ops.diff,
    np.diff,
    of(real(4)),
    of(real(2, 3)),
    of(real(4, 2), axis=0, n=2),
    of(real(2), n=3),
    of(real(1, 2)),
    of(real(0, 2), axis=0),
    of(real(2, 3), real(2, 1), real(2, 2), **ENDED),
    of(real(2, 3), real(), axis=0, **ENDED),
)

# repetition

row(
    ops.flip,
    np.flip,
    of(real(2, 3)),
    of(real(2, 3), axis=0),
    of(real(2, 3, 2), axis=(0, -1)),
    of(real()),
    of(real(0, 2)),
)
row(ops.flipud, np.flipud, of(real(3, 2)), of(real(3)))
row(ops.fliplr, np.fliplr, of(real(2, 3)), of(real(2, 2, 2)))
row(
    ops.rot90,
    np.rot90,
    *[of(real(2, 3), k=k) for k in (-1, 0, 1, 2, 3, 5)],
    of(real(2, 3)),
    of(real(2, 1, 3), axes=(1, 2)),
    of(real(2, 1, 3), k=3, axes=(-1, 0)),
)
row(
    ops.roll,
    np.roll,
    of(real(5), shift=2),
    of(real(2, 3), shift=-1),
    of(real(2, 3), shift=4, axis=1),
    of(real(2, 3), shift=(1, -2), axis=(0, 1)),
    of(real(3, 2), shift=1, axis=(0, 1)),
    of(real(3, 2), shift=(1, 1), axis=0),
    of(real(0), shift=1),
)
row(
    ops.tile,
    np.tile,
    of(real(3), reps=2),
    of(real(2, 1), reps=(1, 3)),
    of(real(3), reps=(2, 2)),
    of(real(2, 2), reps=2),
    of(real(), reps=(2,)),
    of(real(2), reps=0),
)
row(
    ops.repeat,
    np.repeat,
    of(real(3), repeats=2),
    of(real(2, 3), repeats=2),
    of(real(2, 3), repeats=3, axis=-1),
    of(real(3, 2), repeats=[1, 0, 2], axis=0),
    of(real(), repeats=2),
)
row(
    ops.pad,
    np.pad,
    of(real(3), pad_width=1),
    of(real(2, 3), pad_width=((1, 0), (0, 2))),
    of(real(2, 2), pad_width=(1, 2), constant_values=3.0),
    of(real(2, 2), pad_width=1, constant_values=((1, 2), (3, 4))),
    of(real(2), pad_width={-1: (2, 0)}),
    of(real(3), pad_width=2, mode="edge"),
    of(real(3, 2), pad_width=((2, 1), (0, 1)), mode="reflect"),
    of(real(2), pad_width=(3, 1), mode="reflect"),
    of(real(3), pad_width=2, mode="symmetric"),
    of(real(2, 3), pad_width=((0, 0), (4, 1)), mode="wrap"),
    of(real(0, 2), pad_width=1),
    of(real(), pad_width=0),
)

# diagonals and triangles

DIAGONALS = [(3, 3), (2, 3), (3, 2)]
row(
    ops.diagonal,
    np.diagonal,
    *[of(real(*shape), offset=k) for shape in DIAGONALS for k in (-1, 0, 1)],
    of(real(2, 3, 2)),
    of(real(2, 3, 2), axis1=-1, axis2=0),
    of(real(2, 3, 2), offset=1, axis1=1, axis2=2),
    of(real(2, 2), offset=5),
)
row(
    ops.diag,
    np.diag,
    of(real(3)),
    of(real(2), k=1),
    of(real(2), k=-2),
    of(real(2, 3)),
    of(real(3, 3), k=-1),
    of(real(0)),
)
row(ops.diagflat, np.diagflat, of(real(2, 2)), of(real(3), k=1), of(real()))
for triangle in (ops.tril, ops.triu):
    row(
        triangle,
        getattr(np, triangle.__name__),
        *[of(real(*shape), k=k) for shape in [(3, 3), (2, 3), (2, 3, 2)] for k in (-1, 0, 2)],
        of(real(3)),
    )
