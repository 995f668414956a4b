"""The guide's network, 4 → ReLU → Dense 4→3 → ReLU → Dense 3→2 → softmax, for the tests of the views."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn

X = np.array([[0.2, 0.9, -0.4, 1.0], [1.1, -0.3, 0.5, -0.8]])
LABELS = np.array([0, 1])
W1 = np.array([[0.5, -0.2, 0.1], [0.3, 0.4, -0.6], [-0.1, 0.2, 0.3], [0.2, -0.5, 0.4]])
B1 = np.array([0.1, 0.0, -0.1])
W2 = np.array([[0.6, -0.3], [-0.2, 0.5], [0.4, 0.1]])
B2 = np.array([0.05, -0.05])


def model() -> nn.Sequential:
    """The network in float64, with the weights above."""
    layers = nn.ReLU(), nn.Dense(4, 3, rng=0), nn.ReLU(), nn.Dense(3, 2, rng=0)
    for layer, w, b in ((layers[1], W1, B1), (layers[3], W2, B2)):
        layer.W, layer.b = nn.Parameter(w), nn.Parameter(b)
    whole = nn.Sequential(*layers)
    whole.named_parameters()
    return whole


def loss(of_inputs: bool = False, network: nn.Module | None = None) -> tg.Tensor:
    """The loss of the two rows; the gradient of the inputs is asked for with `of_inputs`."""
    x: Any = tg.Tensor(X, requires_grad=True, name="X") if of_inputs else X
    return tg.softmax_cross_entropy((network or model())(x), LABELS)


def by_hand() -> dict[str, np.ndarray]:
    """Every gradient of the backward pass by the guide's formulas, in NumPy; the loss is a mean over two rows."""
    x1 = np.maximum(0, X)
    z1 = x1 @ W1 + B1
    h = np.maximum(0, z1)
    z2 = h @ W2 + B2
    e = np.exp(z2)
    y_pred = e / e.sum(axis=1, keepdims=True)
    dz2 = (y_pred - np.eye(2)[LABELS]) / 2
    dh = dz2 @ W2.T
    dz1 = dh * (z1 > 0)
    dx1 = dz1 @ W1.T
    return {
        "loss": -np.log(y_pred[[0, 1], LABELS]).mean(),
        "dz2": dz2,
        "dW2": h.T @ dz2,
        "db2": dz2.sum(axis=0),
        "dh": dh,
        "dz1": dz1,
        "dW1": x1.T @ dz1,
        "db1": dz1.sum(axis=0),
        "dx1": dx1,
        "dX": dx1 * (X > 0),
    }
