"""How much of many arrays is taken, where all of it would be too much: small ones whole, large ones in part."""

from __future__ import annotations

import math
from collections.abc import Sequence


def fair_limit(sizes: Sequence[int], budget: float, costs: Sequence[float] | None = None) -> int:
    """The largest number n so that min(size, n) elements of each array cost no more than the budget together.

    Args:
        sizes: elements of the arrays.
        budget: what there is to spend.
        costs: of one element of each array; 1 if None.

    >>> fair_limit([4, 10, 100], 34)  # 4 and 10 whole, and 20 of the last
    20
    """
    pairs = sorted(zip(sizes, costs or [1.0] * len(sizes), strict=True))
    rate = sum(cost for _, cost in pairs)  # what one more element of every array costs
    taken = 0
    for size, cost in pairs:
        if rate * (size - taken) > budget:
            return taken + int(budget / rate)
        budget -= rate * (size - taken)
        taken = size
        rate -= cost
    return taken


def corner(shape: tuple[int, ...], most: int) -> tuple[int, int]:
    """How many rows and columns of an array are taken, from the first ones on: about `most` elements, rather square.

    An array of one axis is one row; of several, the last axis has the columns, and all others are rows.

    >>> corner((3, 2), 100), corner((800, 400), 100), corner((1000, 3), 99), corner((7,), 100)
    ((3, 2), (10, 10), (33, 3), (1, 7))
    """
    columns = shape[-1] if shape else 1
    rows = math.prod(shape[:-1])
    if not rows or not columns:
        return 0, 0
    across = min(columns, max(math.isqrt(most), most // rows, 1))
    return min(rows, max(most // across, 1)), across
