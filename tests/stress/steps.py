"""Memory over many steps without the garbage collector."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
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


def peak_of_a_step() -> tuple[int, int]:
    """The most memory that a step of 784-512-256-10 takes beside weights, gradients and moments; and the ideal.

    The ideal keeps what the backward pass needs, X·W + b of each layer and what its activation makes of it, and at the
    worst moment the gradients of the widest of these too.
    """
    sizes, rows = (784, 512, 256, 10), 128
    model = nn.Sequential(*[nn.Dense(a, b, rng=0) >> nn.ReLU() for a, b in pairwise(sizes)])
    optimizer = optim.Adam(model)
    X, y = np.ones((rows, 784), np.float32), np.zeros(rows, int)

    def step() -> None:
        optimizer.zero_grad()
        tg.softmax_cross_entropy(model(X), y).backward()
        optimizer.step()

    step()
    tracemalloc.start()
    try:
        step()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    activations = 2 * 4 * rows * sum(sizes[1:])
    weight_gradient = 4 * sizes[0] * sizes[1]  # made before it is put beside the others
    return peak, activations + 4 * rows * sizes[1] + weight_gradient


def figures(short: bool, seed: int) -> Iterator[Figure]:
    steps = 1_000 if short else 10_000
    yield Figure(f"{steps:,} steps without the garbage collector: resident memory grows, MB", growth(steps) / 1e6, 1)
    peak, ideal = peak_of_a_step()
    yield Figure(f"a step of 784-512-256-10, 128 rows: peak, of {ideal / 1e6:.2f} MB that are ideal", peak / ideal, 1.5)
