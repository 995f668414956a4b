"""Traps: data with which a training runs, and comes to nothing or to numbers that say too much. Each ends in a warning.

What `fit` looks at once, before the first epoch or in its first batch, costs nothing afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mlp.autograd import Node, Variable
from tinygrad_mlp.data import shared_rows
from tinygrad_mlp.errors import SharedRowsWarning, warn
from tinygrad_mlp.training.diagnosis import graph_of

Pair = tuple[np.ndarray, np.ndarray]

SATURATED = {"sigmoid": 5.0, "tanh": 2.5}
"""From which |z| on an activation is flat: its slope is below 0.03 of the steepest."""
BENT = ("elu", "gelu", "gelu_tanh", "leaky_relu", "prelu", "relu", "silu", "softplus")
"""Activations that are a bend between two straight lines: without rows on both sides of it they are a line."""
LARGE = 10.0
"""A column whose root mean square is above it is not standardised: there it is 1."""
SHARED_ROWS_ADVICE = "validation numbers say little of new rows there; leave such rows out of one of the two"
MOST = 0.5
"""The share of stuck values or units from which on a layer is of little use."""
FEWEST_ROWS = 8
"""Of fewer rows in a batch, all may be on one side of a bend by chance."""


def warn_of_shared_rows(train: Pair, valid: Pair) -> None:
    """Warn about rows of the validation data that are in the training data too, with the same targets."""
    if pairs := shared_rows(train, valid):
        many = "1 row of the validation data is" if len(pairs) == 1 else f"{len(pairs)} rows of the validation data are"
        i, j = pairs[0]
        place = f"the first: valid[{j}] is train[{i}]"
        warn(f"{many} in the training data too ({place}): {SHARED_ROWS_ADVICE}", SharedRowsWarning)


def warn_of_first_batch(loss: Variable, outputs: Any, train: Pair, valid: Pair | None) -> None:
    """Warn about what the outputs and the graph of a first batch show: new classes, and stuck activations."""
    warn_of_new_classes(outputs, train[1], None if valid is None else valid[1])
    stuck = [words for node, z in first_activations(loss) if (words := stuck_share(node, z))]
    if stuck:
        warn_of_large_columns(train[0], stuck[0])


def warn_of_new_classes(outputs: Any, y: np.ndarray, y_valid: np.ndarray | None) -> None:
    """Warn about class indices of the validation data that no training row has."""
    if y_valid is None or not are_classes(outputs, y) or not are_classes(outputs, y_valid):
        return
    if len(new := np.setdiff1d(y_valid, y)):
        named = "class" if len(new) == 1 else "classes"
        listed = ", ".join(map(str, new[:8].tolist())) + ", …" * (len(new) > 8)
        warn(
            f"{named} {listed}: in the validation data only, so never learned; split the rows so that the training "
            "data have every class, as tg.data.split does"
        )


def are_classes(outputs: Any, y: np.ndarray) -> bool:
    """Whether outputs (N, C) are for class indices (N,)."""
    return getattr(outputs, "ndim", 0) == 2 and outputs.shape[1] > 1 and y.ndim == 1 and y.dtype.kind in "iub"


def first_activations(loss: Variable) -> Iterator[tuple[Node, np.ndarray]]:
    """The activations behind layers of weighted sums of the rows themselves: their nodes, and what they take."""
    for node in graph_of(loss):
        if node.operation.name not in (*SATURATED, *BENT):
            continue
        sums = node.inputs[0]
        layer: Node | None = getattr(sums, "_node", None)
        if layer and layer.operation.name in ("dense", "matmul") and not isinstance(layer.inputs[0], Variable):
            yield node, sums._data


def stuck_share(node: Node, z: np.ndarray) -> str | None:
    """What is wrong with most of an activation's inputs z (N, n): they are where it is flat or straight; or None."""
    where = f" in {node.scope}" if node.scope else ""
    name = node.operation.name
    if name in SATURATED:
        share = np.mean(np.abs(z) > SATURATED[name])
        return f"{share:.0%} of the values of the first {name}{where} are at its ends" if share > MOST else None
    rows = z.reshape(-1, z.shape[-1])
    if len(rows) < FEWEST_ROWS:
        return None
    on = (rows > 0).sum(axis=0)
    share = np.mean((on == 0) | (on == len(rows)))
    return f"{share:.0%} of the units of the first {name}{where} are on for every row or none" if share > MOST else None


def warn_of_large_columns(X: np.ndarray, stuck: str) -> None:
    """Warn that activations are stuck because columns are far from standardised, if some are."""
    columns = X.reshape(-1, X.shape[-1])
    size = np.sqrt(np.square(columns, dtype=np.float64).mean(axis=0))
    largest = int(size.argmax())
    if size[largest] > LARGE:
        warn(
            f"{stuck} in the first batch, and hardly learn: X is not scaled, its column {largest} has numbers around "
            f"{size[largest]:.3g}; scale it with tg.data.StandardScaler().fit_transform(X), and other rows with the "
            "same scaler"
        )
