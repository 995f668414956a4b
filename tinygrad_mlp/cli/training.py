"""One training run, as `train` and its cross-validation make it: random streams, network, scaler, optimizer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.cli.layers import build_network
from tinygrad_mlp.cli.network import layers_for
from tinygrad_mlp.cli.optimizer import build_loss, build_optimizer, build_schedule
from tinygrad_mlp.data import StandardScaler, Table
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.training import Callback, EarlyStopping, History, fit


@dataclass(frozen=True)
class Streams:
    """One generator for each use, so that the weights do not depend on how the rows were split."""

    split: np.random.Generator
    weights: np.random.Generator
    batches: np.random.Generator

    @classmethod
    def of(cls, seed: int) -> Streams:
        """The streams of a seed; the split is that of `tinygrad-mlp split` with the same seed."""
        return cls(np.random.default_rng(seed), *(np.random.default_rng([seed, i]) for i in (1, 2)))


def network_for(table: Table, arguments: argparse.Namespace, streams: Streams) -> nn.Sequential:
    """A new network for the columns and classes of a table."""
    n_in = table.features.shape[1]
    return build_network(layers_for(arguments, n_in, len(table.classes)), n_in, streams.weights)


def learn(
    model: nn.Sequential,
    table: Table,
    valid: Table | None,
    arguments: argparse.Namespace,
    streams: Streams,
    callbacks: Sequence[Callback] = (),
) -> tuple[StandardScaler, History, EarlyStopping | None]:
    """Train a network on a table, standardised, and stop early if that is asked for."""
    scaler = StandardScaler().fit(table.features)
    stopping = EarlyStopping(arguments.patience, arguments.min_delta or 0.0) if arguments.patience else None
    optimizer = build_optimizer(model, arguments)
    history = fit(
        model,
        build_loss(labels_of(table), len(table.classes), arguments),
        optimizer,
        labelled(table, scaler),
        None if valid is None else labelled(valid, scaler),
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        rng=streams.batches,
        callbacks=[*callbacks, build_schedule(optimizer, arguments), *([stopping] if stopping else [])],
    )
    return scaler, history, stopping


def labelled(table: Table, scaler: StandardScaler) -> tuple[np.ndarray, np.ndarray]:
    """The scaled features (N, n) and the labels (N,) of a table."""
    return scaler.transform(table.features, default_dtype()), labels_of(table)


def labels_of(table: Table) -> np.ndarray:
    """The labels (N,) of a table that was read with labels."""
    assert table.labels is not None
    return table.labels
