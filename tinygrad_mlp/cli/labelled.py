"""The first rows of a table with their labels, as a model's loss takes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygrad_mlp.cli.optimizer import NUMBER_LOSSES
from tinygrad_mlp.data import Table
from tinygrad_mlp.errors import DataError
from tinygrad_mlp.files import TrainedModel
from tinygrad_mlp.ops import softmax_cross_entropy
from tinygrad_mlp.training.evaluating import Loss


class Labelled(NamedTuple):
    """A batch: scaled rows X (N, n), what they are labelled with, and the loss that the model was trained with."""

    X: np.ndarray
    y: np.ndarray
    loss: Loss


def labelled_rows(trained: TrainedModel, table: Table, rows: int) -> Labelled:
    """The first rows of a table. Raises `DataError` for one without labels."""
    labels = table.labels if trained.classes else table.targets
    if labels is None:
        label = trained.label_name or "label"
        raise DataError(f"{table.source}: there is no column {label!r}; the loss needs it, --label NAME names another")
    X, y = table.features[:rows], labels[:rows]
    X = X if trained.scaler is None else trained.scaler.transform(X)
    if trained.classes:
        return Labelled(X, y, softmax_cross_entropy)
    y = y.reshape(-1, 1) if trained.target_scaler is None else trained.target_scaler.transform(y.reshape(-1, 1))
    return Labelled(X, y, NUMBER_LOSSES.get(str(trained.facts.get("loss")), NUMBER_LOSSES["meanSquaredError"]))
