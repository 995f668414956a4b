"""Cross-validation: how good networks of this kind are on rows that they have not seen, and how much that varies.

Each row is scored once in each repetition, by a network that was trained without it. With `--patience`, a part of the
training rows is held back to stop on, so that no network is stopped by the rows that it is scored on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_mlp import nn
from tinygrad_mlp.cli.console import shown
from tinygrad_mlp.cli.training import Scalers, Streams, learn, network_for
from tinygrad_mlp.data import Table, folds, split_indices
from tinygrad_mlp.training import predict
from tinygrad_mlp.training.measures import MEASURES, Measure


def cross_validate(table: Table, arguments: argparse.Namespace) -> str:
    """Train and score a network for each fold, a line each; returns the table of means and deviations."""
    found: dict[str, list[float]] = {}
    total = arguments.folds * arguments.repeats
    for number, (streams, train, held_out) in enumerate(parts(table, arguments), 1):
        scores = scored(train, held_out, arguments, streams)
        line = " - ".join(f"{name}: {shown(value)}" for name, value in list(scores.items())[:2])
        print(f"fold {str(number).zfill(len(str(total)))}/{total} - {line}", flush=True)
        for name, value in scores.items():
            found.setdefault(name, []).append(value)
    width = max(map(len, found))
    lines = [
        f"{name.ljust(width)}  {shown(float(np.mean(v)))} ± {shown(float(np.std(v, ddof=1)))}"
        for name, v in found.items()
    ]
    return "\n".join([f"{total} folds".ljust(width) + "  mean ± sd", *lines])


def parts(table: Table, arguments: argparse.Namespace) -> Iterator[tuple[Streams, Table, Table]]:
    """For each fold of each repetition its random streams, its training rows and the rows held out."""
    for repeat in range(arguments.repeats):
        dealt = folds(table.strata, arguments.folds, np.random.default_rng([arguments.seed, 3, repeat]))
        for fold, (train, held_out) in enumerate(dealt):
            streams = Streams.of(arguments.seed + 1 + repeat * arguments.folds + fold)
            yield streams, table.select(train), table.select(held_out)


def scored(train: Table, held_out: Table, arguments: argparse.Namespace, streams: Streams) -> dict[str, float]:
    """The scores on the rows held out of a network that the others have trained."""
    stop_on = None
    if arguments.patience:
        kept, waiting = split_indices(train.strata, round(1 - arguments.valid_ratio, 12), streams.split)
        train, stop_on = train.select(kept), train.select(waiting)
    model = network_for(train, arguments, streams)
    scalers, _, _ = learn(model, train, stop_on, arguments, streams)
    return scores_of(model, scalers, held_out, arguments.metrics)


def scores_of(model: nn.Module, scalers: Scalers, table: Table, asked: Sequence[str] | None) -> dict[str, float]:
    """The scores of a network on rows, by their titles; those of numbers in the units of the data."""
    X, y = scalers.data(table)
    outputs = predict(model, X)
    if scalers.targets:
        assert table.targets is not None
        outputs, y = scalers.targets.inverse_transform(outputs.astype(np.float64)), table.targets[:, None]
    measures = [MEASURES[name] for name in asked] if asked else fitting(outputs.shape[1])
    return {measure.title: measure.of(outputs, y) for measure in measures}


def fitting(outputs: int) -> list[Measure]:
    """What is told if nothing is asked for: of one output all that is said of numbers, else what is said of a table.

    Of classes that is what needs no positive class, and with two of them what is said of probabilities.
    """
    if outputs == 1:
        return [measure for measure in MEASURES.values() if measure.kind == "numbers"]
    names = ["accuracy", "log_loss", "balanced_accuracy", "macro_f1"]
    return [MEASURES[name] for name in [*names, *["roc_auc", "average_precision", "brier"] * (outputs == 2)]]
