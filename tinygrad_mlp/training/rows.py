"""Rows for a network: checked, and cast once to the dtype of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.errors import DtypeError, NonFiniteError, ShapeError
from tinygrad_mlp.nn import Module

Batch = tuple[ArrayLike, ArrayLike]
"""X (N, n_in), and what the loss compares the outputs with: class indices (N,), or any targets with N rows.

Rows may have more axes, (N, a, b), for a model that begins with `Flatten` or takes them as they are.
"""


def dtype_of(model: Module) -> np.dtype[Any]:
    """The dtype of a model's parameters: the first one's; the default dtype if there are none."""
    if not isinstance(model, Module):
        raise DtypeError(f"the model is {model!r}; a Module is expected, such as a Sequential with it as a layer")
    return next((p.dtype for p in model.parameters()), default_dtype())


def checked_rows(name: str, X: Any, dtype: DTypeLike) -> np.ndarray:
    """X as an array (N, n_in) or (N, …) of finite numbers in this dtype. `name` says in an error whose rows they are.

    Raises:
        ShapeError: X is one row only, or its rows differ in length.
        DtypeError: X does not hold real numbers.
        NonFiniteError: X has a NaN or an infinity, or a number that is one in this dtype.
    """
    x = numbers(f"{name}: X", X)
    if x.ndim < 2:
        raise ShapeError(f"{name}: X {x.shape}; rows (N, n) are expected")
    return finite(f"{name}: X", x, dtype)


def checked_batch(name: str, batch: Any, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray]:
    """A pair (X, y) with as many rows in both, N ≥ 1. Floating-point targets take the dtype too, integers stay.

    Raises as `checked_rows`, and `ShapeError` if it is no such pair.
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise ShapeError(f"{name}: {type(batch).__name__} given; a pair (X, y) is expected")
    x, y = checked_rows(name, batch[0], dtype), numbers(f"{name}: y", batch[1])
    if y.ndim < 1 or len(x) != len(y):
        raise ShapeError(f"{name}: X {x.shape} and y {y.shape}; as many rows in both are expected")
    if not len(x):
        raise ShapeError(f"{name}: X {x.shape} has no rows")
    return x, finite(f"{name}: y", y, dtype) if y.dtype.kind == "f" else y


def numbers(title: str, values: Any) -> np.ndarray:
    """The values as an array of real numbers, in the dtype that they have."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # what NumPy says of lists in lists
        raise ShapeError(f"{title}: rows of one length are expected ({error})") from error
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"{title} is {array.dtype}; real numbers are expected")
    return array


def finite(title: str, values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """The values in this dtype, all of them finite."""
    with np.errstate(over="ignore"):
        cast = values.astype(dtype, copy=False)
    # A NaN is the least and the greatest of all numbers: no array of truths, as large as a quarter of the data.
    if cast.size and not np.isfinite([cast.min(), cast.max()]).all():
        good = np.isfinite(cast)
        where = tuple(int(i) for i in np.argwhere(~good)[0])
        raise NonFiniteError(
            f"{title}[{', '.join(map(str, where))}] is {values[where]}; finite {cast.dtype} is expected"
        )
    return cast
