"""Cross-validation: how good networks of this kind are on rows that they have not seen, and how much that varies.

Each row is scored once in each repetition, by a network that was trained without it. With `--patience`, a part of the
training rows is held back to stop on, so that no network is stopped by the rows that it is scored on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from tinygrad_mlp import nn, ops
from tinygrad_mlp.cli.training import Streams, labelled, labels_of, learn, network_for
from tinygrad_mlp.data import Table, folds, split_indices
from tinygrad_mlp.training import metrics, predict


def cross_validate(table: Table, arguments: argparse.Namespace) -> str:
    """Train and score a network for each fold, a line each; returns the table of means and deviations."""
    found: dict[str, list[float]] = {}
    total = arguments.folds * arguments.repeats
    for number, (streams, train, held_out) in enumerate(parts(table, arguments), 1):
        scores = scored(train, held_out, arguments, streams)
        shown = " - ".join(f"{name}: {value:.4f}" for name, value in list(scores.items())[:2])
        print(f"fold {str(number).zfill(len(str(total)))}/{total} - {shown}", flush=True)
        for name, value in scores.items():
            found.setdefault(name, []).append(value)
    width = max(map(len, found))
    lines = [f"{name.ljust(width)}  {np.mean(v):.4f} ± {np.std(v, ddof=1):.4f}" for name, v in found.items()]
    return "\n".join([f"{total} folds".ljust(width) + "  mean ± sd", *lines])


def parts(table: Table, arguments: argparse.Namespace) -> Iterator[tuple[Streams, Table, Table]]:
    """For each fold of each repetition its random streams, its training rows and the rows held out."""
    for repeat in range(arguments.repeats):
        dealt = folds(labels_of(table), arguments.folds, np.random.default_rng([arguments.seed, 3, repeat]))
        for fold, (train, held_out) in enumerate(dealt):
            streams = Streams.of(arguments.seed + 1 + repeat * arguments.folds + fold)
            yield streams, table.select(train), table.select(held_out)


def scored(train: Table, held_out: Table, arguments: argparse.Namespace, streams: Streams) -> dict[str, float]:
    """The scores on the rows held out of a network that the others have trained."""
    stop_on = None
    if arguments.patience:
        kept, waiting = split_indices(labels_of(train), round(1 - arguments.valid_ratio, 12), streams.split)
        train, stop_on = train.select(kept), train.select(waiting)
    model = network_for(train, arguments, streams)
    scaler, _, _ = learn(model, train, stop_on, arguments, streams)
    return class_scores(model, *labelled(held_out, scaler))


def class_scores(model: nn.Module, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The scores of a network on rows."""
    p = np.asarray(ops.softmax(predict(model, X).astype(np.float64)))
    predicted = p.argmax(axis=1)
    scores = {
        "accuracy": metrics.accuracy(y, predicted),
        "cross-entropy": metrics.log_loss(y, np.clip(p, np.finfo(float).tiny, 1)),
        "balanced accuracy": metrics.balanced_accuracy(y, predicted),
        "macro F1": metrics.macro(metrics.f1, y, predicted),
    }
    if p.shape[1] == 2:
        scores |= {
            "ROC AUC": metrics.roc_auc(y, p[:, 1]),
            "average precision": metrics.average_precision(y, p[:, 1]),
            "Brier score": metrics.brier(y, p[:, 1]),
        }
    return scores
