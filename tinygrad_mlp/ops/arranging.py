"""Axes added, dropped, moved and turned; arrays stacked, split and repeated. All of it made of a few operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygrad_mlp.autograd import Array, implements
from tinygrad_mlp.errors import ShapeError, UnsupportedError
from tinygrad_mlp.ops.indexing import getitem
from tinygrad_mlp.ops.reductions import broadcast_to
from tinygrad_mlp.ops.shapes import concatenate, reshape, transpose

Axes = int | Sequence[int]


def operand(x: Any, beside: Array = None) -> Array:
    """An array, a Tensor or a traced array as it is; a number or a list as one, in the dtype of one beside it."""
    if hasattr(x, "__array_function__"):
        return x
    return np.asarray(x, beside.dtype if beside is not None and beside.dtype.kind == "f" else None)


def axes_of(name: str, axis: Axes | None, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front; all of them for None."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim, name)


# axes


@implements(np.ravel)
def ravel(a: Array, order: Literal["C"] = "C") -> Any:
    """All elements in one axis."""
    only_c("ravel", order)
    return reshape(operand(a), shape=-1)


def only_c(name: str, order: str) -> None:
    """Refuse an order in memory other than C's: here it is no property of a value."""
    if order != "C":
        raise UnsupportedError(f"{name} of a Tensor takes order='C', not {order!r}")


@implements(np.swapaxes)
def swapaxes(a: Array, axis1: int, axis2: int) -> Any:
    """X with two axes exchanged."""
    a = operand(a)
    order = list(range(a.ndim))
    i, j = normalize_axis_index(axis1, a.ndim, "swapaxes"), normalize_axis_index(axis2, a.ndim, "swapaxes")
    order[i], order[j] = j, i
    return transpose(a, axes=tuple(order))


@implements(np.linalg.matrix_transpose)
@implements(np.matrix_transpose)
def matrix_transpose(x: Array) -> Any:
    """X with its last two axes exchanged."""
    return swapaxes(x, -1, -2)


@implements(np.moveaxis)
def moveaxis(a: Array, source: Axes, destination: Axes) -> Any:
    """X with some axes in other places; the others keep their order."""
    a = operand(a)
    old, new = normalize_axis_tuple(source, a.ndim, "moveaxis"), normalize_axis_tuple(destination, a.ndim, "moveaxis")
    if len(old) != len(new):
        raise ShapeError(f"moveaxis: {len(old)} axes to move and {len(new)} places for them")
    order = [i for i in range(a.ndim) if i not in old]
    for place, axis in sorted(zip(new, old, strict=True)):
        order.insert(place, axis)
    return transpose(a, axes=tuple(order))


@implements(np.squeeze)
def squeeze(a: Array, axis: Axes | None = None) -> Any:
    """X without axes of length 1: all of them, or those that are named.

    Raises:
        ShapeError: a named axis is longer.
    """
    a = operand(a)
    gone = (
        [i for i, n in enumerate(a.shape) if n == 1] if axis is None else normalize_axis_tuple(axis, a.ndim, "squeeze")
    )
    if any(a.shape[i] != 1 for i in gone):
        raise ShapeError(f"squeeze: axis {axis} of {a.shape} has not length 1")
    return reshape(a, shape=tuple(n for i, n in enumerate(a.shape) if i not in gone))


@implements(np.expand_dims)
def expand_dims(a: Array, axis: Axes) -> Any:
    """X with new axes of length 1, at these places of the result."""
    a = operand(a)
    new = normalize_axis_tuple(axis, a.ndim + (1 if isinstance(axis, int | np.integer) else len(axis)), "expand_dims")
    lengths = iter(a.shape)
    return reshape(a, shape=tuple(1 if i in new else next(lengths) for i in range(a.ndim + len(new))))


def at_least(dimensions: int, a: Array) -> Any:
    """X with at least so many axes, where NumPy puts the new ones."""
    a = operand(a)
    shape: tuple[int, ...] = a.shape
    if dimensions == 3 and 0 < len(shape) < 3:
        shape = (1, *shape, 1) if len(shape) == 1 else (*shape, 1)
    return reshape(a, shape=(1,) * (dimensions - len(shape)) + shape)


@implements(np.atleast_1d)
def atleast_1d(*arys: Array) -> Any:
    """Each array with at least one axis; a tuple if there are several."""
    found = tuple(at_least(1, a) for a in arys)
    return found[0] if len(found) == 1 else found


@implements(np.atleast_2d)
def atleast_2d(*arys: Array) -> Any:
    """Each array with at least two axes: (n,) becomes (1, n); a tuple if there are several."""
    found = tuple(at_least(2, a) for a in arys)
    return found[0] if len(found) == 1 else found


@implements(np.atleast_3d)
def atleast_3d(*arys: Array) -> Any:
    """Each array with at least three axes: (n,) becomes (1, n, 1); a tuple if there are several."""
    found = tuple(at_least(3, a) for a in arys)
    return found[0] if len(found) == 1 else found


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Array) -> tuple[Any, ...]:
    """Arrays repeated along axes of length 1 until they have one shape."""
    arrays = [operand(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(broadcast_to(a, shape=shape) for a in arrays)


@implements(np.meshgrid)
def meshgrid(
    *xi: Array,
    sparse: bool = False,
    indexing: Literal["xy", "ij"] = "xy",
    copy: bool = True,  # noqa: ARG001 - NumPy has it
) -> tuple[Any, ...]:
    """The coordinates of every point of a grid, one array for each axis.

    Args:
        xi: the numbers on each axis, (n,).
        copy: no matter here: results cannot be written to.
        sparse: leave the length at 1 along the other axes.
        indexing: "xy" has the first two axes exchanged, as in a picture; "ij" as in a matrix.
    """
    if indexing not in ("xy", "ij"):
        raise UnsupportedError(f"meshgrid: indexing is {indexing!r}; 'xy' or 'ij' is expected")
    n = len(xi)
    grids = [reshape(operand(x), shape=(1,) * i + (-1,) + (1,) * (n - i - 1)) for i, x in enumerate(xi)]
    if not sparse:
        grids = list(broadcast_arrays(*grids))
    return tuple(swapaxes(x, 0, 1) if indexing == "xy" and n > 1 else x for x in grids)


# stacks


@implements(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Any:
    """Arrays of one shape, joined along a new axis."""
    arrays = [operand(a) for a in arrays]
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1:
        raise ShapeError(f"stack: arrays of one shape expected, not {', '.join(map(str, sorted(shapes))) or 'none'}")
    return concatenate([expand_dims(a, axis) for a in arrays], axis)


@implements(np.vstack)
def vstack(tup: Sequence[Array]) -> Any:
    """Rows, or matrices, one under another."""
    return concatenate([at_least(2, a) for a in tup], 0)


@implements(np.hstack)
def hstack(tup: Sequence[Array]) -> Any:
    """Arrays one beside another: along the second axis, or the only one."""
    arrays = [at_least(1, a) for a in tup]
    return concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1)


@implements(np.dstack)
def dstack(tup: Sequence[Array]) -> Any:
    """Arrays one behind another, along the third axis."""
    return concatenate([at_least(3, a) for a in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Sequence[Array]) -> Any:
    """Columns (n,), or matrices, one beside another."""
    arrays = [operand(a) for a in tup]
    return concatenate([a if a.ndim > 1 else reshape(a, shape=(-1, 1)) for a in arrays], 1)


@implements(np.append)
def append(arr: Array, values: Array, axis: int | None = None) -> Any:
    """Values joined behind an array, along an axis, or both flattened."""
    arr = operand(arr)
    return concatenate([arr, operand(values, arr)], axis)


# parts


def cut(a: Array, start: int | None, stop: int | None, axis: int, step: int | None = None) -> Any:
    """A slice along one axis."""
    return getitem(a, (slice(None),) * axis + (slice(start, stop, step),))


@implements(np.array_split)
def array_split(ary: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts along an axis: so many, as equal as can be, or between indices."""
    ary = operand(ary)
    axis = normalize_axis_index(axis, ary.ndim, "array_split")
    n = ary.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        parts = int(indices_or_sections)
        if parts < 1:
            raise ShapeError(f"array_split: {parts} parts; at least 1 expected")
        sizes = [n // parts + (i < n % parts) for i in range(parts)]
        ends = [int(end) for end in np.cumsum(sizes)]
        return [cut(ary, end - size, end, axis) for end, size in zip(ends, sizes, strict=True)]
    places = [int(i) for i in indices_or_sections]
    return [cut(ary, a, b, axis) for a, b in zip([0, *places], [*places, n], strict=True)]


@implements(np.split)
def split(ary: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts along an axis: so many equal ones, or between indices.

    Raises:
        ShapeError: the axis has no such number of equal parts (`array_split` takes nearly equal ones).
    """
    ary = operand(ary)
    n = ary.shape[normalize_axis_index(axis, ary.ndim, "split")]
    if isinstance(indices_or_sections, int | np.integer) and n % max(int(indices_or_sections), 1):
        raise ShapeError(
            f"split: axis {axis} of {ary.shape} has no {indices_or_sections} equal parts; array_split takes others"
        )
    return array_split(ary, indices_or_sections, axis)


@implements(np.vsplit)
def vsplit(ary: Array, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """Equal parts along the first axis."""
    return split(ary, indices_or_sections, 0)


@implements(np.hsplit)
def hsplit(ary: Array, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """Equal parts along the second axis, or the only one."""
    return split(ary, indices_or_sections, 0 if operand(ary).ndim == 1 else 1)


@implements(np.dsplit)
def dsplit(ary: Array, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """Equal parts along the third axis."""
    return split(ary, indices_or_sections, 2)


@implements(np.diff)
def diff(a: Array, n: int = 1, axis: int = -1, prepend: Array | None = None, append: Array | None = None) -> Any:
    """The difference of neighbours along an axis, n times over.

    Args:
        a: at least one axis.
        n: how many times; 0 gives X itself.
        axis: where the neighbours are.
        prepend: what is put before X: an array, or a number for all.
        append: what is put behind it.
    """
    a = operand(a)
    if n < 0:
        raise ShapeError(f"diff: n is {n}; at least 0 expected")
    if a.ndim == 0:
        raise ShapeError("diff: a 0-d array has no neighbours")
    axis = normalize_axis_index(axis, a.ndim, "diff")
    ends = [x if x is None else end_of(a, operand(x, a), axis) for x in (prepend, append)]
    if n and any(x is not None for x in ends):
        a = concatenate([x for x in (ends[0], a, ends[1]) if x is not None], axis)
    for _ in range(n):
        a = cut(a, 1, None, axis) - cut(a, None, -1, axis)
    return a


def end_of(a: Array, x: Array, axis: int) -> Any:
    """What is put before or behind X: a number is repeated along the other axes."""
    return x if x.ndim else broadcast_to(x, shape=(*a.shape[:axis], 1, *a.shape[axis + 1 :]))
