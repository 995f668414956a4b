"""The run that is killed, resumed and compared: a small network with all that has a state."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_mlp as tg
from tinygrad_mlp import nn, optim
from tinygrad_mlp.files import checkpoint
from tinygrad_mlp.training import Callback, Run, snapshot

EPOCHS, ROWS, SIZE = 12, 60, 8


class Hashes(Callback):
    """What a run looks like at each of its places: a hash of its snapshot."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], str] = {}

    def pause(self, run: Run) -> None:
        self.found[run.epoch, run.batch if run.under_way else 0] = hashed(snapshot(run))


def hashed(tree: dict[str, Any]) -> str:
    return hashlib.sha256(checkpoint.to_bytes(tree)).hexdigest()


def place(tree: dict[str, Any]) -> tuple[int, int]:
    """Where a snapshot was taken, as `Hashes` counts it."""
    return tree["epoch"], tree["batch"] if tree["under_way"] else 0


def train(path: Path | None, *more: Callback, width: int = 24) -> bytes:
    """Train, with a checkpoint after every step if there is a path; the bits of the weights."""
    tg.seed(1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 6))
    y = (X @ np.arange(-3, 3) + rng.normal(size=ROWS) > 0).astype(int)
    model = (
        nn.Dense(6, width, rng=1) >> nn.BatchNorm(width) >> nn.ReLU() >> nn.Dropout(0.2) >> nn.Dense(width, 2, rng=2)
    )
    optimizer = optim.Adam(model, 0.02)
    callbacks: list[Callback] = [tg.Scheduled(optim.Cosine(optimizer, over=EPOCHS)), tg.EarlyStopping(99), *more]
    if path is not None:
        callbacks.insert(0, tg.Checkpoint(path, steps=1, resume=True))
    how: dict[str, Any] = {"epochs": EPOCHS, "batch_size": SIZE, "rng": 3, "callbacks": callbacks}
    tg.fit(model, tg.softmax_cross_entropy, optimizer, (X[:48], y[:48]), (X[48:], y[48:]), **how)
    return b"".join(array.tobytes() for array in model.state_dict().values())
