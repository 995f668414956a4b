"""The layers as a textbook has them, in plain NumPy: what the package's engine is compared with.

None of it uses an operation of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import erf, pi, sqrt
from typing import Any

import numpy as np

from tinygrad_mlp import nn, ops

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Elementwise:
    """An activation and its slope.

    Attributes:
        forward, slope: the formulas in words: of z; and of `{z}` and its output `{a}`, for `format`.
        f, df: the same of an array; the first argument is the layer, for its options.
    """

    forward: str
    slope: str
    f: Callable[[Any, Array], Array]
    df: Callable[[Any, Array], Array]


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^−z)."""
    return np.asarray(1 / (1 + np.exp(-z)))


def phi(z: Array) -> Array:
    """The normal distribution Φ."""
    return np.asarray([0.5 * (1 + erf(x / sqrt(2))) for x in z.ravel()]).reshape(z.shape)


def alpha(layer: Any, default: float) -> float:
    """The α of a layer; of a function, its default."""
    return float(getattr(layer, "alpha", default))


RELU = Elementwise("max(0, z)", "1 where {z} > 0, else 0", lambda _, z: np.maximum(0, z), lambda _, z: 1.0 * (z > 0))
LEAKY = Elementwise(
    "z where z > 0, else α·z",
    "1 where {z} > 0, else α",
    lambda layer, z: np.where(z > 0, z, alpha(layer, 0.01) * z),
    lambda layer, z: np.where(z > 0, 1.0, alpha(layer, 0.01)),
)
SIGMOID = Elementwise(
    "1 / (1 + e^-z)", "{a}·(1 − {a})", lambda _, z: sigmoid(z), lambda _, z: sigmoid(z) * (1 - sigmoid(z))
)
TANH = Elementwise("tanh z", "1 − {a}²", lambda _, z: np.tanh(z), lambda _, z: 1 - np.tanh(z) ** 2)
SOFTPLUS = Elementwise("ln(1 + e^z)", "sigmoid({z})", lambda _, z: np.logaddexp(0, z), lambda _, z: sigmoid(z))
SILU = Elementwise(
    "z·sigmoid(z)",
    "s·(1 + {z}·(1 − s)), s = sigmoid({z})",
    lambda _, z: z * sigmoid(z),
    lambda _, z: sigmoid(z) * (1 + z * (1 - sigmoid(z))),
)
ELU = Elementwise(
    "z where z > 0, else α·(e^z − 1)",
    "1 where {z} > 0, else α·e^{z}",
    lambda layer, z: np.where(z > 0, z, alpha(layer, 1.0) * np.expm1(np.minimum(z, 0))),
    lambda layer, z: np.where(z > 0, 1.0, alpha(layer, 1.0) * np.exp(np.minimum(z, 0))),
)
GELU = Elementwise(
    "z·Φ(z)",
    "Φ({z}) + {z}·φ({z})",
    lambda _, z: z * phi(z),
    lambda _, z: phi(z) + z * np.exp(-z * z / 2) / sqrt(2 * pi),
)
BY_LAYER: Mapping[Any, Elementwise] = {
    nn.ReLU: RELU, nn.LeakyReLU: LEAKY, nn.Sigmoid: SIGMOID, nn.Tanh: TANH, nn.Softplus: SOFTPLUS, nn.SiLU: SILU,
    nn.ELU: ELU, nn.GELU: GELU,
    ops.relu: RELU, ops.leaky_relu: LEAKY, ops.sigmoid: SIGMOID, ops.tanh: TANH, ops.softplus: SOFTPLUS,
    ops.silu: SILU, ops.elu: ELU, ops.gelu: GELU,
}  # fmt: skip


def elementwise(layer: Any) -> Elementwise | None:
    """The formulas of an activation; None for any other layer, and for an approximation."""
    if getattr(layer, "approximate", "none") != "none":
        return None
    return BY_LAYER.get(type(layer) if isinstance(layer, nn.Module) else layer)


def forward(layer: Any, x: Array) -> Array | None:
    """The output of a layer for rows x (N, n); None if there is no formula for it here."""
    with np.errstate(over="ignore"):  # e^−z of a very negative z is an infinity, and 1 / ∞ is right
        if found := elementwise(layer):
            return found.f(layer, x)
        match layer:
            case nn.Dense():
                return np.asarray(x @ layer.W._data + (0 if layer.b is None else layer.b._data))
            case nn.BatchNorm():
                scale = layer.gamma._data / np.sqrt(layer.running_variance._data + layer.epsilon)
                return np.asarray((x - layer.running_mean._data) * scale + layer.beta._data)
            case nn.LayerNorm():
                centred = x - x.mean(axis=-1, keepdims=True)
                variance = (centred**2).mean(axis=-1, keepdims=True)
                return np.asarray(centred / np.sqrt(variance + layer.epsilon) * layer.gamma._data + layer.beta._data)
            case nn.PReLU():
                return np.where(x > 0, x, layer.alpha._data * x)
            case nn.Dropout():
                return x
            case nn.Softmax():
                return softmax(x)
    return None


def backward(layer: Any, x: Array, dy: Array) -> Array | None:
    """The gradient of a layer's input, given that of its output; None if there is no formula for it here."""
    with np.errstate(over="ignore"):
        if found := elementwise(layer):
            return dy * found.df(layer, x)
        match layer:
            case nn.Dense():
                return np.asarray(dy @ layer.W._data.T)
            case nn.BatchNorm():
                return np.asarray(dy * layer.gamma._data / np.sqrt(layer.running_variance._data + layer.epsilon))
            case nn.PReLU():
                return dy * np.where(x > 0, 1.0, layer.alpha._data)
            case nn.Dropout():
                return dy
    return None


def softmax(z: Array) -> Array:
    """e^z / Σ e^z of each row; the largest z is subtracted first, which changes nothing but keeps e^z finite."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))
