"""Arguments that a user gives to a layer: counts, numbers in a range, and plain arrays of rows."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import SCOPE
from tinygrad_mlp.errors import DtypeError, OptionError, ShapeError


def at_least_1(name: str, value: Any) -> int:
    """A whole number of at least 1, as an int.

    Raises:
        OptionError: it is something else, a bool or 2.0 for instance; the message has its name.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise OptionError(f"{name} is {value!r}; a whole number of at least 1 is expected")
    return number


def finite_number(name: str, value: Any) -> float:
    """A finite real number, as a float.

    Raises:
        OptionError: it is something else, text for instance; the message has its name.
    """
    if not isinstance(value, Real) or not math.isfinite(value):
        raise OptionError(f"{name} is {value!r}; a finite number is expected")
    return float(value)


def cast_rows(name: str, x: Any, dtype: np.dtype[Any]) -> Any:
    """A plain array or list in the dtype of a layer's parameters; a Tensor or a traced array of that dtype as it is.

    Args:
        name: the layer's, for an error.
        x: its input.
        dtype: of its parameters.

    Raises:
        DtypeError: x does not hold real numbers.
        ShapeError: the rows of a list differ in length.
    """
    if hasattr(x, "_data"):
        return x
    if not hasattr(x, "__array_function__"):
        try:
            x = np.asarray(x)
        except ValueError as error:  # what NumPy says of lists in lists
            raise ShapeError(f"{here(name)}: rows of one length are expected ({error})") from error
    if x.dtype == dtype:
        return x
    if x.dtype.kind not in "fiub":
        raise DtypeError(f"{here(name)}: X is {x.dtype}; real numbers are expected")
    return x.astype(dtype)


def here(name: str) -> str:
    """A layer's name, and where it stands in the model that is running: `Dense in layers.2`."""
    path = SCOPE.get()
    return f"{name} in {path}" if path else name
