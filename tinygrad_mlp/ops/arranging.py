"""Axes added, dropped and exchanged, and arrays broadcast to one shape. All of it made of a few operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygrad_mlp.autograd import Array, implements
from tinygrad_mlp.errors import ShapeError, UnsupportedError
from tinygrad_mlp.ops.reductions import broadcast_to
from tinygrad_mlp.ops.shapes import reshape, transpose

Axes = int | Sequence[int]


def operand(x: Any, beside: Array = None) -> Array:
    """An array, a Tensor or a traced array as it is; a number or a list as one, in the dtype of one beside it."""
    if hasattr(x, "__array_function__"):
        return x
    return np.asarray(x, beside.dtype if beside is not None and beside.dtype.kind == "f" else None)


def axes_of(name: str, axis: Axes | None, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front; all of them for None."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim, name)


@implements(np.ravel)
def ravel(a: Array, order: Literal["C"] = "C") -> Any:
    """All elements in one axis, row by row.

    Raises:
        UnsupportedError: an order in memory other than "C".

    >>> import tinygrad_mlp as tg
    >>> tg.ravel([[1.0, 2.0], [3.0, 4.0]])
    array([1., 2., 3., 4.])
    """
    only_c("ravel", order)
    return reshape(operand(a), shape=-1)


def only_c(name: str, order: str) -> None:
    """Refuse an order in memory other than C's: here it is no property of a value."""
    if order != "C":
        raise UnsupportedError(f"{name} of a Tensor takes order='C', not {order!r}")


@implements(np.swapaxes)
def swapaxes(a: Array, axis1: int, axis2: int) -> Any:
    """X with two axes exchanged.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    a = operand(a)
    order = list(range(a.ndim))
    i, j = normalize_axis_index(axis1, a.ndim, "swapaxes"), normalize_axis_index(axis2, a.ndim, "swapaxes")
    order[i], order[j] = j, i
    return transpose(a, axes=tuple(order))


@implements(np.linalg.matrix_transpose)
@implements(np.matrix_transpose)
def matrix_transpose(x: Array) -> Any:
    """X with its last two axes exchanged.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.matrix_transpose(np.ones((5, 2, 3))).shape
    (5, 3, 2)
    """
    return swapaxes(x, -1, -2)


@implements(np.moveaxis)
def moveaxis(a: Array, source: Axes, destination: Axes) -> Any:
    """X with some axes in other places; the others keep their order.

    Args:
        a: any shape.
        source: an axis, or several.
        destination: the place of each in the result.

    Raises:
        ShapeError: there are not as many places as axes.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
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

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.squeeze(np.ones((1, 3, 1))).shape, tg.squeeze(np.ones((1, 3, 1)), axis=0).shape)
    (3,) (3, 1)
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
    """X with new axes of length 1, at these places of the result.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.expand_dims(np.ones((2, 3)), (0, 2)).shape
    (1, 2, 1, 3)
    """
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
    """Each array with at least one axis; a tuple if there are several.

    >>> import tinygrad_mlp as tg
    >>> tg.atleast_1d(5.0)
    array([5.])
    """
    found = tuple(at_least(1, a) for a in arys)
    return found[0] if len(found) == 1 else found


@implements(np.atleast_2d)
def atleast_2d(*arys: Array) -> Any:
    """Each array with at least two axes: (n,) becomes (1, n); a tuple if there are several.

    >>> import tinygrad_mlp as tg
    >>> tg.atleast_2d([1.0, 2.0])
    array([[1., 2.]])
    """
    found = tuple(at_least(2, a) for a in arys)
    return found[0] if len(found) == 1 else found


@implements(np.atleast_3d)
def atleast_3d(*arys: Array) -> Any:
    """Each array with at least three axes: (n,) becomes (1, n, 1); a tuple if there are several.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.atleast_3d(np.ones(4)).shape, tg.atleast_3d(np.ones((4, 5))).shape)
    (1, 4, 1) (4, 5, 1)
    """
    found = tuple(at_least(3, a) for a in arys)
    return found[0] if len(found) == 1 else found


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Array) -> tuple[Any, ...]:
    """Arrays repeated along axes of length 1 until they have one shape.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> [y.shape for y in tg.broadcast_arrays(np.ones((3, 1)), np.ones(4))]
    [(3, 4), (3, 4)]
    """
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

    Raises:
        UnsupportedError: another indexing.

    >>> import tinygrad_mlp as tg
    >>> tg.meshgrid([1.0, 2.0, 3.0], [10.0, 20.0])[1]
    array([[10., 10., 10.],
           [20., 20., 20.]])
    """
    if indexing not in ("xy", "ij"):
        raise UnsupportedError(f"meshgrid: indexing is {indexing!r}; 'xy' or 'ij' is expected")
    n = len(xi)
    grids = [reshape(operand(x), shape=(1,) * i + (-1,) + (1,) * (n - i - 1)) for i, x in enumerate(xi)]
    if not sparse:
        grids = list(broadcast_arrays(*grids))
    return tuple(swapaxes(x, 0, 1) if indexing == "xy" and n > 1 else x for x in grids)
