"""Evaluating: what a model says of rows, and how good that is, with dropout off and nothing recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp.autograd import no_grad
from tinygrad_mlp.data import batches
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.nn.arguments import at_least_1
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training import metrics
from tinygrad_mlp.training.rows import Batch, checked_batch, checked_rows, dtype_of

Loss = Callable[[Any, Any], Tensor]
"""From outputs and labels of a batch to one number, the mean over the batch."""


def predict(model: Module, X: ArrayLike, batch_size: int = 1024) -> np.ndarray:
    """The outputs of a model, (N, …) in the dtype of its parameters: logits (N, C) for models that end in them.

    The model is in evaluation mode meanwhile (no dropout), and afterwards in the mode it was in.

    Args:
        model: the network.
        X: rows (N, n_in); N may be 0.
        batch_size: how many rows go through the network at once.

    Raises:
        ShapeError, DtypeError, NonFiniteError: X is not (N, n_in) with finite numbers.
        OptionError: the batch size is below 1.

    >>> from tinygrad_mlp import nn
    >>> model = nn.Dense(2, 1, weights=lambda shape, rng: np.ones(shape)) >> nn.Dropout(0.5)
    >>> predict(model, [[1, 2], [3, 4]])
    array([[3.],
           [7.]], dtype=float32)
    """
    rows, batch_size = checked_rows("predict", X, dtype_of(model)), at_least_1("batch_size", batch_size)
    with in_mode(model, training=False), no_grad():
        if not len(rows):
            return np.array(model(rows))
        return np.concatenate([np.asarray(model(xb)) for xb, _ in batches(rows, None, batch_size)])


def evaluate(model: Module, loss: Loss, data: Batch, batch_size: int = 1024) -> dict[str, float]:
    """The mean loss over rows, and for class indices the accuracy: `{"loss": …, "accuracy": …}`.

    Args:
        model: the network.
        loss: such as `tg.softmax_cross_entropy`; its mean over a batch is weighted with the batch's size.
        data: X (N, n_in) and y (N, …).
        batch_size: how many rows go through the network at once.

    Raises:
        ShapeError, DtypeError, NonFiniteError: the data are not such a pair, or have no rows.
        OptionError: the batch size is below 1.

    >>> import tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 2, weights=lambda shape, rng: np.eye(2))
    >>> evaluate(model, tg.softmax_cross_entropy, ([[9, 0], [0, 9], [0, 9], [0, 9]], [0, 1, 1, 0]))["accuracy"]
    0.75
    """
    X, y = checked_batch("evaluate", data, dtype_of(model))
    return measure(model, loss, X, y, at_least_1("batch_size", batch_size))


def measure(model: Module, loss: Loss, X: np.ndarray, y: np.ndarray, batch_size: int = 1024) -> dict[str, float]:
    """`evaluate` for rows that have been checked."""
    total, outputs = 0.0, []
    # An overflow shows in the numbers: the loss is then inf or NaN.
    with in_mode(model, training=False), no_grad(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for xb, yb in batches(X, y, batch_size):
            z = model(xb)
            total += number_of(loss(z, yb)) * len(xb)
            outputs.append(getattr(z, "_data", z))
    return {"loss": total / len(X), **class_metrics(outputs, [y])}


def number_of(loss: Any) -> float:
    """A loss as a Python number. Raises `ShapeError` if it is several."""
    if shape := getattr(loss, "shape", ()):
        raise ShapeError(f"the loss has shape {shape}; one number, the mean over the batch, is expected")
    return float(loss)


def class_metrics(outputs: Sequence[Any], labels: Sequence[np.ndarray]) -> dict[str, float]:
    """Metrics of outputs (N, C) for class indices (N,), both in pieces; none for other outputs and targets."""
    z, y = outputs[0], labels[0]
    if not isinstance(z, np.ndarray) or z.ndim != 2 or z.shape[1] < 2 or y.ndim != 1 or y.dtype.kind not in "iub":
        return {}
    return {"accuracy": metrics.accuracy(np.concatenate(labels), np.concatenate(outputs).argmax(axis=1))}


@contextmanager
def in_mode(model: Module, training: bool) -> Iterator[None]:
    """Have all of a model in one mode; afterwards each module is in its own again."""
    before = [(module, module.training) for module in model.named_modules().values()]
    try:
        model.train(training)
        yield
    finally:
        for module, mode in before:
            module.training = mode
