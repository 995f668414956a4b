"""Memory over many steps without the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import tinygrad_mlp as tg
from stress.figures import Figure
from tinygrad_mlp import nn, optim


def resident() -> int:
    """The resident memory of this process, in bytes (Linux)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return 1024 * int(line.split()[1])


def growth(steps: int) -> int:
    """By how many bytes the resident memory grows over so many steps, after some to warm up."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 30)).astype(np.float32), rng.integers(0, 2, 64)
    model = (nn.Dense(30, 24, rng=1) >> nn.BatchNorm(24) >> nn.ReLU() >> nn.Dropout(0.1, rng=2)) >> nn.Dense(
        24, 2, rng=3
    )
    optimizer = optim.Adam(model, 0.001)
    gc.collect()
    gc.disable()
    try:
        before = 0
        for step in range(-1000, steps):
            if step == 0:
                before = resident()
            optimizer.zero_grad()
            tg.softmax_cross_entropy(model(X), y).backward()
            optimizer.step()
            if step % 100 == 0:
                tg.predict(model, X)
        return resident() - before
    finally:
        gc.enable()


def figures(short: bool, seed: int) -> Iterator[Figure]:
    steps = 1_000 if short else 10_000
    yield Figure(f"{steps:,} steps without the garbage collector: resident memory grows, MB", growth(steps) / 1e6, 1)
