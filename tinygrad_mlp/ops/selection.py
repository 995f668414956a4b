"""Elements picked by integers or conditions, and integers as one-hot rows and rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import DTypeLike

from tinygrad_mlp.autograd import Array, implements, kernel
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.errors import LabelError, OptionError, ShapeError
from tinygrad_mlp.ops.arranging import operand, ravel
from tinygrad_mlp.ops.elementwise import where
from tinygrad_mlp.ops.indexing import getitem
from tinygrad_mlp.ops.reducing import as_array


@implements(np.take)
def take(a: Array, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Any:
    """The elements of X at places along an axis, or of all elements, flattened. A place may come several times.

    Args:
        a: any shape.
        indices: whole numbers, any shape, which takes the place of the axis.
        axis: where the places are counted.
        out: not supported; it stands here because NumPy has it here.
        mode: what happens to a place that there is not: "raise" an IndexError, "wrap" it around, or "clip" it.

    Raises:
        OptionError: another mode, or an `out`.

    >>> import tinygrad_mlp as tg
    >>> tg.take([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0], axis=0)
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    if out is not None or mode not in ("raise", "wrap", "clip"):
        raise OptionError(f"take: mode is {mode!r}; it can be 'raise', 'wrap' or 'clip' (and there is no out=)")
    a = ravel(a) if axis is None else operand(a)
    axis = normalize_axis_index(axis or 0, a.ndim, "take")
    places = as_array(indices)
    if places.size == 0:
        places = places.astype(np.intp)
    if mode != "raise":
        n = a.shape[axis]
        places = places % n if mode == "wrap" else np.clip(places, 0, n - 1)
    return getitem(a, (slice(None),) * axis + (places,))


@implements(np.take_along_axis)
def take_along_axis(arr: Array, indices: Any, axis: int | None = -1) -> Any:
    """The elements of X at places along an axis, one list of places for each line: what `argsort` gives sorts X.

    Args:
        arr: any shape.
        indices: whole numbers of a shape that broadcasts against X's but for the axis.
        axis: where the places are counted; None for all of X, flattened.

    Raises:
        ShapeError: the numbers of axes differ.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> x = np.array([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])
    >>> tg.take_along_axis(x, np.argsort(x), axis=1)
    array([[1., 2., 3.],
           [4., 5., 6.]])
    """
    a = ravel(arr) if axis is None else operand(arr)
    places = as_array(indices)
    axis = 0 if axis is None else normalize_axis_index(axis, a.ndim, "take_along_axis")
    if places.ndim != a.ndim:
        raise ShapeError(f"take_along_axis: X {a.shape} and indices {places.shape} must have as many axes")
    lines = [np.arange(n).reshape((-1,) + (1,) * (a.ndim - i - 1)) for i, n in enumerate(a.shape)]
    return getitem(a, (*lines[:axis], places, *lines[axis + 1 :]))


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Array], default: Array = 0) -> Any:
    """For each element the choice of the first condition that holds, else the default.

    Args:
        condlist: arrays of booleans.
        choicelist: as many arrays; all shapes broadcast.
        default: an array, or a number.

    Raises:
        ShapeError: as many conditions as choices are needed, and at least one.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> x = np.array([-2.0, 0.5, 3.0])
    >>> tg.select([x < 0, x < 1], [-x, x], default=9.0)
    array([2. , 0.5, 9. ])
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(f"select: {len(condlist)} conditions and {len(choicelist)} choices: as many of both expected")
    y = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        y = where(condition, choice, y)
    return y


@kernel
def checked_places(labels: np.ndarray, *, name: str, n: int, kinds: str = "iub") -> np.ndarray:
    """Whole numbers from 0 to n − 1, of these kinds of dtypes, as indices."""
    check_kind(labels, name, kinds)
    return checked_indices(labels, name=name, n=n).astype(np.intp)


def check_kind(labels: Any, name: str, kinds: str) -> None:
    """Refuse labels of another dtype. Raises `LabelError`."""
    if labels.dtype.kind not in kinds:
        raise LabelError(f"{name}: whole numbers expected, not {labels.dtype}")


def checked_indices(labels: np.ndarray, *, name: str, n: int) -> np.ndarray:
    """Numbers, if they are whole and from 0 to n − 1."""
    wrong = ~((labels >= 0) & (labels < n) & (labels == np.floor(labels)))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise LabelError(f"{name}: {labels[where]} at {where}; 0 to {n - 1} is expected")
    return labels


def one_hot(labels: Any, classes: int, *, dtype: DTypeLike | None = None) -> Any:
    """Class indices as rows with a 1 at the class: a plain array, because integers have no gradient.

    Args:
        labels: whole numbers (…) from 0 to C − 1.
        classes: C.
        dtype: of the result; the default dtype if None.

    Returns:
        (…, C).

    Raises:
        LabelError: a label is out of range.

    >>> import tinygrad_mlp as tg
    >>> tg.one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    places = checked_places(as_array(labels), name="one_hot", n=classes)
    return (places[..., None] == np.arange(classes)).astype(np.dtype(dtype) if dtype else default_dtype())


def embedding(table: Array, indices: Any) -> Any:
    """The rows of a table at indices; a row that is taken k times gets the sum of k gradients.

    Args:
        table: (n, size).
        indices: whole numbers (…) from 0 to n − 1.

    Returns:
        (…, size).

    Raises:
        LabelError: an index is out of range. (Below 0 is, too.)

    >>> import tinygrad_mlp as tg
    >>> table = tg.Tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], requires_grad=True)
    >>> tg.embedding(table, [[0, 2, 2]]).shape
    (1, 3, 2)
    >>> tg.grad(tg.embedding(table, [[0, 2, 2]]).sum(), table)
    array([[1., 1.],
           [0., 0.],
           [2., 2.]], dtype=float32)
    """
    table = operand(table)
    return getitem(table, checked_places(as_array(indices), name="embedding", n=table.shape[0]))
