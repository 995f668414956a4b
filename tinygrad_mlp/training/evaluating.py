"""Evaluating: what a model says of rows, and how good that is, with dropout off and nothing recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mlp import ops
from tinygrad_mlp.autograd import no_grad
from tinygrad_mlp.data import batches
from tinygrad_mlp.errors import ShapeError
from tinygrad_mlp.nn import Module
from tinygrad_mlp.nn.arguments import at_least_1
from tinygrad_mlp.tensor import Tensor
from tinygrad_mlp.training.measures import MEASURES, OF_NUMBERS, Measure, Metric, choose, usual
from tinygrad_mlp.training.rows import Batch, checked_batch, checked_rows, dtype_of

Loss = Callable[[Any, Any], Tensor]
"""From outputs and labels of a batch to one number, the mean over the batch."""

OF_ELEMENTS = (ops.mean_squared_error, ops.mean_absolute_error, ops.huber)
"""The losses of a regression: they compare outputs and targets of one shape, element by element."""


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

    >>> import numpy as np, tinygrad_mlp as tg
    >>> from tinygrad_mlp import nn
    >>> model = nn.Dense(2, 1, weights=lambda shape, rng: np.ones(shape)) >> nn.Dropout(0.5)
    >>> tg.predict(model, [[1, 2], [3, 4]])
    array([[3.],
           [7.]], dtype=float32)
    """
    rows, batch_size = checked_rows("predict", X, dtype_of(model)), at_least_1("batch_size", batch_size)
    with in_mode(model, training=False), no_grad():
        if not len(rows):
            return np.array(model(rows))
        return np.concatenate([np.asarray(model(xb)) for xb, _ in batches(rows, None, batch_size)])


def evaluate(
    model: Module, loss: Loss, data: Batch, batch_size: int = 1024, *, metrics: Sequence[Metric] | None = None
) -> dict[str, float]:
    """The mean loss over rows, and metrics: `{"loss": …, "accuracy": …}`.

    Args:
        model: the network.
        loss: such as `tg.softmax_cross_entropy`; its mean over a batch is weighted with the batch's size.
        data: X (N, n_in) and y (N, …).
        batch_size: how many rows go through the network at once.
        metrics: names or functions, as in `fit`.

    Raises:
        ShapeError, DtypeError, NonFiniteError: the data are not such a pair, or have no rows.
        OptionError: the batch size is below 1, or a metric that is unknown or does not suit the outputs and targets.

    >>> import numpy as np, tinygrad_mlp as tg
    >>> model = tg.nn.Dense(2, 2, weights=lambda shape, rng: np.eye(2))
    >>> tg.evaluate(model, tg.softmax_cross_entropy, ([[9, 0], [0, 9], [0, 9], [0, 9]], [0, 1, 1, 0]))["accuracy"]
    0.75
    >>> tg.evaluate(tg.nn.Dense(1, 1, weights="zeros"), tg.mean_squared_error, ([[1], [2]], [3.0, -3.0]))
    {'loss': 9.0, 'r2': 0.0, 'mae': 3.0}
    """
    X, y = checked_batch("evaluate", data, dtype_of(model))
    batch_size = at_least_1("batch_size", batch_size)
    judge = Judge.of(loss, metrics)
    return measure(model, judge, X, judge.targets(model, X, y), batch_size)


@dataclass(frozen=True)
class Judge:
    """What a model is judged by: the loss, and metrics beside it.

    Attributes:
        loss: from outputs and targets of a batch to one number.
        measures: the metrics; None if nothing was asked for, and the outputs decide.
        of_elements: whether the loss compares outputs and targets of one shape.
    """

    loss: Loss
    measures: Sequence[Measure] | None
    of_elements: bool

    @classmethod
    def of(cls, loss: Loss, metrics: Sequence[Metric] | None) -> Judge:
        """A judge by a loss and by metrics; if none are given, of numbers if the loss is of them. `OptionError`."""
        of_elements = (loss.func if isinstance(loss, partial) else loss) in OF_ELEMENTS
        if metrics is not None:
            return cls(loss, choose(metrics), of_elements)
        return cls(loss, [MEASURES[name] for name in OF_NUMBERS] if of_elements else None, of_elements)

    def targets(self, model: Module, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Targets (N, …) as the model's outputs ask for them: (N,) is (N, 1) for a loss of elements and outputs (N, 1).

        Raises `OptionError` for a metric that does not suit them. The model is asked for the outputs of one row, and
        only if that matters.
        """
        if not self.measures and not (self.of_elements and y.ndim == 1):
            return y
        with in_mode(model, training=False), no_grad():
            shape = (len(X), *np.shape(getattr(z := model(X[:1]), "_data", z))[1:])
        if self.of_elements and y.ndim == 1 and shape[1:] == (1,):
            y = y[:, None]
        if not self.of_elements or shape == y.shape:  # other shapes are refused by the loss, in better words
            for measure in self.measures or ():
                measure.check(shape, y)
        return y

    def scores(self, outputs: Sequence[Any], targets: Sequence[np.ndarray]) -> dict[str, float]:
        """The metrics of outputs and targets, both in pieces."""
        measures = usual(outputs[0], targets[0]) if self.measures is None else self.measures
        if not measures:
            return {}
        z, y = np.concatenate(outputs), np.concatenate(targets)
        return {measure.name: measure.of(z, y) for measure in measures}


def measure(model: Module, judge: Judge, X: np.ndarray, y: np.ndarray, batch_size: int = 1024) -> dict[str, float]:
    """`evaluate` for rows that have been checked."""
    total, outputs = 0.0, []
    # An overflow shows in the numbers: the loss is then inf or NaN.
    with in_mode(model, training=False), no_grad(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for xb, yb in batches(X, y, batch_size):
            z = model(xb)
            total += number_of(judge.loss(z, yb)) * len(xb)
            outputs.append(getattr(z, "_data", z))
        return {"loss": total / len(X), **judge.scores(outputs, [y])}


def number_of(loss: Any) -> float:
    """A loss as a Python number. Raises `ShapeError` if it is several."""
    if shape := getattr(loss, "shape", ()):
        raise ShapeError(f"the loss has shape {shape}; one number, the mean over the batch, is expected")
    return float(loss)


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
