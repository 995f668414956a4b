"""Arrays stacked into one and cut into parts, and the differences of neighbours. All of it made of a few operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_mlp.autograd import Array, implements
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.ops.arranging import at_least, expand_dims, operand
from tinygrad_mlp.ops.indexing import getitem
from tinygrad_mlp.ops.reductions import broadcast_to
from tinygrad_mlp.ops.shapes import concatenate, reshape

# stacks


@implements(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Any:
    """Arrays of one shape, joined along a new axis.

    Args:
        arrays: at least one.
        axis: the place of the new axis in the result.

    Raises:
        ShapeError: the shapes differ, or there is no array.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.stack([np.ones(3), np.ones(3)]).shape, tg.stack([np.ones(3), np.ones(3)], axis=1).shape)
    (2, 3) (3, 2)
    """
    arrays = [operand(a) for a in arrays]
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1:
        raise ShapeError(f"stack: arrays of one shape expected, not {', '.join(map(str, sorted(shapes))) or 'none'}")
    return concatenate([expand_dims(a, axis) for a in arrays], axis)


@implements(np.vstack)
def vstack(tup: Sequence[Array]) -> Any:
    """Rows, or matrices, one under another.

    >>> import tinygrad_mlp as tg
    >>> tg.vstack([[1.0, 2.0], [[3.0, 4.0], [5.0, 6.0]]])
    array([[1., 2.],
           [3., 4.],
           [5., 6.]])
    """
    return concatenate([at_least(2, a) for a in tup], 0)


@implements(np.hstack)
def hstack(tup: Sequence[Array]) -> Any:
    """Arrays one beside another: along the second axis, or the only one.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.hstack([np.ones(2), np.ones(3)]).shape, tg.hstack([np.ones((4, 2)), np.ones((4, 3))]).shape)
    (5,) (4, 5)
    """
    arrays = [at_least(1, a) for a in tup]
    return concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1)


@implements(np.dstack)
def dstack(tup: Sequence[Array]) -> Any:
    """Arrays one behind another, along the third axis.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> tg.dstack([np.ones((4, 5)), np.ones((4, 5))]).shape
    (4, 5, 2)
    """
    return concatenate([at_least(3, a) for a in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Sequence[Array]) -> Any:
    """Columns (n,), or matrices, one beside another.

    >>> import tinygrad_mlp as tg
    >>> tg.column_stack([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 3.],
           [2., 4.]])
    """
    arrays = [operand(a) for a in tup]
    return concatenate([a if a.ndim > 1 else reshape(a, shape=(-1, 1)) for a in arrays], 1)


@implements(np.append)
def append(arr: Array, values: Array, axis: int | None = None) -> Any:
    """Values joined behind an array, along an axis, or both flattened.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> print(tg.append([1.0, 2.0], 3.0), tg.append(np.ones((2, 3)), np.ones((1, 3)), axis=0).shape)
    [1. 2. 3.] (3, 3)
    """
    arr = operand(arr)
    return concatenate([arr, operand(values, arr)], axis)


# parts


def cut(a: Array, start: int | None, stop: int | None, axis: int, step: int | None = None) -> Any:
    """A slice along one axis."""
    return getitem(a, (slice(None),) * axis + (slice(start, stop, step),))


@implements(np.array_split)
def array_split(ary: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts along an axis: so many, as equal as can be, or between indices.

    Args:
        ary: at least one axis.
        indices_or_sections: how many parts; or where the second part and those behind it begin.
        axis: the axis that is cut.

    Raises:
        ShapeError: fewer parts than one.

    >>> import tinygrad_mlp as tg
    >>> [part.tolist() for part in tg.array_split([1.0, 2.0, 3.0, 4.0, 5.0], 2)]
    [[1.0, 2.0, 3.0], [4.0, 5.0]]
    """
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
    """Parts along an axis: so many equal ones, or between indices. The arguments are those of `array_split`.

    Raises:
        ShapeError: the axis has no such number of equal parts (`array_split` takes nearly equal ones).

    >>> import tinygrad_mlp as tg
    >>> [part.tolist() for part in tg.split([1.0, 2.0, 3.0, 4.0], [1, 3])]
    [[1.0], [2.0, 3.0], [4.0]]
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
    """`split` along the first axis.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> [part.shape for part in tg.vsplit(np.ones((4, 6)), 2)]
    [(2, 6), (2, 6)]
    """
    return split(ary, indices_or_sections, 0)


@implements(np.hsplit)
def hsplit(ary: Array, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`split` along the second axis, or the only one.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> [part.shape for part in tg.hsplit(np.ones((4, 6)), 2)]
    [(4, 3), (4, 3)]
    """
    return split(ary, indices_or_sections, 0 if operand(ary).ndim == 1 else 1)


@implements(np.dsplit)
def dsplit(ary: Array, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`split` along the third axis.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> [part.shape for part in tg.dsplit(np.ones((4, 6, 8)), 2)]
    [(4, 6, 4), (4, 6, 4)]
    """
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

    Raises:
        ShapeError: n is below 0, or X has no axis.

    >>> import tinygrad_mlp as tg
    >>> print(tg.diff([1.0, 4.0, 9.0, 16.0]), tg.diff([1.0, 4.0, 9.0, 16.0], n=2))
    [3. 5. 7.] [2. 2.]
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
