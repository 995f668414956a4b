"""Rows of the table: elements picked by integers and conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.table import below, coins, distinct, of, real, row

from tinygrad_mlp import ops

row(
    ops.take,
    np.take,
    of(real(4), np.array([0, 0, -1])),
    of(real(2, 3), np.array([[5, 0], [1, 1]])),
    of(real(2, 3), np.array([2, 0]), axis=1),
    of(real(3, 2), np.array(1), axis=0),
    of(real(3), np.array([4, -5]), mode="wrap"),
    of(real(3, 2), np.array([4, -5]), axis=0, mode="clip"),
    of(real(3), np.zeros(0, int)),
)
row(
    ops.take_along_axis,
    np.take_along_axis,
    of(real(2, 3), below(3, 2, 4), axis=1),
    of(real(3, 2), below(3, 1, 2), axis=0),
    of(real(2, 3), below(3, 2, 2)),
    of(real(2, 3), below(3, 1, 2), axis=-1),
    of(real(2, 3), below(6, 4), axis=None),
)


def chosen(f: Any) -> Any:
    return lambda first, second, a, b, **how: f([first, second], [a, b], **how)


BETWEEN = {"call": chosen(ops.select), "reference": chosen(np.select)}
row(
    ops.select,
    None,
    of(coins(2, 3), coins(2, 3), real(2, 3), real(2, 3), **BETWEEN),
    of(coins(4), coins(4), real(4), real(), default=2.5, **BETWEEN),
    of(coins(2, 1), coins(3), real(1, 3), real(2, 1), **BETWEEN),
)


def in_columns(labels: np.ndarray, x: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[labels] * x


row(
    ops.one_hot,
    None,
    *[
        of(
            below(3, *shape),
            real(3),
            classes=3,
            call=lambda labels, x, classes: ops.one_hot(labels, classes) * x,
            reference=in_columns,
        )
        for shape in [(), (4,), (2, 2)]
    ],
)
row(
    ops.embedding,
    lambda table, indices: table[indices],
    of(real(4, 2), below(4, 3)),
    of(real(3, 2), np.array([[0, 0], [2, 0]])),
    of(distinct(2, 3), np.array(1)),
)
