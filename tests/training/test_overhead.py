"""What `fit` costs beside the loop that one would write."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim

STEPS, BATCH = 100, 32


@pytest.mark.bench
@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam])
def test_fit_costs_at_most_15_percent_more_than_a_loop(rule: Any) -> None:
    """The shortest of 30 epochs each, taken in turns, so that whatever else the machine does meets both."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(STEPS * BATCH, 30)).astype(np.float32), rng.integers(0, 2, STEPS * BATCH)

    def loop(model: nn.Module, optimizer: optim.Optimizer) -> None:
        order = rng.permutation(len(X))
        for start in range(0, len(X), BATCH):
            batch = order[start : start + BATCH]
            optimizer.zero_grad()
            tg.softmax_cross_entropy(model(X[batch]), y[batch]).backward()
            optimizer.step()

    def fit(model: nn.Module, optimizer: optim.Optimizer) -> None:
        tg.fit(model, tg.softmax_cross_entropy, optimizer, (X, y), epochs=1, batch_size=BATCH, rng=rng)

    def runner(epoch: Callable[[nn.Module, optim.Optimizer], None]) -> Callable[[], float]:
        model = nn.Dense(30, 24, rng=1) >> nn.ReLU() >> nn.Dense(24, 24, rng=2) >> nn.ReLU() >> nn.Dense(24, 2, rng=3)
        optimizer = rule(model, 0.001)

        def seconds() -> float:
            start = time.perf_counter()
            epoch(model, optimizer)
            return time.perf_counter() - start

        return seconds

    by_hand, fitted = runner(loop), runner(fit)
    times = np.array([(by_hand(), fitted()) for _ in range(30)]).min(axis=0)
    assert times[1] / times[0] < 1.15
