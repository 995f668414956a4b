"""Normalisation: inputs shifted and scaled to mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, op
from tinygrad_mlp.ops.reductions import Axis, kept_shape
from tinygrad_mlp.sums import precise_sum


@op
def standardize(x: Array, *, axis: Axis = -1, epsilon: float = 1e-5) -> Rule:
    """Y = (X − μ) / √(σ² + ε) with mean and (biased) variance along axes, which stay as length 1.

    dX = (dY − mean(dY) − Y·mean(dY·Y)) / √(σ² + ε) (Ioffe & Szegedy 2015, arXiv:1502.03167).
    """
    centred = x - average(x, axis)
    deviation = np.sqrt(average(centred * centred, axis) + epsilon)
    y = centred / deviation
    return y, lambda g: (g - average(g, axis) - y * average(g * y, axis)) / deviation


def average(x: Array, axis: Axis) -> Any:
    """The mean along axes, which stay as length 1."""
    kept = kept_shape(x.shape, axis)
    return precise_sum(x, axis, keepdims=True) / (x.size // max(1, int(np.prod(kept))))
