"""Rows of the table: NumPy's ufuncs beyond those of a network."""

from __future__ import annotations

import numpy as np
from ops.table import between, broadcast_pairs, distinct, elementwise_shapes, fixed, of, positive, real, row

from tinygrad_mlp import ops
from tinygrad_mlp.ops import trigonometry


def inside(*shape: int) -> np.ndarray:
    """Numbers well between −1 and 1."""
    return between(-0.7, 0.7, *shape)


def above_1(*shape: int) -> np.ndarray:
    return between(1.5, 3, *shape)


def off_the_steps(*shape: int) -> np.ndarray:
    """Numbers of both signs, 0.1 or more from whole numbers and from their halves."""
    return np.asarray(np.floor(between(-3, 3, *shape)) + between(0.15, 0.35, *shape))


# exponentials

row(ops.exp2, np.exp2, *elementwise_shapes(real))
row(ops.log2, np.log2, *elementwise_shapes(positive))
row(ops.log10, np.log10, *elementwise_shapes(positive))
row(ops.logaddexp, np.logaddexp, *broadcast_pairs(real, real))
row(ops.logaddexp2, np.logaddexp2, *broadcast_pairs(real, real))
row(ops.square, np.square, *elementwise_shapes(real))
row(ops.cbrt, np.cbrt, *elementwise_shapes(real))
row(ops.reciprocal, np.reciprocal, *elementwise_shapes(real))
row(
    ops.float_power,
    lambda x, p: np.float_power(x, p).astype(np.result_type(x, p)),
    *broadcast_pairs(positive, real),
    of(real(2, 3), fixed(2.0)),
)

# trigonometry

row(ops.sin, np.sin, *elementwise_shapes(real))
row(ops.cos, np.cos, *elementwise_shapes(real))
row(ops.tan, np.tan, *elementwise_shapes(inside))
row(ops.arcsin, np.arcsin, *elementwise_shapes(inside))
row(ops.arccos, np.arccos, *elementwise_shapes(inside))
row(ops.arctan, np.arctan, *elementwise_shapes(real))
row(ops.sinh, np.sinh, *elementwise_shapes(real))
row(ops.cosh, np.cosh, *elementwise_shapes(real))
row(ops.arcsinh, np.arcsinh, *elementwise_shapes(real))
row(ops.arccosh, np.arccosh, *elementwise_shapes(above_1))
row(ops.arctanh, np.arctanh, *elementwise_shapes(inside))
row(ops.hypot, np.hypot, *broadcast_pairs(real, real))
row(ops.arctan2, np.arctan2, *broadcast_pairs(real, real))
row(ops.sinc, np.sinc, *elementwise_shapes(real), of(np.array([0.0, 1.0, -0.01, 5.5])))


def sinc_by_hand(x: np.ndarray, order: int) -> np.ndarray:
    """The first two derivatives, by the quotient rule in long double."""
    u = np.pi * np.asarray(x, np.longdouble)
    if order == 1:
        return np.asarray(np.pi * (np.cos(u) / u - np.sin(u) / u**2), x.dtype)
    return np.asarray(np.pi**2 * (-np.sin(u) / u - 2 * np.cos(u) / u**2 + 2 * np.sin(u) / u**3), x.dtype)


row(trigonometry.sinc_, sinc_by_hand, of(real(5), order=1), of(between(0.5, 3, 6), order=2), of(real(), order=2))
row(ops.deg2rad, np.deg2rad, *elementwise_shapes(real))
row(ops.rad2deg, np.rad2deg, *elementwise_shapes(real))

# steps, remainders, signs

for step in (ops.floor, ops.ceil, ops.trunc, ops.rint):
    row(step, getattr(np, step.name), *elementwise_shapes(off_the_steps))
row(ops.round, np.round, *elementwise_shapes(off_the_steps), of(np.array([0.32, -1.18, 2.04]), decimals=1))
row(ops.positive, np.positive, *elementwise_shapes(real))


def quarters(*shape: int) -> np.ndarray:
    """Numbers whose quotient with ±1 or ±2 is not whole: odd eighths from −4 to 4."""
    return np.asarray((2 * np.floor(between(-16, 16, *shape)) + 1) / 8)


def ones_and_twos(*shape: int) -> np.ndarray:
    return np.asarray(np.rint(between(0.6, 2.4, *shape)) * np.sign(real(*shape)))


for remains in (ops.remainder, ops.fmod, ops.floor_divide):
    row(remains, getattr(np, remains.name), *broadcast_pairs(quarters, ones_and_twos))
row(ops.copysign, np.copysign, *broadcast_pairs(real, real))
row(ops.heaviside, np.heaviside, *broadcast_pairs(real, real))
row(ops.fmax, np.fmax, *broadcast_pairs(distinct, lambda *shape: distinct(*shape, shift=0.05)))
row(ops.fmin, np.fmin, *broadcast_pairs(distinct, lambda *shape: distinct(*shape, shift=0.05)))
row(
    ops.nan_to_num,
    np.nan_to_num,
    *elementwise_shapes(real),
    of(real(3), nan=1.0, posinf=2.0, neginf=-2.0),
)
