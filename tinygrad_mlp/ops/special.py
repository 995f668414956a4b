"""Functions that NumPy does not have: the error function, and the derivatives of sinc."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_mlp.autograd import kernel
from tinygrad_mlp.dtypes import floating

# W. J. Cody (1969), Math. Comp. 23, 631–637: numerators and denominators, highest power first.
NEAR = (
    [1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3],
    [1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3],
)
MIDDLE = (
    [
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
        2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
        1.23033935479799725e3,
    ],
    [
        1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ],
)  # fmt: skip
FAR = (
    [
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
        1.60837851487422766e-2, 6.58749161529837803e-4,
    ],
    [
        1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3,
    ],
)  # fmt: skip


@kernel
def error_function(x: np.ndarray) -> np.ndarray:
    """2/√π · ∫ e^(−t²) dt from 0 to x, computed in float64, in the dtype of x."""
    wide = np.asarray(x, np.float64)
    y = np.abs(wide)
    result = np.array(np.copysign(1.0, wide))  # what it is from 6 on
    near, far = y <= 0.46875, (y > 4) & (y < 6)
    middle = (y > 0.46875) & (y <= 4)
    t = wide[near]
    result[near] = t * fraction(NEAR, t * t)
    t = y[middle]
    result[middle] *= 1 - np.exp(-t * t) * fraction(MIDDLE, t)
    t = 1 / np.square(y[far])
    tail = (1 / np.sqrt(np.pi) - t * fraction(FAR, t)) / y[far]
    result[far] *= 1 - np.exp(-np.square(y[far])) * tail
    result[np.isnan(wide)] = np.nan
    return result.astype(floating(x.dtype))


def fraction(coefficients: tuple[list[float], list[float]], t: np.ndarray) -> np.ndarray:
    """A quotient of polynomials."""
    return np.asarray(np.polyval(coefficients[0], t) / np.polyval(coefficients[1], t))


@kernel
def sinc_derivative(x: np.ndarray, *, order: int) -> np.ndarray:
    """The derivative of some order of sin(πx) / (πx), computed in float64, in the dtype of x.

    With u = πx and s = sin u / u: s⁽ⁿ⁾ = (sin⁽ⁿ⁾u − n·s⁽ⁿ⁻¹⁾) / u, from u·s = sin u. Near 0, where this cancels, the
    power series Σ (−1)ᵏ·u²ᵏ / (2k + 1)!, differentiated term by term.
    """
    if order == 0:
        return np.asarray(np.sinc(x)).astype(floating(x.dtype))
    u = np.pi * np.asarray(x, np.float64)
    near = np.abs(u) < order + 1
    far = u[~near]
    by_parts = np.sin(far) / far
    for n in range(1, order + 1):
        by_parts = (np.sin(far + n * np.pi / 2) - n * by_parts) / far
    start = (order + 1) // 2  # terms of a lower power than the order are gone
    coefficients = [
        (-1) ** k * math.factorial(2 * k) / (math.factorial(2 * k - order) * math.factorial(2 * k + 1))
        for k in range(start, start + 14 + 2 * order)
    ]
    t = u[near]
    series = np.polyval(coefficients[::-1], t * t) * t ** (2 * start - order)
    result = np.empty(u.shape)
    result[near], result[~near] = series, by_parts
    return (result * np.pi**order).astype(floating(x.dtype))
