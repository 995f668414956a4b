"""Many steps in one call: a compiled loop around a compiled step, which takes the rows of its batches itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mlp.errors import DtypeError, ShapeError

STEPS_A_CALL = 256
"""Between calls, Ctrl-C is heard."""
FED_BYTES = 2**26
"""Of what is drawn in advance for one call."""


def loop_text(arguments: Sequence[str], fed: Sequence[str]) -> str:
    """The source of `steps`, which calls `step` once for each loss.

    The first two arguments of the step are filled with rows of X and y, N at a time in the given order, those of `fed`
    with one row of what stands for them, such as the numbers of the optimizer's rule. It ends after a step whose loss
    is not finite, and before one whose labels are wrong; gives how many have been made.
    """
    x, y = arguments[:2]
    rows = [f"many_{name}" for name in fed]
    feeding = "\n".join(f"        {name}[...] = {row}[k]" for name, row in zip(fed, rows, strict=True))
    return f"""

@njit(cache=True, nogil=True, error_model="numpy")
def steps({", ".join(["X", "Y", "order", *rows, "z", "losses", "outputs", *arguments])}):
    n = {x}.shape[0]
    x_rows, y_rows = {x}.reshape((n, -1)), {y}.reshape((n, -1))
    X, Y = X.reshape((-1, x_rows.shape[1])), Y.reshape((-1, y_rows.shape[1]))
    for k in range(losses.size):
        for i in range(n):
            row = order[k * n + i]
            for j in range(x_rows.shape[1]):
                x_rows[i, j] = X[row, j]
            for j in range(y_rows.shape[1]):
                y_rows[i, j] = Y[row, j]
{feeding}
        results = step({", ".join(arguments)})
        if not results[0]:
            return k
        losses[k] = results[1]
        outputs[k] = z
        if not np.isfinite(losses[k]):
            return k + 1
    return losses.size
"""


def at_once(fed: Sequence[np.ndarray]) -> int:
    """How many steps to make in one call, with such arrays for each."""
    return max(1, min(STEPS_A_CALL, FED_BYTES // max(1, sum(array.nbytes for array in fed))))


def rows_in_order(given: Any, count: int) -> np.ndarray:
    """An order of rows, checked.

    Raises:
        ShapeError, DtypeError, IndexError: it is not a list of row numbers from 0 to count − 1.
    """
    order: np.ndarray = np.array(given)
    if order.ndim != 1 or order.size == 0:
        raise ShapeError(f"epoch: order {order.shape}: row numbers (R,) are expected")
    if order.dtype.kind not in "iu":
        raise DtypeError(f"epoch: order is {order.dtype}: row numbers are expected")
    if order.min() < 0 or order.max() >= count:
        raise IndexError(f"epoch: order goes from {order.min()} to {order.max()}; rows 0 to {count - 1} are there")
    return order
