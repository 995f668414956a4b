"""Activations of a network, and the masks that go between its layers. Stable by formula, not by adding 1e-15."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Array, Rule, op
from tinygrad_mlp.errors import OptionError, ShapeError
from tinygrad_mlp.ops.arranging import operand
from tinygrad_mlp.ops.elementwise import exp, tanh
from tinygrad_mlp.ops.special import error_function
from tinygrad_mlp.ops.stacking import cut

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_HALF = math.sqrt(0.5)


@op(kinks=lambda x: x)
def relu(x: Array) -> Rule:
    """Y = max(0, X). Kink at 0, where the slope is taken as 0.

    >>> import tinygrad_mlp as tg
    >>> print(tg.relu([-2.0, 3.0]), tg.jacobian(tg.relu)(0.0))
    [0. 3.] 0.0
    """
    y = np.maximum(x, 0)
    return y, lambda g: g * np.sign(y)


@op(kinks=lambda x, alpha=0.01: x)
def leaky_relu(x: Array, *, alpha: float = 0.01) -> Rule:
    """Y = X where X > 0, else α·X. Kink at 0, where the slope is taken as α.

    >>> import tinygrad_mlp as tg
    >>> print(tg.leaky_relu([-2.0, 3.0], alpha=0.1), tg.jacobian(tg.leaky_relu)(0.0))
    [-0.2  3. ] 0.01
    """
    return np.where(x > 0, x, alpha * x), lambda g: np.where(x > 0, g, alpha * g)


@op
def sigmoid(x: Array) -> Rule:
    """Y = 1 / (1 + e^−X), computed with e^−|X|, which cannot overflow. dX = dY ⊙ Y ⊙ (1 − Y).

    >>> import tinygrad_mlp as tg
    >>> tg.sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    >>> print(tg.jacobian(tg.sigmoid)(0.0))  # the steepest slope there is
    0.25
    """
    e = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1, e) / (1 + e)
    return y, lambda g: g * (y * (1 - y))


@op
def softplus(x: Array) -> Rule:
    """Y = ln(1 + e^X) = max(X, 0) + ln(1 + e^−|X|), dX = dY ⊙ sigmoid X.

    >>> import tinygrad_mlp as tg
    >>> print(tg.softplus(0.0).round(4), tg.softplus(1000.0))  # ln 2, and no overflow
    0.6931 1000.0
    """
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), lambda g: g * sigmoid(x)


@op(kinks=lambda x, alpha=1.0: x)
def elu(x: Array, *, alpha: float = 1.0) -> Rule:
    """Y = X where X > 0, else α·(e^X − 1) (Clevert et al. 2016, arXiv:1511.07289). Smooth at 0 for α = 1.

    >>> import tinygrad_mlp as tg
    >>> tg.elu([-1000.0, -1.0, 2.0]).round(4)
    array([-1.    , -0.6321,  2.    ])
    """
    y = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    return y, lambda g: np.where(x > 0, g, g * (y + alpha))


@op
def silu(x: Array) -> Rule:
    """Y = X·sigmoid(X), also called swish (Elfwing et al. 2018, arXiv:1702.03118).

    >>> import tinygrad_mlp as tg
    >>> tg.silu([-1000.0, -1.2785, 0.0, 3.0]).round(4)  # the least value lies at −1.2785
    array([-0.    , -0.2785,  0.    ,  2.8577])
    """
    s = sigmoid(x)
    y = x * s
    return y, lambda g: g * (s + y * (1 - s))


@op(broadcasts=True, kinks=lambda x, alpha: x)
def prelu(x: Array, alpha: Array) -> Rule:
    """Y = X where X > 0, else α·X, with an α that is learned (He et al. 2015, arXiv:1502.01852). Kink at 0: slope α.

    Args:
        x: any shape.
        alpha: a shape that broadcasts against it: one number, or one for each feature.

    >>> import tinygrad_mlp as tg
    >>> alpha = tg.Tensor(0.25, requires_grad=True)
    >>> tg.grad(tg.prelu([-2.0, -1.0, 5.0], alpha).sum(), alpha)
    array(-3., dtype=float32)
    """
    return np.where(x > 0, x, alpha * x), lambda g: np.where(x > 0, g, alpha * g), lambda g: np.where(x > 0, 0, g * x)


@op
def erf(x: Array) -> Rule:
    """Y = 2/√π · ∫ e^(−t²) dt from 0 to X, the error function.

    >>> import tinygrad_mlp as tg
    >>> tg.erf([-10.0, 0.0, 0.5, 1.0]).round(4)
    array([-1.    ,  0.    ,  0.5205,  0.8427])
    """
    return error_function(x), lambda g: g * (TWO_OVER_ROOT_PI * bell(x))


def bell(x: Array) -> Any:
    """e^(−X²), without overflow: beyond ±40 it is 0 in any case."""
    x = np.clip(x, -40, 40)
    return exp(-x * x)


@op
def gelu_(x: Array) -> Rule:
    """Y = X·Φ(X), where Φ is the normal distribution's function."""
    cumulative = 0.5 + 0.5 * erf(x * ROOT_HALF)
    return x * cumulative, lambda g: g * (cumulative + x * (0.5 * ROOT_HALF * TWO_OVER_ROOT_PI) * bell(x * ROOT_HALF))


@op
def gelu_tanh(x: Array) -> Rule:
    """Y = X/2·(1 + tanh(√(2/π)·(X + 0.044715·X³)))."""
    near = np.clip(x, -10, 10)  # beyond, tanh is ±1 to the last digit
    t = tanh(near * (1 + 0.044715 * near * near) * (ROOT_HALF * TWO_OVER_ROOT_PI))
    slope = (1 + 3 * 0.044715 * near * near) * (ROOT_HALF * TWO_OVER_ROOT_PI)
    return 0.5 * x * (1 + t), lambda g: g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


def gelu(x: Array, *, approximate: str = "none") -> Any:
    """Y = X·Φ(X) with the normal distribution's Φ (Hendrycks & Gimpel 2016, arXiv:1606.08415).

    Args:
        x: any shape.
        approximate: "none" for the exact form (PyTorch's and Keras's default), "tanh" for the one with tanh (GPT-2's).

    Raises:
        OptionError: another approximation.

    >>> import tinygrad_mlp as tg
    >>> print(tg.gelu(tg.Tensor([-1.0, 0.0, 1.0])))
    Tensor([-0.15865526,  0.        ,  0.8413447 ], dtype=float32)
    """
    if approximate not in ("none", "tanh"):
        raise OptionError(f"gelu: approximate is {approximate!r}; 'none' or 'tanh' is expected")
    return gelu_(x) if approximate == "none" else gelu_tanh(x)


@op(discrete=("mask",))
def dropout(x: Array, mask: Array, *, p: float) -> Rule:
    """Y = X ⊙ mask / (1 − p): elements are dropped with probability p, and the mean is kept.

    Args:
        x: any shape.
        mask: booleans of that shape, True for what is kept; drawn by the caller, so that a step can be repeated.
        p: the probability of dropping, 0 ≤ p < 1.

    Raises:
        OptionError: p is out of its range.

    >>> import tinygrad_mlp as tg
    >>> tg.dropout([1.0, 2.0, 3.0, 4.0], [True, False, False, True], p=0.5)
    array([2., 0., 0., 8.])
    """
    if not 0 <= p < 1:
        raise OptionError(f"dropout: p is {p!r}; a number from 0 up to, but not including, 1 is expected")
    scale = 1 / (1 - p)
    return np.where(mask, x * scale, 0), lambda g: np.where(mask, g * scale, 0), None


@op(kinks=lambda x, low=-1.0, high=1.0: np.stack([x - low, x - high]))
def hard_tanh(x: Array, *, low: float = -1.0, high: float = 1.0) -> Rule:
    """X held between two numbers. Kinks at both, where the slope is taken as 0 (of `clip` it is 1).

    Args:
        x: any shape.
        low: the lower bound, a number.
        high: the upper bound, a number.

    >>> import tinygrad_mlp as tg
    >>> tg.hard_tanh([-3.0, 0.5, 3.0])
    array([-1. ,  0.5,  1. ])
    >>> tg.jacobian(lambda x: tg.hard_tanh(x).sum())([-1.0, 0.5, 1.0])
    array([0., 1., 0.], dtype=float32)
    """
    return np.clip(x, low, high), lambda g: np.where((x > low) & (x < high), g, 0)


def relu6(x: Array) -> Any:
    """Y = min(max(0, X), 6) (Howard et al. 2017, arXiv:1704.04861). Kinks at 0 and 6: slope 0.

    >>> import tinygrad_mlp as tg
    >>> tg.relu6([-1.0, 3.0, 8.0])
    array([0., 3., 6.])
    """
    return hard_tanh(x, low=0.0, high=6.0)


def hard_sigmoid(x: Array) -> Any:
    """Y = X / 6 + ½, held between 0 and 1. Kinks at ±3: slope 0.

    >>> import tinygrad_mlp as tg
    >>> tg.hard_sigmoid([-4.0, 0.0, 1.5, 4.0])
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    return relu6(operand(x) + 3) / 6


def hard_silu(x: Array) -> Any:
    """Y = X·hard_sigmoid(X), also called hard swish (Howard et al. 2019, arXiv:1905.02244).

    >>> import tinygrad_mlp as tg
    >>> tg.hard_silu([-4.0, -1.5, 0.0, 4.0])
    array([-0.   , -0.375,  0.   ,  4.   ])
    """
    x = operand(x)
    return x * hard_sigmoid(x)


def celu(x: Array, *, alpha: float = 1.0) -> Any:
    """Y = X where X > 0, else α·(e^(X/α) − 1), smooth at 0 for every α ≠ 0 (Barron 2017, arXiv:1704.07483).

    Raises:
        OptionError: α is 0.

    >>> import tinygrad_mlp as tg
    >>> tg.celu([-1000.0, -1.0, 2.0], alpha=2.0).round(4)
    array([-2.    , -0.7869,  2.    ])
    """
    if alpha == 0:
        raise OptionError("celu: alpha is 0; another number is expected")
    return elu(operand(x) / alpha) * alpha


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def selu(x: Array) -> Any:
    """Y = 1.0507·X where X > 0, else 1.0507·1.6733·(e^X − 1) (Klambauer et al. 2017, arXiv:1706.02515). Kink at 0.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> y = tg.selu(np.random.default_rng(0).normal(size=100_000))
    >>> print(abs(y.mean()) < 0.01, abs(y.std() - 1) < 0.01)  # a mean of 0 and a deviation of 1 are kept
    True True
    """
    return elu(x, alpha=SELU_ALPHA) * SELU_SCALE


def mish(x: Array) -> Any:
    """Y = X·tanh(ln(1 + e^X)) (Misra 2019, arXiv:1908.08681).

    >>> import tinygrad_mlp as tg
    >>> tg.mish([-1000.0, -1.0, 0.0, 3.0]).round(4)
    array([-0.    , -0.3034,  0.    ,  2.9865])
    """
    x = operand(x)
    return x * tanh(softplus(x))


@op(kinks=lambda x: x)
def softsign(x: Array) -> Rule:
    """Y = X / (1 + |X|). The slope 1 / (1 + |X|)² has a kink at 0.

    >>> import tinygrad_mlp as tg
    >>> tg.softsign([-3.0, 0.0, 1.0])
    array([-0.75,  0.  ,  0.5 ])
    """
    d = 1 + np.abs(x)
    return x / d, lambda g: g / d / d


def log_sigmoid(x: Array) -> Any:
    """Y = ln sigmoid(X) = −ln(1 + e^−X), without overflow.

    >>> import tinygrad_mlp as tg
    >>> print(tg.log_sigmoid(-1000.0))  # the logarithm of sigmoid(−1000), which is 0, would be −∞
    -1000.0
    """
    return -softplus(-operand(x))


def glu(x: Array, *, axis: int = -1) -> Any:
    """Y = A·sigmoid(B) of the two halves of X along an axis (Dauphin et al. 2017, arXiv:1612.08083).

    Raises:
        ShapeError: the axis has no even length.

    >>> import tinygrad_mlp as tg
    >>> tg.glu([[5.0, 6.0, 1000.0, 0.0]])  # 5 · sigmoid(1000), 6 · sigmoid(0)
    array([[5., 3.]])
    """
    x = operand(x)
    axis = range(x.ndim)[axis]
    n = x.shape[axis]
    if n % 2:
        raise ShapeError(f"glu: axis {axis} of {x.shape} has length {n}; an even one is expected")
    return cut(x, None, n // 2, axis) * sigmoid(cut(x, n // 2, None, axis))
