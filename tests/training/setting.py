"""What the tests of training share: rows, a small network, and a short way to fit it."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

N = 50


def rows(seed: int = 0, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Three columns (n, 3) in float64, and two classes (n,) that a plane divides."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, (X @ [1.0, -2.0, 0.5] > 0).astype(np.int64)


def network(seed: int = 1) -> nn.Sequential:
    return nn.Dense(3, 8, rng=seed) >> nn.ReLU() >> nn.Dense(8, 2, rng=seed + 1)


def fitted(model: nn.Module, **how: Any) -> tg.History:
    """Fit with Adam and the cross-entropy for three epochs, unless told otherwise."""
    settings: dict[str, Any] = {"loss": tg.softmax_cross_entropy, "train": rows(), "epochs": 3, "batch_size": 16}
    settings |= {"rng": 5} | how
    optimizer = settings.pop("optimizer", None) or optim.Adam(model, 0.01)
    return tg.fit(model, settings.pop("loss"), optimizer, settings.pop("train"), **settings)


class Recorded(nn.Module):
    """Passes its input on, and remembers the mode and the rows of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[bool, np.ndarray]] = []

    def forward(self, x: Any) -> Any:
        self.calls.append((self.training, np.array(getattr(x, "_data", x))))
        return x


def same_weights(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Whether two state dicts are the same, bit for bit."""
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)
