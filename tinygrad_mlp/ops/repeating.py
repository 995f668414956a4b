"""Elements turned round, rolled, repeated and padded; diagonals and triangles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygrad_mlp.autograd import Array, implements
from tinygrad_mlp.errors import ShapeError, UnsupportedError
from tinygrad_mlp.ops.arranging import Axes, moveaxis, operand, ravel, swapaxes
from tinygrad_mlp.ops.elementwise import where
from tinygrad_mlp.ops.indexing import SLOT, getitem, scatter
from tinygrad_mlp.ops.reductions import broadcast_to
from tinygrad_mlp.ops.shapes import concatenate, reshape
from tinygrad_mlp.ops.stacking import cut


@implements(np.flip)
def flip(m: Array, axis: Axes | None = None) -> Any:
    """X with the elements in reverse along axes, all of them by default.

    >>> import tinygrad_mlp as tg
    >>> tg.flip([[1.0, 2.0], [3.0, 4.0]])
    array([[4., 3.],
           [2., 1.]])
    """
    m = operand(m)
    turned = range(m.ndim) if axis is None else normalize_axis_tuple(axis, m.ndim, "flip")
    return getitem(m, tuple(slice(None, None, -1 if i in turned else 1) for i in range(m.ndim)))


@implements(np.flipud)
def flipud(m: Array) -> Any:
    """X with the rows in reverse.

    >>> import tinygrad_mlp as tg
    >>> tg.flipud([[1.0, 2.0], [3.0, 4.0]])
    array([[3., 4.],
           [1., 2.]])
    """
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: Array) -> Any:
    """X with the columns in reverse.

    >>> import tinygrad_mlp as tg
    >>> tg.fliplr([[1.0, 2.0], [3.0, 4.0]])
    array([[2., 1.],
           [4., 3.]])
    """
    return flip(m, 1)


@implements(np.rot90)
def rot90(m: Array, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """X turned by k right angles in the plane of two axes, from the first towards the second: a matrix to the left.

    >>> import tinygrad_mlp as tg
    >>> tg.rot90([[1.0, 2.0], [3.0, 4.0]])
    array([[2., 4.],
           [1., 3.]])
    """
    m = operand(m)
    first, second = normalize_axis_tuple(axes, m.ndim, "rot90")
    k = k % 4
    if k == 2:
        return flip(m, (first, second))
    if k == 1:
        return swapaxes(flip(m, second), first, second)
    return flip(swapaxes(m, first, second), second) if k == 3 else getitem(m, ...)


@implements(np.roll)
def roll(a: Array, shift: Axes, axis: Axes | None = None) -> Any:
    """X with the elements moved along axes; what leaves at the end comes back at the start.

    Args:
        a: any shape.
        shift: by how many places, for each axis, or one number for all; below 0 towards the start.
        axis: one, or several; None for all elements, as if flattened.

    >>> import tinygrad_mlp as tg
    >>> tg.roll([1.0, 2.0, 3.0, 4.0], 1)
    array([4., 1., 2., 3.])
    """
    a = operand(a)
    if axis is None:
        total = int(np.sum(shift))
        return reshape(roll(ravel(a), total, 0), shape=a.shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    for places, along in zip(shifts.ravel(), axes.ravel(), strict=True):
        along = normalize_axis_index(int(along), a.ndim, "roll")
        n = a.shape[along]
        start = n - int(places) % n if n else 0
        a = concatenate([cut(a, start, None, along), cut(a, None, start, along)], along)
    return a


@implements(np.tile)
def tile(A: Array, reps: Axes) -> Any:
    """X, so many times one beside another along each axis.

    Args:
        A: any shape.
        reps: a number for each axis, the last ones if there are fewer; more give new axes in front.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.tile([1.0, 2.0], 2), tg.tile(np.ones((2, 3)), (4, 5)).shape)
    [1. 2. 1. 2.] (8, 15)
    """
    A = operand(A)
    times = [reps] if isinstance(reps, int | np.integer) else list(reps)
    ndim = max(A.ndim, len(times))
    times = [1] * (ndim - len(times)) + [int(n) for n in times]
    shape = (1,) * (ndim - A.ndim) + A.shape
    apart = tuple(n for length in shape for n in (1, length))
    repeated = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    joined = tuple(k * n for k, n in zip(times, shape, strict=True))
    return reshape(broadcast_to(reshape(A, shape=apart), shape=repeated), shape=joined)


@implements(np.repeat)
def repeat(a: Array, repeats: Axes, axis: int | None = None) -> Any:
    """X with each element so many times, one after the other.

    Args:
        a: any shape.
        repeats: one number for all, or one for each place on the axis.
        axis: where the elements are counted; None for all of X, flattened.

    Raises:
        ShapeError: not as many numbers as places, or one below 0.

    >>> import tinygrad_mlp as tg
    >>> print(tg.repeat([1.0, 2.0], 2), tg.repeat([1.0, 2.0], [3, 1]))
    [1. 1. 2. 2.] [1. 1. 1. 2.]
    """
    a = ravel(a) if axis is None else operand(a)
    axis = 0 if axis is None else normalize_axis_index(axis, a.ndim, "repeat")
    n = a.shape[axis]
    counts = np.asarray(repeats)
    if counts.shape not in ((), (1,), (n,)) or (counts < 0).any():
        raise ShapeError(f"repeat: {repeats!r} for axis {axis} of {a.shape}: a number, or {n}, of at least 0 expected")
    return getitem(a, (slice(None),) * axis + (np.repeat(np.arange(n), counts),))


BY_PLACE = ("edge", "reflect", "symmetric", "wrap")
"""Ways of padding that copy elements, so that padding the places of the elements says which."""


@implements(np.pad)
def pad(array: Array, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0, **options: Any) -> Any:
    """X with elements before and behind along each axis.

    Args:
        array: any shape.
        pad_width: (before, behind) for each axis, or one pair or number for all, or a dict from axes to those.
        mode: "constant", "edge", "reflect", "symmetric" or "wrap".
        constant_values: for "constant": numbers, in the forms of `pad_width`.
        options: `reflect_type="even"`, NumPy's default; there is no other.

    Raises:
        UnsupportedError: another mode of NumPy's.
        ShapeError: a width below 0.

    >>> import tinygrad_mlp as tg
    >>> print(tg.pad([1.0, 2.0, 3.0], (2, 1)), tg.pad([1.0, 2.0, 3.0], 2, "reflect"))
    [0. 0. 1. 2. 3. 0.] [3. 2. 1. 2. 3. 2. 1.]
    """
    array = operand(array)
    if isinstance(pad_width, dict):
        by_axis = dict(zip(normalize_axis_tuple(tuple(pad_width), array.ndim, "pad"), pad_width.values(), strict=True))
        pad_width = [np.broadcast_to(by_axis.get(i, 0), 2) for i in range(array.ndim)]
    widths = np.broadcast_to(np.asarray(pad_width, int), (array.ndim, 2)).tolist()
    if min((width for pair in widths for width in pair), default=0) < 0:
        raise ShapeError(f"pad: pad_width is {pad_width!r}; widths of at least 0 are expected")
    if options.pop("reflect_type", "even") != "even" or options:
        raise UnsupportedError("pad of a Tensor takes no other options than constant_values= and reflect_type='even'")
    if mode == "constant":
        shape = tuple(n + before + behind for n, (before, behind) in zip(array.shape, widths, strict=True))
        inner = tuple(slice(before, before + n) for n, (before, _) in zip(array.shape, widths, strict=True))
        padded = scatter(array, pattern=inner, shape=shape)
        if not np.any(constant_values):
            return padded
        frame = np.pad(np.zeros(array.shape), widths, constant_values=constant_values)
        return padded + frame.astype(array.dtype)
    if mode not in BY_PLACE:
        raise UnsupportedError(f"pad of a Tensor: mode is {mode!r}; it can be 'constant', {str(BY_PLACE)[1:-1]}")
    for axis, width in enumerate(widths):
        places = np.pad(np.arange(array.shape[axis]), width, mode)  # type: ignore[call-overload] # checked above
        array = getitem(array, (slice(None),) * axis + (places,))
    return array


# diagonals and triangles


@implements(np.diagonal)
def diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements on a diagonal of the plane of two axes, as a last axis.

    Args:
        a: at least two axes.
        offset: 0 is the main diagonal, above 0 the ones to its right.
        axis1: the axis of the rows.
        axis2: the axis of the columns.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.diagonal([[1.0, 2.0], [3.0, 4.0]])
    array([1., 4.])
    >>> tg.diagonal(np.ones((5, 3, 3)), axis1=1, axis2=2).shape
    (5, 3)
    """
    a = moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = on_diagonal(a.shape[-2], a.shape[-1], offset)
    return getitem(a, (..., rows, columns))


def on_diagonal(rows: int, columns: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """The row and column of each element on a diagonal of a matrix."""
    n = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    places = np.arange(n)
    return places - min(offset, 0), places + max(offset, 0)


@implements(np.diag)
def diag(v: Array, k: int = 0) -> Any:
    """Of a matrix its k-th diagonal; of a vector the matrix that has it there, and zeros.

    Raises:
        ShapeError: neither a vector nor a matrix.

    >>> import tinygrad_mlp as tg
    >>> tg.diag([1.0, 2.0])
    array([[1., 0.],
           [0., 2.]])
    >>> tg.diag([[1.0, 2.0], [3.0, 4.0]], 1)
    array([2.])
    """
    v = operand(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ShapeError(f"diag: V {v.shape}: a vector or a matrix is expected")
    n = v.shape[0] + abs(k)
    return scatter(v, *on_diagonal(n, n, k), pattern=(SLOT, SLOT), shape=(n, n))


@implements(np.diagflat)
def diagflat(v: Array, k: int = 0) -> Any:
    """The matrix that has all elements on its k-th diagonal.

    >>> import tinygrad_mlp as tg
    >>> tg.diagflat([[1.0], [2.0]])
    array([[1., 0.],
           [0., 2.]])
    """
    return diag(ravel(v), k)


@implements(np.tril)
def tril(m: Array, k: int = 0) -> Any:
    """Matrices with zeros above the k-th diagonal.

    >>> import tinygrad_mlp as tg
    >>> tg.tril([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 0.],
           [3., 4.]])
    """
    m = matrix("tril", m)
    return where(np.tri(m.shape[-2], m.shape[-1], k, bool), m, 0.0)


@implements(np.triu)
def triu(m: Array, k: int = 0) -> Any:
    """Matrices with zeros below the k-th diagonal.

    >>> import tinygrad_mlp as tg
    >>> tg.triu([[1.0, 2.0], [3.0, 4.0]], 1)
    array([[0., 2.],
           [0., 0.]])
    """
    m = matrix("triu", m)
    return where(np.tri(m.shape[-2], m.shape[-1], k - 1, bool), 0.0, m)


def matrix(name: str, m: Array) -> Array:
    """Refuse what has not at least two axes. (A vector counts as so many equal rows, as in NumPy.)"""
    m = operand(m)
    if m.ndim == 1:
        return broadcast_to(m, shape=(m.shape[0], m.shape[0]))
    if m.ndim == 0:
        raise ShapeError(f"{name}: a 0-d array has no triangle")
    return m
