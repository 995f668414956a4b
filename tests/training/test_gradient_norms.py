"""Gradient norms and update ratios: by their formulas, and in columns of the history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.setting import N, fitted, network, rows, same_weights

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.errors import DataError, OptionError
from tinygrad_mlp.training import Callback, Run


def by_numpy(epochs: int, batch: int, rate: float, limit: float | None) -> list[dict[str, float]]:
    """Gradient descent of a linear classifier in plain NumPy: the columns of each epoch."""
    X, y = rows()
    w = {"W": np.zeros((3, 2)), "b": np.zeros(2)}
    rng, found = np.random.default_rng(5), []
    for _ in range(epochs):
        order = rng.permutation(N)
        norms: dict[str, list[float]] = {"W": [], "b": []}
        moves: dict[str, list[float]] = {"W": [], "b": []}
        sizes: dict[str, list[float]] = {"W": [], "b": []}
        for start in range(0, N, batch):
            x, t = X[order[start : start + batch]], np.eye(2)[y[order[start : start + batch]]]
            e = np.exp(x @ w["W"] + w["b"])
            d = (e / e.sum(axis=1, keepdims=True) - t) / len(x)
            g = {"W": x.T @ d, "b": d.sum(axis=0)}
            total = np.sqrt(sum((v**2).sum() for v in g.values()))
            scale = 1 if limit is None else min(1, limit / total)
            for name in w:
                w[name] = w[name] - rate * scale * g[name]
                norms[name].append(np.linalg.norm(g[name]))
                moves[name].append(rate * scale * np.linalg.norm(g[name]))
                sizes[name].append(np.linalg.norm(w[name]))
        ratios = {f"update_ratio/{name}": sum(moves[name]) / sum(sizes[name]) for name in w}
        found.append({f"gradient_norm/{name}": np.mean(norms[name]) for name in w} | ratios)
    return found


@pytest.mark.parametrize("limit", [None, 0.1])
def test_the_columns_are_those_of_the_formulas_with_gradients_before_clipping(limit: float | None) -> None:
    tg.set_default_dtype(np.float64)
    try:
        model = nn.Dense(3, 2, weights="zeros")
        how: dict[str, Any] = {"optimizer": optim.SGD(model, 0.5), "clip_norm": limit, "epochs": 3, "batch_size": 16}
        history = fitted(model, callbacks=[tg.GradientNorms()], **how)
    finally:
        tg.set_default_dtype(np.float32)
    expected = by_numpy(3, 16, 0.5, limit)
    assert history.names == ["loss", "accuracy", *expected[0]]
    for name in expected[0]:
        np.testing.assert_allclose(history[name], [numbers[name] for numbers in expected], rtol=1e-9)


def test_watching_changes_no_bit_of_the_training() -> None:
    watched, free = network(), network()
    assert fitted(watched, callbacks=[tg.GradientNorms()])["loss"] == fitted(free)["loss"]
    assert same_weights(watched.state_dict(), free.state_dict())


def test_frozen_parameters_have_zeros_and_running_means_no_columns() -> None:
    model = nn.Dense(3, 4, rng=0) >> nn.BatchNorm(4) >> nn.ReLU() >> nn.Dense(4, 2, rng=1)
    model[0].freeze()
    norms = tg.GradientNorms()
    history = fitted(model, callbacks=[norms])
    paths = [*("layers.0.W", "layers.0.b", "layers.1.gamma", "layers.1.beta", "layers.3.W", "layers.3.b")]
    assert [name for name in history.names if "/" in name] == [
        f"{kind}/{path}" for kind in ("gradient_norm", "update_ratio") for path in paths
    ]
    for name in history.names[2:]:
        assert [value > 0 for value in history[name]] == ["layers.0." not in name] * 3
    model[0].unfreeze()
    later = fitted(model, callbacks=[norms], history=history)  # the same columns, so that the history goes on
    assert later["gradient_norm/layers.0.W"][:3] == [0, 0, 0] < later["gradient_norm/layers.0.W"][3:]


def test_parameters_of_no_optimizer_have_no_columns() -> None:
    model = network()
    history = fitted(model, optimizer=optim.SGD(model[2], 0.1), callbacks=[tg.GradientNorms()])
    assert [name for name in history.names if "/" in name and "layers.0" in name] == []
    assert "gradient_norm/layers.2.W" in history.names


def test_vanishing_gradients_show() -> None:
    layers: list[nn.Module] = [nn.Dense(3, 8, rng=0), nn.Sigmoid()]
    for i in range(4):
        layers += [nn.Dense(8, 8, weights="xavier", rng=i), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Dense(8, 2, rng=9))
    history = fitted(model, callbacks=[tg.GradientNorms()])
    assert history["gradient_norm/layers.0.W"][0] < 0.01 * history["gradient_norm/layers.10.W"][0]


def test_the_columns_go_into_the_file_and_back(tmp_path: Path) -> None:
    history = fitted(network(), callbacks=[tg.GradientNorms()])
    history.to_csv(tmp_path / "run.csv")
    again = tg.History.from_csv(tmp_path / "run.csv")
    assert again.names == history.names
    assert again["update_ratio/layers.2.b"] == history["update_ratio/layers.2.b"]


# Columns of a user's own callbacks.


class Column(Callback):
    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def numbers(self, run: Run) -> dict[str, float]:
        return {self.names[min(run.epoch, len(self.names)) - 1]: run.optimizer.learning_rate}


def test_a_callback_adds_a_column_that_others_can_watch() -> None:
    seen = []

    class Look(Callback):
        def epoch(self, run: Run) -> None:
            seen.append(run.history["rate"][-1])

    history = fitted(network(), callbacks=[Look(), Column("rate")])
    assert history["rate"] == seen == [0.01] * 3


def test_a_column_that_is_there_already_or_changes_its_name_is_refused() -> None:
    with pytest.raises(OptionError, match="Column adds the column loss, which this run has already"):
        fitted(network(), callbacks=[Column("loss")])
    with pytest.raises(OptionError, match=r"GradientNorms adds the column gradient_norm/layers\.0\.W"):
        fitted(network(), callbacks=[tg.GradientNorms(), tg.GradientNorms()])
    with pytest.raises(DataError, match=r"an epoch with b, which the epochs before do not have, and without a$"):
        fitted(network(), callbacks=[Column("a", "b")])
