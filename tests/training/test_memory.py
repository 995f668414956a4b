"""Memory: flat over many steps, and in one step close to what its arrays take."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from stress.steps import growth, peak_of_a_step

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from Linux")
def test_memory_is_flat_over_the_steps_without_the_garbage_collector() -> None:
    assert growth(1_000) < 1e6


def test_a_step_takes_little_more_than_its_arrays() -> None:
    peak, ideal = peak_of_a_step()
    assert ideal < peak < 1.5 * ideal


def test_a_run_keeps_nothing_of_its_epochs_but_the_history() -> None:
    X, y = np.random.default_rng(0).normal(size=(256, 20)), np.arange(256) % 2
    model = nn.Dense(20, 32, rng=0) >> nn.ReLU() >> nn.Dense(32, 2, rng=1)
    optimizer = optim.Adam(model)

    def train(epochs: int) -> int:
        tracemalloc.start()
        try:
            tg.fit(model, tg.softmax_cross_entropy, optimizer, (X, y), epochs=epochs, rng=0)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    train(2)
    assert train(60) - train(5) < 20_000
