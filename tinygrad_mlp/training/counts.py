"""Counts that a user gives: epochs, rows in a batch, classes, patience."""

from __future__ import annotations

import operator
from typing import Any

from tinygrad_mlp.errors import OptionError


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
