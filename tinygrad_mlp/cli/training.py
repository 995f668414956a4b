"""One training run, as `train` and its cross-validation make it: random streams, network, scaler, optimizer."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.cli.layers import build_network
from tinygrad_mlp.cli.network import layers_for
from tinygrad_mlp.cli.optimizer import build_loss, build_optimizer, build_schedule
from tinygrad_mlp.data import StandardScaler, Table
from tinygrad_mlp.dtypes import default_dtype
from tinygrad_mlp.errors import SharedRowsWarning
from tinygrad_mlp.training import Callback, EarlyStopping, History, fit
from tinygrad_mlp.training.measures import MEASURES, OF_NUMBERS, Metric


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
    """A new network for the columns of a table and its classes, or one number."""
    n_in = table.features.shape[1]
    return build_network(layers_for(arguments, n_in, len(table.classes) or 1), n_in, streams.weights)


@dataclass(frozen=True)
class Scalers:
    """What columns are standardised with, and the targets of a regression, as fitted on the training rows."""

    features: StandardScaler
    targets: StandardScaler | None

    @classmethod
    def of(cls, table: Table) -> Scalers:
        """The scalers that training rows ask for."""
        targets = None if table.targets is None else StandardScaler().fit(table.targets[:, None])
        return cls(StandardScaler().fit(table.features), targets)

    def data(self, table: Table) -> tuple[np.ndarray, np.ndarray]:
        """The scaled features (N, n) of a table, and its classes (N,) or scaled targets (N, 1)."""
        if self.targets is None:
            assert table.labels is not None
            return self.features.transform(table.features, default_dtype()), table.labels
        assert table.targets is not None
        targets = self.targets.transform(table.targets[:, None])
        return self.features.transform(table.features, default_dtype()), targets

    def metrics(self, names: Sequence[str] | None) -> Sequence[Metric] | None:
        """Metrics for `fit` by name; those of numbers in the units of the data, though scaled ones are learnt."""
        if self.targets is None:
            return names
        return [in_units(name, self.targets) for name in names or OF_NUMBERS]


def in_units(name: str, scaler: StandardScaler) -> Metric:
    """A metric of scaled numbers (N, 1) that is in their own units."""

    def metric(y: Any, z: Any) -> float:
        return MEASURES[name].of(scaler.inverse_transform(z.astype(np.float64)), scaler.inverse_transform(y))

    metric.__name__ = name
    return metric


def learn(
    model: nn.Sequential,
    table: Table,
    valid: Table | None,
    arguments: argparse.Namespace,
    streams: Streams,
    callbacks: Sequence[Callback] = (),
) -> tuple[Scalers, History, EarlyStopping | None]:
    """Train a network on a table, standardised, and stop early if that is asked for."""
    scalers = Scalers.of(table)
    stopping = EarlyStopping(arguments.patience, arguments.min_delta or 0.0) if arguments.patience else None
    optimizer = build_optimizer(model, arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SharedRowsWarning)  # `train` has said it, with the lines of the file
        history = fit(
            model,
            build_loss(table.strata, len(table.classes), arguments),
            optimizer,
            scalers.data(table),
            None if valid is None else scalers.data(valid),
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            rng=streams.batches,
            callbacks=[*callbacks, build_schedule(optimizer, arguments), *([stopping] if stopping else [])],
            metrics=scalers.metrics(arguments.metrics),
            clip_norm=arguments.clip_norm,
            clip_value=arguments.clip_value,
            compiled=arguments.compile or False,
        )
    return scalers, history, stopping
