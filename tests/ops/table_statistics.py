"""Rows of the table: products, spread, order, running sums, norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ops.table import distinct, of, positive, real, reductions, row

from tinygrad_mlp import ops
from tinygrad_mlp.ops import norms, scans, sorting

row(
    ops.prod,
    np.prod,
    *reductions(real),
    of(real(0, 3), axis=0),
    of(np.array([0.0, 2.0, -1.5])),
    of(np.array([0.0, 2.0, 0.0, 0.7])),
    of(np.array([[0.0, 2.0, 1.5], [0.0, 0.0, 0.0], [1.0, 3.0, 0.5]]), axis=1),
)
SPREADS = [of(real(3, 2), ddof=1), of(real(3, 2), axis=0, ddof=1), of(real(2, 3), axis=1, ddof=0.5, keepdims=True)]
row(ops.var, np.var, *reductions(real), *SPREADS, of(real(2, 0), axis=0))
row(
    ops.std,
    np.std,
    *[of(real(2, 3, 2), **how) for how in ({}, {"axis": 0}, {"axis": (0, 2)}, {"axis": -2, "keepdims": True})],
    *SPREADS,
)


def weighted(a: Any, *weights: Any, **how: Any) -> Any:
    return ops.average(a, weights=weights[0] if weights else None, **how)


def weighted_by_numpy(a: np.ndarray, *weights: np.ndarray, **how: Any) -> Any:
    return np.average(a, weights=weights[0] if weights else None, **how)


AVERAGE = {"call": weighted, "reference": weighted_by_numpy}
row(
    ops.average,
    np.average,
    of(real(2, 3)),
    of(real(2, 3), axis=0, keepdims=True),
    of(real(2, 3), positive(2, 3), **AVERAGE),
    of(real(2, 3), positive(3), axis=-1, **AVERAGE),
    of(real(2, 3), positive(2), axis=0, keepdims=True, **AVERAGE),
    of(real(2, 3, 2), positive(2, 2), axis=(2, 0), **AVERAGE),
    of(real(2, 2), np.array([1, 3]), axis=1, **AVERAGE),
)
row(ops.ptp, np.ptp, *[of(distinct(2, 3), **how) for how in ({}, {"axis": 0}, {"axis": -1, "keepdims": True})])


def with_nan(sample: Callable[..., np.ndarray]) -> dict[str, Any]:
    """NaN put in where a mask says so: it is no input, because nothing can be differentiated there."""

    def spoilt(f: Any, where: Any) -> Any:
        return lambda x, lost, **how: f(where(lost, np.nan, x), **how)

    return {"call": spoilt(sample, ops.where), "reference": spoilt(getattr(np, sample.__name__), np.where)}


LOST = np.array([[True, False, False], [False, False, True]])
for lenient in (ops.nansum, ops.nanprod, ops.nanmean, ops.nanmax, ops.nanmin):
    row(
        lenient,
        getattr(np, lenient.__name__),
        of(distinct(2, 3, shift=0.3)),
        of(distinct(2, 3, shift=0.3), axis=0, keepdims=True),
        of(distinct(2, 3, shift=0.3), LOST, **with_nan(lenient)),
        of(distinct(2, 3, shift=0.3), LOST, axis=1, **with_nan(lenient)),
        of(distinct(2, 3, shift=0.3), LOST, axis=(0, 1), keepdims=True, **with_nan(lenient)),
    )

# running sums

ALONG: list[dict[str, Any]] = [{"axis": 0}, {"axis": 1}, {"axis": -1}]
row(scans.cumsum_, np.cumsum, *[of(real(2, 3), **how) for how in ALONG], of(real(0), axis=0))
row(ops.cumsum, np.cumsum, of(real(2, 3)), of(real(4)), of(real()), of(real(2, 3, 2), axis=-2))
row(
    scans.cumprod_,
    np.cumprod,
    *[of(real(2, 3), **how) for how in ALONG],
    of(real(0), axis=0),
    of(np.array([1.5, 0.0, 2.0, 0.0, -1.0]), axis=0),
    of(np.array([[0.0, 2.0], [0.5, 0.0], [3.0, 1.0]]), axis=0),
)
row(ops.cumprod, np.cumprod, of(real(2, 3)), of(real(4)), of(real()), of(real(2, 3, 2), axis=-2))


def one_by_one(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    found = []
    for i in range(len(b)):
        found.append(b[i] + (a[i] * found[-1] if i else 0))
    return np.moveaxis(np.array(found).reshape(b.shape), 0, axis)


row(
    scans.recurrence,
    one_by_one,
    of(real(6), real(6), axis=0),
    of(real(2, 3), real(2, 3), axis=-1),
    of(real(3, 2), real(3, 2), axis=0),
    of(real(1), real(1), axis=0),
    of(real(0), real(0), axis=0),
)

# order

row(
    sorting.sort_,
    np.sort,
    of(distinct(5), axis=0),
    of(distinct(3, 2), axis=0),
    of(distinct(2, 3), axis=1),
    of(distinct(2, 3, 2), axis=1),
    of(distinct(0, 2), axis=0),
)
row(ops.sort, np.sort, of(distinct(5)), of(distinct(2, 3)), of(distinct(3, 2), axis=0), of(distinct(2, 3), axis=None))


def mean_of_groups(g: np.ndarray, ordered: np.ndarray, axis: int) -> np.ndarray:
    lines = np.moveaxis(g, axis, -1).copy()
    for line, values in zip(
        lines.reshape(-1, lines.shape[-1]),
        np.moveaxis(ordered, axis, -1).reshape(lines.shape).reshape(-1, lines.shape[-1]),
        strict=True,
    ):
        for value in set(values.tolist()):
            line[values == value] = line[values == value].mean()
    return np.moveaxis(lines, -1, axis)


row(
    sorting.level,
    mean_of_groups,
    of(real(5), np.array([1, 1, 2, 3, 3]), axis=0),
    of(real(2, 3), np.array([[1, 1, 1], [1, 2, 3]]), axis=1),
    of(real(3, 2), np.array([[1, 2], [1, 3], [4, 3]]), axis=0),
)
row(
    ops.median,
    np.median,
    of(distinct(5)),
    of(distinct(4)),
    of(distinct(2, 3)),
    of(distinct(2, 3, 2), axis=0),
    of(distinct(3, 2), axis=0, keepdims=True),
    of(distinct(2, 3, 2), axis=(-1, 0)),
    of(distinct(2, 3, 2), axis=(0, 1), keepdims=True),
    of(distinct(1, 1)),
    of(distinct()),
)

PARTS: list[Any] = [0.0, 0.3, 1.0, [0.25, 0.5], [[0.1], [0.9]]]
row(
    ops.quantile,
    np.quantile,
    *[of(distinct(5), q=q) for q in PARTS],
    of(distinct(2, 3), q=0.4),
    of(distinct(2, 3, 2), q=[0.4, 0.7], axis=1),
    of(distinct(2, 3, 2), q=[0.4, 0.7], axis=(0, 2), keepdims=True),
    of(distinct(3, 2), q=0.25, axis=0, keepdims=True),
)
row(ops.percentile, np.percentile, of(distinct(5), q=35), of(distinct(2, 3), q=[20, 50.0], axis=-1))
AREA = {
    "call": lambda y, x, **how: ops.trapezoid(y, x, **how),
    "reference": lambda y, x, **how: np.trapezoid(y, x, **how),
}
row(
    ops.trapezoid,
    np.trapezoid,
    of(real(4)),
    of(real(2, 3), dx=0.5),
    of(real(3, 2), axis=0),
    of(real(2, 3), real(3), **AREA),
    of(real(3, 2), real(3), axis=0, **AREA),
    of(real(2, 3), real(2, 3), **AREA),
)

# norms


def steep(*shape: int) -> np.ndarray:
    """Numbers that double along each axis, so that no two sums are near each other."""
    x = real(*shape)
    for axis, n in enumerate(shape):
        x = x * (2.0 ** np.arange(n)).reshape((-1,) + (1,) * (len(shape) - axis - 1))
    return x / np.abs(x).max()


def by_hand(x: np.ndarray, p: float, axis: Any, keepdims: bool) -> Any:
    return (np.abs(x) ** p).sum(axis=axis, keepdims=keepdims) ** (1 / p)


row(
    norms.norm_,
    by_hand,
    of(real(4), p=2, axis=None, keepdims=False),
    of(real(2, 3), p=2, axis=(0, 1), keepdims=True),
    of(real(2, 3), p=3.0, axis=1, keepdims=False),
    of(real(3), p=1.5, axis=0, keepdims=True),
)
row(
    ops.norm,
    np.linalg.norm,
    of(real(3)),
    of(real(2, 3)),
    of(real()),
    *[of(distinct(4), ord=order) for order in (1, 2, 3, 2.5, np.inf, -np.inf)],
    *[of(steep(2, 3), ord=order) for order in ("fro", 1, -1, np.inf, -np.inf)],
    of(real(2, 3), axis=0),
    of(real(2, 3), axis=-1, keepdims=True),
    of(distinct(2, 3), ord=1, axis=1),
    of(steep(2, 3, 2), ord=np.inf, axis=(2, 0)),
    of(steep(2, 3, 2), ord=1, axis=(0, -1), keepdims=True),
    of(real(2, 3, 2), axis=(0, 1)),
    of(real(2, 3, 2)),
)
