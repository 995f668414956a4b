"""Rarer elementwise functions as expressions of numbers, for the Numba backend's loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mlp.compiling.kernels import plainly
from tinygrad_mlp.ops import special

BY_NAME = (
    *("tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "exp2", "log2", "log10"),
    *("floor", "ceil", "trunc", "rint", "isnan", "isinf", "isfinite", "signbit", "hypot", "arctan2", "copysign"),
    *("logaddexp", "logaddexp2", "remainder", "fmod"),
)
"""Those that Numba has under NumPy's names."""
RARE: dict[Callable[..., Any], str] = {
    **{
        getattr(np, name): f"np.{name}({', '.join(f'{{{i}}}' for i in range(getattr(np, name).nin))})"
        for name in BY_NAME
    },
    np.fabs: "abs({0})",
    np.cbrt: "np.copysign(abs({0}) ** (1 / 3), {0})",
    np.floor_divide: "np.floor_divide({0}, {1})",
    np.fmax: "({0} if {0} >= {1} or {1} != {1} else {1})",
    np.fmin: "({0} if {0} <= {1} or {1} != {1} else {1})",
    np.heaviside: "({0} if {0} != {0} else 0 if {0} < 0 else 1 if {0} > 0 else {1})",
    np.logical_not: "(not {0})",
    np.invert: "np.invert({0})",
    np.logical_xor: "({0} != {1})",
    plainly(special.error_function): "math.erf(np.float64({0}))",
}
