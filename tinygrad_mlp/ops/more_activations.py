"""Activations made of straight lines, and activations made of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, op
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.ops.activations import elu, sigmoid, softplus
from tinygrad_mlp.ops.arranging import cut, operand
from tinygrad_mlp.ops.elementwise import tanh


@op(kinks=lambda x, low=-1.0, high=1.0: np.stack([x - low, x - high]))
def hard_tanh(x: Array, *, low: float = -1.0, high: float = 1.0) -> Rule:
    """X held between two numbers. Kinks at both, where the slope is taken as 0 (of `clip` it is 1)."""
    return np.clip(x, low, high), lambda g: np.where((x > low) & (x < high), g, 0)


def relu6(x: Array) -> Any:
    """Y = min(max(0, X), 6) (Howard et al. 2017, arXiv:1704.04861). Kinks at 0 and 6: slope 0."""
    return hard_tanh(x, low=0.0, high=6.0)


def hard_sigmoid(x: Array) -> Any:
    """Y = X / 6 + ½, held between 0 and 1. Kinks at ±3: slope 0."""
    return relu6(operand(x) + 3) / 6


def hard_silu(x: Array) -> Any:
    """Y = X·hard_sigmoid(X), also called hard swish (Howard et al. 2019, arXiv:1905.02244)."""
    x = operand(x)
    return x * hard_sigmoid(x)


def celu(x: Array, *, alpha: float = 1.0) -> Any:
    """Y = X where X > 0, else α·(e^(X/α) − 1), smooth at 0 for every α ≠ 0 (Barron 2017, arXiv:1704.07483).

    Raises:
        OptionError: α is 0.
    """
    if alpha == 0:
        raise OptionError("celu: alpha is 0; another number is expected")
    return elu(operand(x) / alpha) * alpha


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def selu(x: Array) -> Any:
    """Y = 1.0507·X where X > 0, else 1.0507·1.6733·(e^X − 1) (Klambauer et al. 2017, arXiv:1706.02515). Kink at 0."""
    return elu(x, alpha=SELU_ALPHA) * SELU_SCALE


def mish(x: Array) -> Any:
    """Y = X·tanh(ln(1 + e^X)) (Misra 2019, arXiv:1908.08681)."""
    x = operand(x)
    return x * tanh(softplus(x))


@op(kinks=lambda x: x)
def softsign(x: Array) -> Rule:
    """Y = X / (1 + |X|). The slope 1 / (1 + |X|)² has a kink at 0."""
    d = 1 + np.abs(x)
    return x / d, lambda g: g / d / d


def log_sigmoid(x: Array) -> Any:
    """Y = ln sigmoid(X) = −ln(1 + e^−X), without overflow."""
    return -softplus(-operand(x))


def glu(x: Array, *, axis: int = -1) -> Any:
    """Y = A·sigmoid(B) of the two halves of X along an axis (Dauphin et al. 2017, arXiv:1612.08083).

    Raises:
        ShapeError: the axis has no even length.
    """
    x = operand(x)
    axis = range(x.ndim)[axis]
    n = x.shape[axis]
    if n % 2:
        raise ShapeError(f"glu: axis {axis} of {x.shape} has length {n}; an even one is expected")
    return cut(x, None, n // 2, axis) * sigmoid(cut(x, n // 2, None, axis))
